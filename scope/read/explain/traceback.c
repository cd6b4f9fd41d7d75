#include "read/explain/explain.h"
#include "base/frame.h"
#include "base/path.h"
#include "base/clock.h"

/* Seconds of processor time for all frames together. A real traceback takes microseconds. */
#define PATIENCE_S 10
#define BEGINS_MAX 8 /* of a name, that are tried */

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

/* Finds the next place in a printed name at which the real name may begin, because the prefix of a log
 * ends with a character that names may have, too: "crash.log-12-main.f" (grep -A), "%0Amain.f", or a
 * character that is not ASCII. Returns NULL when there is none. */
static const char *next_begin(const char *name, const char *end)
{
	for (; name < end; name++) {
		if (end - name > 3 && *name == '%' && (name[1] == '0'))
			return name + 3;
		if (*name == '-' || ((*name & 0x80) && name + 1 < end && !(name[1] & 0x80)))
			return name + 1;
	}
	return NULL;
}

/* Finds the frame if the beginning of the printed name is none of it. Only the printed file and line
 * are trusted then. */
static void find_shorter(struct traceback *traceback, const struct scan_hit *hit, const char *line,
			 struct frame_candidates *c)
{
	const char *name = hit->func, *end = name + hit->func_len;
	struct frame_candidates shorter;

	for (unsigned i = 0; i < BEGINS_MAX && name; i++) {
		name = next_begin(name, end);
		if (name &&
		    find_named(traceback, hit, line, name, (size_t)(end - name), &shorter) &&
		    shorter.exact == 1) {
			*c = shorter;
			return;
		}
	}
}

bool traceback_find(struct traceback *traceback, const struct scan_hit *hit, const char *line,
		    struct traceback_pc *ret)
{
	struct frame_candidates c, other;

	if (!find_named(traceback, hit, line, hit->func, hit->func_len, &c))
		return false;
	if (!c.exact && !c.others)
		find_shorter(traceback, hit, line, &c);
	/* A log that is cut at its beginning looks like one whose newest line comes first. If both names fit,
	 * nobody knows which is meant. */
	if (hit->other_len &&
	    find_named(traceback, hit, line, hit->other, hit->other_len, &other) &&
	    other.exact == 1) {
		if (c.exact && c.best.pc != other.best.pc)
			return false;
		c = other;
	}
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
