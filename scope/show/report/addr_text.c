#include "show/report/report.h"
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
	buf_char(to, ' ');
	text_safe_str(to, frame->file);
	if (frame->line) {
		buf_char(to, ':');
		buf_u64(to, frame->line);
	}
}

/* Appends a frame: "main.(*store).refresh+0x1d /src/main.go:92". */
static void put_frame(struct buf *to, const struct explanation *e,
		      const struct explain_answer *answer, size_t index, const char *func,
		      bool color)
{
	const struct frame *frame = &answer->frames[index];

	text_sgr(to, color && !index, SGR_BOLD);
	text_safe_str(to, *func ? func : "?");
	text_sgr_end(to, color && !index, SGR_BOLD);
	if (!frame->inlined && answer->entry) {
		buf_char(to, '+');
		buf_hex(to, e->query.pc - answer->entry);
	}
	put_place(to, frame);
}

static size_t put_indent(struct buf *to, size_t indent)
{
	buf_char(to, '\n');
	buf_pad(to, ' ', indent);
	return indent;
}

static void put_source(struct buf *to, const struct explanation *e, enum explain_source source)
{
	const char *name = explain_source_name(source);
	const struct explain_answer *answer = &e->by[source];

	buf_str(to, name);
	buf_pad(to, ' ', 11 - strlen(name));
	if (!answer->n) {
		buf_str(to, "– ");
		text_safe_str(to, answer->why ? answer->why : "?");
		return;
	}
	for (size_t i = 0; i < answer->n; i++) {
		if (i)
			buf_put(to, " < ", 3);
		put_frame(to, e, answer, i, answer->frames[i].func, false);
	}
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

void addr_text(struct buf *to, const struct explanation *e, const struct addr_style *style)
{
	const struct explain_answer *best = e->best >= 0 ? &e->by[e->best] : NULL;
	size_t from = to->len, indent;

	buf_hex(to, e->query.addr);
	buf_put(to, "  ", 2);
	indent = to->len - from + 2;
	if (!best)
		put_nothing(to, e);
	for (size_t i = 0; best && i < best->n; i++) {
		if (i) {
			put_indent(to, indent);
			buf_put(to, "in ", 3);
		}
		put_frame(to, e, best, i, explain_func(e, best, i), style->color);
	}
	if (e->query.module && e->query.module != style->main) {
		buf_put(to, " (", 2);
		text_safe_str(to, path_base(explain_module_path(e->query.module)));
		buf_char(to, ')');
	}
	if (e->differ) {
		put_indent(to, indent);
		text_sgr(to, style->color, SGR_RED);
		buf_str(to, "differ: ");
		explain_differ_text(e->differ, to);
		text_sgr_end(to, style->color, SGR_RED);
	}
	for (enum explain_source i = 0; i < EXPLAIN_SOURCES; i++) {
		if (!e->by[i].asked || !(style->sources || e->differ || !best))
			continue;
		put_indent(to, indent);
		put_source(to, e, i);
	}
	buf_char(to, '\n');
}

/* Appends "3 addresses, 3 explained, in 1 the sources differ: gopclntab 3, symbols 0 (stripped:
 * ...)". */
void addr_text_end(struct buf *to, const struct addr_totals *totals)
{
	const char *between = ": ";

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
	buf_char(to, '\n');
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
		put_place(to, &best->frames[i]);
	}
	buf_char(to, ']');
}
