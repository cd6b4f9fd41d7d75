/* Standard input: addresses out of a text, or the text with notes.
 *
 * A chunk of whole lines at a time, as large as what is there to be read without waiting: a file
 * goes through in pieces of a megabyte, a log that is being written line by line. Of each chunk the
 * addresses are found first, then explained in one batch, then written.
 */
#include "cmd/addr.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define PATIENCE_S \
	10 /* of processor time, for a traceback's frames; a real one takes microseconds */
#define CHUNK_MAX (1u << 20) /* bytes; a longer line is cut, at a blank where there is one */

/* An address of the chunk, and where in the chunk its note goes. */
struct found {
	size_t at;     /* one past the number */
	bool computed; /* from an offset: the address itself is the news */
	bool other;    /* the traceback says another file or line: another build's */
};

struct stream {
	struct addr *addr;
	struct scan_state state;
	bool learning; /* this pass looks for the bias alone */
	struct buf in;
	VEC(struct found) found;
	VEC(struct explain_query) queries;
};

/* ---- frames of a traceback ---- */

/* What a frame's offset can mean: the function's name may belong to several instances, and the pc
 * may be one to return to, or (where a signal came) not. The printed file and line decide. */
struct resolve {
	const struct gopcln *tab;
	const struct scan_hit *hit;
	const char *file;
	uint64_t pc;	 /* the link-time address found */
	unsigned step;	 /* 1: it is one to return to */
	unsigned exact;	 /* candidates whose line is the printed one */
	unsigned others; /* and those where it is not */
	struct deadline deadline;
};

/* The folder says nothing: -trimpath and a moved source tree change it. */
static bool same_place(const struct resolve *r, const struct frame *frame)
{
	const char *slash = strrchr(frame->file, '/'), *name = slash ? slash + 1 : frame->file;
	const char *other = memrchr(r->file, '/', r->hit->file_len);
	size_t len = r->hit->file_len - (other ? (size_t)(other + 1 - r->file) : 0);

	return frame->line == r->hit->line && strlen(name) == len &&
	       !memcmp(name, other ? other + 1 : r->file, len);
}

/* A frame's line is printed for the innermost of the calls that were inlined there, each with its
 * own name; the one with the offset is the physical function's, the last. */
static bool place_fits(const struct resolve *r, uint64_t pc)
{
	struct frame frames[GOPCLN_INLINE_MAX];
	size_t n = gopcln_frames(r->tab, pc, frames, ARRAY_SIZE(frames));

	return n && same_place(r, &frames[n - 1]);
}

static void weigh(struct resolve *r, uint64_t pc)
{
	bool before = pc && place_fits(r, pc - 1);
	bool here = !before && place_fits(r, pc);

	if (before || here) {
		if (r->exact++ == 0) {
			r->pc = pc;
			r->step = before;
		}
	} else if (r->others++ == 0 && !r->exact) {
		r->pc = pc;
		r->step = 1;
	}
}

static bool on_func(void *ctx, const struct gopcln_func *func)
{
	struct resolve *r = ctx;

	if (r->hit->value < func->end - func->entry)
		weigh(r, func->entry + r->hit->value);
	return r->exact < 2 && ((r->exact + r->others) % 16 || !deadline_passed(&r->deadline));
}

static const struct gonames *names_of(struct addr *addr)
{
	const struct gopcln *tab;

	if (!addr->names_tried) {
		addr->names_tried = true;
		tab = explain_module_gopcln(addr->target.main);
		if (tab)
			error_free(gonames_open(tab, &addr->names));
	}
	return addr->names;
}

/* The address that a frame's offset stands for; false when the program has no such function, or
 * several that could be meant. */
static bool resolve_offset(struct stream *stream, const struct scan_hit *hit, const char *line,
			   struct resolve *ret)
{
	struct addr *addr = stream->addr;
	const struct gonames *names = names_of(addr);
	double begun;

	*ret = (struct resolve){.hit = hit, .file = line + hit->file};
	if (!names || addr->names_used > PATIENCE_S)
		return false;
	begun = clock_used();
	ret->deadline = deadline_in(PATIENCE_S);
	ret->tab = explain_module_gopcln(addr->target.main);
	if (ret->tab)
		gonames_find(names, hit->func, hit->func_len, on_func, ret);
	addr->names_used += clock_used() - begun;
	return ret->exact == 1 || (!ret->exact && ret->others == 1);
}

/* Is the pc of a frame, printed in full, one to return to? */
static unsigned frame_step(struct addr *addr, const struct scan_hit *hit, const char *line)
{
	struct resolve resolve = {.tab = explain_module_gopcln(addr->target.main),
				  .hit = hit,
				  .file = line + hit->file};
	double begun;

	if (!resolve.tab || addr->names_used > PATIENCE_S)
		return 1;
	begun = clock_used();
	weigh(&resolve, hit->value - addr->target.bias);
	addr->names_used += clock_used() - begun;
	return resolve.exact ? resolve.step : 1;
}

/* ---- addresses of a chunk ---- */

static struct error *add(struct stream *stream, uint64_t addr, unsigned step,
			 const struct found *found)
{
	struct explain_query query;

	addr_target_locate(&stream->addr->target, addr, step, &query);
	if (!vec_push(&stream->queries, query) || !vec_push(&stream->found, *found))
		return error_nomem();
	return NULL;
}

/* A frame's line prints the pc beside the offset at times: then the bias of a position-independent
 * program is known, if nobody has told it. The frame may come late in a crash report, behind the pc
 * of the signal: so a chunk is looked through for it first. */
static void learn_bias(struct stream *stream, const struct scan_hit hits[], size_t n,
		       const char *line)
{
	struct resolve resolve;

	for (size_t i = 0; i + 1 < n; i++) {
		if (hits[i].kind != SCAN_OFFSET || hits[i + 1].kind != SCAN_FRAME ||
		    !resolve_offset(stream, &hits[i], line, &resolve))
			continue;
		if (bias_of_addr(hits[i + 1].value, resolve.pc, &stream->addr->target.bias))
			return;
	}
}

static bool wants_bias(const struct addr *addr)
{
	return !addr->target.process && !addr->options.bias_given && !addr->target.bias &&
	       image_is_pie(explain_module_image(addr->target.main));
}

/* perf prints an offset in the file, earlier releases an address; where both could be, the one at
 * which a function begins as far before as perf says. */
static bool fits_offset(const struct explain_query *query, const struct scan_hit *hit,
			unsigned step)
{
	const struct gopcln *tab = query->module ? explain_module_gopcln(query->module) : NULL;
	struct gopcln_func func;

	return tab && gopcln_func_at(tab, query->pc, &func) &&
	       query->pc + step - func.entry == hit->offset;
}

static struct error *take_perf(struct stream *stream, const struct scan_hit *hit, const char *line,
			       const struct found *found)
{
	struct addr *addr = stream->addr;
	enum addr_return returns = addr->options.returns;
	unsigned step = returns == ADDR_RETURN_AUTO ? hit->returns : returns == ADDR_RETURN_YES;
	struct explain_query offset, address;
	bool is_offset = addr_target_locate_offset(&addr->target, line + hit->dso, hit->dso_len,
						   hit->value, step, &offset);
	bool is_address = addr_target_has_code(&addr->target, hit->value - step);

	addr_target_locate(&addr->target, hit->value, step, &address);
	/* Another file's number is none of a BINARY's. */
	if (!offset.module && !addr->target.process)
		return NULL;
	if (is_offset && is_address)
		is_offset = !fits_offset(&address, hit, step);
	if (!is_offset && !is_address)
		return NULL;
	if (!vec_push(&stream->queries, is_offset ? offset : address) ||
	    !vec_push(&stream->found, *found))
		return error_nomem();
	return NULL;
}

static struct error *take_hit(struct stream *stream, const struct scan_hit *hit, const char *line,
			      size_t at)
{
	struct addr *addr = stream->addr;
	enum addr_return returns = addr->options.returns;
	unsigned step = hit->kind == SCAN_RETURN;
	struct found found = {.at = at + hit->at + hit->len};
	uint64_t value = hit->value;
	struct resolve resolve;

	if (hit->kind == SCAN_PERF)
		return take_perf(stream, hit, line, &found);
	if (hit->kind == SCAN_OFFSET) {
		if (!resolve_offset(stream, hit, line, &resolve))
			return NULL;
		value = addr_target_runtime(&addr->target, resolve.pc);
		step = resolve.step;
		found.computed = true;
		found.other = !resolve.exact;
	} else if (hit->kind == SCAN_FRAME) {
		step = frame_step(addr, hit, line);
	}
	if (returns != ADDR_RETURN_AUTO)
		step = returns == ADDR_RETURN_YES;
	if (!addr_target_has_code(&addr->target, value - step))
		return NULL;
	return add(stream, value, step, &found);
}

static struct error *take_line(struct stream *stream, const struct scan_text *text, size_t at)
{
	struct scan_hit hits[SCAN_HITS_MAX];
	const char *line = text->line;
	size_t n = scan_line(&stream->state, text, hits);

	for (; n; n = scan_line_more(&stream->state, text, hits)) {
		if (stream->learning)
			learn_bias(stream, hits, n, line);
		for (size_t i = 0; i < n && !stream->learning; i++) {
			/* Where the pc stands beside the offset, they are one. */
			if (hits[i].kind == SCAN_OFFSET && i + 1 < n &&
			    hits[i + 1].kind == SCAN_FRAME)
				continue;
			try(take_hit(stream, &hits[i], line, at));
		}
	}
	return NULL;
}

/* Finds the line that begins at `at`, when all of it is there. */
static void find_next(const struct stream *stream, size_t at, struct scan_text *ret)
{
	const char *next = stream->in.data + at;
	const char *newline = at < stream->in.len ? memchr(next, '\n', stream->in.len - at) : NULL;

	if (newline) {
		ret->next = next;
		ret->next_len = (size_t)(newline - next);
	}
}

/* learning: only for the bias, until it is known. */
static struct error *take_lines(struct stream *stream, size_t len, bool learning)
{
	const char *text = stream->in.data;
	size_t at = 0;

	stream->learning = learning;
	while (at < len && (!learning || wants_bias(stream->addr))) {
		const char *newline = memchr(text + at, '\n', len - at);
		size_t end = newline ? (size_t)(newline - text) : len;
		struct scan_text line = {.line = text + at, .len = end - at};

		if (newline)
			find_next(stream, end + 1, &line);
		try(take_line(stream, &line, at));
		at = end + 1;
	}
	return NULL;
}

/* ---- out ---- */

static void put_note(struct addr *addr, const struct found *found, const struct explanation *e)
{
	struct buf *to = &addr->out;

	addr_count(&addr->totals, e);
	if (!found->computed) {
		addr_note(to, e);
		return;
	}
	buf_str(to, " [");
	buf_hex(to, e->query.addr);
	if (found->other)
		buf_str(to, ", but here it is another line: the text is of another build");
	buf_char(to, ']');
}

static struct error *put_chunk(struct stream *stream, size_t len)
{
	struct addr *addr = stream->addr;
	const struct explanation *list;
	size_t done = 0;

	try(explain(addr->explain, stream->queries.data, stream->queries.len, &list));
	for (size_t i = 0; i < stream->queries.len && !addr->closed; i++) {
		const struct found *found = &stream->found.data[i];

		if (addr->options.annotate) {
			buf_put(&addr->out, stream->in.data + done, found->at - done);
			done = found->at;
			put_note(addr, found, &list[i]);
		} else {
			addr_emit(addr, &list[i]);
		}
		try(addr_flush(addr, false));
	}
	if (addr->options.annotate)
		buf_put(&addr->out, stream->in.data + done, len - done);
	return addr_flush(addr, true);
}

/* ---- in ---- */

/* How much of the text can be taken now: whole lines; all of it at the end. */
static size_t take_length(const struct stream *stream, bool ended)
{
	const struct buf *in = &stream->in;
	const char *newline = in->len ? memrchr(in->data, '\n', in->len) : NULL;
	const char *blank;

	if (ended)
		return in->len;
	if (newline)
		return (size_t)(newline - in->data) + 1;
	if (in->len < CHUNK_MAX)
		return 0;
	blank = memrchr(in->data, ' ', in->len);
	return blank ? (size_t)(blank - in->data) + 1 : in->len;
}

/* Reads what is there, up to a chunk; waits only where there is nothing. */
static struct error *read_some(struct buf *in, bool *ret_ended)
{
	struct pollfd readable = {.fd = STDIN_FILENO, .events = POLLIN};
	size_t from = in->len;

	while (in->len < CHUNK_MAX) {
		char *room;
		ssize_t n;

		if (in->len > from && poll(&readable, 1, 0) <= 0)
			break;
		room = buf_room(in, CHUNK_MAX - in->len);
		if (!room)
			return error_nomem();
		n = read(STDIN_FILENO, room, CHUNK_MAX - in->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			poll(&readable, 1, -1);
			continue;
		}
		if (n < 0)
			return error_errno(ERROR_FAILED, errno, "cannot read standard input");
		*ret_ended = n == 0;
		if (!n)
			break;
		in->len += (size_t)n;
	}
	return NULL;
}

static struct error *pass(struct stream *stream)
{
	bool ended = false;

	while (!ended && !stream->addr->closed) {
		size_t len;

		try(read_some(&stream->in, &ended));
		len = take_length(stream, ended);
		if (!len)
			continue;
		stream->queries.len = stream->found.len = 0;
		if (wants_bias(stream->addr)) {
			struct scan_state state = stream->state;

			try(take_lines(stream, len, true));
			stream->state = state;
		}
		try(take_lines(stream, len, false));
		try(put_chunk(stream, len));
		memmove(stream->in.data, stream->in.data + len, stream->in.len - len);
		stream->in.len -= len;
	}
	return NULL;
}

struct error *addr_annotate(struct addr *addr)
{
	struct stream stream = {.addr = addr};
	struct error *err = pass(&stream);

	vec_fini(&stream.found);
	vec_fini(&stream.queries);
	buf_fini(&stream.in);
	return err;
}
