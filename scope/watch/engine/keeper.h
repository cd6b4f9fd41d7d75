/* keeper: a process that holds the descriptors of probes, and a read lease on the file that has them.
 *
 * The kernel puts a breakpoint into every new mapping of a probed file, at the offset of the probe. It
 * does not compare the instruction there with the one that was probed. If a file is overwritten
 * while it does not run, its new program would crash. A read lease holds a writer back until the
 * lease is given up, and the signal of this lease is SIGKILL: the kernel ends the keeper, which takes
 * the probes off, and then the writer goes on. Nothing has to run for that. It works while tophash
 * waits for its output, is stopped, or has been killed.
 *
 * Taking a probe off waits for a grace period of the kernel. Each link is in the descriptor table of
 * a thread of its own, and therefore all links are closed at the same time. When a thread ends, the
 * kernel closes its files one after the other, the last one first. Each thread has two leases of its
 * own, one before the link and one behind it. Therefore a lease is given up after the link is gone,
 * in whichever order the kernel closes them.
 */
#ifndef WATCH_ENGINE_KEEPER_H
#define WATCH_ENGINE_KEEPER_H

#include "base/base.h"

#include <sys/types.h>

struct keeper_options {
	int file; /* the file that gets the probes; borrowed during keeper_start() */
	/* Runs in the keeper when it has the lease. Returns whether the file still has the code that was
	 * read. No link is made otherwise. */
	bool (*check)(void *ctx);
	/* Makes link number i, in the keeper. Its descriptor stays open. */
	struct error *(*link)(void *ctx, size_t i);
	size_t links;
	void *ctx; /* of check() and link() */
	/* Descriptors that check() and link() need. All others are closed in the keeper. */
	const int *keep;
	size_t keep_n;
};

enum keeper_start {
	KEEPER_STARTED,
	KEEPER_WRITTEN,	 /* the file is open for writing */
	KEEPER_NO_LEASE, /* the file can have no lease */
	KEEPER_CHANGED,	 /* check() returned false */
	KEEPER_FAILED,	 /* with an error */
};

struct keeper;

/* Starts a keeper, which begins to make its links. Errors: it cannot be started; *ret is NULL then. */
struct error *keeper_start(const struct keeper_options *options, struct keeper **ret);
/* Waits until the links of a keeper are made. Call it once. Unless it returns KEEPER_STARTED, there is nothing
 * left to do but keeper_free(). *ret_err is written with KEEPER_FAILED only. */
enum keeper_start keeper_await(struct keeper *keeper, struct error **ret_err);
/* Tells whether a file could have a lease now: KEEPER_STARTED, KEEPER_WRITTEN or KEEPER_NO_LEASE. */
enum keeper_start keeper_try(int file);
/* Tells whether the keeper has ended, and its links are gone. */
bool keeper_has_ended(const struct keeper *keeper);
/* Begins to take the links off, and does not wait. */
void keeper_end(const struct keeper *keeper);
/* Waits until the links are gone, and frees the keeper. NULL is legal. */
void keeper_free(struct keeper *keeper);

#endif
