/* The sites of a binary as JSON Lines. The names and their order are an interface; a member that
 * says that something is unusual appears only when it is. */
#include "base/text/text.h"
#include "show/report/sites_priv.h"

static void put_frame(struct buf *to, const struct gopcln_frame *frame)
{
	json_put_str(to, frame->func);
	json_name(to, "file");
	json_put_str(to, frame->file);
	json_name(to, "line");
	buf_u64(to, frame->line);
}

/* The functions that the deleting one was inlined into, the one that holds the code last. */
static void put_inline(struct buf *to, const struct site_row *row)
{
	json_literal(to, ",\"inline\":[");
	for (size_t i = 1; i < row->frames_n; i++) {
		buf_str(to, i > 1 ? ",{\"func\":" : "{\"func\":");
		put_frame(to, &row->frames[i]);
		buf_char(to, '}');
	}
	buf_char(to, ']');
}

static void put_type(struct buf *to, const struct site_row *row)
{
	json_name(to, "map_type");
	json_put_str(to, row->type ? row->type->name : NULL);
	if (row->type) {
		json_name(to, "key");
		json_put_str(to, row->type->key);
		json_name(to, "key_bytes");
		buf_u64(to, row->type->key_size);
		json_name(to, "elem_bytes");
		buf_u64(to, row->type->elem_size);
		return;
	}
	json_name(to, "map_type_why");
	json_put_str(to, row->why_no_type);
	if (!row->instances_n)
		return;
	json_literal(to, ",\"instances\":[");
	for (size_t i = 0; i < row->instances_n; i++) {
		if (i)
			buf_char(to, ',');
		json_put_str(to, row->instances[i]->name);
	}
	buf_char(to, ']');
}

static void put_breakpoint(struct buf *to, const struct site_row *row)
{
	json_literal(to, ",\"breakpoint\":{\"frame\":");
	json_put_str(to, row->frames_n > 1 ? "inlined" : "own");
	json_name(to, "in");
	json_put_str(to, site_holder(row)->func);
	json_name(to, "copy");
	buf_u64(to, row->copy);
	json_name(to, "copies");
	buf_u64(to, row->copies);
	buf_char(to, '}');
}

/* A site's members, from "pc" on. */
static void put_members(struct buf *to, const struct site_report *report,
			const struct site_row *row)
{
	const struct go_entry *entry = &go_entries[row->entry];
	struct buf why = {0};

	json_literal(to, "\"pc\":");
	json_put_address(to, row->pc);
	json_name(to, "func");
	put_frame(to, site_source(row));
	put_inline(to, row);
	json_name(to, "package");
	json_put_string(to, site_holder(row)->func, site_package(site_holder(row)->func));
	json_name(to, "entry");
	json_put_str(to, entry->name);
	json_name(to, "variant");
	json_put_str(to, entry->variant);
	site_why(row, report->go_minor, &why);
	json_name(to, "why");
	json_put_string(to, buf_cstr(&why), why.len);
	put_type(to, row);
	put_breakpoint(to, row);
	json_name(to, "deferred");
	json_put_bool(to, row->deferred);
	if (row->literal)
		json_literal(to, ",\"literal\":true");
	if (row->wrapper)
		json_literal(to, ",\"wrapper\":true");
	if (row->jump)
		json_literal(to, ",\"tail_call\":true");
	to->bad |= why.bad;
	buf_fini(&why);
}

static void put_site(struct buf *to, const struct site_report *report, const struct site_row *row)
{
	json_literal(to, "{\"event\":\"site\",");
	put_members(to, report, row);
	json_literal(to, "}\n");
}

static void put_end(struct buf *to, const struct site_report *report)
{
	json_literal(to, "{\"event\":\"end\",\"binary\":");
	json_put_str(to, report->binary);
	json_name(to, "build_id");
	json_put_str(to, report->build_id);
	json_name(to, "arch");
	json_put_str(to, report->arch);
	json_name(to, "go");
	json_put_str(to, report->go);
	json_name(to, "layout");
	json_put_str(to, site_layout(report->sites));
	json_name(to, "stripped");
	json_put_bool(to, report->stripped);
	json_name(to, "sites");
	buf_u64(to, report->sites->list.len);
	json_name(to, "shown");
	buf_u64(to, report->rows_n);
	json_literal(to, "}\n");
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

	json_literal(to, "{\"name\":");
	json_put_string(to, name, len);
	json_name(to, "sites");
	buf_u64(to, sites);
	json_literal(to, "},");
}

void site_table_json(struct buf *to, const struct site_report *report, enum site_by by)
{
	json_literal(to, "{\"event\":\"table\",\"by\":");
	json_put_str(to, site_by_name(by));
	json_literal(to, ",\"rows\":[");
	to->bad |= !site_count(report, by, put_count, to);
	if (to->len && to->data[to->len - 1] == ',')
		to->len--;
	json_literal(to, "]}\n");
	put_end(to, report);
}

/* ---- two binaries ---- */

static void put_half(struct buf *to, const struct site_report *report, const struct site_row *row)
{
	if (!row) {
		json_literal(to, "null");
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

	json_literal(to, "{\"event\":\"change\",\"change\":[");
	if (!change->from || !change->to)
		json_put_str(to, change->to ? "came" : "went");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!(kinds & 1u << i))
			continue;
		buf_str(to, comma);
		json_put_str(to, names[i]);
		comma = ",";
	}
	json_literal(to, "],\"from\":");
	put_half(to, from, change->from);
	json_name(to, "to");
	put_half(to, report, change->to);
	json_literal(to, "}\n");
}

void site_changes_json(struct buf *to, const struct site_report *from,
		       const struct site_report *report, const struct site_change **changes,
		       size_t n)
{
	struct site_tally tally = site_tally(changes, n);

	for (size_t i = 0; i < n; i++)
		if (!site_change_same(changes[i]))
			put_change(to, from, report, changes[i]);
	json_literal(to, "{\"event\":\"end\",\"from\":");
	json_put_str(to, from->binary);
	json_name(to, "from_sites");
	buf_u64(to, from->sites->list.len);
	json_name(to, "to");
	json_put_str(to, report->binary);
	json_name(to, "to_sites");
	buf_u64(to, report->sites->list.len);
	json_name(to, "same");
	buf_u64(to, tally.same);
	json_name(to, "variant");
	buf_u64(to, tally.variant);
	json_name(to, "type");
	buf_u64(to, tally.type);
	json_name(to, "inlining");
	buf_u64(to, tally.inlining);
	json_name(to, "came");
	buf_u64(to, tally.came);
	json_name(to, "went");
	buf_u64(to, tally.went);
	json_literal(to, "}\n");
}
