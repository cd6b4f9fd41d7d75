#include "cmd/maps_say.h"
#include "cmd/cmd.h"

/* Says what a core lacks. */
static void say_core(const struct map_report *totals)
{
	if (totals->core_missing)
		cmd_say("%s is cut: %llu of its bytes are missing, and maps in them, too",
			totals->core, (unsigned long long)totals->core_missing);
	if (totals->core_unproved)
		cmd_say("%s has no build id: nothing tells whether it is a core of this program",
			totals->core);
	if (totals->core_unseen)
		cmd_say("%llu files of the core's code are not here, or are other builds: if they are Go "
			"plugins, their maps are missing",
			(unsigned long long)totals->core_unseen);
}

void maps_say_meanwhile(const struct maps_listing *listing)
{
	const struct map_report *totals = &listing->totals;

	if (listing->options->quiet || !totals->watched ||
	    (!totals->cycles && totals->spans == totals->spans_after))
		return;
	cmd_say("while it was read, the collector ran %llu times, and the heap went from %.1f MiB in %llu "
		"spans to %.1f MiB in %llu: maps that were made meanwhile may be missing (--stop is exact)",
		(unsigned long long)totals->cycles, (double)totals->heap_bytes / (1 << 20),
		(unsigned long long)totals->spans, (double)totals->heap_bytes_after / (1 << 20),
		(unsigned long long)totals->spans_after);
}

/* Says how many maps there are, and how they were read. */
static void say_totals(const struct map_report *totals)
{
	cmd_say("%llu maps, %llu bytes, of which %llu are empty; the type of %llu%% of the bytes is known; "
		"%.0f MiB of heap, read in %.0f ms%s",
		(unsigned long long)totals->maps, (unsigned long long)totals->bytes,
		(unsigned long long)totals->waste,
		(unsigned long long)(totals->bytes ? totals->typed_bytes * 100 / totals->bytes
						   : 100),
		(double)totals->heap_bytes / (1 << 20), totals->seconds * 1e3,
		totals->core	  ? ""
		: totals->stopped ? " while it stood still"
				  : " while it ran");
}

/* Says what was given up because there is too much of it. */
static void say_left(const struct map_report *totals)
{
	if (totals->maps_left)
		cmd_say("all maps have more than %d buckets or groups: those that came after them are missing, or have too few "
			"bytes; a heap profile (go tool pprof) has the sizes of all",
			GOMAP_STEPS_MAX);
	if (totals->types_left)
		cmd_say("types were searched in %d values, and not in the others: maps may be shown as ?; --who-holds tells "
			"what one of them hangs in",
			GOMAP_STEPS_MAX);
	if (totals->candidates_left)
		cmd_say("maps of unknown type have too many different buckets or groups: the types that fit were not searched for all of "
			"them (%d comparisons); --who-holds tells what one of them hangs in",
			GOMAP_CANDIDATES_STEPS);
	if (totals->unsettled)
		cmd_say("%llu objects that may be maps changed all the time: some of them are missing, or marked so; --stop is "
			"exact",
			(unsigned long long)totals->unsettled);
}

void maps_say_lacks(const struct maps_listing *listing)
{
	const struct maps_options *options = listing->options;

	say_core(&listing->totals);
	say_left(&listing->totals);
	if (listing->libraries)
		cmd_say("%s is a Go library with a heap of its own, which is not read: its maps are not listed%s",
			listing->library,
			listing->libraries > 1 ? ", nor are those of other libraries" : "");
	if (maps_debug_why(&listing->debugs))
		cmd_say("the debug information of the program could not be read (%s): the types of some maps are not known for that",
			maps_debug_why(&listing->debugs));
	if (listing->totals.queue_unread)
		cmd_say("the queue of finalizers cannot be read: maps that only objects in it hold are missing (please "
			"report the release of Go, which \"tophash ps\" shows)");
	if (maps_by_package(options) && !listing->ways.holders)
		cmd_say("more than %d objects of its heap have pointers: the packages of what holds maps are not known",
			HEAP_PARENTS_MAX);
	if (options->to && !listing->ways.holders)
		cmd_say("more than %d objects of its heap have pointers: what holds the maps is not in %s",
			HEAP_PARENTS_MAX, options->to);
	if (listing->ways.cut || listing->held.cut)
		cmd_say("more than %d objects are on the ways: %llu of them are not known up to what holds them all, and end "
			"with \"...\"%s",
			HOLDERS_MAX, (unsigned long long)listing->ways.cut + listing->held.cut,
			options->who ? "; ask in turn for the objects in the column HOLDER"
				     : "; --who-holds tells more of one map");
	if (listing->held.left_out)
		cmd_say("the object has too many pointers to it: the ways of %llu of them were not searched",
			(unsigned long long)listing->held.left_out);
}

void maps_say(const struct maps_listing *listing)
{
	const struct maps_options *options = listing->options;

	maps_say_lacks(listing);
	if (!options->quiet && !options->who && !options->map)
		say_totals(&listing->totals);
}
