/* Tests of live/process: a command is started, and waits until it is told to go. */
#include "processes.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

/* A directory for files that may be executable. */
static char dir[64];

static int make_dir(void **state)
{
	snprintf(dir, sizeof(dir), "%s/test_spawn.XXXXXX", P_tmpdir);
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

/* Keeps PATH for the tests that change it. */
static int keep_path(void **state)
{
	*state = strdup(getenv("PATH"));
	return *state ? 0 : -1;
}

static int restore_path(void **state)
{
	setenv("PATH", *state, 1);
	free(*state);
	return 0;
}

static struct error *prepare(const char *name, struct spawn *ret)
{
	cleanup_free char *copy = strdup(name);

	return spawn_prepare((char *[]){copy, NULL}, NULL, ret);
}

TEST(what_cannot_be_executed_is_named)
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

	assert_null(spawn_prepare(argv, NULL, spawn));
	assert_null(process_adopt(spawn->pid, spawn->path, &process));
	assert_int_equal(target_poll(process, &status), TARGET_RUNS); /* it still waits */
	assert_null(spawn_go(spawn));
	assert_int_equal(wait_end(process, &status), TARGET_EXITED);
	target_close(process);
	return status;
}

TEST(a_command_is_found_in_path_and_runs)
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

/* Starts the program directly, because a shell blocks signals for short times. */
static void expect_own_status(char *pattern)
{
	char *const argv[] = {(char[]){"grep"}, (char[]){"-q"}, pattern,
			      (char[]){"/proc/self/status"}, NULL};
	struct spawn spawn;

	assert_int_equal(run(argv, &spawn), 0);
	spawn_fini(&spawn);
}

/* The command does not inherit our blocked signals, or SIGPIPE (bit 12), which we ignore. */
TEST(no_signal_is_blocked_or_ignored_in_the_command)
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

TEST(path_is_searched_for_executable_files)
{
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
}

/* An empty component of PATH is the current directory. */
TEST(an_empty_part_of_path_is_the_current_folder)
{
	cleanup_close int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct spawn spawn;

	make_file("tool", "#!/bin/sh\nexit 6\n", 0755);
	assert_int_equal(chdir(dir), 0);
	setenv("PATH", "/no/such/dir:", 1);
	assert_int_equal(run((char *[]){(char[]){"tool"}, NULL}, &spawn), 6);
	assert_string_equal(spawn.path, "./tool");
	spawn_fini(&spawn);
	assert_int_equal(fchdir(here), 0);
}

TEST(a_failed_exec_is_told_and_leaves_no_child)
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

TEST(a_child_that_is_never_told_to_go_ends)
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
TEST(a_child_that_dies_while_it_waits_leaves_no_zombie)
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
TEST(a_child_that_runs_is_left_alone)
{
	char *const argv[] = {(char[]){"sleep"}, (char[]){"100"}, NULL};
	struct spawn spawn;
	pid_t pid;

	assert_null(spawn_prepare(argv, NULL, &spawn));
	pid = spawn.pid;
	assert_null(spawn_go(&spawn));
	spawn_fini(&spawn);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

TEST(a_user_is_found_by_name_and_number)
{
	static const char *const names[] = {"root", "0"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct spawn_user user;

		assert_null(spawn_user_find(names[i], &user));
		assert_int_equal(user.uid, 0);
		assert_int_equal(user.gid, 0);
		assert_string_equal(user.name, "root");
		assert_string_equal(user.home, "/root");
		assert_true(user.groups_n >= 1);
		spawn_user_fini(&user);
		assert_null(user.name);
	}
}

TEST(a_group_may_replace_that_of_the_user)
{
	struct spawn_user user;

	assert_null(spawn_user_find("root:12", &user));
	assert_int_equal(user.gid, 12);
	spawn_user_fini(&user);
	assert_null(spawn_user_find("4294967294:4294967294", &user)); /* no user has this number */
	assert_int_equal(user.uid, UINT32_MAX - 1);
	assert_int_equal(user.gid, UINT32_MAX - 1);
	assert_int_equal(user.groups_n, 0);
	assert_null(user.name);
	assert_null(user.home);
	spawn_user_fini(&user);
}

TEST(who_is_no_user_is_told)
{
	static const char *const wrong[] = {"",	  ":",	 "no such user", "4294967295:0",
					    "-1", "0x1", " 0",		 "99999999999999999999"};
	struct spawn_user user;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		expect_error(spawn_user_find(wrong[i], &user), ERROR_USAGE, "--user: no user");
	expect_error(spawn_user_find("4294967294", &user), ERROR_USAGE, "write 4294967294:GID");
	expect_error(spawn_user_find("root:", &user), ERROR_USAGE, "no group \"\"");
	expect_error(spawn_user_find("root:4294967295", &user), ERROR_USAGE, "no group");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_executed_is_named),
		cmocka_unit_test(a_command_is_found_in_path_and_runs),
		cmocka_unit_test(no_signal_is_blocked_or_ignored_in_the_command),
		cmocka_unit_test_setup_teardown(path_is_searched_for_executable_files, keep_path,
						restore_path),
		cmocka_unit_test_setup_teardown(an_empty_part_of_path_is_the_current_folder,
						keep_path, restore_path),
		cmocka_unit_test(a_failed_exec_is_told_and_leaves_no_child),
		cmocka_unit_test(a_child_that_is_never_told_to_go_ends),
		cmocka_unit_test(a_child_that_dies_while_it_waits_leaves_no_zombie),
		cmocka_unit_test(a_child_that_runs_is_left_alone),
		cmocka_unit_test(a_user_is_found_by_name_and_number),
		cmocka_unit_test(a_group_may_replace_that_of_the_user),
		cmocka_unit_test(who_is_no_user_is_told),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
