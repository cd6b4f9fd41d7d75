/* Tests of live/process: a command is followed until a wanted program begins. */
#include "processes.h"

#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>

static const char *wanted, *left; /* the last parts of paths; NULL: none */
static int judged, forked;
static bool stay;

static bool executes(const char *path, const char *name)
{
	return name && !strcmp(strrchr(path, '/') + 1, name);
}

static enum pursuit_verdict judge(void *ctx, pid_t pid, enum pursuit_moment moment)
{
	char link[64], path[256] = "";

	assert_ptr_equal(ctx, &judged);
	if (moment == PURSUIT_FORK) {
		forked++;
		return PURSUIT_LEAVE; /* it does not matter */
	}
	assert_int_equal(moment, PURSUIT_EXEC);
	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	assert_true(readlink(link, path, sizeof(path) - 1) > 0);
	judged++;
	if (executes(path, left))
		return PURSUIT_LEAVE;
	return executes(path, wanted) ? PURSUIT_HOLD : PURSUIT_ON;
}

static struct pursuit *follow(struct spawn *spawn, char *script)
{
	char *const argv[] = {(char[]){"sh"}, (char[]){"-c"}, script, NULL};
	struct pursuit_options options = {
		.judge = judge, .ctx = &judged, .stay = stay, .rights = 1ull << CAP_SYS_PTRACE};
	struct pursuit *pursuit;

	judged = forked = 0;
	assert_null(spawn_prepare(argv, NULL, spawn));
	assert_null(pursuit_begin(spawn, &options, &pursuit));
	assert_null(spawn_go(spawn));
	return pursuit;
}

static char state_of(pid_t pid)
{
	char text[512];

	assert_true(process_read_text(pid, "stat", text, sizeof(text)));
	return strrchr(text, ')')[2];
}

static int wait_status(pid_t pid)
{
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

TEST(a_program_that_the_command_executes_is_held)
{
	struct pursuit *pursuit;
	struct spawn spawn;
	pid_t pid;

	wanted = "sleep";
	left = NULL;
	pursuit = follow(&spawn, (char[]){"exec env A=1 sleep 0.01"});
	assert_int_equal(pursuit_wait(pursuit, 0, &pid), PURSUIT_HOLDS);
	assert_int_equal(pid, spawn.pid);
	assert_int_equal(judged, 3);
	usleep(50000);
	assert_int_equal(state_of(pid), 't');
	assert_false(pursuit_end(pursuit, NULL));
	assert_int_equal(wait_status(pid), 0);
	spawn_fini(&spawn);
}

TEST(a_child_is_held_and_the_others_run_on)
{
	struct pursuit *pursuit;
	struct spawn spawn;
	int status = -1;
	pid_t pid;

	wanted = "sleep";
	left = NULL;
	pursuit = follow(&spawn, (char[]){"sleep 0 & env true; exit 4"});
	assert_int_equal(pursuit_wait(pursuit, 0, &pid), PURSUIT_HOLDS);
	assert_true(pid != spawn.pid);
	while (kill(spawn.pid, 0) == 0) /* until the pursuit has taken its status */
		usleep(1000);
	assert_true(pursuit_end(pursuit, &status));
	assert_int_equal(WEXITSTATUS(status), 4);
	spawn_fini(&spawn);
}

TEST(the_end_of_all_is_told_with_the_status_of_the_command)
{
	struct pursuit *pursuit;
	struct spawn spawn;
	int status = -1;
	pid_t pid;

	wanted = left = NULL;
	pursuit = follow(&spawn, (char[]){"(env true &); true & env true; kill -TERM $$"});
	assert_int_equal(pursuit_wait(pursuit, 0, &pid), PURSUIT_LOST);
	assert_int_equal(pid, 0);
	assert_true(pursuit_end(pursuit, &status));
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	assert_int_equal(forked, 4);
	spawn_fini(&spawn);
}

TEST(what_is_left_is_not_followed_any_more)
{
	struct pursuit *pursuit;
	struct spawn spawn;
	pid_t pid;

	wanted = "sleep";
	left = "env";
	pursuit = follow(&spawn, (char[]){"exec env sleep 0.01"});
	assert_int_equal(pursuit_wait(pursuit, 0, &pid), PURSUIT_LOST);
	assert_int_equal(judged, 2);
	assert_false(pursuit_end(pursuit, NULL));
	assert_int_equal(wait_status(spawn.pid), 0);
	spawn_fini(&spawn);
}

TEST(a_wait_ends_in_time_and_a_pursuit_at_any_time)
{
	struct pursuit *pursuit;
	struct spawn spawn;
	pid_t pid;

	wanted = left = NULL;
	pursuit = follow(&spawn, (char[]){"sleep 0.3; exit 6"});
	assert_int_equal(pursuit_wait(pursuit, 1, &pid), PURSUIT_RUNS);
	assert_false(pursuit_end(pursuit, NULL));
	assert_int_equal(WEXITSTATUS(wait_status(spawn.pid)), 6);
	spawn_fini(&spawn);
	assert_false(pursuit_end(NULL, NULL));
}

TEST(a_command_that_waits_can_be_given_up)
{
	struct pursuit_options options = {.judge = judge, .ctx = &judged};
	char *const argv[] = {(char[]){"true"}, NULL};
	struct pursuit *pursuit;
	struct spawn spawn;
	pid_t pid;

	assert_null(spawn_prepare(argv, NULL, &spawn));
	pid = spawn.pid;
	assert_null(pursuit_begin(&spawn, &options, &pursuit));
	pursuit_end(pursuit, NULL);
	spawn_fini(&spawn);
	expect_no_child(pid);
}

/* Waits for the next process that is held. */
static struct pursuit_held next(struct pursuit *pursuit)
{
	struct pursuit_held held = {0};

	while (!pursuit_next(pursuit, &held))
		usleep(1000);
	return held;
}

TEST(each_wanted_program_is_held_until_it_is_resumed)
{
	struct pursuit *pursuit;
	struct pursuit_held a, b;
	struct spawn spawn;
	pid_t pid;

	wanted = "sleep";
	left = NULL;
	stay = true;
	pursuit = follow(&spawn, (char[]){"sleep 0 & sleep 0 & wait; env sleep 0; exit 3"});
	stay = false;
	a = next(pursuit);
	b = next(pursuit);
	assert_int_equal(pursuit_wait(pursuit, 0, &pid), PURSUIT_HOLDS);
	assert_true(a.pid != b.pid && (pid == a.pid || pid == b.pid));
	assert_int_equal(state_of(a.pid), 't');
	assert_true(pursuit_resume(pursuit, a.pid));
	assert_int_equal(state_of(b.pid), 't');
	assert_true(pursuit_resume(pursuit, b.pid));
	a = next(pursuit);
	assert_int_equal(a.moment, PURSUIT_EXEC);
	assert_true(pursuit_resume(pursuit, a.pid));
	assert_false(pursuit_next(pursuit, &a));
	while (kill(spawn.pid, 0) == 0)
		usleep(1000);
	assert_true(pursuit_end(pursuit, NULL));
	spawn_fini(&spawn);
}

TEST(nothing_is_held_for_ever)
{
	struct pursuit *pursuit;
	struct pursuit_held a;
	struct spawn spawn;
	int status = -1;

	wanted = "sleep";
	left = NULL;
	stay = true;
	pursuit = follow(&spawn, (char[]){"sleep 0; exit 5"});
	stay = false;
	a = next(pursuit);
	while (kill(spawn.pid, 0) == 0)
		usleep(1000);
	assert_false(pursuit_resume(pursuit, a.pid));
	assert_true(pursuit_end(pursuit, &status));
	assert_int_equal(WEXITSTATUS(status), 5);
	spawn_fini(&spawn);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_that_the_command_executes_is_held),
		cmocka_unit_test(a_child_is_held_and_the_others_run_on),
		cmocka_unit_test(the_end_of_all_is_told_with_the_status_of_the_command),
		cmocka_unit_test(what_is_left_is_not_followed_any_more),
		cmocka_unit_test(a_wait_ends_in_time_and_a_pursuit_at_any_time),
		cmocka_unit_test(a_command_that_waits_can_be_given_up),
		cmocka_unit_test(each_wanted_program_is_held_until_it_is_resumed),
		cmocka_unit_test(nothing_is_held_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
