#include "read/explain/explain.h"
#include "base/frame.h"
#include "base/path.h"
#include "base/clock.h"

/* Seconds of processor time for all frames together. A real traceback takes microseconds. */
#define PATIENCE_S 10

/* The printed frame, and the addresses that were found for it. */
struct frame_candidates {
	const struct gopcln *tab;
	const struct scan_hit *hit;
	const char *file; /* as printed; its length is hit->file_len */
	struct traceback_pc best;
	unsigned exact;	 /* candidates whose file and line are the printed ones */
	unsigned others; /* candidates with another file or line */
	struct deadline deadline;
};

/* Tells whether a frame has the printed file and line. Folders are not compared, because -trimpath
 * and a moved source tree change them. */
static bool same_place(const struct frame_candidates *c, const struct frame *frame)
{
	return frame->line == c->hit->line &&
	       path_same_base(frame->file, c->file, c->hit->file_len);
}

/* Tells whether the function at pc has the printed place there. Inlined calls are printed with
 * their own names; only the last of the frames, that of the function itself, has an offset. */
static bool place_fits(const struct frame_candidates *c, uint64_t pc)
{
	struct frame frames[GOPCLN_INLINE_MAX];
	size_t n = gopcln_frames(c->tab, pc, frames, ARRAY_SIZE(frames));

	return n && same_place(c, &frames[n - 1]);
}

static void weigh(struct frame_candidates *c, uint64_t pc)
{
	bool before = pc && place_fits(c, pc - 1);
	bool here = !before && place_fits(c, pc);

	if (before || here) {
		if (c->exact++ == 0)
			c->best = (struct traceback_pc){.pc = pc, .step = before, .exact = true};
	} else if (c->others++ == 0 && !c->exact) {
		c->best = (struct traceback_pc){.pc = pc, .step = 1};
	}
}

static bool on_func(void *ctx, const struct gopcln_func *func)
{
	struct frame_candidates *c = ctx;

	if (c->hit->value < func->end - func->entry)
		weigh(c, func->entry + c->hit->value);
	return c->exact < 2 && ((c->exact + c->others) % 16 || !deadline_passed(&c->deadline));
}

static const struct gonames *names_of(struct traceback *traceback, const struct gopcln *tab)
{
	if (!traceback->names_tried) {
		traceback->names_tried = true;
		error_free(gonames_open(tab, &traceback->names));
	}
	return traceback->names;
}

/* Begins to look for a frame. Returns false when the program is no Go program, or when the time is
 * over. */
static bool begin(struct traceback *traceback, const struct scan_hit *hit, const char *line,
		  struct frame_candidates *ret)
{
	*ret = (struct frame_candidates){
		.tab = explain_module_gopcln(traceback->module),
		.hit = hit,
		.file = line + hit->file,
		.deadline = deadline_in(PATIENCE_S),
	};
	return ret->tab && traceback->used <= PATIENCE_S;
}

static void end(struct traceback *traceback, const struct frame_candidates *c)
{
	traceback->used += PATIENCE_S - (c->deadline.at - clock_used());
}

/* Finds the frame in the functions of a name. */
static bool find_named(struct traceback *traceback, const struct scan_hit *hit, const char *line,
		       const char *name, size_t len, struct frame_candidates *ret)
{
	const struct gonames *names;

	if (!begin(traceback, hit, line, ret))
		return false;
	names = names_of(traceback, ret->tab);
	if (names && len)
		gonames_find(names, name, len, on_func, ret);
	end(traceback, ret);
	return true;
}

bool traceback_find(struct traceback *traceback, const struct scan_hit *hit, const char *line,
		    struct traceback_pc *ret)
{
	struct frame_candidates c, other;

	if (!find_named(traceback, hit, line, hit->func, hit->func_len, &c))
		return false;
	/* If the newest line comes first, the name before the place is another frame's. */
	if (c.exact != 1 && hit->other_len &&
	    find_named(traceback, hit, line, hit->other, hit->other_len, &other) &&
	    other.exact == 1)
		c = other;
	*ret = c.best;
	return c.exact == 1 || (!c.exact && c.others == 1);
}

unsigned traceback_step(struct traceback *traceback, const struct scan_hit *hit, const char *line,
			uint64_t pc)
{
	struct frame_candidates c;

	if (!begin(traceback, hit, line, &c))
		return 1;
	weigh(&c, pc);
	end(traceback, &c);
	return c.exact ? c.best.step : 1;
}

void traceback_fini(struct traceback *traceback)
{
	gonames_close(traceback->names);
	*traceback = (struct traceback){0};
}
