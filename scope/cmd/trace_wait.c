#include "cmd/trace_wait.h"
#include "base/clock.h"
#include "cmd/cmd.h"
#include "watch/execs/execs.h"

#include <errno.h>
#include <poll.h>

struct wait {
	const struct trace_options *options;
	struct execs *execs;
	uint64_t missed;
	uint64_t end_ns; /* 0: never */
	struct chosen met;
	struct error *failed;
};

/* Tells whether the kernel's name, which may be shortened, can be that of the program. */
static bool may_be(const struct exec_seen *seen, const char *name)
{
	return !strncmp(seen->name, name, EXECS_NAME - 1);
}

/* Looks at a process of the name. One that is no Go program, or ends at once, is not the one. */
static void consider(struct wait *wait, const struct exec_seen *seen)
{
	const char *name = wait->options->wait;
	pid_t pid = (pid_t)seen->pid;
	bool go = false, ended;

	wait->failed = choice_has_go(pid, &go);
	if (wait->failed)
		return;
	if (go) {
		wait->met = (struct chosen){.pid = pid, .since_ns = seen->time_ns};
		return;
	}
	ended = !choice_has_name(pid, name);
	if (!wait->options->quiet)
		cmd_say("process %d (%s) %s: still waiting", (int)pid, name,
			ended ? "ended before it could be traced" : "has no Go code");
}

static bool on_exec(void *ctx, const struct exec_seen *seen)
{
	struct wait *wait = ctx;
	const char *name = wait->options->wait;

	if (may_be(seen, name) || choice_has_name((pid_t)seen->pid, name))
		consider(wait, seen);
	return !wait->met.pid && !wait->failed;
}

/* Looks for processes of the name that run already. */
static struct error *look(struct wait *wait)
{
	cleanup(choice_fini) struct choice found = {0};

	try(choice_named(wait->options->wait, &found));
	if (found.list.len > 1)
		return choice_ambiguous(wait->options->wait, &found);
	if (found.list.len)
		wait->met = found.list.data[0];
	return NULL;
}

/* Waits for records until the end. *ret tells whether there may be some. */
static struct error *sleep_on(const struct wait *wait, bool *ret)
{
	struct pollfd ready = {.fd = execs_fd(wait->execs), .events = POLLIN};
	uint64_t now = now_ns();
	struct timespec left = {0};

	*ret = !wait->end_ns || now < wait->end_ns;
	if (!*ret)
		return NULL;
	if (wait->end_ns) {
		left.tv_sec = (time_t)((wait->end_ns - now) / 1000000000);
		left.tv_nsec = (long)((wait->end_ns - now) % 1000000000);
	}
	if (ppoll(&ready, 1, wait->end_ns ? &left : NULL, NULL) < 0 && errno != EINTR)
		return error_errno(ERROR_FAILED, errno, "cannot wait for a process");
	return NULL;
}

static struct error *run(struct wait *wait)
{
	bool more = true;

	try(look(wait)); /* after the watch has begun, so that none is missed in between */
	if (!wait->met.pid && !wait->options->quiet)
		cmd_say("waiting for a process named %s", wait->options->wait);
	while (!wait->met.pid && more) {
		try(sleep_on(wait, &more));
		try(execs_drain(wait->execs, on_exec, wait));
		if (wait->failed)
			return take_ptr(wait->failed);
		if (execs_missed(wait->execs) != wait->missed && !wait->met.pid) {
			wait->missed = execs_missed(wait->execs);
			try(look(wait));
		}
	}
	return NULL;
}

struct error *trace_wait(const struct trace_options *options, struct choice *ret, bool *ret_met,
			 uint64_t *ret_left_ns)
{
	struct wait wait = {.options = options};
	uint64_t begun_ns = now_ns(), now;
	struct error *err;

	cmd_signals(); /* they end the wait, and with it the process */
	if (options->duration_ns && options->duration_ns < UINT64_MAX - begun_ns)
		wait.end_ns = begun_ns + options->duration_ns;
	try(execs_open(&wait.execs));
	err = run(&wait);
	execs_close(wait.execs);
	if (!err && wait.met.pid && !vec_push(&ret->list, wait.met))
		err = error_nomem();
	now = now_ns();
	*ret_met = wait.met.pid != 0;
	*ret_left_ns = !wait.end_ns	   ? options->duration_ns
		       : wait.end_ns > now ? wait.end_ns - now
					   : 1;
	return err;
}
