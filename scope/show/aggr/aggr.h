/* aggr: removals counted by site, by map, by map type or by key.
 *
 *   aggr.c    the rows
 *   caller.c  who counts as the caller of a delete
 */
#ifndef SHOW_AGGR_AGGR_H
#define SHOW_AGGR_AGGR_H

#include "base/base.h"

struct event; /* show/event/event.h */

enum aggr_by { AGGR_BY_SITE, AGGR_BY_MAP, AGGR_BY_TYPE, AGGR_BY_KEY };

struct aggr; /* one table; not thread-safe */

/* Makes an empty table. max_rows: rows that are kept apart; 0: 10000. All that comes after them is
 * counted in one row "(others)": sums stay exact, and memory bounded. Errors: out of memory. */
struct error *aggr_new(enum aggr_by by, size_t max_rows, struct aggr **ret);
void aggr_free(struct aggr *aggr);
CLEANUP_FUNC(struct aggr, aggr_free)

/* Counts one EVENT_DELETE or EVENT_CLEAR. Cheap: a site or type seen before costs one lookup by its
 * id. Errors: out of memory. */
struct error *aggr_add(struct aggr *aggr, const struct event *event);

/* Counts n deletes that are alike in stack, type and process, by site or type. They came from
 * goroutines with these ids, distinct, as aggr_goroutine() makes them; 64 stands for 64 or more. */
struct error *aggr_add_many(struct aggr *aggr, const struct event *event, uint64_t n,
			    const uint64_t *goroutines, size_t goroutines_n);
/* Makes the id of a goroutine of one process, which no goroutine of another has. */
static inline uint64_t aggr_goroutine(uint64_t goid, uint32_t pid)
{
	return goid ^ (uint64_t)pid << 40;
}

/* A row. A string is as the traced program has it, and a sink must escape it. Only a key is safe: it
 * is as value_text() writes it. No string is NULL. */
struct aggr_row {
	const char *name;    /* site: "main.(*store).drop"; map: "0xc000…"; type; key as text */
	const char *detail;  /* site: "store.go:61"; map, key: its map type; else "" */
	const char *caller;  /* site: who called, "main.(*server).refresh server.go:88"; or "" */
	const char *file;    /* site: the whole path of the file; else "" */
	const char *json;    /* key: as value_json() writes it; else "" */
	uint32_t line;	     /* site */
	uint32_t pid;	     /* map: the process that has it */
	bool key_cut;	     /* key: a string in it was cut; by its length it has its own row */
	bool others;	     /* the row of all that was not kept apart */
	uint64_t deletes;    /* delete calls that removed */
	uint64_t misses;     /* calls that removed nothing */
	uint64_t clears;     /* clear calls that removed */
	uint64_t elements;   /* elements removed by both */
	uint64_t goroutines; /* distinct goroutine ids, counted exactly up to 64, else 64 */
};

/* Returns the number of rows; *ret: the rows, borrowed until the next call on aggr. Rows with the most
 * elements come first, then by name; "(others)" is last. A site in a helper of the standard library
 * (maps.DeleteFunc) has one row for each caller. Any other site has one row. Its caller is
 * "(several)" once there are several. */
size_t aggr_rows(struct aggr *aggr, const struct aggr_row **ret);
/* Returns what the table counts by. */
enum aggr_by aggr_by(const struct aggr *aggr);

/* Tells whether func deletes on behalf of its caller: maps., slices., reflect., sync., ... */
bool aggr_is_helper(const char *func);
/* Returns the frame that called stack[0]; NULL when there is none. Frames of the runtime do not count,
 * since runtime.main calls everybody. Helpers do not count if stack[0] is one. */
const struct frame *aggr_caller(const struct frame *stack, size_t n);

#endif
