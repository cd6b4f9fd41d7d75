#include "cmd/maps_every.h"
#include "base/clock.h"
#include "cmd/cmd.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>

static volatile sig_atomic_t interrupted;

static void on_signal(int signal)
{
	(void)signal;
	interrupted = 1;
}

/* Lets SIGINT and SIGTERM end the work between two lists. They come only while this process waits. */
static void catch_signals(sigset_t *ret_waiting)
{
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, ret_waiting);
	sigdelset(ret_waiting, SIGINT);
	sigdelset(ret_waiting, SIGTERM);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/* Waits until a time, for the end of the process, or for a signal. A time that has passed only lets signals come. */
static void wait_until(struct target *target, uint64_t at_ns, const sigset_t *waiting)
{
	struct pollfd end = {.fd = target_end_fd(target), .events = POLLIN};
	uint64_t now = now_ns(), left = at_ns > now ? at_ns - now : 0;
	struct timespec time = {.tv_sec = (time_t)(left / 1000000000u),
				.tv_nsec = (long)(left % 1000000000u)};

	ppoll(&end, 1, &time, waiting);
}

bool maps_go_on(struct maps_listing *listing)
{
	uint64_t image = 0;
	int status;

	if (target_poll(listing->target, &status) != TARGET_RUNS) {
		cmd_say("process %d has ended", (int)listing->target->pid);
		return false;
	}
	if (target_image_id(listing->target, &image) && image != listing->head.image) {
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
			 struct error *(*put)(const struct maps_listing *listing, void *ctx,
					      bool *ret_enough),
			 void *ctx)
{
	cleanup(maps_list_fini) struct maps_listing listing = {0};
	uint64_t begun = now_ns(), at = begun;
	bool ended = false, enough = false;
	sigset_t waiting;

	catch_signals(&waiting);
	try(maps_list(options, &listing));
	for (uint64_t n = 1;; n++) {
		try(put(&listing, ctx, &enough));
		at += options->every;
		if (enough || n == options->count ||
		    (options->duration && at - begun > options->duration))
			return NULL;
		if (at < now_ns()) /* a list took longer than the period */
			at = now_ns();
		wait_until(listing.target, at, &waiting);
		if (interrupted)
			return NULL;
		try(again(&listing, &ended));
		if (ended)
			return NULL;
	}
}
