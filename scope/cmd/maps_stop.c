/* The target of `tophash maps --stop` is held while what the mark needs of it is copied. It runs on while the copy is marked and
 * its maps are typed. A heap that is too large to be copied is marked while the target is held. */
#include "cmd/maps_stop.h"
#include "base/base.h"
#include "base/clock.h"
#include "base/confine.h"
#include "base/registers.h"
#include "base/spare.h"
#include "cmd/cmd.h"

#include <seccomp.h>
#include <sys/resource.h>

enum {
	SPARE_SHARE = 4, /* a copy takes at most 1/SPARE_SHARE of the memory that is left */
	REHEARSALS = 4,
	GROWTH_SHARE = 8, /* a heap may grow by 1/GROWTH_SHARE until it stands */
};
#define GROWTH_MIN ((uint64_t)8 << 20) /* bytes; also what is not in the heap */

void maps_hurry(void)
{
	setpriority(PRIO_PROCESS, 0, -20);
}

/* ---- before ---- */

/* Makes room for a copy of the heap. Leaves listing->copy NULL if there is too little memory for it. */
static void make_copy(struct maps_listing *listing, const struct heap *like)
{
	uint64_t max = spare_memory() / SPARE_SHARE;
	uint64_t bytes = heap_copy_size(like, gomap_may_be_array, listing->plan);
	struct error *err;

	bytes += bytes / GROWTH_SHARE + GROWTH_MIN;
	if (bytes > max)
		return;
	err = heap_copy_new(max, &listing->copy);
	if (err)
		error_free(err);
	else
		heap_copy_prepare(listing->copy, bytes);
}

/* Opens the heap once more, and copies what the mark needs. */
static struct error *copy_heap(const struct maps_listing *listing, struct memory memory,
			       const struct heap_options *of, const struct heap *like,
			       struct heap **ret)
{
	struct heap_options options = *of;

	options.memory = heap_copy_memory(listing->copy);
	heap_copy_from(listing->copy, memory);
	try(heap_open_like(like, &options, ret));
	return heap_copy_fill(listing->copy, *ret, gomap_may_be_array, listing->plan);
}

/* Copies all while the process runs. That tells how long the process would have to stand. */
static struct error *rehearse_copy(struct maps_listing *listing, const struct heap *like,
				   uint64_t *ret_ns)
{
	const struct heap_options *options = heap_options_of(like);
	cleanup(heap_close) struct heap *heap = NULL;
	uint64_t begun_ns;

	heap_copy_begin(listing->copy, like);
	begun_ns = now_ns();
	try(copy_heap(listing, options->memory, options, like, &heap));
	*ret_ns = now_ns() - begun_ns;
	if (heap_copy_is_whole(listing->copy))
		return NULL;
	heap_copy_free(listing->copy);
	listing->copy = NULL;
	return NULL;
}

/* The process runs, and what is copied of its lists may be of several moments: it is copied again then. */
static struct error *rehearse_copies(struct maps_listing *listing, const struct heap *like,
				     uint64_t *ret_ns)
{
	struct error *err = rehearse_copy(listing, like, ret_ns);

	for (int i = 1; i < REHEARSALS && err && err->code == ERROR_TARGET; i++) {
		error_free(err);
		err = rehearse_copy(listing, like, ret_ns);
	}
	return err;
}

/* Reads all while the process runs, and throws away what it finds. That tells the same of a heap that is not copied. */
static struct error *rehearse_mark(const struct maps_listing *listing, const struct heap *like,
				   uint64_t *ret_ns)
{
	cleanup(gomap_list_fini) struct gomap_list maps = {0};
	cleanup(heap_close) struct heap *heap = NULL;
	struct maps_ways ways = {0};
	struct maps_held held = {0};
	uint64_t begun_ns = now_ns();
	struct error *err = heap_open_like(like, heap_options_of(like), &heap);

	if (!err)
		err = maps_find(listing, heap, &maps, &ways, &held);
	*ret_ns = now_ns() - begun_ns;
	maps_ways_fini(&ways);
	vec_fini(&held.ways);
	return err;
}

static struct error *rehearse(struct maps_listing *listing, const struct heap *like,
			      uint64_t *ret_ns)
{
	make_copy(listing, like);
	if (listing->copy)
		try(rehearse_copies(listing, like, ret_ns));
	if (listing->copy)
		return NULL;
	if (!listing->options->quiet)
		cmd_say("there is too little memory for a copy of the heap: process %d will stand until all "
			"maps are found",
			(int)listing->target->pid);
	try(rehearse_mark(listing, like, ret_ns));
	/* If it has waited for debug information, it has to be measured without that. */
	return maps_debug_asked(&listing->debugs) ? rehearse_mark(listing, like, ret_ns) : NULL;
}

/* Refuses a stop that would take too long, before it begins. */
static struct error *expect(const struct maps_listing *listing, uint64_t expected_ns)
{
	const struct maps_options *options = listing->options;
	double expected_ms = (double)expected_ns / 1e6, max_ms = (double)options->max_stop_ns / 1e6;

	if (expected_ns > options->max_stop_ns)
		return error_new(
			ERROR_FAILED,
			"process %d would stand still for about %.1f ms, longer than --max-stop "
			"(%.0f ms): it was not stopped; give a longer --max-stop, or leave --stop "
			"out",
			(int)listing->target->pid, expected_ms, max_ms);
	if (target_is_stopped(listing->target))
		cmd_say("process %d is stopped already, and stays so", (int)listing->target->pid);
	if (!options->quiet)
		cmd_say("process %d will stand still for about %.1f ms (%.0f ms at most)",
			(int)listing->target->pid, expected_ms, max_ms);
	return NULL;
}

/* ---- the stop ---- */

/* Nothing needs ptrace any more: the target is let go by the end of a thread. */
static struct error *confine(void)
{
	static const int refused[] = {SCMP_SYS(ptrace)};

	return confine_without_calls(refused, ARRAY_SIZE(refused));
}

static struct error *find(struct maps_listing *listing)
{
	try(confine());
	return maps_find(listing, listing->heap, &listing->maps, &listing->ways, &listing->held);
}

/* Finds the maps while the target stands. It must not wait for debug information then. */
static struct error *find_standing(struct maps_listing *listing)
{
	gomap_plan_describe(listing->plan, NULL, NULL);
	return find(listing);
}

/* Lets the target go. An error of what was read before makes no sense if it ran meanwhile. */
static struct error *let_go(struct maps_listing *listing, struct error *err)
{
	uint64_t ns;
	struct error *torn = stop_end(listing->stop, &ns);

	setpriority(PRIO_PROCESS, 0, 0);
	listing->totals.stopped = true;
	listing->totals.seconds = (double)ns / 1e9;
	if (!torn)
		return err;
	error_free(err);
	return torn;
}

/* Finds the maps of a process that stands. */
static struct error *find_held(struct maps_listing *listing, const struct heap *like,
			       const struct heap_options *options)
{
	try(heap_open_like(like, options, &listing->heap));
	return find_standing(listing);
}

/* Copies the heap of a process that stands, lets it go, and finds the maps in the copy. If the heap has outgrown the copy, they are
 * found while the process stands. */
static struct error *find_copied(struct maps_listing *listing, const struct heap *like,
				 const struct heap_options *options)
{
	struct error *err = copy_heap(listing, options->memory, options, like, &listing->heap);

	if (err || !heap_copy_is_whole(listing->copy))
		return let_go(listing, err ? err : find_standing(listing));
	heap_copy_end(listing->copy, listing->heap);
	try(let_go(listing, NULL));
	return find(listing);
}

/* Tells whether the target has gone, or executed another program, since `before`. */
static struct error *check_image(const struct maps_listing *listing, uint64_t before)
{
	uint64_t after;

	if (!listing->copy || !heap_copy_was_late(listing->copy) ||
	    (target_image_id(listing->target, &after) && after == before))
		return NULL;
	return error_new(ERROR_TARGET,
			 "process %d has ended, or has executed another program, before its types "
			 "were read: try again if it runs",
			 (int)listing->target->pid);
}

static struct error *stop_and_find(struct maps_listing *listing, const struct heap *like)
{
	struct heap_options options = *heap_options_of(like);
	struct error *err;

	if (listing->copy)
		heap_copy_begin(listing->copy, like);
	try(stop_begin(listing->target, listing->options->max_stop_ns, &listing->stop));
	options.memory = stop_memory(listing->stop);
	options.registers_n = stop_registers(listing->stop, &options.registers);
	if (listing->copy)
		return find_copied(listing, like, &options);
	err = find_held(listing, like, &options);
	return let_go(listing, err);
}

static struct error *prepare_and_stop(struct maps_listing *listing, enum go_maps maps,
				      uint64_t image)
{
	struct heap_options options = maps_heap_options(listing, maps);
	cleanup(heap_close) struct heap *like = NULL;
	uint64_t ns;

	try(heap_open(&options, &like));
	try(maps_new_plan(listing, like, maps));
	try(rehearse(listing, like, &ns));
	try(expect(listing, ns));
	try(stop_and_find(listing, like));
	return check_image(listing, image);
}

struct error *maps_stop(struct maps_listing *listing, enum go_maps maps)
{
	uint64_t before = 0, after = 0;
	bool known = target_image_id(listing->target, &before);
	struct error *err = prepare_and_stop(listing, maps, before);

	if (!err || (known && target_image_id(listing->target, &after) && after == before))
		return err;
	return maps_ended(listing, err);
}
