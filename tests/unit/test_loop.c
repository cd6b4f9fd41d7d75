/* Tests of base/loop.h: descriptors, timers, signals, and how a run ends. */
#include "test.h"
#include "base/clock.h"

#include <poll.h>
#include <signal.h>

#include "base/loop.h"

/* What the callbacks of a test recorded. */
struct seen {
	struct loop *loop;
	int pipe[2];
	unsigned ready, ticks, signals;
	int last_signal;
	unsigned quit_at; /* ticks */
};

static int open_loop(void **state)
{
	struct seen *seen = calloc(1, sizeof(*seen));

	assert_non_null(seen);
	assert_null(loop_new(&seen->loop));
	assert_int_equal(pipe(seen->pipe), 0);
	*state = seen;
	return 0;
}

static int close_loop(void **state)
{
	struct seen *seen = *state;

	loop_free(seen->loop);
	close(seen->pipe[0]);
	if (seen->pipe[1] >= 0)
		close(seen->pipe[1]);
	free(seen);
	return 0;
}

static struct error *on_ready(void *ctx, short revents)
{
	struct seen *seen = ctx;
	char byte;

	seen->ready++;
	if (revents & POLLIN)
		assert_int_equal(read(seen->pipe[0], &byte, 1), 1);
	else
		loop_forget(seen->loop, seen->pipe[0]);
	return NULL;
}

static struct error *on_tick(void *ctx)
{
	struct seen *seen = ctx;

	if (++seen->ticks >= seen->quit_at)
		loop_quit(seen->loop);
	return NULL;
}

static struct error *on_signal(void *ctx, int signal)
{
	struct seen *seen = ctx;

	seen->signals++;
	seen->last_signal = signal;
	loop_quit(seen->loop);
	return NULL;
}

TEST(test_timer_and_descriptor)
{
	struct seen *seen = *state;
	uint64_t begun = now_ns();

	seen->quit_at = 3;
	assert_int_equal(write(seen->pipe[1], "ab", 2), 2);
	assert_null(loop_watch(seen->loop, -1, POLLIN, on_ready, seen));
	assert_null(loop_watch(seen->loop, seen->pipe[0], POLLIN, on_ready, seen));
	assert_null(loop_every(seen->loop, 5, on_tick, seen));
	assert_null(loop_run(seen->loop));
	assert_int_equal(seen->ready, 2);
	assert_int_equal(seen->ticks, 3);
	assert_true(now_ns() - begun >= 15000000);
}

/* A descriptor that hangs up is ready until it is forgotten. */
TEST(test_hang_up)
{
	struct seen *seen = *state;

	seen->quit_at = 2;
	close(seen->pipe[1]);
	seen->pipe[1] = -1;
	assert_null(loop_watch(seen->loop, seen->pipe[0], 0, on_ready, seen));
	assert_null(loop_every(seen->loop, 5, on_tick, seen));
	assert_null(loop_run(seen->loop));
	assert_int_equal(seen->ready, 1);
}

/* A signal that was ignored before it was caught is caught as well. */
TEST(test_signals)
{
	static const int numbers[] = {SIGUSR1, SIGUSR2};
	struct seen *seen = *state;

	assert_int_equal(loop_signal_fd(seen->loop), -1);
	assert_int_equal(loop_take_signal(seen->loop), 0);
	signal(SIGUSR2, SIG_IGN);
	assert_null(loop_catch(seen->loop, numbers, 2, on_signal, seen));
	assert_true(loop_signal_fd(seen->loop) >= 0);
	raise(SIGUSR1);
	assert_int_equal(loop_take_signal(seen->loop), SIGUSR1);
	assert_int_equal(loop_take_signal(seen->loop), 0);
	raise(SIGUSR2);
	assert_null(loop_run(seen->loop));
	assert_int_equal(seen->signals, 1);
	assert_int_equal(seen->last_signal, SIGUSR2);
	signal(SIGUSR2, SIG_DFL);
}

static struct error *on_failing_tick(void *ctx)
{
	struct seen *seen = ctx;

	seen->ticks++;
	return error_new(ERROR_FAILED, "tick %u", seen->ticks);
}

TEST(test_first_error_ends_it)
{
	struct seen *seen = *state;
	struct error *err;

	assert_null(loop_every(seen->loop, 1, on_failing_tick, seen));
	err = loop_run(seen->loop);
	assert_non_null(err);
	assert_string_equal(err->text, "tick 1");
	error_free(err);
}

TEST(test_quit_before_run)
{
	struct seen *seen = *state;

	assert_null(loop_every(seen->loop, 1, on_failing_tick, seen));
	loop_quit(seen->loop);
	assert_null(loop_run(seen->loop));
	assert_int_equal(seen->ticks, 0);
	loop_free(NULL);
}

#define LOOP_TEST(test) cmocka_unit_test_setup_teardown(test, open_loop, close_loop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_TEST(test_timer_and_descriptor),
		LOOP_TEST(test_hang_up),
		LOOP_TEST(test_signals),
		LOOP_TEST(test_first_error_ends_it),
		LOOP_TEST(test_quit_before_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
