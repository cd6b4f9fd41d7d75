#include "base/buf.h"
#include "base/text/text.h"
#include "show/drawing/drawing_priv.h"

enum { LEVELS = 8, LINE_LEAST = 16, INDENT = 2, GAP = 2 };

/* Returns how full a cell is, in eighths, rounded up. */
static unsigned level(const struct drawing_cell *cell)
{
	uint64_t eighths = cell->slots ? (cell->used * LEVELS + cell->slots - 1) / cell->slots : 0;

	return eighths < LEVELS ? (unsigned)eighths : LEVELS;
}

static void put_cell(struct buf *to, const struct drawing_cell *cell, bool ascii)
{
	static const char *const bars[LEVELS + 1] = {
		"\u00b7", "\u2581", "\u2582", "\u2583", "\u2584",
		"\u2585", "\u2586", "\u2587", "\u2588",
	};

	if (cell->moved == cell->parts)
		buf_char(to, '-');
	else if (ascii)
		buf_char(to, level(cell) ? (char)('0' + level(cell)) : '.');
	else
		buf_str(to, bars[level(cell)]);
}

static void put_band(const struct drawing *drawing, const struct drawing_band *band,
		     const char *title, const struct drawing_style *style, struct buf *to)
{
	size_t margin = INDENT + digits_of(band->n) + GAP, cells = (band->n - 1) / band->scale + 1;
	size_t line = LINE_LEAST, merged = 1;

	while (style->width > margin && line * 2 <= style->width - margin)
		line *= 2;
	while ((cells + merged - 1) / merged > line * DRAWING_LINES)
		merged *= 2;
	buf_printf(to, "%s: %llu, %llu a character, by fill\n", title, (unsigned long long)band->n,
		   (unsigned long long)band->scale * merged);
	for (size_t at = 0, column = 0; at < cells; at += merged, column++) {
		struct drawing_cell sum = {0};

		for (size_t i = at; i < at + merged && i < cells; i++)
			drawing_cell_add(&sum, &band->cells[i]);
		if (column % line == 0) {
			buf_str(to, column ? "\n" : "");
			buf_pad(to, ' ', margin - GAP - digits_of(at * band->scale));
			buf_u64(to, at * band->scale);
			buf_pad(to, ' ', GAP);
		}
		put_cell(to, &sum, style->ascii);
	}
	buf_char(to, '\n');
}

void drawing_cells_text(const struct drawing *drawing, const struct drawing_style *style,
			struct buf *to)
{
	bool growing = !drawing->swiss && drawing->bands[1].n;

	if (growing)
		put_band(drawing, &drawing->bands[1], "Old buckets", style, to);
	if (drawing->bands[0].n)
		put_band(drawing, &drawing->bands[0],
			 drawing->swiss ? "Groups"
			 : growing	? "New buckets"
					: "Buckets",
			 style, to);
	buf_str(to, style->ascii ? "  . empty  1 to an eighth used  8 full"
				 : "  \u00b7 empty  \u2581 to an eighth used  \u2588 full");
	buf_str(to, growing ? "  - moved\n" : "\n");
}
