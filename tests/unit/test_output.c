/* Tests of cmd/output.h: where -o may write, and the width of a terminal. */
#include "test.h"
#include "base/text/text.h"
#include "base/buf.h"

#include "cmd/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define MALLORY 12345 /* another user */
#define OWNER	12346 /* the owner of a shared folder, who is trusted there */

/* Folders of each test: `shared` is like /tmp, `plain` is our own. */
struct place {
	char root[64], shared[80], plain[80];
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	strcpy(place->root, "/tmp/test_output.XXXXXX");
	assert_non_null(mkdtemp(place->root));
	snprintf(place->shared, sizeof(place->shared), "%s/shared", place->root);
	snprintf(place->plain, sizeof(place->plain), "%s/plain", place->root);
	assert_int_equal(mkdir(place->shared, 0777), 0);
	assert_int_equal(mkdir(place->plain, 0755), 0);
	assert_int_equal(chmod(place->shared, 01777), 0);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", place->root);
	assert_int_equal(system(command), 0);
	free(place);
	return 0;
}

/* Skips the test without root, because only root can make files of other users. */
static void needs_root(void)
{
	if (geteuid() != 0)
		skip();
}

static const char *in(const char *dir, const char *name)
{
	static char paths[32][512];
	static unsigned next;
	char *path = paths[next++ % ARRAY_SIZE(paths)];

	snprintf(path, sizeof(paths[0]), "%.100s/%.400s", dir, name);
	return path;
}

static void make_file(const char *path, uid_t owner)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(chmod(path, 0666), 0);
	if (owner)
		assert_int_equal(chown(path, owner, owner), 0);
}

static void make_link(const char *target, const char *path, uid_t owner)
{
	assert_int_equal(symlink(target, path), 0);
	if (owner)
		assert_int_equal(lchown(path, owner, owner), 0);
}

/* Opens the file, writes a word, and checks that `file` has it. */
static void opens(const char *path, const char *file)
{
	struct stat before, after;
	struct error *err;
	int fd = -1;

	if (stat(file, &before) < 0)
		before.st_size = 0;
	err = output_open(path, &fd);
	if (err)
		fail_msg("%s", err->text);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(fd, "word", 4), 4);
	assert_int_equal(stat(file, &after), 0);
	assert_true(after.st_size > 0);
	close(fd);
}

static void refuses(const char *path, const char *words)
{
	int fd = -1;
	cleanup(error_free) struct error *err = output_open(path, &fd);

	if (!err)
		fail_msg("%s is opened", path);
	assert_int_equal(fd, -1);
	assert_int_equal(err->code, ERROR_FAILED);
	if (!strstr(err->text, words))
		fail_msg("\"%s\" does not say \"%s\"", err->text, words);
	assert_null(strchr(err->text, '\n'));
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

TEST(new_files_are_private)
{
	struct place *place = *state;
	mode_t mask = umask(0);

	opens(in(place->plain, "new"), in(place->plain, "new"));
	assert_int_equal(mode_of(in(place->plain, "new")), 0600);
	opens(in(place->shared, "new"), in(place->shared, "new"));
	assert_int_equal(mode_of(in(place->shared, "new")), 0600);
	make_link("target", in(place->shared, "dangling"), 0);
	opens(in(place->shared, "dangling"), in(place->shared, "target"));
	assert_int_equal(mode_of(in(place->shared, "target")), 0600);
	umask(mask);
}

/* An existing file keeps its mode and, until output_empty(), its contents. */
TEST(own_files_stay_as_they_are)
{
	struct place *place = *state;
	const char *path = in(place->shared, "mine");

	make_file(path, 0);
	assert_int_equal(truncate(path, 100), 0);
	opens(path, path);
	assert_int_equal(mode_of(path), 0666);
	opens(in(place->root, "shared/../shared/./mine"), path);
	opens(in(place->root, "shared//mine"), path);
}

TEST(files_of_others_are_refused_in_a_shared_folder)
{
	struct place *place = *state;
	const char *path = in(place->shared, "trap"), *pipe = in(place->shared, "pipe");

	needs_root();
	make_file(path, MALLORY);
	refuses(path, "it is a file of another user (user 12345)");
	assert_int_equal(mkfifo(pipe, 0666), 0); /* opening it would wait for a reader */
	assert_int_equal(chown(pipe, MALLORY, MALLORY), 0);
	refuses(pipe, "it is a file of another user");
	make_file(in(place->plain, "theirs"), MALLORY); /* nobody else could have put it there */
	opens(in(place->plain, "theirs"), in(place->plain, "theirs"));
	assert_int_equal(chown(place->shared, OWNER, OWNER), 0);
	make_file(in(place->shared, "owners"), OWNER);
	opens(in(place->shared, "owners"), in(place->shared, "owners"));
	refuses(path, "it is a file of another user");
}

TEST(links_of_others_are_refused_in_a_shared_folder)
{
	struct place *place = *state;
	const char *victim = in(place->plain, "victim");

	needs_root();
	make_file(victim, 0);
	make_link(victim, in(place->shared, "trap"), MALLORY);
	refuses(in(place->shared, "trap"), "it is a symbolic link of another user (user 12345)");
	make_link("nowhere", in(place->shared, "dangling"), MALLORY);
	refuses(in(place->shared, "dangling"), "it is a symbolic link of another user");
	make_link(place->plain, in(place->shared, "folder"), MALLORY); /* inside the path */
	refuses(in(place->shared, "folder/victim"), "it is a symbolic link of another user");
	refuses(in(place->shared, "folder/new"), "it is a symbolic link of another user");
	make_link(in(place->shared, "trap"), in(place->plain, "chain"), 0); /* after our own link */
	refuses(in(place->plain, "chain"), "it is a symbolic link of another user");
	make_link(victim, in(place->plain, "theirs"), MALLORY);
	opens(in(place->plain, "theirs"), victim);
	assert_int_equal(access(in(place->plain, "new"), F_OK), -1);
}

TEST(links_of_ours_are_followed)
{
	struct place *place = *state;
	const char *file = in(place->plain, "file");

	make_file(file, 0);
	make_link(file, in(place->shared, "absolute"), 0);
	opens(in(place->shared, "absolute"), file);
	make_link("../plain/file", in(place->shared, "relative"), 0);
	opens(in(place->shared, "relative"), file);
	make_link("../plain", in(place->shared, "folder"), 0);
	opens(in(place->shared, "folder/file"), file);
	make_link("round", in(place->shared, "round"), 0);
	refuses(in(place->shared, "round"), strerror(ELOOP));
}

/* Another user could give a second name to a file of ours, to have it overwritten. */
TEST(second_names_are_refused_in_a_shared_folder)
{
	struct place *place = *state;

	make_file(in(place->plain, "file"), 0);
	assert_int_equal(link(in(place->plain, "file"), in(place->shared, "name")), 0);
	refuses(in(place->shared, "name"), "hard link");
	opens(in(place->plain, "file"), in(place->plain, "file"));
}

TEST(what_is_no_file)
{
	struct place *place = *state;
	char path[32];
	int fds[2], fd = -1;

	refuses(place->plain, strerror(EISDIR));
	refuses("/", strerror(EISDIR));
	refuses("", strerror(ENOENT));
	refuses(in(place->plain, "no/file"), strerror(ENOENT));
	make_file(in(place->plain, "file"), 0);
	refuses(in(place->plain, "file/x"), strerror(ENOTDIR));
	refuses(in(place->plain, "file/"), strerror(ENOTDIR));
	refuses(in(place->plain, "new/"), strerror(ENOENT));
	assert_null(output_open("/dev/null", &fd));
	close(fd);
	assert_int_equal(pipe(fds), 0); /* links in /proc: -o /dev/stdout, -o >(program) */
	snprintf(path, sizeof(path), "/dev/fd/%d", fds[1]);
	assert_null(output_open(path, &fd));
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(read(fds[0], path, 1), 1);
	close(fd);
	close(fds[0]);
	close(fds[1]);
	assert_null(output_open(NULL, &fd));
	assert_int_equal(fd, STDOUT_FILENO);
}

TEST(names_that_are_too_long)
{
	static char path[8192];
	struct place *place = *state;

	memset(path, 'x', sizeof(path) - 1);
	refuses(path, strerror(ENAMETOOLONG));
	path[300] = '\0';
	refuses(path, strerror(ENAMETOOLONG));
	refuses(in(place->plain, path), strerror(ENAMETOOLONG));
}

/* ---- terminals ---- */

static int open_terminal(unsigned short columns, int *ret_other)
{
	struct winsize size = {.ws_col = columns, .ws_row = 24};
	int other = posix_openpt(O_RDWR | O_NOCTTY), fd;

	assert_true(other >= 0);
	assert_int_equal(grantpt(other), 0);
	assert_int_equal(unlockpt(other), 0);
	fd = open(ptsname(other), O_RDWR | O_NOCTTY);
	assert_true(fd >= 0);
	assert_int_equal(ioctl(other, TIOCSWINSZ, &size), 0);
	*ret_other = other;
	return fd;
}

static const struct {
	unsigned short window;
	const char *columns; /* NULL: not set */
	bool wide;
	size_t width;
} widths[] = {
	{120, NULL, false, 120},
	{120, "80", false, 80},
	{120, "200", false, 200},
	{120, "80", true, TEXT_UNLIMITED},
	{120, NULL, true, TEXT_UNLIMITED},
	{20, NULL, false, 40},
	{120, "5", false, 40},
	{0, NULL, false, TEXT_UNLIMITED}, /* a terminal that does not know its width */
	{0, "80", false, 80},
	{120, "", false, 120},
	{120, "0", false, 120},
	{120, "-5", false, 120},
	{120, "wide", false, 120},
	{120, "99999999999999999999", false, 120},
};

TEST(the_width_of_a_terminal)
{
	unsetenv("NO_COLOR");
	for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
		int other, fd = open_terminal(widths[i].window, &other);

		if (widths[i].columns)
			setenv("COLUMNS", widths[i].columns, 1);
		else
			unsetenv("COLUMNS");
		assert_int_equal(terminal_style(fd, widths[i].wide).width, widths[i].width);
		assert_true(terminal_style(fd, widths[i].wide).color);
		close(fd);
		close(other);
	}
}

/* COLUMNS is for terminals only. Scripts that export it get whole lines in their files. */
TEST(no_width_and_no_colour_elsewhere)
{
	int fds[2];

	setenv("COLUMNS", "80", 1);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(terminal_style(fds[1], false).width, TEXT_UNLIMITED);
	assert_false(terminal_style(fds[1], false).color);
	close(fds[0]);
	close(fds[1]);
}

TEST(no_color)
{
	int other, fd = open_terminal(80, &other);

	setenv("NO_COLOR", "1", 1);
	assert_false(terminal_style(fd, false).color);
	setenv("NO_COLOR", "", 1); /* as defined by https://no-color.org */
	assert_true(terminal_style(fd, false).color);
	unsetenv("NO_COLOR");
	close(fd);
	close(other);
}

/* Starts a reader that reads 1 MB, 4 KB at a time. It exits with 0 when all bytes are right. */
static pid_t start_reader(int fd, int other, size_t size)
{
	pid_t pid = fork();
	size_t at = 0;

	if (pid != 0)
		return pid;
	close(other);
	for (;;) {
		char text[4096];
		ssize_t n = read(fd, text, sizeof(text));

		if (n <= 0)
			_exit(at != size);
		for (ssize_t i = 0; i < n; i++, at++)
			if (text[i] != (char)('a' + at % 23))
				_exit(2);
		usleep(200);
	}
}

/* A non-blocking descriptor that accepts bytes later is waited for, and nothing is lost. */
TEST(a_pipe_that_does_not_block)
{
	struct buf text = {0};
	int fds[2], status;
	pid_t reader;

	for (size_t i = 0; i < 1 << 20; i++)
		buf_char(&text, (char)('a' + i % 23));
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	assert_int_equal(fcntl(fds[0], F_SETFL, 0), 0);
	reader = start_reader(fds[0], fds[1], text.len);
	assert_true(reader > 0);
	close(fds[0]);
	assert_null(output_write(fds[1], &text));
	close(fds[1]);
	assert_int_equal(waitpid(reader, &status, 0), reader);
	assert_int_equal(status, 0);
	buf_fini(&text);
}

/* If nobody reads, a message is given up and does not stop the work. */
TEST(a_pipe_that_nobody_reads)
{
	static const char text[4096];
	int fds[2], errnum = 0;

	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	for (unsigned i = 0; i < 1000 && !errnum; i++)
		errnum = output_put(fds[1], text, sizeof(text), 1);
	assert_int_equal(errnum, EAGAIN);
	close(fds[0]);
	close(fds[1]);
}

#define ON_FILES(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_FILES(new_files_are_private),
		ON_FILES(own_files_stay_as_they_are),
		ON_FILES(files_of_others_are_refused_in_a_shared_folder),
		ON_FILES(links_of_others_are_refused_in_a_shared_folder),
		ON_FILES(links_of_ours_are_followed),
		ON_FILES(second_names_are_refused_in_a_shared_folder),
		ON_FILES(what_is_no_file),
		ON_FILES(names_that_are_too_long),
		cmocka_unit_test(the_width_of_a_terminal),
		cmocka_unit_test(no_width_and_no_colour_elsewhere),
		cmocka_unit_test(no_color),
		cmocka_unit_test(a_pipe_that_does_not_block),
		cmocka_unit_test(a_pipe_that_nobody_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
