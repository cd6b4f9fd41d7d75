/* Reads the heap of the target of `tophash maps`: while it runs, while it is held (--stop: maps_stop.c), or from a core file. */
#include "base/base.h"
#include "base/clock.h"
#include "base/confine.h"
#include "base/registers.h"
#include "cmd/cmd.h"
#include "cmd/maps_list.h"
#include "cmd/maps_stop.h"

#include <linux/capability.h>
#include <seccomp.h>

/* Gives up all but reading the target, and stopping it if that is wanted. Its memory is foreign, and everything else is open
 * by now. The kernel ends the processes that read debug information with this one only if this one has the right to signal them. No
 * system call can use that right, but with --watch, whose engine signals processes. */
static struct error *give_up(const struct maps_listing *listing)
{
	const struct maps_options *options = listing->options;
	int refused[10] = {SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(process_vm_writev)};
	uint64_t keep = maps_debug_waits(&listing->debugs) ? 1ull << CAP_KILL : 0;
	size_t n = 3;

	try(confine_capabilities(keep |
				 (options->core ? 0 : 1ull << CAP_SYS_PTRACE | listing->rights)));
	if (options->stop)
		try(confine_ptrace());
	else
		refused[n++] = SCMP_SYS(ptrace);
	if (!listing->signals) {
		refused[n++] = SCMP_SYS(kill);
		refused[n++] = SCMP_SYS(tkill);
		refused[n++] = SCMP_SYS(tgkill);
		refused[n++] = SCMP_SYS(pidfd_send_signal);
		refused[n++] = SCMP_SYS(rt_sigqueueinfo);
		refused[n++] = SCMP_SYS(rt_tgsigqueueinfo);
	}
	return confine_without_calls(refused, n);
}

struct heap_options maps_heap_options(const struct maps_listing *listing, enum go_maps maps)
{
	return (struct heap_options){.memory = target_memory(listing->target),
				     .modules = listing->types.data,
				     .modules_n = listing->types.len,
				     .header_size = GOMAP_HEADER_SIZE,
				     .header_mask = gomap_header_mask(maps),
				     .keep_parents = listing->options->ways};
}

/* Finds what holds the maps, or the object that is asked for, if that is wanted. */
static struct error *find_ways(const struct maps_options *options, struct heap *heap,
			       const struct gomap_list *maps, struct maps_ways *ret,
			       struct maps_held *ret_held)
{
	if (!options->ways ||
	    ((options->to || maps_by_package(options)) && !heap_has_parents(heap)))
		return NULL; /* a profile has the types at least, and types have packages */
	try(maps_ways_find(heap, maps, !options->who, ret));
	return options->who ? maps_ways_of(ret, options->who, options->paths, ret_held) : NULL;
}

struct error *maps_find(const struct maps_listing *listing, struct heap *heap,
			struct gomap_list *maps, struct maps_ways *ways, struct maps_held *held)
{
	try(gomap_find(heap, listing->plan, maps));
	return find_ways(listing->options, heap, maps, ways, held);
}

struct error *maps_new_plan(struct maps_listing *listing, struct heap *heap, enum go_maps maps)
{
	try(gomap_plan_new(heap, maps, &listing->plan));
	gomap_plan_describe(listing->plan, maps_debug_describe, &listing->debugs);
	return NULL;
}

/* Opens the heap of a process that runs, or of a core, and finds its maps. */
static struct error *find(struct maps_listing *listing, enum go_maps maps,
			  const struct heap_options *options)
{
	uint64_t begun_ns = now_ns();

	try(heap_open(options, &listing->heap));
	if (!listing->plan)
		try(maps_new_plan(listing, listing->heap, maps));
	try(maps_find(listing, listing->heap, &listing->maps, &listing->ways, &listing->held));
	listing->totals.seconds = (double)(now_ns() - begun_ns) / 1e9;
	return NULL;
}

/* Finds out what has happened while the process was read. */
static struct error *compare(struct maps_listing *listing)
{
	cleanup(heap_close) struct heap *after = NULL;
	struct heap_facts old, new;
	struct error *err = heap_open_like(listing->heap, heap_options_of(listing->heap), &after);

	if (err)
		return err;
	heap_facts(listing->heap, &old);
	heap_facts(after, &new);
	listing->totals.watched = true;
	listing->totals.cycles = new.cycles - old.cycles;
	listing->totals.spans_after = new.spans;
	listing->totals.heap_bytes_after = new.bytes;
	return NULL;
}

/* ---- all ---- */

static struct error *find_in_core(struct maps_listing *listing, enum go_maps maps)
{
	struct heap_options options = maps_heap_options(listing, maps);

	options.registers_n = core_registers(listing->target, &options.registers);
	return find(listing, maps, &options);
}

struct error *maps_ended(const struct maps_listing *listing, struct error *err)
{
	error_free(err);
	return error_new(
		ERROR_TARGET,
		"process %d has ended, or has executed another program, while it was read: try again if it "
		"runs",
		(int)listing->target->pid);
}

/* Finds the maps of a process that runs. It may end or execute another program meanwhile. */
static struct error *find_running(struct maps_listing *listing, enum go_maps maps)
{
	struct heap_options options = maps_heap_options(listing, maps);
	uint64_t before = 0, after = 0;
	bool known = target_image_id(listing->target, &before);
	struct error *err = find(listing, maps, &options);

	if (!err)
		err = compare(listing);
	if (known && target_image_id(listing->target, &after) && after == before)
		return err;
	return maps_ended(listing, err);
}

struct error *maps_read(struct maps_listing *listing, enum go_maps maps)
{
	const struct maps_options *options = listing->options;

	if (options->stop)
		maps_hurry();
	if (!listing->confined)
		try(give_up(listing));
	listing->confined = true;
	if (options->core)
		return find_in_core(listing, maps);
	return options->stop ? maps_stop(listing, maps) : find_running(listing, maps);
}
