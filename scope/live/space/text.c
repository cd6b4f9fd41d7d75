/* If the bias must be learned, a chunk is read twice. The frame that tells it may come late in a
 * crash report, after the pc of the signal, and addresses before it need the bias as well.
 */
#include "live/space/space.h"

void space_text_init(struct space_text *text, struct space *space, enum space_return returns,
		     bool bias_given)
{
	*text = (struct space_text){
		.space = space,
		.returns = returns,
		.learn = !bias_given && !space->process && !space->bias &&
			 image_is_pie(explain_module_image(space->main)),
		.traceback = {.module = space->main},
	};
}

void space_text_fini(struct space_text *text)
{
	vec_fini(&text->marks);
	vec_fini(&text->queries);
	traceback_fini(&text->traceback);
}

/* ---- one address ---- */

static struct error *add(struct space_text *text, const struct explain_query *query,
			 const struct space_mark *mark)
{
	if (!vec_push(&text->queries, *query) || !vec_push(&text->marks, *mark))
		return error_nomem();
	return NULL;
}

/* Returns 1 when the address is looked up one byte before, as a return address is. */
static unsigned step_of(const struct space_text *text, unsigned by_shape)
{
	return text->returns == SPACE_RETURN_AUTO ? by_shape : text->returns == SPACE_RETURN_YES;
}

/* Returns whether a function begins where the offset that perf prints says. */
static bool fits_offset(const struct explain_query *query, const struct scan_hit *hit,
			unsigned step)
{
	const struct gopcln *tab = query->module ? explain_module_gopcln(query->module) : NULL;
	struct gopcln_func func;

	return tab && gopcln_func_at(tab, query->pc, &func) &&
	       query->pc + step - func.entry == hit->offset;
}

/* Takes an address of perf, which prints an offset in the file. Earlier releases of perf print an
 * address. If the number could be either, the offset from the beginning of the function decides,
 * which perf prints as well. */
static struct error *take_perf(struct space_text *text, const struct scan_hit *hit,
			       const char *line, const struct space_mark *mark)
{
	unsigned step = step_of(text, hit->returns);
	struct explain_query offset, address;
	bool is_offset = space_locate_offset(text->space, line + hit->dso, hit->dso_len, hit->value,
					     step, &offset);
	bool is_address = space_has_code(text->space, hit->value - step);

	/* In the space of a single file, numbers of other files are ignored. */
	if (!offset.module && !text->space->process)
		return NULL;
	space_locate(text->space, hit->value, step, &address);
	if (is_offset && is_address)
		is_offset = !fits_offset(&address, hit, step);
	if (!is_offset && !is_address)
		return NULL;
	return add(text, is_offset ? &offset : &address, mark);
}

static struct error *take_address(struct space_text *text, uint64_t addr, unsigned by_shape,
				  const struct space_mark *mark)
{
	unsigned step = step_of(text, by_shape);
	struct explain_query query;

	if (!space_has_code(text->space, addr - step))
		return NULL;
	space_locate(text->space, addr, step, &query);
	return add(text, &query, mark);
}

static struct error *take_offset(struct space_text *text, const struct scan_hit *hit,
				 const char *line, struct space_mark *mark)
{
	struct traceback_pc found;

	if (!traceback_find(&text->traceback, hit, line, &found))
		return NULL;
	mark->computed = true;
	mark->other = !found.exact;
	return take_address(text, found.pc + text->space->bias, found.step, mark);
}

static struct error *take_hit(struct space_text *text, const struct scan_hit *hit, const char *line,
			      size_t at)
{
	struct space_mark mark = {.at = at + hit->at + hit->len};
	unsigned step;

	switch (hit->kind) {
	case SCAN_PERF: return take_perf(text, hit, line, &mark);
	case SCAN_OFFSET: return take_offset(text, hit, line, &mark);
	case SCAN_FRAME:
		step = traceback_step(&text->traceback, hit, line, hit->value - text->space->bias);
		return take_address(text, hit->value, step, &mark);
	case SCAN_RETURN: return take_address(text, hit->value, 1, &mark);
	case SCAN_PLAIN: break;
	}
	return take_address(text, hit->value, 0, &mark);
}

/* ---- one line ---- */

/* Tells whether hit i and the next are the offset and the pc in the same line of a frame. */
static bool has_both(const struct scan_hit hits[], size_t n, size_t i)
{
	return hits[i].kind == SCAN_OFFSET && i + 1 < n && hits[i + 1].kind == SCAN_FRAME;
}

/* Learns the bias of a position-independent program from a line that prints both. */
static void learn_bias(struct space_text *text, const struct scan_hit hits[], size_t n,
		       const char *line)
{
	struct traceback_pc found;

	for (size_t i = 0; i < n && text->learn; i++) {
		if (!has_both(hits, n, i) ||
		    !traceback_find(&text->traceback, &hits[i], line, &found))
			continue;
		text->learn = !bias_of_addr(hits[i + 1].value, found.pc, &text->space->bias);
	}
}

static struct error *take_hits(struct space_text *text, const struct scan_hit hits[], size_t n,
			       const char *line, size_t at)
{
	for (size_t i = 0; i < n; i++)
		if (!has_both(hits, n, i)) /* the offset and the pc are one address */
			try(take_hit(text, &hits[i], line, at));
	return NULL;
}

/* ---- lines ---- */

/* Takes the addresses of each line, or learns the bias from them. */
static struct error *each_line(struct space_text *text, const char *chunk, size_t len,
			       bool learning)
{
	struct scan_hit hits[SCAN_HITS_MAX];
	size_t end;

	for (size_t at = 0; at < len && (!learning || text->learn); at = end + 1) {
		const char *newline = memchr(chunk + at, '\n', len - at);
		struct scan_text line = {.line = chunk + at};
		size_t n;

		end = newline ? (size_t)(newline - chunk) : len;
		line.len = end - at;
		if (end + 1 < len) {
			line.next = chunk + end + 1;
			line.next_len = len - (end + 1);
		}
		n = scan_line(&text->state, &line, hits);
		for (; n; n = scan_line_more(&text->state, &line, hits)) {
			if (learning)
				learn_bias(text, hits, n, line.line);
			else
				try(take_hits(text, hits, n, line.line, at));
		}
	}
	return NULL;
}

struct error *space_text_find(struct space_text *text, const char *chunk, size_t len)
{
	text->marks.len = text->queries.len = 0;
	if (text->learn) {
		struct scan_state state = text->state;

		try(each_line(text, chunk, len, true));
		text->state = state;
	}
	return each_line(text, chunk, len, false);
}
