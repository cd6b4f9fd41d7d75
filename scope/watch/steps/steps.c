#include "watch/steps/steps.h"
#include "base/clock.h"
#include "watch/steps/track.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

enum {
	RING_BYTES = 4 << 20, /* 8,000 steps */
};

struct steps {
	struct filter filter;
	struct placements placements;
	struct file_version version;
	int exe;
	struct engine_options options;
	struct engine *engine;
	struct track track;
	uint64_t wall_offset_ns;
	/* one drain */
	bool (*on_step)(void *ctx, const struct map_step *step);
	void *ctx;
	enum steps_news news;
	struct wire_map_step kept; /* that does not follow from the last one */
	bool has_kept;
	bool enough;
};

static struct error *place(const struct steps_options *options, struct placements *ret)
{
	struct placement_options wanted = {.steps = true};

	try(place_check_release(options->image, options->tab));
	return placement_find(options->image, options->tab, &wanted, ret);
}

static struct error *attach(struct steps *steps, const struct steps_options *options)
{
	enum engine_hold hold;

	try(engine_attach(steps->engine, 0, steps->exe, options->pid, &hold));
	if (hold == ENGINE_HELD || hold == ENGINE_UNHELD)
		return NULL;
	return error_new(ERROR_TARGET,
			 "process %d: its file %s, and probes must not be in it: start the "
			 "program again",
			 (int)options->pid,
			 hold == ENGINE_WRITTEN ? "is open for writing" : "has changed");
}

static struct error *begin(struct steps *steps, const struct steps_options *options)
{
	bool known = file_version_read(options->exe, &steps->version);

	steps->exe = fcntl(options->exe, F_DUPFD_CLOEXEC, 3);
	if (steps->exe < 0)
		return error_errno(ERROR_FAILED, errno, "cannot keep the program open");
	try(place(options, &steps->placements));
	steps->track.swiss = steps->placements.maps == GO_MAPS_SWISS;
	steps->filter.map = options->map;
	steps->options = (struct engine_options){
		.module = {.image = options->image,
			   .tab = options->tab,
			   .placements = &steps->placements,
			   .version = known ? &steps->version : NULL},
		.filter = &steps->filter,
		.stack_max = 1,
		.key_bytes = 1,
		.buffer_size = RING_BYTES,
		.sample = ENGINE_SAMPLE_NONE,
		.processes = 1,
		.cgroup_fd = -1,
		.tree_fd = -1,
		.users = options->users,
	};
	try(engine_open(engine_find("uprobe"), &steps->options, &steps->engine));
	return attach(steps, options);
}

struct error *steps_open(const struct steps_options *options, struct steps **ret)
{
	struct steps *steps = calloc(1, sizeof(*steps));
	struct error *err;

	if (!steps)
		return error_nomem();
	steps->exe = -1;
	err = begin(steps, options);
	if (err)
		steps_close(steps);
	else
		*ret = steps;
	return err;
}

void steps_close(struct steps *steps)
{
	if (!steps)
		return;
	engine_close(steps->engine);
	if (steps->exe >= 0)
		close(steps->exe);
	placements_fini(&steps->placements);
	track_fini(&steps->track);
	free(steps);
}

uint64_t steps_capabilities(const struct steps *steps)
{
	return engine_capabilities(steps->engine);
}

int steps_fd(const struct steps *steps)
{
	return engine_wake_fd(steps->engine);
}

/* ---- records ---- */

/* Makes a step of a record, and shows it. Returns false when it is enough. */
static bool show(struct steps *steps, const struct wire_map_step *record)
{
	const struct spot *spot;
	struct map_step step;
	uint32_t index = WIRE_PROBE_INDEX(record->event.probe);

	if (index >= steps->placements.list.len)
		return true;
	spot = &steps->placements.list.data[index];
	track_take(&steps->track, record, go_steps[spot->number].kind, &step);
	step.wall_ns = step.time_ns + steps->wall_offset_ns;
	steps->enough = !steps->on_step(steps->ctx, &step);
	return !steps->enough;
}

static bool on_record(void *ctx, const void *data, size_t size)
{
	const struct wire_map_step *record = data;
	struct steps *steps = ctx;

	if (steps->enough || steps->news != STEPS_GO_ON)
		return false;
	if (size >= sizeof(record->event) && record->event.kind == WIRE_EXEC) {
		steps->news = STEPS_EXEC;
		return false;
	}
	if (size < sizeof(*record) || record->event.kind != WIRE_MAP_STEP)
		return true;
	if (track_follows(&steps->track, record))
		return show(steps, record);
	steps->kept = *record;
	steps->has_kept = true;
	steps->news = STEPS_OTHER;
	track_forget(&steps->track);
	return false;
}

struct error *steps_drain(struct steps *steps,
			  bool (*on_step)(void *ctx, const struct map_step *step), void *ctx,
			  enum steps_news *ret)
{
	steps->on_step = on_step;
	steps->ctx = ctx;
	steps->news = STEPS_GO_ON;
	steps->enough = false;
	steps->wall_offset_ns = clock_wall_offset(steps->wall_offset_ns);
	if (steps->has_kept) {
		steps->has_kept = false;
		show(steps, &steps->kept);
	}
	if (!steps->enough)
		try(engine_drain(steps->engine, on_record, steps));
	*ret = steps->news;
	return NULL;
}

void steps_end(struct steps *steps)
{
	engine_stop(steps->engine);
	engine_detach(steps->engine);
}

void steps_counters(const struct steps *steps, struct steps_counters *ret)
{
	struct engine_counters counters;

	engine_counters(steps->engine, &counters);
	*ret = (struct steps_counters){
		.seen = counters.hits,
		.lost = counters.lost_ring + counters.lost_pending + counters.lost_internal,
	};
}

void steps_forget(struct steps *steps)
{
	track_forget(&steps->track);
}

void steps_note(struct steps *steps, const uint64_t header[6], uint64_t evacuated)
{
	track_note(&steps->track, header, evacuated);
}

void steps_note_overflow(struct steps *steps, uint64_t addr, uint64_t bucket, uint32_t depth)
{
	track_note_overflow(&steps->track, addr, bucket, depth);
}
