/* Children for the tests of live/process: they end, wait, and are waited for. */
#ifndef UNIT_PROCESSES_H
#define UNIT_PROCESSES_H

#include "test.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "live/process/process.h"

/* Starts a child that ends at once with this code. */
static inline pid_t fork_exit(int code)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(code);
	assert_true(pid > 0);
	return pid;
}

/* Starts a child that waits for a signal. */
static inline pid_t fork_pause(void)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	assert_true(pid > 0);
	return pid;
}

static inline void expect_error(struct error *err, enum error_code code, const char *about)
{
	assert_non_null(err);
	assert_int_equal(err->code, code);
	if (!strstr(err->text, about))
		fail_msg("\"%s\" does not speak of \"%s\"", err->text, about);
	error_free(err);
}

/* Waits up to ten seconds for the end of a process. */
static inline enum target_end wait_end(struct target *target, int *ret_status)
{
	enum target_end end = TARGET_RUNS;

	for (int i = 0; i < 10000 && end == TARGET_RUNS; i++) {
		end = target_poll(target, ret_status);
		usleep(1000);
	}
	return end;
}

static inline void expect_no_child(pid_t pid)
{
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

#endif
