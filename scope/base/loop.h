/* A poll loop. Descriptors, timers and signals are added to it, each with a function that it calls.
 * The loop runs in one thread, so callbacks never run at the same time.
 *
 * 	loop_new(&loop);
 * 	loop_watch(loop, fd, POLLIN, on_input, ctx);
 * 	loop_every(loop, 10, on_tick, ctx);
 * 	err = loop_run(loop);		// until loop_quit(), or the first error of a callback
 *
 * base/base.h does not include this header; a file that uses the loop includes it by name.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include "base/base.h"

struct loop;

/* Makes a loop. Errors: out of memory. */
struct error *loop_new(struct loop **ret);
/* Frees the loop and closes its signal descriptor. The watched descriptors stay the caller's. */
void loop_free(struct loop *loop); /* NULL is legal */
CLEANUP_FUNC(struct loop, loop_free)

/* Calls ready() when poll(2) reports `events` for fd. Also calls it for POLLERR, POLLHUP and
 * POLLNVAL, which poll() always reports. fd may be -1, which is never ready. Errors: out of
 * memory. */
struct error *loop_watch(struct loop *loop, int fd, short events,
			 struct error *(*ready)(void *ctx, short revents), void *ctx);
/* Stops watching fd. A descriptor must be forgotten before it is closed. */
void loop_forget(struct loop *loop, int fd);

/* Calls fire() every `period_ms` milliseconds. The next period begins when fire() returns. A timer
 * that is late fires only once. Errors: out of memory. */
struct error *loop_every(struct loop *loop, unsigned period_ms, struct error *(*fire)(void *ctx),
			 void *ctx);

/* Blocks `n` signals, and calls caught() with the number of each one that arrives. May be called
 * once for a loop. Errors: no descriptor is left. */
struct error *loop_catch(struct loop *loop, const int *signals, size_t n,
			 struct error *(*caught)(void *ctx, int signal), void *ctx);
/* Returns the descriptor that is readable while a caught signal is pending. Returns -1 when no
 * signal is caught. */
int loop_signal_fd(const struct loop *loop);
/* Takes one pending signal without a call of caught(). It is meant for long work between two turns
 * of the loop. Returns the number of the signal, or 0 when none is pending. */
int loop_take_signal(struct loop *loop);

/* Runs the loop until loop_quit() was called or a callback failed. Each turn handles signals first,
 * then descriptors in the order in which they were added, then timers. Returns the error of the
 * callback. */
struct error *loop_run(struct loop *loop);
/* Ends loop_run() after the callback that calls this. After a call before loop_run(), loop_run()
 * returns at once. */
void loop_quit(struct loop *loop);

#endif
