/* One object an address, and one at the end; the names and their order are an interface. A source
 * that was not asked has no member; one that was and has no answer is null, with the reason beside
 * it. */
#include "base/text/text.h"
#include "show/report/report.h"

static void put_member(struct buf *to, const char *name, const char *suffix)
{
	json_literal(to, ",\"");
	buf_str(to, name);
	buf_str(to, suffix);
	json_literal(to, "\":");
}

/* func, file, line; null where unknown. */
static void put_place(struct buf *to, const char *func, const struct frame *frame)
{
	json_literal(to, "\"func\":");
	if (frame && *func)
		json_put_str(to, func);
	else
		json_literal(to, "null");
	json_literal(to, ",\"file\":");
	if (frame && *frame->file)
		json_put_str(to, frame->file);
	else
		json_literal(to, "null");
	json_literal(to, ",\"line\":");
	if (frame && frame->line)
		buf_u64(to, frame->line);
	else
		json_literal(to, "null");
}

static void put_answer(struct buf *to, enum explain_source source,
		       const struct explain_answer *answer)
{
	const char *name = explain_source_name(source);

	put_member(to, name, "");
	if (!answer->n) {
		json_literal(to, "null");
		put_member(to, name, "_error");
		json_put_str(to, answer->why ? answer->why : "?");
		return;
	}
	if (source == EXPLAIN_SYMBOLS) {
		json_literal(to, "{\"name\":");
		json_put_str(to, answer->frames[0].func);
		json_name(to, "entry");
		json_put_address(to, answer->entry);
		json_literal(to, ",\"size\":");
		buf_u64(to, answer->size > INT64_MAX ? INT64_MAX : answer->size);
		buf_char(to, '}');
		return;
	}
	json_literal(to, "{\"entry\":");
	if (answer->entry) {
		json_put_address(to, answer->entry);
	} else {
		json_literal(to, "null");
	}
	json_literal(to, ",\"frames\":[");
	for (size_t i = 0; i < answer->n; i++) {
		buf_str(to, i ? ",{" : "{");
		put_place(to, answer->frames[i].func, &answer->frames[i]);
		if (answer->frames[i].inlined)
			json_literal(to, ",\"inlined\":true");
		buf_char(to, '}');
	}
	json_literal(to, "]}");
}

static void put_differ(struct buf *to, uint32_t differ)
{
	static const char *const names[] = {"func", "entry", "inline", "file", "line"};
	const char *between = "";

	json_literal(to, ",\"differ\":[");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!(differ & 1u << i))
			continue;
		buf_str(to, between);
		between = ",";
		json_put_str(to, names[i]);
	}
	buf_char(to, ']');
}

void addr_json(struct buf *to, const struct explanation *e)
{
	const struct explain_answer *best = e->best >= 0 ? &e->by[e->best] : NULL;

	json_literal(to, "{\"event\":\"addr\"");
	json_name(to, "addr");
	json_put_address(to, e->query.addr);
	if (e->query.module) {
		put_member(to, "module", "");
		json_put_str(to, explain_module_path(e->query.module));
		json_name(to, "pc");
		json_put_address(to, e->query.pc);
	} else {
		json_literal(to, ",\"module\":null,\"module_error\":");
		json_put_str(to, e->query.place ? e->query.place : "?");
	}
	buf_char(to, ',');
	put_place(to, best ? explain_func(e, best, 0) : "", best ? &best->frames[0] : NULL);
	if (best) {
		if (best->entry) {
			json_literal(to, ",\"offset\":");
			buf_u64(to, e->query.pc - best->entry);
		}
		put_member(to, "source", "");
		json_put_str(to, explain_source_name((enum explain_source)e->best));
	} else if (*e->section) {
		put_member(to, "section", "");
		json_put_str(to, e->section);
	}
	if (e->differ)
		put_differ(to, e->differ);
	for (enum explain_source i = 0; i < EXPLAIN_SOURCES; i++)
		if (e->by[i].asked)
			put_answer(to, i, &e->by[i]);
	json_literal(to, "}\n");
}

static void put_number(struct buf *to, const char *name, uint64_t value)
{
	put_member(to, name, "");
	buf_u64(to, value);
}

void addr_json_end(struct buf *to, const struct addr_totals *totals, double seconds)
{
	json_literal(to, "{\"event\":\"end\"");
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
			json_put_str(to, totals->why[i]);
		}
	}
	if (totals->separate) {
		put_member(to, "dwarf_file", "");
		json_put_str(to, totals->separate);
	}
	json_literal(to, ",\"seconds\":");
	json_put_decimal(to, seconds);
	json_literal(to, "}\n");
}
