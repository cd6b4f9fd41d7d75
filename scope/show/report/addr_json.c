/* One object an address, and one at the end; the names and their order are an interface. A source
 * that was not asked has no member; one that was and has no answer is null, with the reason beside
 * it. */
#include "show/report/report.h"
#include "read/layout/layout.h"

#include <math.h>

#define put_literal(to, text) buf_put((to), (text), sizeof(text) - 1)

static void put_string(struct buf *to, const char *s)
{
	value_json_string(to, s, strlen(s));
}

static void put_member(struct buf *to, const char *name, const char *suffix)
{
	put_literal(to, ",\"");
	buf_str(to, name);
	buf_str(to, suffix);
	put_literal(to, "\":");
}

static void put_address(struct buf *to, const char *name, uint64_t addr)
{
	put_member(to, name, "");
	buf_char(to, '"');
	buf_hex(to, addr);
	buf_char(to, '"');
}

/* func, file, line; null where unknown. */
static void put_place(struct buf *to, const char *func, const struct explain_frame *frame)
{
	put_literal(to, "\"func\":");
	if (frame && *func)
		put_string(to, func);
	else
		put_literal(to, "null");
	put_literal(to, ",\"file\":");
	if (frame && *frame->file)
		put_string(to, frame->file);
	else
		put_literal(to, "null");
	put_literal(to, ",\"line\":");
	if (frame && frame->line)
		buf_u64(to, frame->line);
	else
		put_literal(to, "null");
}

static void put_answer(struct buf *to, enum explain_source source,
		       const struct explain_answer *answer)
{
	const char *name = explain_source_name(source);

	put_member(to, name, "");
	if (!answer->n) {
		put_literal(to, "null");
		put_member(to, name, "_error");
		put_string(to, answer->why ? answer->why : "?");
		return;
	}
	if (source == EXPLAIN_SYMBOLS) {
		put_literal(to, "{\"name\":");
		put_string(to, answer->frames[0].func);
		put_address(to, "entry", answer->entry);
		put_literal(to, ",\"size\":");
		buf_u64(to, answer->size > INT64_MAX ? INT64_MAX : answer->size);
		buf_char(to, '}');
		return;
	}
	put_literal(to, "{\"entry\":");
	if (answer->entry) {
		buf_char(to, '"');
		buf_hex(to, answer->entry);
		buf_char(to, '"');
	} else {
		put_literal(to, "null");
	}
	put_literal(to, ",\"frames\":[");
	for (size_t i = 0; i < answer->n; i++) {
		buf_str(to, i ? ",{" : "{");
		put_place(to, answer->frames[i].func, &answer->frames[i]);
		if (answer->frames[i].inlined)
			put_literal(to, ",\"inlined\":true");
		buf_char(to, '}');
	}
	put_literal(to, "]}");
}

static void put_differ(struct buf *to, uint32_t differ)
{
	static const char *const names[] = {"func", "entry", "inline", "file", "line"};
	const char *between = "";

	put_literal(to, ",\"differ\":[");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!(differ & 1u << i))
			continue;
		buf_str(to, between);
		between = ",";
		put_string(to, names[i]);
	}
	buf_char(to, ']');
}

void addr_json(struct buf *to, const struct explanation *e)
{
	const struct explain_answer *best = e->best >= 0 ? &e->by[e->best] : NULL;

	put_literal(to, "{\"event\":\"addr\"");
	put_address(to, "addr", e->query.addr);
	if (e->query.module) {
		put_member(to, "module", "");
		put_string(to, explain_module_path(e->query.module));
		put_address(to, "pc", e->query.pc);
	} else {
		put_literal(to, ",\"module\":null,\"module_error\":");
		put_string(to, e->query.place ? e->query.place : "?");
	}
	buf_char(to, ',');
	put_place(to, best ? explain_func(e, best, 0) : "", best ? &best->frames[0] : NULL);
	if (best) {
		if (best->entry) {
			put_literal(to, ",\"offset\":");
			buf_u64(to, e->query.pc - best->entry);
		}
		put_member(to, "source", "");
		put_string(to, explain_source_name((enum explain_source)e->best));
	} else if (*e->section) {
		put_member(to, "section", "");
		put_string(to, e->section);
	}
	if (e->differ)
		put_differ(to, e->differ);
	for (enum explain_source i = 0; i < EXPLAIN_SOURCES; i++)
		if (e->by[i].asked)
			put_answer(to, i, &e->by[i]);
	put_literal(to, "}\n");
}

static void put_number(struct buf *to, const char *name, uint64_t value)
{
	put_member(to, name, "");
	buf_u64(to, value);
}

void addr_json_end(struct buf *to, const struct addr_totals *totals, double seconds)
{
	const struct value value = {
		.kind = VALUE_FLOAT, .bits = 64, .f = round(seconds * 1e6) / 1e6};

	put_literal(to, "{\"event\":\"end\"");
	put_number(to, "addresses", totals->addresses);
	put_number(to, "explained", totals->explained);
	put_number(to, "unexplained", totals->addresses - totals->explained);
	put_number(to, "differ", totals->differ);
	for (enum explain_source i = 0; i < EXPLAIN_SOURCES; i++) {
		if (!totals->asked[i])
			continue;
		put_number(to, explain_source_name(i), totals->by[i]);
		if (totals->why[i]) {
			put_member(to, explain_source_name(i), "_error");
			put_string(to, totals->why[i]);
		}
	}
	if (totals->separate) {
		put_member(to, "dwarf_file", "");
		put_string(to, totals->separate);
	}
	put_literal(to, ",\"seconds\":");
	value_json(to, &value, 1);
	put_literal(to, "}\n");
}
