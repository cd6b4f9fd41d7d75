#include "read/explain/explain.h"

/* Seconds of processor time for all frames together; a real traceback takes microseconds. */
#define PATIENCE_S 10

/* The printed frame, and what has been found for it. */
struct candidates {
	const struct gopcln *tab;
	const struct scan_hit *hit;
	const char *file; /* as printed; its length is hit->file_len */
	struct traceback_pc best;
	unsigned exact;	 /* candidates whose line is the printed one */
	unsigned others; /* and those where it is not */
	struct deadline deadline;
};

/* The folder says nothing: -trimpath and a moved source tree change it. */
static bool same_place(const struct candidates *c, const struct frame *frame)
{
	return frame->line == c->hit->line &&
	       path_same_base(frame->file, c->file, c->hit->file_len);
}

/* A frame's line is printed for the innermost of the calls that were inlined there, each with its
 * own name; the one with the offset is the physical function's, the last. */
static bool place_fits(const struct candidates *c, uint64_t pc)
{
	struct frame frames[GOPCLN_INLINE_MAX];
	size_t n = gopcln_frames(c->tab, pc, frames, ARRAY_SIZE(frames));

	return n && same_place(c, &frames[n - 1]);
}

static void weigh(struct candidates *c, uint64_t pc)
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
	struct candidates *c = ctx;

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

/* Returns false when there is nothing to look in, or no time left. */
static bool begin(struct traceback *traceback, const struct scan_hit *hit, const char *line,
		  struct candidates *ret)
{
	*ret = (struct candidates){
		.tab = explain_module_gopcln(traceback->module),
		.hit = hit,
		.file = line + hit->file,
		.deadline = deadline_in(PATIENCE_S),
	};
	return ret->tab && traceback->used <= PATIENCE_S;
}

static void end(struct traceback *traceback, const struct candidates *c)
{
	traceback->used += PATIENCE_S - (c->deadline.at - clock_used());
}

bool traceback_find(struct traceback *traceback, const struct scan_hit *hit, const char *line,
		    struct traceback_pc *ret)
{
	const struct gonames *names;
	struct candidates c;

	if (!begin(traceback, hit, line, &c))
		return false;
	names = names_of(traceback, c.tab);
	if (names)
		gonames_find(names, hit->func, hit->func_len, on_func, &c);
	end(traceback, &c);
	*ret = c.best;
	return c.exact == 1 || (!c.exact && c.others == 1);
}

unsigned traceback_step(struct traceback *traceback, const struct scan_hit *hit, const char *line,
			uint64_t pc)
{
	struct candidates c;

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
