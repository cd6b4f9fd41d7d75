/* Prints the changes between two binaries, for people and as JSON:
 *
 *     shop.old (go1.26.5) -> shop (go1.27.4)
 *     66 sites -> 52: 40 same, 3 of another variant, 5 inlined differently, 2 new, 6 gone
 *
 *     another variant
 *       main.ranges  main.go:60  map[int]int
 *           clear -> fast64
 */
#include "base/frame.h"
#include "base/buf.h"
#include "base/text/text.h"
#include "show/report/sites_priv.h"

/* Numbers of sites by kind of change. A site may count for several kinds. */
struct site_tally {
	size_t same, variant, type, inlining, came, went;
};

enum { SITE_CHANGE_VARIANT, SITE_CHANGE_TYPE, SITE_CHANGE_INLINING };

#define ARROW	   " → "
#define REST_LEAST 8 /* columns; of less nothing can be read */

/* ---- kinds of changes ---- */

/* Returns a mask in which bit 1 << n says that the site has changed in kind n. */
static unsigned site_change_kinds(const struct site_change *change)
{
	return (unsigned)change->variant << SITE_CHANGE_VARIANT |
	       (unsigned)change->type << SITE_CHANGE_TYPE |
	       (unsigned)change->inlining << SITE_CHANGE_INLINING;
}

static bool site_change_same(const struct site_change *change)
{
	return change->from && change->to && !site_change_kinds(change);
}

static struct site_tally site_tally(const struct site_change **changes, size_t n)
{
	struct site_tally tally = {0};

	for (size_t i = 0; i < n; i++) {
		tally.same += site_change_same(changes[i]);
		tally.variant += changes[i]->variant;
		tally.type += changes[i]->type;
		tally.inlining += changes[i]->inlining;
		tally.came += !changes[i]->from;
		tally.went += !changes[i]->to;
	}
	return tally;
}

/* ---- as text ---- */

static void put_count(struct buf *to, size_t n, const char *what, const char **comma)
{
	if (!n)
		return;
	buf_str(to, *comma);
	buf_u64(to, n);
	buf_str(to, what);
	*comma = ", ";
}

static void put_binary(struct buf *to, const struct site_report *report)
{
	text_safe_str(to, report->binary);
	buf_str(to, " (");
	text_safe_str(to, report->go);
	buf_str(to, report->stripped ? ", stripped)" : ")");
}

static void put_head(struct buf *out, const struct site_report *from, const struct site_report *to,
		     const struct site_tally *tally)
{
	const char *comma = ": ";
	struct buf line = {0};

	put_binary(&line, from);
	buf_str(&line, ARROW);
	put_binary(&line, to);
	text_wrap(out, &line, to->width);
	buf_reset(&line);
	buf_u64(&line, from->sites->list.len);
	buf_str(&line, " sites" ARROW);
	buf_u64(&line, to->sites->list.len);
	put_count(&line, tally->same, " same", &comma);
	put_count(&line, tally->variant, " of another variant", &comma);
	put_count(&line, tally->type, " of another type", &comma);
	put_count(&line, tally->inlining, " inlined differently", &comma);
	put_count(&line, tally->came, " new", &comma);
	put_count(&line, tally->went, " gone", &comma);
	text_wrap(out, &line, to->width);
	out->bad |= line.bad;
	buf_fini(&line);
}

/* Appends "inlined into main.callers main.go:82", or "own frame" when it is not inlined. */
static void put_inlining(struct buf *to, const struct site_row *row)
{
	if (row->frames_n == 1)
		buf_str(to, "own frame");
	for (size_t i = 1; i < row->frames_n; i++) {
		buf_str(to, i > 1 ? ", that into " : "inlined into ");
		site_put_func(to, row->frames[i].func, "", 0);
		buf_char(to, ' ');
		site_put_place(to, &row->frames[i]);
	}
}

static void put_details(struct buf *to, const struct site_change *change)
{
	const char *between = "";

	if (change->variant) {
		buf_str(to, go_entries[change->from->entry].variant);
		buf_str(to, ARROW);
		buf_str(to, go_entries[change->to->entry].variant);
		between = " · ";
	}
	if (change->type) {
		buf_str(to, between);
		site_put_type(to, change->from);
		buf_str(to, ARROW);
		site_put_type(to, change->to);
		between = " · ";
	}
	if (change->inlining) {
		buf_str(to, between);
		put_inlining(to, change->from);
		buf_str(to, ARROW);
		put_inlining(to, change->to);
	}
}

/* Returns the columns of a line behind its indent. */
static size_t columns_of(const struct site_report *report)
{
	return report->width == TEXT_UNLIMITED ? report->width : report->width - 2;
}

/* Appends the text to a line of which `used` columns are taken, as far as it fits. */
static void put_rest(struct buf *out, const struct buf *text, size_t columns, size_t used)
{
	size_t from = out->len;

	if (columns != TEXT_UNLIMITED && used + REST_LEAST > columns)
		return;
	buf_put(out, text->data, text->len);
	text_cut(out, from, columns == TEXT_UNLIMITED ? columns : columns - used);
}

static void put_change(struct buf *out, const struct site_report *report,
		       const struct site_change *change)
{
	const struct site_row *row = change->to ? change->to : change->from;
	struct buf text = {0}, source = {0};

	site_put_source(&source, site_innermost(row), "", 0, false, TEXT_UNLIMITED);
	if (!change->variant) {
		buf_str(&text, "  ");
		buf_str(&text, go_entries[row->entry].variant);
	}
	if (!change->type) {
		buf_str(&text, "  ");
		site_put_type(&text, row);
	}
	buf_str(out, "  ");
	site_put_source(out, site_innermost(row), "", 0, report->color, columns_of(report));
	put_rest(out, &text, columns_of(report), text_columns(&source, 0));
	buf_char(out, '\n');
	buf_reset(&text);
	if (change->from && change->to)
		put_details(&text, change);
	else if (row->frames_n > 1)
		put_inlining(&text, row);
	if (text.len) {
		text_sgr(out, report->color, SGR_DIM);
		text_wrap_indented(out, &text, 6, 0, report->width);
		text_sgr_end(out, report->color, SGR_DIM);
	}
	out->bad |= text.bad || source.bad;
	buf_fini(&text);
	buf_fini(&source);
}

/* The headings. A change is listed under the first one that applies. */
enum { CAME, WENT, VARIANT, TYPE, INLINING, NONE };

static unsigned heading_of(const struct site_change *change)
{
	if (!change->from)
		return CAME;
	if (!change->to)
		return WENT;
	return change->variant ? VARIANT : change->type ? TYPE : change->inlining ? INLINING : NONE;
}

void site_changes_text(struct buf *out, const struct site_report *from,
		       const struct site_report *to, const struct site_change **changes, size_t n)
{
	static const char *const headings[] = {
		[CAME] = "new",
		[WENT] = "gone",
		[VARIANT] = "another variant",
		[TYPE] = "another type",
		[INLINING] = "inlined differently",
	};
	struct site_tally tally = site_tally(changes, n);

	put_head(out, from, to, &tally);
	for (unsigned h = 0; h < ARRAY_SIZE(headings); h++) {
		bool begun = false;

		for (size_t i = 0; i < n; i++) {
			if (heading_of(changes[i]) != h)
				continue;
			if (!begun) {
				buf_char(out, '\n');
				text_sgr(out, to->color, SGR_MAGENTA);
				buf_str(out, headings[h]);
				text_sgr_end(out, to->color, SGR_MAGENTA);
				buf_char(out, '\n');
			}
			begun = true;
			put_change(out, to, changes[i]);
		}
	}
}

/* ---- as JSON ---- */

static void put_half(struct buf *to, const struct site_report *report, const struct site_row *row)
{
	if (!row) {
		json_literal(to, "null");
		return;
	}
	buf_char(to, '{');
	site_members_json(to, report, row);
	buf_char(to, '}');
}

static void put_change_json(struct buf *to, const struct site_report *from,
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
			put_change_json(to, from, report, changes[i]);
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
