/* The sites of a binary as JSON Lines. The names and their order are an interface; a member that
 * says that something is unusual appears only when it is. */
#include "show/report/report.h"
#include "read/layout/layout.h"
#include "show/report/sites_priv.h"

#define put_literal(to, text) buf_put((to), (text), sizeof(text) - 1)
#define put_next(to, name)    put_literal(to, ",\"" name "\":")

static void put_string(struct buf *to, const char *s)
{
	if (s)
		value_json_string(to, s, strlen(s));
	else
		put_literal(to, "null");
}

static void put_address(struct buf *to, uint64_t addr)
{
	buf_char(to, '"');
	buf_hex(to, addr);
	buf_char(to, '"');
}

static void put_frame(struct buf *to, const struct gopcln_frame *frame)
{
	put_string(to, frame->func);
	put_next(to, "file");
	put_string(to, frame->file);
	put_next(to, "line");
	buf_u64(to, frame->line);
}

/* The functions that the deleting one was inlined into, the one that holds the code last. */
static void put_inline(struct buf *to, const struct site_row *row)
{
	put_literal(to, ",\"inline\":[");
	for (size_t i = 1; i < row->frames_n; i++) {
		buf_str(to, i > 1 ? ",{\"func\":" : "{\"func\":");
		put_frame(to, &row->frames[i]);
		buf_char(to, '}');
	}
	buf_char(to, ']');
}

static void put_type(struct buf *to, const struct site_row *row)
{
	put_next(to, "map_type");
	put_string(to, row->type ? row->type->name : NULL);
	if (row->type) {
		put_next(to, "key");
		put_string(to, row->type->key);
		put_next(to, "key_bytes");
		buf_u64(to, row->type->key_size);
		put_next(to, "elem_bytes");
		buf_u64(to, row->type->elem_size);
		return;
	}
	put_next(to, "map_type_why");
	put_string(to, row->why_no_type);
	if (!row->instances_n)
		return;
	put_literal(to, ",\"instances\":[");
	for (size_t i = 0; i < row->instances_n; i++) {
		if (i)
			buf_char(to, ',');
		put_string(to, row->instances[i]->name);
	}
	buf_char(to, ']');
}

static void put_breakpoint(struct buf *to, const struct site_row *row)
{
	put_literal(to, ",\"breakpoint\":{\"frame\":");
	put_string(to, row->frames_n > 1 ? "inlined" : "own");
	put_next(to, "in");
	put_string(to, site_holder(row)->func);
	put_next(to, "copy");
	buf_u64(to, row->copy);
	put_next(to, "copies");
	buf_u64(to, row->copies);
	buf_char(to, '}');
}

/* A site's members, from "pc" on. */
static void put_members(struct buf *to, const struct site_report *report,
			const struct site_row *row)
{
	const struct go_entry *entry = &go_entries[row->entry];
	struct buf why = {0};

	put_literal(to, "\"pc\":");
	put_address(to, row->pc);
	put_next(to, "func");
	put_frame(to, site_source(row));
	put_inline(to, row);
	put_next(to, "package");
	value_json_string(to, site_holder(row)->func, site_package(site_holder(row)->func));
	put_next(to, "entry");
	put_string(to, entry->name);
	put_next(to, "variant");
	put_string(to, entry->variant);
	site_why(row, report->go_minor, &why);
	put_next(to, "why");
	value_json_string(to, buf_cstr(&why), why.len);
	put_type(to, row);
	put_breakpoint(to, row);
	put_next(to, "deferred");
	buf_str(to, row->deferred ? "true" : "false");
	if (row->literal)
		put_literal(to, ",\"literal\":true");
	if (row->wrapper)
		put_literal(to, ",\"wrapper\":true");
	if (row->jump)
		put_literal(to, ",\"tail_call\":true");
	to->bad |= why.bad;
	buf_fini(&why);
}

static void put_site(struct buf *to, const struct site_report *report, const struct site_row *row)
{
	put_literal(to, "{\"event\":\"site\",");
	put_members(to, report, row);
	put_literal(to, "}\n");
}

static void put_end(struct buf *to, const struct site_report *report)
{
	put_literal(to, "{\"event\":\"end\",\"binary\":");
	put_string(to, report->binary);
	put_next(to, "build_id");
	put_string(to, report->build_id);
	put_next(to, "arch");
	put_string(to, report->arch);
	put_next(to, "go");
	put_string(to, report->go);
	put_next(to, "layout");
	put_string(to, site_layout(report->sites));
	put_next(to, "stripped");
	buf_str(to, report->stripped ? "true" : "false");
	put_next(to, "sites");
	buf_u64(to, report->sites->list.len);
	put_next(to, "shown");
	buf_u64(to, report->rows_n);
	put_literal(to, "}\n");
}

void site_json(struct buf *to, const struct site_report *report)
{
	for (size_t i = 0; i < report->rows_n; i++)
		put_site(to, report, report->rows[i]);
	put_end(to, report);
}

static void put_count(void *ctx, const char *name, size_t len, size_t sites)
{
	struct buf *to = ctx;

	put_literal(to, "{\"name\":");
	value_json_string(to, name, len);
	put_next(to, "sites");
	buf_u64(to, sites);
	put_literal(to, "},");
}

void site_table_json(struct buf *to, const struct site_report *report, enum site_by by)
{
	put_literal(to, "{\"event\":\"table\",\"by\":");
	put_string(to, site_by_name(by));
	put_literal(to, ",\"rows\":[");
	to->bad |= !site_count(report, by, put_count, to);
	if (to->len && to->data[to->len - 1] == ',')
		to->len--;
	put_literal(to, "]}\n");
	put_end(to, report);
}

/* ---- two binaries ---- */

static void put_half(struct buf *to, const struct site_report *report, const struct site_row *row)
{
	if (!row) {
		put_literal(to, "null");
		return;
	}
	buf_char(to, '{');
	put_members(to, report, row);
	buf_char(to, '}');
}

static void put_change(struct buf *to, const struct site_report *from,
		       const struct site_report *report, const struct site_change *change)
{
	static const char *const names[] = {
		[SITE_CHANGE_VARIANT] = "variant",
		[SITE_CHANGE_TYPE] = "type",
		[SITE_CHANGE_INLINING] = "inlining",
	};
	unsigned kinds = site_change_kinds(change);
	const char *comma = "";

	put_literal(to, "{\"event\":\"change\",\"change\":[");
	if (!change->from || !change->to)
		put_string(to, change->to ? "came" : "went");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!(kinds & 1u << i))
			continue;
		buf_str(to, comma);
		put_string(to, names[i]);
		comma = ",";
	}
	put_literal(to, "],\"from\":");
	put_half(to, from, change->from);
	put_next(to, "to");
	put_half(to, report, change->to);
	put_literal(to, "}\n");
}

void site_changes_json(struct buf *to, const struct site_report *from,
		       const struct site_report *report, const struct site_change **changes,
		       size_t n)
{
	struct site_tally tally = site_tally(changes, n);

	for (size_t i = 0; i < n; i++)
		if (!site_change_same(changes[i]))
			put_change(to, from, report, changes[i]);
	put_literal(to, "{\"event\":\"end\",\"from\":");
	put_string(to, from->binary);
	put_next(to, "from_sites");
	buf_u64(to, from->sites->list.len);
	put_next(to, "to");
	put_string(to, report->binary);
	put_next(to, "to_sites");
	buf_u64(to, report->sites->list.len);
	put_next(to, "same");
	buf_u64(to, tally.same);
	put_next(to, "variant");
	buf_u64(to, tally.variant);
	put_next(to, "type");
	buf_u64(to, tally.type);
	put_next(to, "inlining");
	buf_u64(to, tally.inlining);
	put_next(to, "came");
	buf_u64(to, tally.came);
	put_next(to, "went");
	buf_u64(to, tally.went);
	put_literal(to, "}\n");
}
