/* aggr: counts removals by site, map, map type, key, container or pod.
 *
 *   aggr.c    the rows
 *   caller.c  finds the caller of a delete
 */
#ifndef SHOW_AGGR_AGGR_H
#define SHOW_AGGR_AGGR_H

#include "base/base.h"

struct event; /* both: show/event/event.h */
struct event_sample;

enum aggr_by {
	AGGR_BY_SITE,
	AGGR_BY_MAP,
	AGGR_BY_TYPE,
	AGGR_BY_KEY,
	AGGR_BY_CONTAINER,
	AGGR_BY_POD,
};

struct aggr; /* one table; not thread-safe */

/* Makes an empty table. max_rows is the number of rows that are kept apart; 0 means 10000. All
 * later rows are counted as one row "(others)". The sums stay exact, and memory is bounded. Errors:
 * out of memory. */
struct error *aggr_new(enum aggr_by by, size_t max_rows, struct aggr **ret);
void aggr_free(struct aggr *aggr);
CLEANUP_FUNC(struct aggr, aggr_free)

/* Counts one EVENT_DELETE or EVENT_CLEAR. This is cheap: a site or type that was counted before
 * costs one lookup by its id. Errors: out of memory. */
struct error *aggr_add(struct aggr *aggr, const struct event *event);

/* Counts n hits by site or type. They have the same kind, stack, type and process. `elements` were
 * removed by all of them together. `goroutines` are the distinct ids of their goroutines, made by
 * aggr_goroutine(). 64 ids mean 64 or more. */
struct error *aggr_add_many(struct aggr *aggr, const struct event *event, uint64_t n,
			    uint64_t elements, const uint64_t *goroutines, size_t goroutines_n);
/* Makes an id of a goroutine that no goroutine of another process has. */
static inline uint64_t aggr_goroutine(uint64_t goid, uint32_t pid)
{
	return goid ^ (uint64_t)pid << 40;
}

/* A row. Its strings have the bytes of the traced program, and a sink must escape them. Only a key and
 * what holds a map are safe. No string is NULL, unless this is said. */
struct aggr_row {
	const char *name;   /* site: "main.(*store).drop"; map: "0xc000…"; type; key as text;
				container or pod, "" for none */
	const char *detail; /* site: "store.go:61"; map, key: its map type; else "" */
	const char *caller; /* site: the caller, "main.(*server).refresh server.go:88"; or "" */
	const char *file;   /* site: the whole path of the file; else "" */
	const char *json;   /* key: as value_json() writes it; else "" */
	uint32_t line;	    /* site */
	uint32_t pid;	    /* map: the process that it belongs to */
	bool key_cut;	    /* key: a string in it was cut; other lengths have other rows */
	bool others;	    /* the row of everything that is not kept apart */
	/* map: what the last look has told that knew the map (struct event_look) */
	bool looks, holders;
	uint64_t looked_ns;		   /* 0: none has */
	const char *held_text, *held_json; /* NULL: not known */
	uint64_t deletes;		   /* delete calls that removed */
	uint64_t misses;		   /* calls that removed nothing */
	uint64_t clears;		   /* clear calls that removed */
	uint64_t elements;		   /* elements removed by both */
	uint64_t goroutines; /* distinct goroutine ids, counted exactly up to 64, else 64 */
};

/* Returns the number of rows. *ret is the array, borrowed until the next call on aggr. It is sorted
 * by elements, the largest first, then by name; "(others)" is last. A site in a helper of the
 * standard library (maps.DeleteFunc) has one row for each caller. Any other site has one row; if it
 * has several callers, its caller is "(several)". */
size_t aggr_rows(struct aggr *aggr, const struct aggr_row **ret);
/* Returns what the table counts by. */
enum aggr_by aggr_by(const struct aggr *aggr);

/* Notes what the counts are a part of. */
void aggr_set_sample(struct aggr *aggr, const struct event_sample *sample);
/* Returns it; NULL: the counts are whole. */
const struct event_sample *aggr_sample(const struct aggr *aggr);

/* Tells whether func deletes on behalf of its caller: maps., slices., reflect., sync., ... */
bool aggr_is_helper(const char *func);
/* Returns the frame that called stack[0], or NULL when there is none. Frames of the runtime are
 * skipped, because runtime.main calls everything. If stack[0] is a helper, helpers are skipped
 * too. */
const struct frame *aggr_caller(const struct frame *stack, size_t n);

#endif
