/* The sites of a binary, for people:
 *
 *     shop · go1.26.5 swiss · x86_64, stripped · 4 sites
 *
 *     main
 *       0x4a1b2c  faststr  map[string]*main.session  (*store).sweep  store.go:61
 *                 string key, 8-byte element · inlined into (*server).run server.go:88
 */
#include "base/text/text.h"
#include "show/report/sites_priv.h"

#define INDENT 2

/* "…/store.go:61" -> "store.go:61" */
void site_put_place(struct buf *to, const struct gopcln_frame *frame)
{
	if (!*frame->file) {
		buf_str(to, "(no line)");
		return;
	}
	text_safe_str(to, text_base_name(frame->file));
	buf_char(to, ':');
	buf_u64(to, frame->line);
}

/* Appends a function's name; of what stands in brackets, the type arguments, only that they are
 * there: shapes, which are long. */
static void put_name(struct buf *to, const char *func)
{
	size_t depth = 0, from = 0, i = 0;

	for (; func[i]; i++) {
		if (func[i] == '[' && !depth++) {
			text_safe(to, func + from, i - from);
			buf_str(to, "[…]");
		} else if (func[i] == ']' && depth && !--depth) {
			from = i + 1;
		}
	}
	if (!depth)
		text_safe(to, func + from, i - from);
}

/* The function without its package, where that stands above already. */
void site_put_func(struct buf *to, const char *func, const char *package, size_t package_len)
{
	if (site_package(func) == package_len && memcmp(func, package, package_len) == 0 &&
	    func[package_len] == '.')
		func += package_len + 1;
	put_name(to, func);
}

static void put_head(struct buf *to, const struct site_report *report)
{
	struct buf line = {0};

	text_safe_str(&line, text_base_name(report->binary));
	buf_str(&line, " · ");
	text_safe_str(&line, *report->go ? report->go : "Go of unknown release");
	buf_char(&line, ' ');
	buf_str(&line, site_layout(report->sites));
	buf_str(&line, " · ");
	buf_str(&line, report->arch);
	if (report->stripped)
		buf_str(&line, ", stripped");
	buf_str(&line, " · ");
	text_counted(&line, report->sites->list.len, "site");
	if (report->rows_n != report->sites->list.len) {
		buf_str(&line, ", ");
		buf_u64(&line, report->rows_n);
		buf_str(&line, " shown");
	}
	text_sgr(to, report->color, SGR_DIM);
	text_wrap(to, &line, report->width);
	text_sgr_end(to, report->color, SGR_DIM);
	to->bad |= line.bad;
	buf_fini(&line);
}

/* ---- a site ---- */

struct columns {
	size_t pc, variant, type; /* width of each */
};

void site_put_type(struct buf *to, const struct site_row *row)
{
	if (row->type) {
		text_safe_str(to, row->type->name);
	} else if (row->instances_n == 1) {
		buf_str(to, "<generic: ");
		text_safe_str(to, row->instances[0]->name);
		buf_char(to, '>');
	} else if (row->instances_n) {
		buf_str(to, "<generic: ");
		text_counted(to, row->instances_n, "type");
		buf_char(to, '>');
	} else {
		buf_char(to, '<');
		buf_str(to, row->why_no_type);
		buf_char(to, '>');
	}
}

static size_t hex_width(uint64_t value)
{
	size_t width = 3;

	while (value >>= 4)
		width++;
	return width;
}

static struct columns measure(const struct site_report *report)
{
	struct columns columns = {0};
	struct buf type = {0};

	for (size_t i = 0; i < report->rows_n; i++) {
		const struct site_row *row = report->rows[i];
		size_t pc = hex_width(row->pc), variant = strlen(go_entries[row->entry].variant);
		size_t wide;

		buf_reset(&type);
		site_put_type(&type, row);
		wide = text_columns(&type, 0);
		columns.pc = pc > columns.pc ? pc : columns.pc;
		columns.variant = variant > columns.variant ? variant : columns.variant;
		columns.type = wide > columns.type ? wide : columns.type;
	}
	if (columns.type > report->width * 2 / 5)
		columns.type = report->width * 2 / 5;
	buf_fini(&type);
	return columns;
}

static void put_padded(struct buf *to, struct buf *text, size_t columns, bool color,
		       const char *sgr)
{
	size_t wide;

	if (text_columns(text, 0) > columns)
		text_cut(text, 0, columns);
	wide = text_columns(text, 0);
	text_sgr(to, color, sgr);
	buf_put(to, text->data, text->len);
	text_sgr_end(to, color, sgr);
	buf_pad(to, ' ', columns - wide + 2);
	to->bad |= text->bad;
	buf_reset(text);
}

/* Each instance of a generic body, when there are several. */
static void put_instances(struct buf *to, const struct site_row *row)
{
	for (size_t i = 0; row->instances_n > 1 && i < row->instances_n; i++) {
		buf_str(to, i ? ", " : " · with ");
		text_safe_str(to, row->instances[i]->name);
	}
}

/* Why this entry; into whom it was inlined; what else is unusual. */
static void put_notes(struct buf *to, const struct site_report *report, const struct site_row *row)
{
	const char *package = site_holder(row)->func;
	size_t package_len = site_package(package);
	struct buf why = {0};

	site_why(row, report->go_minor, &why);
	text_safe(to, buf_cstr(&why), why.len);
	for (size_t i = 1; i < row->frames_n; i++) {
		buf_str(to, i > 1 ? ", that into " : " · inlined into ");
		site_put_func(to, row->frames[i].func, package, package_len);
		buf_char(to, ' ');
		site_put_place(to, &row->frames[i]);
	}
	if (row->copies > 1) {
		buf_str(to, " · copy ");
		buf_u64(to, row->copy);
		buf_str(to, " of ");
		buf_u64(to, row->copies);
	}
	if (row->deferred)
		buf_str(to, row->literal ? " · in a deferred literal" : " · deferred");
	if (row->jump)
		buf_str(to, " · tail call");
	put_instances(to, row);
	to->bad |= why.bad;
	buf_fini(&why);
}

static void put_site(struct buf *to, const struct site_report *report, const struct site_row *row,
		     const struct columns *columns)
{
	const char *package = site_holder(row)->func;
	size_t indent = INDENT + columns->pc + 2;
	struct buf text = {0};

	buf_pad(to, ' ', INDENT);
	buf_hex(&text, row->pc);
	put_padded(to, &text, columns->pc, report->color, SGR_DIM);
	buf_str(&text, go_entries[row->entry].variant);
	put_padded(to, &text, columns->variant, report->color, SGR_CYAN);
	site_put_type(&text, row);
	put_padded(to, &text, columns->type, report->color, SGR_NONE);
	text_sgr(to, report->color, SGR_BOLD);
	site_put_func(to, site_source(row)->func, package, site_package(package));
	text_sgr_end(to, report->color, SGR_BOLD);
	buf_str(to, "  ");
	site_put_place(to, site_source(row));
	buf_char(to, '\n');
	if (!report->brief) {
		put_notes(&text, report, row);
		text_sgr(to, report->color, SGR_DIM);
		text_wrap_indented(to, &text, indent, 0, report->width);
		text_sgr_end(to, report->color, SGR_DIM);
	}
	to->bad |= text.bad;
	buf_fini(&text);
}

static bool same_package(const struct site_row *a, const struct site_row *b)
{
	const char *x = site_holder(a)->func, *y = site_holder(b)->func;
	size_t len = site_package(x);

	return site_package(y) == len && memcmp(x, y, len) == 0;
}

void site_text(struct buf *to, const struct site_report *report)
{
	struct columns columns = measure(report);

	put_head(to, report);
	for (size_t i = 0; i < report->rows_n; i++) {
		const struct site_row *row = report->rows[i];
		const char *func = site_holder(row)->func;

		if (!i || !same_package(row, report->rows[i - 1])) {
			buf_char(to, '\n');
			text_sgr(to, report->color, SGR_MAGENTA);
			text_safe(to, func, site_package(func));
			text_sgr_end(to, report->color, SGR_MAGENTA);
			buf_char(to, '\n');
		}
		put_site(to, report, row, &columns);
	}
}

/* ---- the table ---- */

static void put_count(void *ctx, const char *name, size_t len, size_t sites)
{
	struct buf *to = ctx;
	struct buf number = {0};

	buf_u64(&number, sites);
	buf_pad(to, ' ', number.len < 7 ? 7 - number.len : 0);
	buf_put(to, number.data, number.len);
	buf_str(to, "  ");
	text_safe(to, name, len);
	buf_char(to, '\n');
	to->bad |= number.bad;
	buf_fini(&number);
}

void site_table_text(struct buf *to, const struct site_report *report, enum site_by by)
{
	put_head(to, report);
	buf_str(to, "\n  sites  ");
	buf_str(to, site_by_name(by));
	buf_char(to, '\n');
	to->bad |= !site_count(report, by, put_count, to);
}
