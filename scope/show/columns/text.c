#include "base/buf.h"
#include "base/text/text.h"
#include "show/columns/columns.h"

#define COLUMNS_MAX  16 /* in text */
#define GAP	     2	/* between columns */
#define APART_INDENT 8
#define WIDE_MAX     80 /* if nothing is cut, a wider cell does not widen its column */
#define CUT_LEAST    8	/* columns that a column which may be cut gets in any case */
#define LAST_LEAST   8	/* minimum width of the last column */

struct layout {
	const struct rows *rows;
	const struct column *columns[COLUMNS_MAX]; /* in the order of their positions */
	size_t widths[COLUMNS_MAX];
	size_t n;
	struct buf scratch;
	uint64_t *cells; /* sorted hashes of the last cells as shown; or NULL */
};

/* --- Cells --- */

void cell_string(struct cell *cell, const char *bytes, size_t len)
{
	if (cell->json)
		json_put_string(cell->to, bytes, len);
	else
		text_safe(cell->to, bytes, len);
}

void cell_str(struct cell *cell, const char *s)
{
	if (s)
		cell_string(cell, s, strlen(s));
	else
		cell_null(cell);
}

void cell_number(struct cell *cell, uint64_t number)
{
	buf_u64(cell->to, number);
}

void cell_address(struct cell *cell, uint64_t addr)
{
	if (cell->json)
		json_put_address(cell->to, addr);
	else
		buf_hex(cell->to, addr);
}

void cell_bool(struct cell *cell, bool value)
{
	if (cell->json)
		json_put_bool(cell->to, value);
	else
		buf_str(cell->to, value ? "yes" : "no");
}

void cell_null(struct cell *cell)
{
	if (cell->json)
		json_literal(cell->to, "null");
}

/* --- Layout --- */

/* Finds the columns that are shown, in the order of their positions. */
static void choose_columns(struct layout *layout)
{
	const struct rows *rows = layout->rows;

	for (unsigned place = 1; place <= COLUMNS_MAX; place++) {
		for (size_t i = 0; i < rows->columns_n && layout->n < COLUMNS_MAX; i++) {
			const struct column *column = &rows->columns[i];

			if (column->place != place || (column->shown && !column->shown(rows)))
				continue;
			layout->widths[layout->n] = column->width;
			layout->columns[layout->n++] = column;
		}
	}
}

/* Renders a cell into `scratch`. Returns its width. */
static size_t render(struct layout *layout, size_t column, const void *row, size_t columns)
{
	struct cell cell = {
		.to = &layout->scratch,
		.color = layout->rows->color,
		.columns = columns,
		.rows = layout->rows,
		.column = layout->columns[column],
	};

	buf_reset(&layout->scratch);
	layout->columns[column]->put(&cell, row);
	return text_columns(&layout->scratch, 0);
}

/* Computes the width of each column except the last. */
static void measure(struct layout *layout)
{
	const struct rows *rows = layout->rows;

	for (size_t c = 0; c + 1 < layout->n; c++) {
		const struct column *column = layout->columns[c];
		size_t head = strlen(column->name), *width = &layout->widths[c];

		*width = head > *width ? head : *width;
		for (size_t i = 0; i < rows->n; i++) {
			size_t wide = render(layout, c, columns_row(rows, i), TEXT_UNLIMITED);

			if (wide > *width && (wide <= WIDE_MAX || rows->width != TEXT_UNLIMITED))
				*width = wide;
		}
		if (column->percent && rows->width != TEXT_UNLIMITED &&
		    *width > rows->width * column->percent / 100)
			*width = rows->width * column->percent / 100;
	}
}

/* Takes columns from cells that may be cut, if the last column has less than three tenths of the
 * line. */
static void squeeze(struct layout *layout)
{
	const struct rows *rows = layout->rows;
	size_t used = rows->indent + rows->width / 10 * 3, lacks;

	for (size_t c = 0; c + 1 < layout->n; c++)
		used += layout->widths[c] + GAP;
	lacks = used > rows->width ? used - rows->width : 0;
	for (size_t c = 0; c + 1 < layout->n && lacks; c++) {
		size_t *width = &layout->widths[c];
		size_t spare =
			layout->columns[c]->percent && *width > CUT_LEAST ? *width - CUT_LEAST : 0;
		size_t take = spare < lacks ? spare : lacks;

		*width -= take;
		lacks -= take;
	}
}

/* Returns the width of the last column. */
static size_t last_columns(const struct layout *layout)
{
	size_t used = layout->rows->indent;

	if (layout->rows->width == TEXT_UNLIMITED)
		return TEXT_UNLIMITED;
	for (size_t c = 0; c + 1 < layout->n; c++)
		used += layout->widths[c] + GAP;
	return layout->rows->width > used + LAST_LEAST ? layout->rows->width - used : LAST_LEAST;
}

/* --- Rows that look the same --- */

static uint64_t hash_of(const struct buf *text)
{
	uint64_t hash = text->len;

	for (size_t i = 0; i < text->len; i++)
		hash = (hash ^ (unsigned char)text->data[i]) * 0x9e3779b97f4a7c15ull;
	return hash;
}

static int compare_hashes(const void *a_, const void *b_)
{
	uint64_t a = *(const uint64_t *)a_, b = *(const uint64_t *)b_;

	return (a > b) - (a < b);
}

/* Notes what the last cells look like. When memory is out, rows may look the same. */
static void note_cells(struct layout *layout, size_t columns)
{
	const struct rows *rows = layout->rows;

	if (!rows->apart || !layout->n || !rows->n || columns == TEXT_UNLIMITED)
		return;
	layout->cells = calloc(rows->n, sizeof(*layout->cells));
	for (size_t i = 0; layout->cells && i < rows->n; i++) {
		render(layout, layout->n - 1, columns_row(rows, i), columns);
		layout->cells[i] = hash_of(&layout->scratch);
	}
	if (layout->cells)
		qsort(layout->cells, rows->n, sizeof(*layout->cells), compare_hashes);
}

/* Appends the complete last cell of a row if another row's cell looks the same. */
static void put_apart(struct buf *to, struct layout *layout, const void *row, size_t columns)
{
	struct layout plain = {.rows = layout->rows};
	struct rows rows = *layout->rows;
	uint64_t hash, *at, *end;

	if (!layout->cells)
		return;
	render(layout, layout->n - 1, row, columns);
	hash = hash_of(&layout->scratch);
	at = bsearch(&hash, layout->cells, rows.n, sizeof(hash), compare_hashes);
	end = layout->cells + rows.n;
	if (!at || ((at == layout->cells || at[-1] != hash) && (at + 1 == end || at[1] != hash)))
		return;
	rows.color = false;
	plain.rows = &rows;
	plain.columns[0] = layout->columns[layout->n - 1];
	render(&plain, 0, row, TEXT_UNLIMITED);
	if (text_columns(&plain.scratch, 0) > columns) {
		text_sgr(to, layout->rows->color, SGR_DIM);
		text_wrap_indented(to, &plain.scratch, rows.indent + APART_INDENT, 2, rows.width);
		text_sgr_end(to, layout->rows->color, SGR_DIM);
	}
	to->bad |= plain.scratch.bad;
	buf_fini(&plain.scratch);
}

/* --- Lines --- */

/* Appends `scratch` as a cell of `width` columns, and the gap after it. */
static void put_padded(struct buf *to, struct layout *layout, const struct column *column,
		       size_t width, const char *sgr)
{
	struct buf *text = &layout->scratch;
	bool color = layout->rows->color;
	size_t wide;

	if (layout->rows->width != TEXT_UNLIMITED)
		text_cut(text, 0, width);
	wide = text_columns(text, 0);
	if (wide > width) /* only this cell is this wide */
		width = wide;
	buf_pad(to, ' ', column->right ? width - wide : 0);
	text_sgr(to, color, sgr);
	buf_put(to, text->data, text->len);
	text_sgr_end(to, color, sgr);
	buf_pad(to, ' ', GAP + (column->right ? 0 : width - wide));
	to->bad |= text->bad;
}

static void put_head(struct buf *to, struct layout *layout)
{
	bool color = layout->rows->color;

	if (!layout->n || !*layout->columns[0]->name)
		return;
	text_sgr(to, color, SGR_DIM);
	buf_pad(to, ' ', layout->rows->indent);
	for (size_t c = 0; c < layout->n; c++) {
		buf_reset(&layout->scratch);
		buf_str(&layout->scratch, layout->columns[c]->name);
		if (c + 1 < layout->n)
			put_padded(to, layout, layout->columns[c], layout->widths[c], SGR_NONE);
		else
			buf_put(to, layout->scratch.data, layout->scratch.len);
	}
	text_sgr_end(to, color, SGR_DIM);
	buf_char(to, '\n');
}

/* Appends a row. The last cell fits itself into cell->columns, and may have its own colours. */
static void put_row(struct buf *to, struct layout *layout, const void *row, size_t last)
{
	buf_pad(to, ' ', layout->rows->indent);
	for (size_t c = 0; c < layout->n; c++) {
		const struct column *column = layout->columns[c];
		const char *sgr = column->sgr ? column->sgr : SGR_NONE;

		if (c + 1 < layout->n) {
			render(layout, c, row, TEXT_UNLIMITED);
			put_padded(to, layout, column, layout->widths[c], sgr);
			continue;
		}
		render(layout, c, row, last);
		if (!layout->scratch.len) {
			while (to->len && to->data[to->len - 1] == ' ')
				to->len--;
			break;
		}
		text_sgr(to, layout->rows->color, sgr);
		buf_put(to, layout->scratch.data, layout->scratch.len);
		text_sgr_end(to, layout->rows->color, sgr);
		to->bad |= layout->scratch.bad;
	}
	buf_char(to, '\n');
}

void columns_text(struct buf *to, const struct rows *rows)
{
	struct layout layout = {.rows = rows};
	size_t last;

	choose_columns(&layout);
	measure(&layout);
	squeeze(&layout);
	last = last_columns(&layout);
	note_cells(&layout, last);
	put_head(to, &layout);
	for (size_t i = 0; i < rows->n; i++) {
		if (rows->before)
			rows->before(to, rows, i);
		put_row(to, &layout, columns_row(rows, i), last);
		put_apart(to, &layout, columns_row(rows, i), last);
		if (rows->after)
			rows->after(to, rows, i,
				    rows->indent + (layout.n > 1 ? layout.widths[0] + GAP : 0));
	}
	free(layout.cells);
	buf_fini(&layout.scratch);
}
