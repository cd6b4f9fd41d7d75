/* What the files of this folder share. */
#ifndef WATCH_LOOK_LOOK_PRIV_H
#define WATCH_LOOK_LOOK_PRIV_H

#include "base/table.h"
#include "base/vec.h"
#include "live/process/process.h"
#include "read/gofile/gofile.h"
#include "read/layout/layout.h"
#include "watch/look/look.h"

#include <stdatomic.h>

enum { LOOK_NONE = UINT32_MAX };

/* A map in a result. */
struct look_seen {
	uint64_t seed;	 /* when it was last known to be this map */
	uint32_t cycles; /* of the collector, at that time or before; see look.c */
	uint32_t type;	 /* in result.types; LOOK_NONE: not known */
	uint32_t way;	 /* in result.ways; LOOK_NONE: not known */
	/* What was found belongs to the map that has the seed. Otherwise it may be that of another map, which had
	 * the address when the look began. */
	bool sure;
	bool by_stack; /* only words of stacks lead to it */
};

struct look_way {
	char *text, *json;
};

/* What one look has found. The thread makes it, and then it belongs to look.c. */
struct look_result {
	pid_t pid;
	uint32_t generation; /* of the request */
	uint64_t time_ns;    /* when it began */
	uint64_t cpu_ns;     /* that it took */
	char *why;	     /* it has failed: the reason; otherwise NULL */
	uint64_t cycles_at;  /* for heap_cycles_at() */
	bool no_holders;     /* they were asked for, and the heap is too large for it */
	bool clones;	     /* the seed does not prove which map it is: see clones.c */
	struct table at;     /* address of a header -> index in maps */
	VEC(struct look_seen) maps;
	VEC(char *) types;
	VEC(struct look_way) ways;
};

void look_result_free(struct look_result *result); /* NULL is legal */
CLEANUP_FUNC(struct look_result, look_result_free)

/* ---- known.c ---- */

struct modules;	   /* live/module/module.h */
struct gomap_plan; /* live/gomap/gomap.h */

/* A process that was looked at before. */
struct known {
	struct target *target;
	uint64_t image;
	VEC(struct gotype_module) modules; /* the plan and the heap borrow them */
	enum go_maps maps;
	bool clones; /* the program copies maps with their seeds */
	struct gomap_plan *plan;
	/* The seeds that the last look has seen, by the address of the map. */
	struct table before_at;
	VEC(uint64_t) before;
	uint64_t looked_ns;
};

void known_free(struct known *known); /* NULL is legal */
CLEANUP_FUNC(struct known, known_free)

struct knowns {
	struct modules *files;
	VEC(struct known *) list;
};

/* Errors: no memory. */
struct error *knowns_new(struct knowns *ret);
void knowns_fini(struct knowns *knowns);
/* Opens a process. What is known of it is used if it still runs the same program with the same plugins. The caller frees *ret,
 * or gives it back. No descriptor of a file stays open. Errors: as for process_open(); it has no Go code. */
struct error *knowns_take(struct knowns *knowns, pid_t pid, struct known **ret);
/* Keeps what is known of a process. Owns it. */
void knowns_put(struct knowns *knowns, struct known *known);

/* ---- result.c ---- */

struct looker;

/* Makes what looks share. Errors: no memory. */
struct error *looker_new(bool holders, const atomic_bool *stop, struct looker **ret);
void looker_free(struct looker *looker); /* NULL is legal */
/* Looks at a process. Fails soon after *stop has become true. *ret is a result that has failed, or not; NULL when memory
 * is out. The caller frees it. */
struct look_result *looker_look(struct looker *looker, pid_t pid);

/* ---- clones.c ---- */

/* Tells whether a module can copy a map with its seed, or is not known well enough to tell. */
bool clones_maps(const struct gopcln *tab);

/* ---- worker.c ---- */

struct worker;

/* Starts the thread. Errors: no memory, no thread. */
struct error *worker_new(bool holders, struct worker **ret);
/* Ends the thread. If it cannot be ended within a second, it keeps what is its own until the process ends. NULL is legal. */
void worker_free(struct worker *worker);
/* Gives the thread a process to look at. Call it only when worker_is_idle(). */
void worker_look(struct worker *worker, pid_t pid, uint32_t generation);
bool worker_is_idle(struct worker *worker);
/* Takes the result of the last look. Returns false if there is none yet. *ret is NULL if memory was out. */
bool worker_take(struct worker *worker, struct look_result **ret);

#endif
