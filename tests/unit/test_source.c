/* Tests of read/explain/source.c, which reads lines of the files that a program names, but only of
 * those that may be shown. */
#include "test.h"
#include "base/file.h"

#include "base/base.h"
#include "read/explain/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define STRANGER 54321 /* owns the program, and none of the files */

static char folder[64];

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void make_file(const char *name, mode_t mode)
{
	static const char text[] = "first\n\t  second line\nlast";
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_EXCL, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test_source.XXXXXX");
	return mkdtemp(folder) && chmod(folder, 0755) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static bool is_shown(uid_t owner, const char *path)
{
	struct source source = {.owner = owner};
	size_t len;
	bool shown = source_line(&source, path, 1, &len) != NULL;

	source_fini(&source);
	return shown;
}

TEST(test_lines)
{
	struct source source = {.owner = STRANGER};
	const char *line;
	size_t len;

	make_file("a.txt", 0644);
	line = source_line(&source, path_of("a.txt"), 1, &len);
	assert_memory_equal(line, "first", len);
	assert_int_equal(len, 5);
	line = source_line(&source, path_of("a.txt"), 2, &len);
	assert_memory_equal(line, "second line", len);
	line = source_line(&source, path_of("a.txt"), 3, &len);
	assert_int_equal(len, 4);
	assert_memory_equal(line, "last", len);
	assert_null(source_line(&source, path_of("a.txt"), 4, &len));
	assert_null(source_line(&source, path_of("a.txt"), UINT32_MAX, &len));
	assert_null(source_line(&source, path_of("none.txt"), 1, &len));
	source_fini(&source);
}

TEST(test_owner)
{
	make_file("public", 0644);
	make_file("private", 0600);
	assert_true(is_shown(STRANGER, path_of("public")));
	assert_false(is_shown(STRANGER, path_of("private")));
	assert_true(is_shown(getuid(), path_of("private"))); /* the same user's program */
	make_file("group", 0640);
	assert_false(is_shown(STRANGER, path_of("group")));
}

/* A file that anybody may read, in a folder that the program's owner may not enter. */
TEST(test_folder)
{
	char path[160];

	assert_int_equal(mkdir(path_of("closed"), 0700), 0);
	make_file("closed/public", 0644);
	snprintf(path, sizeof(path), "%s", path_of("closed/public"));
	assert_false(is_shown(STRANGER, path));
	make_file("closed/main.go", 0644); /* but this is a source file of the caller */
	assert_true(is_shown(STRANGER, path_of("closed/main.go")));
}

TEST(test_source_names)
{
	char to[128];

	make_file("private.go", 0600);
	make_file("private.s", 0600);
	make_file("secret", 0600);
	make_file("secret.gob", 0600);
	assert_true(is_shown(STRANGER, path_of("private.go")));
	assert_true(is_shown(STRANGER, path_of("private.s")));
	assert_false(is_shown(STRANGER, path_of("secret.gob")));
	snprintf(to, sizeof(to), "%s", path_of("secret"));
	assert_int_equal(symlink(to, path_of("link.go")), 0);
	assert_false(is_shown(STRANGER, path_of("link.go")));
	assert_int_equal(link(to, path_of("hard.go")), 0);
	assert_false(is_shown(STRANGER, path_of("hard.go")));
	assert_false(is_shown(STRANGER, "/etc/shadow"));
}

/* Nothing blocks, and nothing is read without end. */
TEST(test_not_regular)
{
	assert_int_equal(mkfifo(path_of("fifo.go"), 0666), 0);
	assert_false(is_shown(getuid(), path_of("fifo.go")));
	assert_int_equal(file_open_regular(path_of("fifo.go")), -1);
	assert_int_equal(errno, EINVAL);
	assert_false(is_shown(getuid(), "/dev/zero"));
	assert_false(is_shown(getuid(), folder));
	assert_false(is_shown(getuid(), ""));
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(test_lines),	      IN_FOLDER(test_owner),	   IN_FOLDER(test_folder),
		IN_FOLDER(test_source_names), IN_FOLDER(test_not_regular),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
