#include "base/descriptors.h"
#include "base/clock.h"
#include "base/loop.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

struct watched {
	int fd; /* -1 when forgotten */
	short events;
	struct error *(*ready)(void *ctx, short revents);
	void *ctx;
};

struct timer {
	uint64_t period_ns, due_ns;
	struct error *(*fire)(void *ctx);
	void *ctx;
};

struct loop {
	VEC(struct watched) watched;
	VEC(struct timer) timers;
	VEC(struct pollfd) polled; /* [0] is signal_fd, [i + 1] is watched.data[i] */
	int signal_fd;		   /* -1 while no signal is caught */
	struct error *(*caught)(void *ctx, int signal);
	void *caught_ctx;
	bool quit;
};

struct error *loop_new(struct loop **ret)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return error_nomem();
	loop->signal_fd = -1;
	*ret = loop;
	return NULL;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	if (loop->signal_fd >= 0)
		close(loop->signal_fd);
	vec_fini(&loop->watched);
	vec_fini(&loop->timers);
	vec_fini(&loop->polled);
	free(loop);
}

/* ---- descriptors, timers, signals ---- */

struct error *loop_watch(struct loop *loop, int fd, short events,
			 struct error *(*ready)(void *ctx, short revents), void *ctx)
{
	struct watched watched = {.fd = fd, .events = events, .ready = ready, .ctx = ctx};

	return vec_push(&loop->watched, watched) ? NULL : error_nomem();
}

/* Marks the entry only, because a callback may be going through the list. */
void loop_forget(struct loop *loop, int fd)
{
	vec_each(watched, &loop->watched)
		if (watched->fd == fd)
			watched->fd = -1;
}

struct error *loop_every(struct loop *loop, unsigned period_ms, struct error *(*fire)(void *ctx),
			 void *ctx)
{
	uint64_t period_ns = period_ms * 1000000ull;
	struct timer timer = {
		.period_ns = period_ns, .due_ns = now_ns() + period_ns, .fire = fire, .ctx = ctx};

	return vec_push(&loop->timers, timer) ? NULL : error_nomem();
}

struct error *loop_catch(struct loop *loop, const int *signals, size_t n,
			 struct error *(*caught)(void *ctx, int signal), void *ctx)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < n; i++)
		sigaddset(&set, signals[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	loop->caught = caught;
	loop->caught_ctx = ctx;
	loop->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (loop->signal_fd >= 0)
		return NULL;
	return descriptors_out(errno) ? descriptors_error(errno, "signals")
				      : error_errno(ERROR_FAILED, errno, "signalfd");
}

int loop_signal_fd(const struct loop *loop)
{
	return loop->signal_fd;
}

int loop_take_signal(struct loop *loop)
{
	struct signalfd_siginfo info;

	if (loop->signal_fd < 0 || read(loop->signal_fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	return (int)info.ssi_signo;
}

/* ---- one turn ---- */

static bool fill_polled(struct loop *loop)
{
	if (!vec_reserve(&loop->polled, loop->watched.len + 1))
		return false;
	loop->polled.len = loop->watched.len + 1;
	loop->polled.data[0] = (struct pollfd){.fd = loop->signal_fd, .events = POLLIN};
	for (size_t i = 0; i < loop->watched.len; i++)
		loop->polled.data[i + 1] = (struct pollfd){.fd = loop->watched.data[i].fd,
							   .events = loop->watched.data[i].events};
	return true;
}

/* Returns the milliseconds until the next timer is due, rounded up. Returns -1 when there is no
 * timer. */
static int wait_ms(const struct loop *loop)
{
	uint64_t now = now_ns(), first = UINT64_MAX;

	vec_each(timer, &loop->timers)
		if (timer->due_ns < first)
			first = timer->due_ns;
	if (first == UINT64_MAX)
		return -1;
	if (first <= now)
		return 0;
	first = (first - now + 999999) / 1000000;
	return first < INT_MAX ? (int)first : INT_MAX;
}

static struct error *call_watched(struct loop *loop)
{
	size_t n = loop->polled.len - 1; /* a callback may add more */

	for (size_t i = 0; i < n && !loop->quit; i++) {
		struct watched watched = loop->watched.data[i];
		short revents = loop->polled.data[i + 1].revents;

		if (watched.fd >= 0 && revents)
			try(watched.ready(watched.ctx, revents));
	}
	return NULL;
}

static struct error *call_timers(struct loop *loop)
{
	for (size_t i = 0; i < loop->timers.len && !loop->quit; i++) {
		struct timer timer = loop->timers.data[i];

		if (timer.due_ns > now_ns())
			continue;
		try(timer.fire(timer.ctx));
		loop->timers.data[i].due_ns = now_ns() + timer.period_ns;
	}
	return NULL;
}

static struct error *turn(struct loop *loop)
{
	int signal;

	if (!fill_polled(loop))
		return error_nomem();
	/* After an error (EINTR), revents are undefined. The turn then sees no events. */
	if (poll(loop->polled.data, loop->polled.len, wait_ms(loop)) < 0)
		for (size_t i = 0; i < loop->polled.len; i++)
			loop->polled.data[i].revents = 0;
	if (loop->polled.data[0].revents)
		while (!loop->quit && (signal = loop_take_signal(loop)))
			try(loop->caught(loop->caught_ctx, signal));
	try(call_watched(loop));
	return call_timers(loop);
}

struct error *loop_run(struct loop *loop)
{
	while (!loop->quit)
		try(turn(loop));
	return NULL;
}

void loop_quit(struct loop *loop)
{
	loop->quit = true;
}
