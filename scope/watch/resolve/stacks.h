/* Stacks with names. Each distinct stack is looked up once. */
#ifndef WATCH_RESOLVE_STACKS_H
#define WATCH_RESOLVE_STACKS_H

#include "show/event/event.h"
#include "watch/filter/filter.h"
#include "base/table.h"

struct stack {
	uint32_t first_pc, npcs; /* in pcs: {ip, bias, module and cut, return addresses ...} */
	uint32_t first_frame, nframes; /* in frames */
	const char *func;	       /* the runtime's entry; borrowed from the image */
	bool cut;		       /* it had more frames than are shown */
	bool site_matches;	       /* --site matches it */
	/* The process whose other modules its frames are in; 0: all are in one file, and every process
	 * that has these addresses has this stack. */
	pid_t pid;
	uint32_t next; /* index + 1 of another stack with the same hash; 0: none */
};

struct stacks {
	/* Finds another module of the process by a run-time address, or returns NULL; it may be
	 * NULL itself. */
	const struct gotype_module *(*find)(void *ctx, uint64_t addr);
	void *find_ctx;
	const struct filter *filter;
	uint32_t stack_max; /* frames to show */
	struct table index; /* hash -> index + 1 of the newest stack with that hash */
	VEC(struct stack) list;
	VEC(uint64_t) pcs;
	VEC(struct frame) frames;
	uint32_t last;	   /* index of the last result, which is often the next one as well */
	uint64_t first_id; /* id of list.data[0]; grows when the list is emptied */
};

/* A stack as an engine has recorded it. */
struct physical_stack {
	pid_t pid;
	uint32_t module;	  /* the number of the probe's module */
	const struct gopcln *tab; /* of the module; borrowed for the life of `stacks` */
	uint64_t ip;		  /* of the probe, run-time */
	uint64_t bias;		  /* of the module */
	const uint64_t *pcs;	  /* return addresses, innermost first */
	uint32_t n;
	bool cut;  /* the engine left frames out */
	bool sync; /* the hit is of a sync.Map, whose methods are left out, too */
};

/* Returns the stack, and looks it up if it is new. It is valid until the next call. Returns NULL
 * when memory is out. */
struct stack *stacks_get(struct stacks *stacks, const struct physical_stack *of);
/* Returns the first of the stack's nframes frames, innermost first. */
const struct frame *stack_frames(const struct stacks *stacks, const struct stack *stack);
/* Returns a number that no other stack has or had. */
uint64_t stack_id(const struct stacks *stacks, const struct stack *stack);
void stacks_fini(struct stacks *stacks);

#endif
