/* Tests of live/process. Processes are found, read, watched and started. They are this test and its
 * children, so no privilege is needed. */
#include "test.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "live/process/process.h"

/* ---- helpers ---- */

/* Starts a child that ends at once with this code. */
static pid_t fork_exit(int code)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(code);
	assert_true(pid > 0);
	return pid;
}

/* Starts a child that waits for a signal. */
static pid_t fork_pause(void)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	assert_true(pid > 0);
	return pid;
}

static void expect_error(struct error *err, enum error_code code, const char *about)
{
	assert_non_null(err);
	assert_int_equal(err->code, code);
	if (!strstr(err->text, about))
		fail_msg("\"%s\" does not speak of \"%s\"", err->text, about);
	error_free(err);
}

/* Waits up to ten seconds for the end of a process. */
static enum target_end wait_end(struct target *target, int *ret_status)
{
	enum target_end end = TARGET_RUNS;

	for (int i = 0; i < 10000 && end == TARGET_RUNS; i++) {
		end = target_poll(target, ret_status);
		usleep(1000);
	}
	return end;
}

static void expect_no_child(pid_t pid)
{
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* ---- opening ---- */

TEST(test_open_self)
{
	struct target *process = NULL;
	struct stat by_fd, by_path;

	assert_null(process_open(getpid(), &process));
	assert_int_equal(process->pid, getpid());
	assert_string_equal(process->ops->name, "process");
	assert_int_equal(fstat(process->exe, &by_fd), 0);
	assert_int_equal(stat("/proc/self/exe", &by_path), 0);
	assert_int_equal(by_fd.st_ino, by_path.st_ino);
	assert_int_equal(by_fd.st_dev, by_path.st_dev);
	assert_non_null(strstr(process->exe_path, "test_process"));
	assert_true(fcntl(process->exe, F_GETFD) & FD_CLOEXEC);
	target_close(process);
	target_close(NULL);
}

TEST(test_open_gone)
{
	pid_t pid = fork_exit(0);
	struct target *process = NULL;
	char text[64];

	assert_int_equal(waitpid(pid, NULL, 0), pid);
	snprintf(text, sizeof(text), "no process %d: is it still running?", (int)pid);
	expect_error(process_open(pid, &process), ERROR_TARGET, text);
	assert_null(process);
}

/* It has ended, but nobody has waited for it. It has no executable any more. */
TEST(test_open_zombie)
{
	pid_t pid = fork_exit(0);
	struct target *process = NULL;
	siginfo_t info;

	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	expect_error(process_open(pid, &process), ERROR_TARGET, "has no executable");
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

TEST(test_open_kernel_thread)
{
	struct target *process = NULL;
	char comm[32] = "", link[8];
	FILE *file = fopen("/proc/2/comm", "re");

	if (file && !fgets(comm, sizeof(comm), file))
		comm[0] = '\0';
	if (file)
		fclose(file);
	if (strcmp(comm, "kthreadd\n") != 0 || readlink("/proc/2/exe", link, 1) >= 0 ||
	    errno != ENOENT)
		skip(); /* hidden by a pid namespace, or we may not read it */
	expect_error(process_open(2, &process), ERROR_TARGET, "process 2 has no executable");
}

static void *thread_id(void *arg)
{
	int *pipes = arg;
	pid_t tid = gettid();
	char end;

	if (write(pipes[1], &tid, sizeof(tid)) != sizeof(tid) || read(pipes[2], &end, 1) < 0)
		return NULL;
	return arg;
}

TEST(test_open_thread)
{
	struct target *process = NULL;
	int pipes[4];
	pthread_t thread;
	char text[64];
	pid_t tid;

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_int_equal(pipe2(pipes + 2, O_CLOEXEC), 0);
	assert_int_equal(pthread_create(&thread, NULL, thread_id, pipes), 0);
	assert_int_equal(read(pipes[0], &tid, sizeof(tid)), sizeof(tid));
	snprintf(text, sizeof(text), "%d is a thread, not a process", (int)tid);
	expect_error(process_open(tid, &process), ERROR_TARGET, text);
	close(pipes[3]);
	pthread_join(thread, NULL);
	for (int i = 0; i < 3; i++)
		close(pipes[i]);
}

/* ---- memory ---- */

/* A place in this program's code: its file offset and its link-time address. */
struct place {
	uint64_t offset, addr;
};

/* Stops at the first object, which is the program. */
static int find_place(struct dl_phdr_info *info, size_t size, void *ret)
{
	uint64_t addr = (uintptr_t)find_place - info->dlpi_addr;
	struct place *place = ret;

	(void)size;
	for (unsigned i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD &&
		    addr - info->dlpi_phdr[i].p_vaddr < info->dlpi_phdr[i].p_filesz)
			*place = (struct place){.offset = addr - info->dlpi_phdr[i].p_vaddr +
							  info->dlpi_phdr[i].p_offset,
						.addr = addr};
	return 1;
}

TEST(test_bias)
{
	cleanup_close int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct mappings mappings;
	struct place place = {0};
	uint64_t bias = 1;

	assert_true(exe >= 0);
	assert_int_equal(dl_iterate_phdr(find_place, &place), 1);
	assert_null(mappings_read(getpid(), &mappings));
	assert_true(bias_of_mapped(&mappings, exe, place.offset, place.addr, &bias));
	assert_int_equal(bias, (uintptr_t)find_place - place.addr);
	bias = 1;
	assert_true(bias_of_mapped(&mappings, exe, place.offset + 3, place.addr + 3, &bias));
	assert_int_equal(bias, (uintptr_t)find_place - place.addr);
	/* There is no bias for a place that is not mapped, for another file, or for no file. */
	assert_false(bias_of_mapped(&mappings, exe, 1ull << 40, place.addr, &bias));
	assert_false(bias_of_mapped(&mappings, exe, place.offset, place.addr + 1, &bias));
	assert_false(bias_of_mapped(&mappings, -1, place.offset, place.addr, &bias));
	mappings_fini(&mappings);
}

TEST(test_bias_of_addr)
{
	uint64_t bias = 1;

	assert_true(bias_of_addr(0x555555556010, 0x2010, &bias));
	assert_int_equal(bias, 0x555555554000);
	assert_true(bias_of_addr(0x401000, 0x401000, &bias));
	assert_int_equal(bias, 0);
	assert_false(bias_of_addr(0x555555556018, 0x2010, &bias));
	assert_int_equal(bias, 0);
}

/* A program maps its own file for reading, below its code. */
TEST(test_bias_of_itself)
{
	cleanup_close int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct mappings mappings;
	struct place place = {0};
	uint64_t bias = 1;
	struct stat st;
	void *low;

	assert_int_equal(fstat(exe, &st), 0);
	low = mmap((void *)0x10000000, (size_t)st.st_size, PROT_READ,
		   MAP_PRIVATE | MAP_FIXED_NOREPLACE, exe, 0);
	if (low == MAP_FAILED) /* a sanitizer has put something there */
		skip();
	assert_true((uintptr_t)low < (uintptr_t)find_place);
	assert_int_equal(dl_iterate_phdr(find_place, &place), 1);
	assert_null(mappings_read(getpid(), &mappings));
	assert_true(bias_of_mapped(&mappings, exe, place.offset, place.addr, &bias));
	assert_int_equal(bias, (uintptr_t)find_place - place.addr);
	mappings_fini(&mappings);
	munmap(low, (size_t)st.st_size);
}

/* A shell executes another program when it is told to. */
TEST(test_executes)
{
	char *const argv[] = {(char[]){"sh"}, (char[]){"-c"}, (char[]){"read x; exec sleep 60"},
			      NULL};
	cleanup_close int sh = open("/bin/sh", O_RDONLY | O_CLOEXEC);
	uint64_t before = 0, again = 1, after;
	int ends[2], gone = fork_exit(0);
	struct target *target, *ended;
	bool same;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		dup2(ends[0], STDIN_FILENO);
		execv("/bin/sh", argv);
		_exit(1);
	}
	assert_true(pid > 0);
	assert_null(process_open(pid, &target));
	assert_null(process_adopt(gone, "", &ended));
	same = false;
	while (!target_executes(target, sh, &same) || !same)
		usleep(1000);
	assert_true(target_image_id(target, &before));
	assert_true(target_image_id(target, &again));
	assert_true(before == again);
	assert_int_equal(write(ends[1], "\n", 1), 1);
	while (target_executes(target, sh, &same) && same)
		usleep(1000);
	after = before; /* the file changes a moment before the rest */
	for (int i = 0; i < 10000 && (!target_image_id(target, &after) || after == before); i++)
		usleep(1000);
	assert_true(after != before);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(waitpid(gone, NULL, 0), gone);
	assert_false(target_image_id(ended, &after));
	assert_false(target_executes(ended, sh, &same));
	target_close(target);
	target_close(ended);
	close(ends[0]);
	close(ends[1]);
}

TEST(test_memory)
{
	static const char text[] = "read me";
	struct memory memory = process_memory(getpid()), none = {0};
	long page = sysconf(_SC_PAGESIZE);
	char *two = mmap(NULL, 2 * (size_t)page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char to[sizeof(text)] = "", about[64];
	uint64_t end = (uintptr_t)two + (uint64_t)page;

	assert_true(two != MAP_FAILED);
	assert_true(memory_read(&memory, (uintptr_t)text, to, sizeof(to)));
	assert_string_equal(to, text);
	assert_false(memory_read(&memory, 8, to, sizeof(to)));
	assert_false(memory_read(&memory, UINT64_MAX - 4, to, sizeof(to)));
	assert_false(memory_read(&none, (uintptr_t)text, to, sizeof(to)));
	/* Only half of it can be read. The error says where it ends. */
	assert_int_equal(munmap(two + page, (size_t)page), 0);
	assert_true(memory_read(&memory, end - 4, to, 4));
	assert_false(memory_read(&memory, end - 4, to, 8));
	assert_null(memory_get(&memory, end - 4, to, 4));
	snprintf(about, sizeof(about), "0x%llx", (unsigned long long)end);
	expect_error(memory_get(&memory, end - 4, to, 8), ERROR_TARGET, about);
	expect_error(memory_get(&none, 16, to, 8), ERROR_TARGET, "0x10");
	munmap(two, (size_t)page);
}

TEST(test_threads_and_stop)
{
	struct target_threads threads = {0};
	struct target *target;
	pid_t pid = fork_pause();
	siginfo_t info;

	assert_null(process_open(pid, &target));
	assert_null(target_threads(target, &threads));
	assert_int_equal(threads.list.len, 1);
	assert_int_equal(threads.list.data[0].tid, pid);
	vec_fini(&threads.list);
	assert_false(target_is_stopped(target));
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WSTOPPED), 0);
	assert_true(target_is_stopped(target));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(target_is_stopped(target));
	expect_error(target_threads(target, &threads), ERROR_TARGET, "no process");
	target_close(target);
}

/* Lack of descriptors must not look like the end of a process. */
TEST(test_no_descriptor)
{
	struct target *target = NULL;
	struct rlimit old, low = {0};

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	expect_error(process_open(getpid(), &target), ERROR_FAILED, "ulimit -n");
	expect_error(process_adopt(getpid(), "", &target), ERROR_FAILED, "ulimit -n");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_null(target);
}

/* ---- the end ---- */

TEST(test_poll_exit)
{
	struct target *process = NULL;
	pid_t pid = fork_pause();
	int status = -1;

	assert_null(process_open(pid, &process));
	assert_int_equal(target_poll(process, &status), TARGET_RUNS);
	assert_int_equal(status, -1);
	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_int_equal(wait_end(process, &status), TARGET_SIGNALED);
	assert_int_equal(status, SIGTERM);
	expect_no_child(pid); /* somebody has waited for it */
	target_close(process);
}

TEST(test_poll_codes)
{
	static const int codes[] = {0, 1, 77, 255};

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		struct target *process = NULL;
		pid_t pid = fork_exit(codes[i]);
		int status = -1;

		assert_null(process_adopt(pid, "/some/path", &process));
		assert_string_equal(process->exe_path, "/some/path");
		assert_int_equal(process->exe, -1);
		assert_int_equal(wait_end(process, &status), TARGET_EXITED);
		assert_int_equal(status, codes[i]);
		expect_no_child(pid);
		target_close(process);
	}
}

/* The child belongs to another process, which does not wait for it. /proc shows how it ended. */
TEST(test_poll_stranger)
{
	struct target *process = NULL;
	int pipes[2], status = -1;
	pid_t parent, pid;

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	parent = fork();
	if (parent == 0) {
		pid = fork();
		if (pid == 0)
			_exit(9);
		if (write(pipes[1], &pid, sizeof(pid)) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(pipes[0], &pid, sizeof(pid)), sizeof(pid));
	assert_null(process_adopt(pid, "", &process));
	assert_int_equal(wait_end(process, &status), TARGET_EXITED);
	assert_int_equal(status, 9);
	target_close(process);
	kill(parent, SIGKILL);
	assert_int_equal(waitpid(parent, NULL, 0), parent);
	close(pipes[0]);
	close(pipes[1]);
}

/* ---- scan ---- */

struct scan {
	pid_t wanted;
	unsigned calls, hits;
	bool stop;
};

static bool count_pid(void *ctx, pid_t pid)
{
	struct scan *scan = ctx;

	scan->calls++;
	scan->hits += pid == scan->wanted;
	return !scan->stop;
}

TEST(test_scan)
{
	struct scan scan = {.wanted = getpid()}, first = {.stop = true};
	pid_t child = fork_pause();
	struct stat st;

	assert_int_equal(stat("/proc/self/exe", &st), 0);
	assert_null(process_scan(st.st_dev, st.st_ino, count_pid, &scan));
	assert_int_equal(scan.hits, 1);
	assert_true(scan.calls >= 2); /* the child runs the same file */
	assert_null(process_scan(st.st_dev, st.st_ino, count_pid, &first));
	assert_int_equal(first.calls, 1);
	scan.calls = 0;
	assert_null(process_scan(st.st_dev + 1, st.st_ino, count_pid, &scan));
	assert_int_equal(scan.calls, 0);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

/* ---- starting ---- */

/* A directory for files that may be executable. */
static char dir[64];

static int make_dir(void **state)
{
	snprintf(dir, sizeof(dir), "%s/test_process.XXXXXX", P_tmpdir);
	return mkdtemp(dir) ? 0 : -1;
}

static void make_file(const char *name, const char *text, mode_t mode)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int remove_dir(void **state)
{
	static const char *const names[] = {"tool", "plain", "noise"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char path[128];

		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

static struct error *prepare(const char *name, struct spawn *ret)
{
	cleanup_free char *copy = strdup(name);

	return spawn_prepare((char *[]){copy, NULL}, ret);
}

TEST(test_spawn_not_found)
{
	char path[128], text[256];
	struct spawn spawn;

	expect_error(prepare("no-such-command", &spawn), ERROR_TARGET,
		     "cannot start no-such-command: not found in PATH");
	spawn_fini(&spawn);
	expect_error(prepare("", &spawn), ERROR_TARGET, "not found in PATH");
	expect_error(prepare("./no/such", &spawn), ERROR_TARGET,
		     "cannot start ./no/such: No such file or directory");
	make_file("plain", "text", 0644);
	snprintf(path, sizeof(path), "%s/plain", dir);
	snprintf(text, sizeof(text), "cannot start %s: not an executable file", path);
	expect_error(prepare(path, &spawn), ERROR_TARGET, text);
	snprintf(text, sizeof(text), "cannot start %s: not an executable file", dir);
	expect_error(prepare(dir, &spawn), ERROR_TARGET, text);
	assert_int_equal(spawn.go, -1);
	assert_int_equal(spawn.failed, -1);
}

static int run(char *const argv[], struct spawn *spawn)
{
	struct target *process = NULL;
	int status = -1;

	assert_null(spawn_prepare(argv, spawn));
	assert_null(process_adopt(spawn->pid, spawn->path, &process));
	assert_int_equal(target_poll(process, &status), TARGET_RUNS); /* it still waits */
	assert_null(spawn_go(spawn));
	assert_int_equal(wait_end(process, &status), TARGET_EXITED);
	target_close(process);
	return status;
}

TEST(test_spawn_runs)
{
	char *const argv[] = {(char[]){"sh"}, (char[]){"-c"}, (char[]){"exit $1"},
			      (char[]){"x"},  (char[]){"43"}, NULL};
	struct spawn spawn;

	assert_int_equal(run(argv, &spawn), 43);
	assert_int_equal(spawn.path[0], '/');
	assert_string_equal(strrchr(spawn.path, '/'), "/sh");
	spawn_fini(&spawn);
	assert_null(spawn.path);
}

/* Started directly, because a shell blocks signals for short times. */
static void expect_own_status(char *pattern)
{
	char *const argv[] = {(char[]){"grep"}, (char[]){"-q"}, pattern,
			      (char[]){"/proc/self/status"}, NULL};
	struct spawn spawn;

	assert_int_equal(run(argv, &spawn), 0);
	spawn_fini(&spawn);
}

/* The command does not inherit our blocked signals, or SIGPIPE (bit 12), which we ignore. */
TEST(test_spawn_signals)
{
	sigset_t mask, saved;

	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigprocmask(SIG_BLOCK, &mask, &saved);
	signal(SIGPIPE, SIG_IGN);
	expect_own_status((char[]){"^SigBlk:.0*$"});
	expect_own_status((char[]){"^SigIgn:.*[02468ace]...$"});
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &saved, NULL);
}

TEST(test_spawn_path)
{
	cleanup_free char *saved = strdup(getenv("PATH"));
	char path[256], expected[128];
	struct spawn spawn;

	make_file("tool", "#!/bin/sh\nexit 5\n", 0755);
	make_file("plain", "#!/bin/sh\nexit 5\n", 0644);
	snprintf(expected, sizeof(expected), "%s/tool", dir);
	snprintf(path, sizeof(path), "/no/such/dir:%s:/bin", dir);
	setenv("PATH", path, 1);
	assert_int_equal(run((char *[]){(char[]){"tool"}, NULL}, &spawn), 5);
	assert_string_equal(spawn.path, expected);
	spawn_fini(&spawn);
	expect_error(prepare("plain", &spawn), ERROR_TARGET,
		     "cannot start plain: not found in PATH");
	setenv("PATH", "/no/such/dir", 1);
	expect_error(prepare("tool", &spawn), ERROR_TARGET, "not found in PATH");
	unsetenv("PATH");
	assert_null(prepare("sh", &spawn));
	spawn_fini(&spawn);
	setenv("PATH", saved, 1);
}

/* An empty component of PATH is the current directory. */
TEST(test_spawn_path_empty)
{
	cleanup_free char *saved = strdup(getenv("PATH"));
	cleanup_close int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct spawn spawn;

	make_file("tool", "#!/bin/sh\nexit 6\n", 0755);
	assert_int_equal(chdir(dir), 0);
	setenv("PATH", "/no/such/dir:", 1);
	assert_int_equal(run((char *[]){(char[]){"tool"}, NULL}, &spawn), 6);
	assert_string_equal(spawn.path, "./tool");
	spawn_fini(&spawn);
	setenv("PATH", saved, 1);
	assert_int_equal(fchdir(here), 0);
}

TEST(test_spawn_exec_fails)
{
	struct spawn spawn;
	char path[128];
	pid_t pid;

	make_file("noise", "\x7f\x45no program", 0755);
	snprintf(path, sizeof(path), "%s/noise", dir);
	assert_null(prepare(path, &spawn));
	pid = spawn.pid;
	expect_error(spawn_go(&spawn), ERROR_TARGET, "/noise: Exec format error");
	expect_no_child(pid);
	spawn_fini(&spawn);
}

TEST(test_spawn_never_told)
{
	struct spawn spawn;
	pid_t pid;

	assert_null(prepare("sleep", &spawn));
	pid = spawn.pid;
	assert_int_equal(kill(pid, 0), 0);
	spawn_fini(&spawn);
	expect_no_child(pid);
	spawn_fini(&spawn); /* twice is harmless */
}

/* The child dies while it waits. Telling it to go fails, and leaves no zombie. */
TEST(test_spawn_dies_early)
{
	struct spawn spawn;
	siginfo_t info;
	pid_t pid;

	signal(SIGPIPE, SIG_IGN);
	assert_null(prepare("sleep", &spawn));
	pid = spawn.pid;
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	expect_error(spawn_go(&spawn), ERROR_FAILED, "Broken pipe");
	spawn_fini(&spawn);
	expect_no_child(pid);
	signal(SIGPIPE, SIG_DFL);
}

/* A child that runs is left alone. */
TEST(test_spawn_left_running)
{
	char *const argv[] = {(char[]){"sleep"}, (char[]){"100"}, NULL};
	struct spawn spawn;
	pid_t pid;

	assert_null(spawn_prepare(argv, &spawn));
	pid = spawn.pid;
	assert_null(spawn_go(&spawn));
	spawn_fini(&spawn);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open_self),
		cmocka_unit_test(test_open_gone),
		cmocka_unit_test(test_open_zombie),
		cmocka_unit_test(test_open_kernel_thread),
		cmocka_unit_test(test_open_thread),
		cmocka_unit_test(test_bias),
		cmocka_unit_test(test_executes),
		cmocka_unit_test(test_bias_of_addr),
		cmocka_unit_test(test_bias_of_itself),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_threads_and_stop),
		cmocka_unit_test(test_no_descriptor),
		cmocka_unit_test(test_poll_exit),
		cmocka_unit_test(test_poll_codes),
		cmocka_unit_test(test_poll_stranger),
		cmocka_unit_test(test_scan),
		cmocka_unit_test(test_spawn_not_found),
		cmocka_unit_test(test_spawn_runs),
		cmocka_unit_test(test_spawn_signals),
		cmocka_unit_test(test_spawn_path),
		cmocka_unit_test(test_spawn_path_empty),
		cmocka_unit_test(test_spawn_exec_fails),
		cmocka_unit_test(test_spawn_never_told),
		cmocka_unit_test(test_spawn_dies_early),
		cmocka_unit_test(test_spawn_left_running),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
