/* One map is followed: engine -> steps -> lines, and process -> map -> frames. */
#include "cmd/maps_watch.h"
#include "base/text/text.h"
#include "base/clock.h"
#include "base/confine.h"
#include "base/loop.h"
#include "base/buf.h"
#include "cmd/cmd.h"
#include "cmd/maps_every.h"
#include "cmd/maps_frame.h"
#include "cmd/maps_lines.h"
#include "cmd/output.h"
#include "watch/session/session.h"

#include <poll.h>
#include <signal.h>

enum {
	TICK_MS = 20,
	FRAME_TRIES = 3,   /* of a frame between two steps */
	SETTLE_TRIES = 50, /* until the map is seen between two steps */
};

#define FRAME_NS 100000000ull /* between two frames of a map that changes all the time */

struct watch {
	const struct maps_options *options;
	struct maps_listing *listing;
	struct steps *steps;
	struct frames frames;
	struct step_lines lines;
	struct loop *loop;
	uint64_t end_ns; /* 0: no limit of time */
	uint64_t lost_told;
	uint64_t framed_ns;
	unsigned
		blurs; /* readings in a row that were not shown, because the map changed meanwhile */
	bool due;      /* a frame for the last steps */
	bool muted;    /* steps are taken out, and not shown */
	bool ended;
	bool enough;	 /* no step that follows is asked for */
	uint64_t passed; /* steps of the last drain */
};

static void quit(struct watch *watch)
{
	watch->ended = true;
	loop_quit(watch->loop);
}

/* ---- output ---- */

/* Writes what has gathered. Ends if nothing more can be written. */
static struct error *flush(struct watch *watch)
{
	try(step_lines_flush(&watch->lines, loop_signal_fd(watch->loop)));
	if (watch->lines.closed)
		quit(watch);
	return NULL;
}

static void end_with_this(struct watch *watch)
{
	watch->enough = true;
	quit(watch);
}

static bool is_at_limit(const struct watch *watch)
{
	return watch->options->limit && watch->lines.taken >= watch->options->limit;
}

static bool on_step(void *ctx, const struct map_step *step)
{
	struct watch *watch = ctx;

	watch->passed++;
	if (watch->muted)
		return true;
	frames_lift(&watch->frames, &watch->lines.out);
	if (!step_lines_take(&watch->lines, step))
		watch->lines.out.bad = true;
	watch->due = true;
	return !is_at_limit(watch);
}

/* Prepares for a message, which may be on the same terminal: it stands below all that was written until now. */
static struct error *begin_to_say(struct watch *watch)
{
	frames_leave(&watch->frames);
	return flush(watch);
}

/* Says that steps were missed, once for each time. */
static struct error *say_lost(struct watch *watch)
{
	struct steps_counters counters;

	steps_counters(watch->steps, &counters);
	if (counters.lost == watch->lost_told)
		return NULL;
	try(begin_to_say(watch));
	cmd_say("%llu steps were missed here: there was no room for them, or their end was not seen",
		(unsigned long long)(counters.lost - watch->lost_told));
	watch->lost_told = counters.lost;
	return NULL;
}

/* ---- steps ---- */

/* Says why the map is none any more, and ends. */
static struct error *say_gone(struct watch *watch, const char *why)
{
	try(begin_to_say(watch));
	cmd_say("the map is gone: 0x%llx is %s", (unsigned long long)watch->options->watch, why);
	end_with_this(watch);
	return NULL;
}

/* Tells what it means that the map has other buckets than after its last step: steps were missed, or it is another map. */
static bool is_another(const struct watch *watch)
{
	struct steps_counters counters;

	steps_counters(watch->steps, &counters);
	return counters.lost == watch->lost_told;
}

static struct error *drain(struct watch *watch)
{
	enum steps_news news;

	watch->passed = 0;
	do {
		try(steps_drain(watch->steps, on_step, watch, &news));
		if (news == STEPS_OTHER && is_another(watch))
			return say_gone(watch, "the address of another map now");
		try(say_lost(watch));
	} while (news == STEPS_OTHER);
	if (news == STEPS_EXEC) {
		try(begin_to_say(watch));
		cmd_say("process %d executes another program now",
			(int)watch->listing->target->pid);
		end_with_this(watch);
	}
	if (is_at_limit(watch))
		end_with_this(watch);
	return NULL;
}

/* ---- frames ---- */

/* Reads the map between two steps, so that the number of its evacuated buckets is known. Gives up if it changes all the
 * time. */
static struct error *settle(struct watch *watch)
{
	enum frame_news frame = FRAME_LATER;

	watch->muted = true;
	for (unsigned i = 0; i < SETTLE_TRIES && !watch->ended; i++) {
		try(drain(watch));
		try(frames_read(&watch->frames, &frame));
		if (frame == FRAME_GONE)
			break;
		try(drain(watch));
		if (frame == FRAME_READ && !watch->passed && one_is_whole(watch->frames.one)) {
			frames_tell(&watch->frames);
			break;
		}
	}
	watch->muted = false;
	return NULL;
}

/* Reads the map after the steps that were shown. Steps that happen meanwhile are shown, too, and it is read again, a few
 * times. */
static struct error *read_frame(struct watch *watch, enum frame_news *ret)
{
	for (unsigned i = 0; i < FRAME_TRIES; i++) {
		try(frames_read(&watch->frames, ret));
		if (*ret != FRAME_READ || watch->ended)
			return NULL;
		try(drain(watch));
		if (!watch->passed) {
			frames_tell(&watch->frames);
			return NULL;
		}
	}
	frames_blur(&watch->frames);
	return NULL;
}

/* Puts the frame of the last steps. */
static struct error *put_frame(struct watch *watch)
{
	enum frame_news frame;

	if (watch->lines.json) {
		watch->due = false;
		return NULL;
	}
	try(read_frame(watch, &frame));
	watch->framed_ns = now_ns();
	watch->due = frame == FRAME_LATER;
	if (frame == FRAME_GONE)
		try(say_gone(watch, "not among the live maps any more"));
	if (frame == FRAME_READ && !watch->ended && !frames_are_clear(&watch->frames) &&
	    ++watch->blurs < FRAME_TRIES) {
		watch->due = true; /* again, a moment later */
		return NULL;
	}
	if (frame == FRAME_READ) {
		watch->blurs = 0;
		frames_lift(&watch->frames, &watch->lines.out);
		frames_put(&watch->frames, watch->lines.taken, &watch->lines.out);
	}
	return NULL;
}

/* ---- the loop ---- */

static struct error *turn(struct watch *watch)
{
	if (watch->ended)
		return NULL;
	try(drain(watch));
	if (watch->due && (watch->ended || now_ns() - watch->framed_ns >= FRAME_NS))
		try(put_frame(watch));
	return flush(watch);
}

static struct error *on_ring(void *ctx, short revents)
{
	(void)revents;
	return turn(ctx);
}

static struct error *on_tick(void *ctx)
{
	struct watch *watch = ctx;

	try(turn(watch));
	if (watch->end_ns && now_ns() >= watch->end_ns)
		quit(watch);
	return NULL;
}

static struct error *on_end(void *ctx, short revents)
{
	struct watch *watch = ctx;

	(void)revents;
	try(turn(watch));
	try(begin_to_say(watch));
	if (!watch->ended && !maps_go_on(watch->listing))
		quit(watch);
	return NULL;
}

static struct error *on_signal(void *ctx, int signal)
{
	struct watch *watch = ctx;

	(void)signal;
	watch->framed_ns = 0; /* the last frame does not wait */
	try(turn(watch));
	quit(watch);
	return NULL;
}

/* Appends what is watched, and its state now. */
static void put_begin(struct watch *watch)
{
	const struct gomap *listed = gomap_at(&watch->listing->maps, watch->options->watch);
	struct buf *out = &watch->lines.out;
	struct map_row row;

	if (!listed)
		return;
	row = maps_row_of(watch->listing, watch->frames.one ? one_map(watch->frames.one) : listed);
	if (watch->lines.json) {
		map_steps_begin_json(out, clock_ns(CLOCK_REALTIME),
				     (uint32_t)watch->listing->target->pid, &row);
		return;
	}
	buf_hex(out, row.map);
	buf_str(out, "  ");
	text_safe_str(out, row.type ? row.type : "of a type that is not known");
	buf_char(out, '\n');
	if (watch->frames.one)
		frames_put(&watch->frames, 0, out);
}

static struct error *run(struct watch *watch)
{
	static const int signals[] = {SIGINT, SIGTERM};

	try(loop_new(&watch->loop));
	try(loop_catch(watch->loop, signals, ARRAY_SIZE(signals), on_signal, watch));
	try(loop_watch(watch->loop, steps_fd(watch->steps), POLLIN, on_ring, watch));
	try(loop_watch(watch->loop, target_end_fd(watch->listing->target), POLLIN, on_end, watch));
	try(loop_every(watch->loop, TICK_MS, on_tick, watch));
	try(settle(watch));
	put_begin(watch);
	try(flush(watch));
	return loop_run(watch->loop);
}

/* Shows the steps that were recorded before the probes were removed, and ends the output. *ret_missed: the steps that were
 * not shown. */
static struct error *put_end(struct watch *watch, uint64_t *ret_missed)
{
	struct steps_counters counters;

	if (!watch->enough)
		try(drain(watch));
	steps_counters(watch->steps, &counters);
	if (watch->lines.json)
		map_steps_end_json(&watch->lines.out, watch->lines.taken, counters.lost);
	try(flush(watch));
	*ret_missed = counters.lost + step_lines_missed(&watch->lines);
	return NULL;
}

/* Runs until the end, and removes the probes. */
static struct error *run_to_end(struct watch *watch, uint64_t *ret_missed)
{
	struct error *err = run(watch);

	steps_end(watch->steps);
	return err ? err : put_end(watch, ret_missed);
}

/* Says what was shown, and what was not. */
static void say_end(const struct watch *watch, uint64_t missed)
{
	unsigned long long unwritten = step_lines_missed(&watch->lines);

	if (unwritten)
		cmd_say("%llu steps were missed at the end: the reader of the output did not take them",
			unwritten);
	if (!watch->options->quiet)
		cmd_say("%llu steps of 0x%llx, %llu missed", (unsigned long long)watch->lines.shown,
			(unsigned long long)watch->options->watch, (unsigned long long)missed);
}

/* ---- begin and end ---- */

static struct error *place(struct maps_listing *listing, struct steps **ret)
{
	uid_t uid = getuid();
	gid_t gid = getgid();
	struct engine_users caller = {.list = &uid, .n = 1, .gid = &gid};
	const struct module *module = listing->found.list.data[0].module;
	cleanup_close int exe = module_file(module);
	struct steps_options options = {.image = module->image,
					.tab = module->tab,
					.exe = exe,
					.pid = listing->target->pid,
					.map = listing->options->watch,
					.users = confine_is_for_caller() ? &caller : NULL};

	try(session_check_caller());
	if (exe < 0 || !module->tab)
		return error_new(ERROR_TARGET, "process %d: its program cannot be opened",
				 (int)listing->target->pid);
	return steps_open(&options, ret);
}

/* Checks that the map can be followed. */
static struct error *check_map(struct maps_listing *listing)
{
	const struct gomap *map = gomap_at(&listing->maps, listing->options->watch);
	unsigned long long addr = listing->options->watch;

	if (!map)
		return error_new(ERROR_TARGET,
				 "0x%llx is not the header of a live map: tophash maps lists them",
				 addr);
	if (map->on_stack)
		return error_new(
			ERROR_TARGET,
			"0x%llx: the map lies on the stack of a goroutine, and moves with it: "
			"it cannot be watched",
			addr);
	return NULL;
}

static struct error *watch_map(struct maps_listing *listing, struct steps *steps, int fd,
			       bool *ret_lost)
{
	struct watch watch = {
		.options = listing->options,
		.listing = listing,
		.steps = steps,
		.lines = {.fd = fd, .json = strcmp(listing->options->format, "json") == 0}};
	uint64_t missed = 0;
	struct error *err;

	if (listing->options->duration)
		watch.end_ns = now_ns() + listing->options->duration;
	frames_init(&watch.frames, listing, steps, fd);
	err = run_to_end(&watch, &missed);
	*ret_lost = missed > 0;
	if (!err)
		say_end(&watch, missed);
	loop_free(watch.loop);
	frames_fini(&watch.frames);
	step_lines_fini(&watch.lines);
	return err;
}

struct error *maps_watch(const struct maps_options *options, int fd, bool *ret_lost)
{
	cleanup(maps_list_fini) struct maps_listing listing = {0};
	cleanup(steps_close) struct steps *steps = NULL;

	try(maps_list_open(options, &listing));
	try(place(&listing, &steps));
	listing.rights = steps_capabilities(steps);
	listing.signals = true;
	try(maps_list_read(&listing));
	try(check_map(&listing));
	try(output_empty(options->output, fd));
	return watch_map(&listing, steps, fd, ret_lost);
}
