/* resolve: turns an engine's records into events. Addresses get names, and key bytes become values.
 * Each stack and each type is looked up once. An event of a known site then costs two hash
 * lookups.
 *
 *   resolve.c   one record
 *   stacks.h    stacks with names
 *   types.h     map types with names
 */
#ifndef WATCH_RESOLVE_RESOLVE_H
#define WATCH_RESOLVE_RESOLVE_H

#include "watch/engine/engine.h"

struct event; /* show/event/event.h */

struct resolver;

struct resolver_options {
	const struct filter *filter;
	uint32_t stack_max; /* frames to show */
	bool seeds;	    /* tell the seeds of maps, too */
	/* Returns the memory of process `pid`. It is only read within a call of
	 * resolver_resolve(). */
	struct memory (*memory)(void *ctx, pid_t pid);
	void *memory_ctx;
	/* Finds a Go module of process `pid` by a run-time address in it. The result is borrowed
	 * until the next call. Returns NULL when there is none, or the process is gone. It is called
	 * for addresses that are not in the probe's module: a stack goes from a plugin into its program. NULL:
	 * such addresses get no names. */
	const struct gotype_module *(*find_module)(void *ctx, pid_t pid, uint64_t addr);
	void *find_module_ctx;
};

struct error *resolver_open(const struct resolver_options *options, struct resolver **ret);
/* Adds a module with probes, as the engine has it. The first has number 0, as with engine_add(). Add
 * it before it has probes. Errors: out of memory. */
struct error *resolver_add(struct resolver *resolver, const struct engine_module *module);
void resolver_close(struct resolver *resolver); /* NULL is legal */
CLEANUP_FUNC(struct resolver, resolver_close)

enum resolved {
	RESOLVED_EVENT,
	RESOLVED_FILTERED,
	RESOLVED_START,
	RESOLVED_EXEC,
	RESOLVED_LOAD,
	RESOLVED_MOVE,
};

/* Fills *ret, a delete or clear, from a record. All data in it are borrowed until the next call.
 * *ret_what:
 *   RESOLVED_EVENT     it is to be shown
 *   RESOLVED_FILTERED  the user does not want to see it
 *   RESOLVED_START     a process of the binary has started; only time_ns, removal.pid, removal.tid,
 *                      removal.module and removal.bias are set
 *   RESOLVED_EXEC      a traced process has executed a program; only time_ns, removal.pid,
 *                      removal.tid and removal.func are set; func is the name that the kernel gives
 *                      the program, or ""; tid is 0 if another thread than the first did
 *   RESOLVED_LOAD      a process has loaded a file; only time_ns, removal.pid and removal.tid are set
 *   RESOLVED_MOVE      a process was moved to another control group; only time_ns is set
 * Errors: out of memory; a record that no engine wrote. */
struct error *resolver_resolve(struct resolver *resolver, const void *record, size_t size,
			       enum resolved *ret_what, struct event *ret);

/* Returns how many removals --type has filtered here because their map type is a shape.
 * engine_counters has the number of those that the engine filtered. */
uint64_t resolver_filtered_shapes(const struct resolver *resolver);

#endif
