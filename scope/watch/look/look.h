/* look: looks maps of running processes up in their heaps, while events come in. What a look finds is what
 * `tophash maps` shows: the exact type of each live map, and on request what holds it.
 *
 *   look.c     asks for looks, and keeps what they have found
 *   worker.c   the thread that looks
 *   known.c    the processes that were looked at
 *   result.c   one look
 *   clones.c   whether a program copies maps with their seeds
 *
 * A thread of its own looks at one process after the other. It reads the process and never stops it. It runs at a low
 * priority, and rests after each look for so long that all looks together take at most 2 % of one CPU on average.
 *
 * A map is told from another one at the same address by the seed of its hash function, which is random. A look has
 * read the seed, and each event has it. The runtime draws a new seed for a map that becomes empty. Then the map is still
 * the same if no cycle of the collector has ended since the seeds agreed: until then the memory of an object that was
 * alive is not used again. If neither proves that it is the same map, nothing is told of it until the next look.
 *
 * At most 64 processes are looked at. Another one takes the place of one that has had no event for 10 seconds, or has ended. Until
 * there is such a one, its events are counted: if it took the place of the one whose last event is oldest, 65 busy processes
 * would take the places of each other before any look has ended.
 *
 * maps.Clone gives the copy the seed of the original. In a program that has it, the seed proves nothing. Then no cycle
 * may have ended since the look.
 */
#ifndef WATCH_LOOK_LOOK_H
#define WATCH_LOOK_LOOK_H

#include "base/base.h"

#include <sys/types.h>

struct timely; /* live/process/process.h */

enum look_lack {
	LOOK_FAILED,	 /* looks at the process have failed; `why` is one line */
	LOOK_NO_HOLDERS, /* its heap is too large to find what holds its maps; told once a program */
	LOOK_NO_ROOM, /* too many processes have events: nothing is looked up for this one; told once */
};

struct look_options {
	bool holders;	       /* find what holds the maps, too */
	struct timely *timely; /* for reads in the thread of the session; borrowed */
	uint64_t every_ns;     /* a process with events is looked at again after this time */
	/* Receives what cannot be found, by look_turn() and look_find(). */
	void (*lacks)(void *ctx, pid_t pid, enum look_lack lack, const char *why);
	void *ctx;
};

struct look;

/* Starts the thread. Errors: no memory, no thread. */
struct error *look_open(const struct look_options *options, struct look **ret);
/* Ends the thread; a look that is under way is given up. It takes a second if a read of the target never returns. The
 * thread is then left to the end of the process. NULL is legal. */
void look_close(struct look *look);
CLEANUP_FUNC(struct look, look_close)

/* Asks for a look at a process, as soon as the others are done and the rest is over. Errors: no memory. */
struct error *look_want(struct look *look, pid_t pid);
/* Forgets what is known of a process, because it executes a program or has ended. */
void look_forget(struct look *look, pid_t pid);
/* Takes what the thread has found, and gives it the next process. Call it often. Strings that look_find() has told before
 * are not valid any more. Errors: no memory. */
struct error *look_turn(struct look *look);

/* A map as an event shows it. */
struct look_map {
	pid_t pid;
	uint64_t addr, seed;
	bool on_stack;	  /* its header is on the stack of a goroutine */
	uint64_t time_ns; /* of the event */
};

/* What is known of a map. Strings are borrowed until the next look_turn() or look_forget(). */
struct look_found {
	uint64_t time_ns;      /* when the look began that has seen the map: CLOCK_MONOTONIC */
	const char *type;      /* NULL: not known */
	uint64_t type_id;      /* with type: no type of a resolver has this number */
	const char *held_text; /* NULL: not known, or not asked for */
	const char *held_json; /* an array; NULL as held_text */
	uint64_t held_id;      /* with held_text: another text has another number */
};

/* Finds what is known of a map. Returns false if it is nothing yet; a look at its process is then asked for. Errors are
 * kept for look_turn(). */
bool look_find(struct look *look, const struct look_map *map, struct look_found *ret);

struct look_totals {
	uint64_t done, failed; /* looks */
	uint64_t cpu_ns;       /* that they took */
	uint64_t
		no_room; /* events of processes that are not looked at, because there are too many */
};

void look_totals(const struct look *look, struct look_totals *ret);

#endif
