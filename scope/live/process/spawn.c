#include "live/process/process.h"
#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

static bool is_executable(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

struct error *spawn_find(const char *name, char **ret)
{
	const char *path = getenv("PATH");
	struct buf candidate = {0};

	if (strchr(name, '/')) {
		if (access(name, F_OK) < 0)
			return error_errno(ERROR_TARGET, errno, "cannot start %s", name);
		if (!is_executable(name))
			return error_new(ERROR_TARGET, "cannot start %s: not an executable file",
					 name);
		*ret = strdup(name);
		return *ret ? NULL : error_nomem();
	}
	if (!path || !*path)
		path = "/usr/local/bin:/usr/bin:/bin";
	while (*name) {
		const char *end = strchrnul(path, ':');

		buf_reset(&candidate);
		buf_put(&candidate, path, (size_t)(end - path));
		buf_str(&candidate, end == path ? "./" : "/");
		buf_str(&candidate, name);
		if (is_executable(buf_cstr(&candidate))) {
			*ret = strdup(buf_cstr(&candidate));
			buf_fini(&candidate);
			return *ret ? NULL : error_nomem();
		}
		if (!*end)
			break;
		path = end + 1;
	}
	buf_fini(&candidate);
	return error_new(ERROR_TARGET, "cannot start %s: not found in PATH", name);
}

/* Runs in the child. Waits until it is told to go, then executes the command. The command gets the
 * signal dispositions and the signal mask that a shell would give it. */
static void child(int go, int failed, const char *path, char *const argv[],
		  const struct spawn_user *user)
{
	char word = 0;
	sigset_t none;
	int errnum;

	if (user) { /* the parent waits for the result */
		errnum = spawn_user_become(user) ? 0 : errno;
		if (write(failed, &errnum, sizeof(errnum)) < 0 || errnum)
			_exit(126);
	}
	if (read(go, &word, 1) != 1)
		_exit(127);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv(path, argv);
	errnum = errno;
	if (write(failed, &errnum, sizeof(errnum)) < 0)
		_exit(126);
	_exit(127);
}

/* Reads a number that the child writes. Returns false if it has closed the pipe. */
static bool read_errnum(const struct spawn *spawn, int *ret)
{
	ssize_t n;

	do
		n = read(spawn->failed, ret, sizeof(*ret));
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(*ret);
}

/* Waits until the child is a process of the user. */
static struct error *wait_for_user(struct spawn *spawn, const struct spawn_user *user)
{
	int errnum = ECHILD;

	if (read_errnum(spawn, &errnum) && !errnum)
		return NULL;
	spawn_fini(spawn);
	return error_errno(ERROR_PERMISSION, errnum,
			   "--user: cannot become user %u (run tophash as root)",
			   (unsigned)user->uid);
}

struct error *spawn_prepare(char *const argv[], const struct spawn_user *user, struct spawn *ret)
{
	cleanup_free char *path = NULL;
	int go[2], failed[2];
	int errnum;
	pid_t pid;

	*ret = (struct spawn){.go = -1, .failed = -1};
	try(spawn_find(argv[0], &path));
	if (pipe2(go, O_CLOEXEC) < 0)
		return error_errno(ERROR_FAILED, errno, "pipe");
	if (pipe2(failed, O_CLOEXEC) < 0) {
		errnum = errno;
		close(go[0]);
		close(go[1]);
		return error_errno(ERROR_FAILED, errnum, "pipe");
	}
	pid = fork();
	errnum = errno;
	if (pid == 0) {
		close(go[1]);
		close(failed[0]);
		child(go[0], failed[1], path, argv, user);
	}
	close(go[0]);
	close(failed[1]);
	*ret = (struct spawn){.pid = pid, .go = go[1], .failed = failed[0]};
	if (pid < 0) {
		spawn_fini(ret);
		return error_errno(ERROR_FAILED, errnum, "fork");
	}
	ret->path = take_ptr(path);
	return user ? wait_for_user(ret, user) : NULL;
}

struct error *spawn_go(struct spawn *spawn)
{
	int errnum = 0;
	bool failed;

	if (write(spawn->go, "g", 1) != 1)
		return error_errno(ERROR_FAILED, errno, "cannot start %s", spawn->path);
	close(spawn->go);
	spawn->go = -1;
	failed = read_errnum(spawn, &errnum);
	close(spawn->failed);
	spawn->failed = -1;
	if (failed) {
		waitpid(spawn->pid, NULL, 0);
		return error_errno(ERROR_TARGET, errnum, "cannot start %s", spawn->path);
	}
	return NULL;
}

void spawn_fini(struct spawn *spawn)
{
	bool waits = spawn->go >= 0 && spawn->pid > 0;

	if (spawn->go >= 0)
		close(spawn->go);
	if (spawn->failed >= 0)
		close(spawn->failed);
	if (waits)
		waitpid(spawn->pid, NULL, 0);
	free(spawn->path);
	*spawn = (struct spawn){.go = -1, .failed = -1};
}
