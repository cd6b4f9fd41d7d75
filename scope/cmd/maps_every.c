#include "cmd/maps_every.h"
#include "base/clock.h"
#include "cmd/cmd.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

enum { END_MS = 1000 };

/* Lets SIGINT and SIGTERM end the work between two lists, or while one is written. Before that they end this process at
 * once. Returns a descriptor that is readable when one of them has come. */
static struct error *catch_signals(int *ret)
{
	sigset_t ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	*ret = signalfd(-1, &ends, SFD_CLOEXEC);
	return *ret < 0 ? error_errno(ERROR_FAILED, errno, "cannot wait for signals") : NULL;
}

/* Waits until a time, for the end of the process, or for a signal. Returns true if a signal has come. */
static bool wait_until(struct target *target, uint64_t at_ns, int signals)
{
	struct pollfd ready[] = {{.fd = target_end_fd(target), .events = POLLIN},
				 {.fd = signals, .events = POLLIN}};
	uint64_t now = now_ns(), left = at_ns > now ? at_ns - now : 0;
	struct timespec time = {.tv_sec = (time_t)(left / 1000000000u),
				.tv_nsec = (long)(left % 1000000000u)};

	return ppoll(ready, ARRAY_SIZE(ready), &time, NULL) > 0 && ready[1].revents;
}

/* Waits for the end of a process that has lost its memory, which comes at once. */
static void wait_for_end(struct target *target)
{
	struct pollfd end = {.fd = target_end_fd(target), .events = POLLIN};

	poll(&end, 1, END_MS);
}

bool maps_go_on(struct maps_listing *listing)
{
	uint64_t image = 0;
	bool known = target_image_id(listing->target, &image);
	int status;

	if (!known)
		wait_for_end(listing->target);
	if (target_poll(listing->target, &status) != TARGET_RUNS) {
		cmd_say("process %d has ended", (int)listing->target->pid);
		return false;
	}
	if (known && image != listing->head.image) {
		cmd_say("process %d executes another program now", (int)listing->target->pid);
		return false;
	}
	return true;
}

/* Makes the next list. *ret_ended: the process has ended, also while it was read. */
static struct error *again(struct maps_listing *listing, bool *ret_ended)
{
	struct error *err;

	*ret_ended = !maps_go_on(listing);
	if (*ret_ended)
		return NULL;
	err = maps_list_again(listing);
	if (!err || maps_go_on(listing))
		return err;
	error_free(err);
	*ret_ended = true;
	return NULL;
}

struct error *maps_every(const struct maps_options *options,
			 struct error *(*put)(const struct maps_listing *listing, int stop,
					      void *ctx, bool *ret_enough),
			 void *ctx)
{
	cleanup(maps_list_fini) struct maps_listing listing = {0};
	uint64_t begun = now_ns(), at = begun;
	bool ended = false, enough = false;
	cleanup_close int signals = -1;

	try(maps_list(options, &listing));
	try(catch_signals(&signals));
	for (uint64_t n = 1;; n++) {
		try(put(&listing, signals, ctx, &enough));
		at += options->every;
		if (enough || n == options->count ||
		    (options->duration && at - begun > options->duration))
			return NULL;
		if (at < now_ns()) /* a list took longer than the period */
			at = now_ns();
		if (wait_until(listing.target, at, signals))
			return NULL;
		try(again(&listing, &ended));
		if (ended)
			return NULL;
	}
}
