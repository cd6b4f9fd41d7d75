/* Prints the sites of a binary. Each column is declared once, for text and JSON:
 *
 *     shop · go1.26.5 swiss · x86_64, stripped · 4 sites
 *
 *     main
 *       0x4a1b2c  faststr  map[string]*main.session  (*store).sweep  store.go:61
 *                 string key, 8-byte element · inlined into (*server).run server.go:88
 *
 *     {"event":"site","pc":"0x4a1b2c","func":"main.(*store).sweep","file":"/src/store.go",...}
 *
 * The names of the members and their order are an interface. A member for something unusual appears
 * only where it applies. */
#include "base/frame.h"
#include "base/path.h"
#include "base/buf.h"
#include "base/text/text.h"
#include "read/layout/layout.h"
#include "show/columns/columns.h"
#include "show/report/sites_priv.h"

#define INDENT 2

static const struct site_report *report_of(const struct cell *cell)
{
	return cell->rows->ctx;
}

static const struct site_row *row_of(const void *row)
{
	return *(const struct site_row *const *)row;
}

/* ---- parts of cells ---- */

void site_put_place(struct buf *to, const struct frame *frame)
{
	if (*frame->file)
		text_place(to, frame);
	else
		buf_str(to, "(no line)");
}

/* Appends a function's name. Type arguments are long, so "[…]" takes their place. */
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

void site_put_func(struct buf *to, const char *func, const char *package, size_t package_len)
{
	if (site_package(func) == package_len && memcmp(func, package, package_len) == 0 &&
	    func[package_len] == '.')
		func += package_len + 1;
	put_name(to, func);
}

void site_put_source(struct buf *to, const struct frame *frame, const char *package,
		     size_t package_len, bool color, size_t columns)
{
	struct buf func = {0}, place = {0};
	struct text_pair pair = {
		.left = &func, .right = &place, .gap = 2, .least = SIZE_MAX, .bold = color};

	site_put_func(&func, frame->func, package, package_len);
	site_put_place(&place, frame);
	text_pair(to, &pair, columns);
	to->bad |= func.bad || place.bad;
	buf_fini(&func);
	buf_fini(&place);
}

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

/* ---- columns ---- */

static void put_pc(struct cell *cell, const void *row)
{
	cell_address(cell, row_of(row)->pc);
}

/* Appends the function. In text, its file and line follow. */
static void put_source(struct cell *cell, const void *row_)
{
	const struct site_row *row = row_of(row_);
	const char *package = site_outermost(row)->func;

	if (cell->json) {
		cell_str(cell, site_innermost(row)->func);
		return;
	}
	site_put_source(cell->to, site_innermost(row), package, site_package(package), cell->color,
			cell->columns);
}

static void put_file(struct cell *cell, const void *row)
{
	cell_str(cell, site_innermost(row_of(row))->file);
}

static void put_line(struct cell *cell, const void *row)
{
	cell_number(cell, site_innermost(row_of(row))->line);
}

/* Appends the functions that the deleting one was inlined into. The last is the one that holds the
 * code. */
static void put_inline(struct cell *cell, const void *row_)
{
	const struct site_row *row = row_of(row_);
	struct buf *to = cell->to;

	buf_char(to, '[');
	for (size_t i = 1; i < row->frames_n; i++) {
		if (i > 1)
			buf_char(to, ',');
		json_begin(to, "func");
		json_put_str(to, row->frames[i].func);
		json_name(to, "file");
		json_put_str(to, row->frames[i].file);
		json_name(to, "line");
		buf_u64(to, row->frames[i].line);
		buf_char(to, '}');
	}
	buf_char(to, ']');
}

static void put_package(struct cell *cell, const void *row)
{
	const char *func = site_outermost(row_of(row))->func;

	cell_string(cell, func, site_package(func));
}

static void put_entry(struct cell *cell, const void *row)
{
	cell_str(cell, go_entries[row_of(row)->entry].name);
}

static void put_variant(struct cell *cell, const void *row)
{
	cell_str(cell, go_entries[row_of(row)->entry].variant);
}

static void put_why(struct cell *cell, const void *row)
{
	struct buf why = {0};

	site_why(row_of(row), report_of(cell)->go_minor, &why);
	cell_string(cell, buf_cstr(&why), why.len);
	cell->to->bad |= why.bad;
	buf_fini(&why);
}

static void put_type(struct cell *cell, const void *row_)
{
	const struct site_row *row = row_of(row_);

	if (cell->json)
		cell_str(cell, row->type ? row->type->name : NULL);
	else
		site_put_type(cell->to, row);
}

static void put_key(struct cell *cell, const void *row)
{
	if (row_of(row)->type)
		cell_str(cell, row_of(row)->type->key);
}

static void put_key_bytes(struct cell *cell, const void *row)
{
	if (row_of(row)->type)
		cell_number(cell, row_of(row)->type->key_size);
}

static void put_elem_bytes(struct cell *cell, const void *row)
{
	if (row_of(row)->type)
		cell_number(cell, row_of(row)->type->elem_size);
}

static void put_type_why(struct cell *cell, const void *row)
{
	if (!row_of(row)->type)
		cell_str(cell, row_of(row)->why_no_type);
}

static void put_instances(struct cell *cell, const void *row_)
{
	const struct site_row *row = row_of(row_);

	if (row->type || !row->instances_n)
		return;
	buf_char(cell->to, '[');
	for (size_t i = 0; i < row->instances_n; i++) {
		if (i)
			buf_char(cell->to, ',');
		json_put_str(cell->to, row->instances[i]->name);
	}
	buf_char(cell->to, ']');
}

static void put_breakpoint(struct cell *cell, const void *row_)
{
	const struct site_row *row = row_of(row_);
	struct buf *to = cell->to;

	json_begin(to, "frame");
	json_put_str(to, row->frames_n > 1 ? "inlined" : "own");
	json_name(to, "in");
	json_put_str(to, site_outermost(row)->func);
	json_name(to, "copy");
	buf_u64(to, row->copy);
	json_name(to, "copies");
	buf_u64(to, row->copies);
	buf_char(to, '}');
}

static void put_deferred(struct cell *cell, const void *row)
{
	cell_bool(cell, row_of(row)->deferred);
}

static void put_literal(struct cell *cell, const void *row)
{
	if (row_of(row)->literal)
		cell_bool(cell, true);
}

static void put_wrapper(struct cell *cell, const void *row)
{
	if (row_of(row)->wrapper)
		cell_bool(cell, true);
}

static void put_tail_call(struct cell *cell, const void *row)
{
	if (row_of(row)->jump)
		cell_bool(cell, true);
}

static const struct column columns[] = {
	{.name = "", .json = "pc", .place = 1, .sgr = SGR_DIM, .put = put_pc},
	{.name = "", .json = "func", .place = 4, .put = put_source},
	{.json = "file", .put = put_file},
	{.json = "line", .put = put_line},
	{.json = "inline", .put = put_inline},
	{.json = "package", .put = put_package},
	{.json = "entry", .put = put_entry},
	{.name = "", .json = "variant", .place = 2, .sgr = SGR_CYAN, .put = put_variant},
	{.json = "why", .put = put_why},
	{.name = "", .json = "map_type", .place = 3, .percent = 40, .put = put_type},
	{.json = "key", .put = put_key},
	{.json = "key_bytes", .put = put_key_bytes},
	{.json = "elem_bytes", .put = put_elem_bytes},
	{.json = "map_type_why", .put = put_type_why},
	{.json = "instances", .put = put_instances},
	{.json = "breakpoint", .put = put_breakpoint},
	{.json = "deferred", .put = put_deferred},
	{.json = "literal", .put = put_literal},
	{.json = "wrapper", .put = put_wrapper},
	{.json = "tail_call", .put = put_tail_call},
};

static struct rows rows_of(const struct site_report *report)
{
	return ROWS(columns, report, .event = "site", .indent = INDENT);
}

/* ---- as JSON ---- */

void site_end_json(struct buf *to, const struct site_report *report)
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
	json_put_str(to, layout_get(report->sites->maps)->name);
	json_name(to, "stripped");
	json_put_bool(to, report->stripped);
	json_name(to, "sites");
	buf_u64(to, report->sites->list.len);
	json_name(to, "shown");
	buf_u64(to, report->rows_n);
	json_literal(to, "}\n");
}

void site_members_json(struct buf *to, const struct site_report *report, const struct site_row *row)
{
	struct rows rows = rows_of(report);

	columns_members(to, &rows, &row);
}

void site_json(struct buf *to, const struct site_report *report)
{
	struct rows rows = rows_of(report);

	columns_json(to, &rows);
	site_end_json(to, report);
}

/* ---- as text ---- */

void site_put_head(struct buf *to, const struct site_report *report)
{
	struct buf line = {0};

	text_safe_str(&line, path_base(report->binary));
	buf_str(&line, " · ");
	text_safe_str(&line, *report->go ? report->go : "Go of unknown release");
	buf_char(&line, ' ');
	buf_str(&line, layout_get(report->sites->maps)->name);
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

/* Appends each instance of a generic body, if there are several. */
static void put_with(struct buf *to, const struct site_row *row)
{
	for (size_t i = 0; row->instances_n > 1 && i < row->instances_n; i++) {
		buf_str(to, i ? ", " : " · with ");
		text_safe_str(to, row->instances[i]->name);
	}
}

/* Appends why the compiler chose this entry, the functions that the call was inlined into, and
 * anything unusual. */
static void put_notes(struct buf *to, const struct site_report *report, const struct site_row *row)
{
	const char *package = site_outermost(row)->func;
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
	put_with(to, row);
	to->bad |= why.bad;
	buf_fini(&why);
}

static bool same_package(const struct site_row *a, const struct site_row *b)
{
	const char *x = site_outermost(a)->func, *y = site_outermost(b)->func;
	size_t len = site_package(x);

	return site_package(y) == len && memcmp(x, y, len) == 0;
}

/* Begins a package: appends its name before its first row. */
static void put_before(struct buf *to, const struct rows *rows, size_t index)
{
	const struct site_report *report = rows->ctx;
	const char *func = site_outermost(report->rows[index])->func;
	size_t from;

	if (index && same_package(report->rows[index], report->rows[index - 1]))
		return;
	buf_char(to, '\n');
	text_sgr(to, report->color, SGR_MAGENTA);
	from = to->len;
	text_safe(to, func, site_package(func));
	text_cut(to, from, report->width);
	text_sgr_end(to, report->color, SGR_MAGENTA);
	buf_char(to, '\n');
}

static void put_after(struct buf *to, const struct rows *rows, size_t index, size_t indent)
{
	const struct site_report *report = rows->ctx;
	struct buf text = {0};

	put_notes(&text, report, report->rows[index]);
	text_sgr(to, report->color, SGR_DIM);
	text_wrap_indented(to, &text, indent, 0, report->width);
	text_sgr_end(to, report->color, SGR_DIM);
	to->bad |= text.bad;
	buf_fini(&text);
}

void site_text(struct buf *to, const struct site_report *report)
{
	struct rows rows = rows_of(report);

	rows.before = put_before;
	rows.after = report->brief ? NULL : put_after;
	site_put_head(to, report);
	columns_text(to, &rows);
}
