#include "show/report/report.h"
#include "base/frame.h"
#include "base/path.h"
#include "base/buf.h"
#include "base/text/text.h"

void addr_count(struct addr_totals *totals, const struct explanation *e)
{
	totals->addresses++;
	totals->explained += e->best >= 0;
	totals->differ += e->differ != 0;
	for (size_t i = 0; i < EXPLAIN_SOURCES; i++) {
		totals->by[i] += e->by[i].n != 0;
		totals->asked[i] = totals->asked[i] || e->by[i].asked;
	}
}

static void put_place(struct buf *to, const struct frame *frame)
{
	if (!*frame->file)
		return;
	text_safe_str(to, frame->file);
	if (frame->line) {
		buf_char(to, ':');
		buf_u64(to, frame->line);
	}
}

/* Appends a frame: "main.(*store).refresh+0x1d /src/main.go:92", in at most `columns`. Folders are cut
 * first. */
static void put_frame(struct buf *to, const struct explanation *e,
		      const struct explain_answer *answer, size_t index, const char *func,
		      bool color, size_t columns)
{
	const struct frame *frame = &answer->frames[index];
	struct buf name = {0}, place = {0};
	struct text_pair pair = {.left = &name, .right = &place, .gap = 1, .bold = color && !index};

	text_safe_str(&name, *func ? func : "?");
	if (!frame->inlined && answer->entry) {
		buf_char(&name, '+');
		buf_hex(&name, e->query.pc - answer->entry);
	}
	put_place(&place, frame);
	if (place.len) {
		const char *base = memrchr(place.data, '/', place.len);
		size_t folder = base ? (size_t)(base - place.data) : 0;

		/* "…/main.go:92" */
		pair.least = text_columns(&place, folder) + (folder != 0);
	}
	text_pair(to, &pair, columns);
	to->bad |= name.bad || place.bad;
	buf_fini(&name);
	buf_fini(&place);
}

static size_t put_indent(struct buf *to, size_t indent)
{
	buf_char(to, '\n');
	buf_pad(to, ' ', indent);
	return indent;
}

static void put_source(struct buf *to, const struct explanation *e, enum explain_source source,
		       size_t columns)
{
	const char *name = explain_source_name(source);
	const struct explain_answer *answer = &e->by[source];
	size_t from = to->len;

	buf_str(to, name);
	buf_pad(to, ' ', 11 - strlen(name));
	if (!answer->n) {
		buf_str(to, "– ");
		text_safe_str(to, answer->why ? answer->why : "?");
	}
	for (size_t i = 0; i < answer->n; i++) {
		if (i)
			buf_put(to, " < ", 3);
		put_frame(to, e, answer, i, answer->frames[i].func, false, TEXT_UNLIMITED);
	}
	text_cut(to, from, columns);
}

/* Appends what is known of an address for which no source has an answer. */
static void put_nothing(struct buf *to, const struct explanation *e)
{
	if (e->query.place) {
		text_safe_str(to, e->query.place);
		return;
	}
	buf_str(to, "?");
	if (*e->section) {
		buf_str(to, " in section ");
		text_safe_str(to, e->section);
	}
}

#define COLUMNS_LEAST 20 /* behind an indent, even if the line is then too long */

/* Returns the columns that are left of `columns` when `n` are taken. */
static size_t less(size_t columns, size_t n)
{
	if (columns == TEXT_UNLIMITED)
		return columns;
	return columns > n + COLUMNS_LEAST ? columns - n : COLUMNS_LEAST;
}

void addr_text(struct buf *to, const struct explanation *e, const struct addr_style *style)
{
	const struct explain_answer *best = e->best >= 0 ? &e->by[e->best] : NULL;
	size_t from = to->len, indent, columns, sub;
	struct buf module = {0};

	if (e->query.module && e->query.module != style->main) {
		buf_put(&module, " (", 2);
		text_safe_str(&module, path_base(explain_module_path(e->query.module)));
		buf_char(&module, ')');
	}
	buf_hex(to, e->query.addr);
	buf_put(to, "  ", 2);
	indent = to->len - from + 2;
	from = to->len;
	columns = less(style->width, indent - 2);
	sub = less(style->width, indent);
	if (!best) {
		put_nothing(to, e);
		text_cut(to, from, columns);
	}
	for (size_t i = 0; best && i < best->n; i++) {
		bool last = i + 1 == best->n;
		size_t room = i ? less(sub, 3) : columns;

		if (i) {
			put_indent(to, indent);
			buf_put(to, "in ", 3);
		}
		put_frame(to, e, best, i, explain_func(e, best, i), style->color,
			  last ? less(room, text_columns(&module, 0)) : room);
	}
	buf_put(to, module.data, module.len);
	to->bad |= module.bad;
	buf_fini(&module);
	if (e->differ) {
		put_indent(to, indent);
		text_sgr(to, style->color, SGR_RED);
		buf_str(to, "differ: ");
		from = to->len;
		explain_differ_text(e->differ, to);
		text_cut(to, from, less(sub, 8));
		text_sgr_end(to, style->color, SGR_RED);
	}
	for (enum explain_source i = 0; i < EXPLAIN_SOURCES; i++) {
		if (!e->by[i].asked || !(style->sources || e->differ || !best))
			continue;
		put_indent(to, indent);
		put_source(to, e, i, sub);
	}
	buf_char(to, '\n');
}

/* Appends "3 addresses, 3 explained, in 1 the sources differ: gopclntab 3, symbols 0 (stripped:
 * ...)". */
void addr_text_end(struct buf *out, const struct addr_totals *totals, size_t width)
{
	const char *between = ": ";
	struct buf line = {0}, *to = &line;

	buf_u64(to, totals->addresses);
	buf_str(to, totals->addresses == 1 ? " address, " : " addresses, ");
	buf_u64(to, totals->explained);
	buf_str(to, " explained");
	if (totals->differ) {
		buf_str(to, ", in ");
		buf_u64(to, totals->differ);
		buf_str(to, " the sources differ");
	}
	for (enum explain_source i = 0; i < EXPLAIN_SOURCES; i++) {
		if (!totals->asked[i])
			continue;
		buf_str(to, between);
		between = ", ";
		buf_str(to, explain_source_name(i));
		buf_char(to, ' ');
		buf_u64(to, totals->by[i]);
		if (totals->why[i]) {
			buf_put(to, " (", 2);
			text_safe_str(to, totals->why[i]);
			buf_char(to, ')');
		} else if (i == EXPLAIN_DWARF && totals->separate) {
			buf_put(to, " (", 2);
			text_safe_str(to, totals->separate);
			buf_char(to, ')');
		}
	}
	text_wrap(out, &line, width);
	out->bad |= line.bad;
	buf_fini(&line);
}

void addr_note(struct buf *to, const struct explanation *e)
{
	const struct explain_answer *best = e->best >= 0 ? &e->by[e->best] : NULL;
	const char *func;

	if (!best)
		return;
	buf_put(to, " [", 2);
	for (size_t i = 0; i < best->n; i++) {
		if (i)
			buf_put(to, " < ", 3);
		func = explain_func(e, best, i);
		text_safe_str(to, *func ? func : "?");
		if (!*best->frames[i].file && best->entry) {
			buf_char(to, '+');
			buf_hex(to, e->query.pc - best->entry);
		}
		if (*best->frames[i].file)
			buf_char(to, ' ');
		put_place(to, &best->frames[i]);
	}
	buf_char(to, ']');
}
