/* Prints instructions with source lines between them, for one function or for two side by side:
 *
 *     runtime.mapdelete_fast64: 31 instructions  │ runtime.mapdelete: 44 instructions
 *       map_fast64.go:297                        │   map.go:742
 *         +0x2b  mov [rsp+0x50], rbx             │     +0x30  mov [rsp+0x60], rbx
 *     ●   +0x30  je 0x40c7c0                     │
 */
#include "base/buf.h"
#include "base/text/text.h"
#include "show/report/listing.h"

void listing_begin(struct listing *listing)
{
	struct listing_line line = {.at = listing->text.len};

	if (!vec_push(&listing->lines, line))
		listing->text.bad = true;
}

void listing_end(struct listing *listing, enum listing_kind kind, bool mark)
{
	struct listing_line *line;

	if (!listing->lines.len || listing->text.bad)
		return;
	line = &listing->lines.data[listing->lines.len - 1];
	line->len = listing->text.len - line->at;
	line->kind = kind;
	line->mark = mark;
}

void listing_fini(struct listing *listing)
{
	buf_fini(&listing->title);
	buf_fini(&listing->text);
	vec_fini(&listing->lines);
}

static const char *const colors[] = {
	[LISTING_INSN] = SGR_NONE,
	[LISTING_SOURCE] = SGR_CYAN,
	[LISTING_NOTE] = SGR_DIM,
};

/* Appends line `index` as safe text. Appends nothing for an index past the end. */
static void put_line(struct buf *to, const struct listing *listing, size_t index)
{
	const struct listing_line *line;

	if (index >= listing->lines.len)
		return;
	line = &listing->lines.data[index];
	buf_str(to, line->mark ? "● " : "  ");
	buf_pad(to, ' ', line->kind == LISTING_INSN ? 2 : 0);
	text_safe(to, listing->text.data + line->at, line->len);
}

/* Returns the width of the widest line in a listing. */
static size_t listing_columns(const struct listing *listing)
{
	cleanup_buf struct buf text = {0};
	size_t widest;

	text_safe(&text, listing->title.data, listing->title.len);
	widest = text_columns(&text, 0);
	for (size_t i = 0; i < listing->lines.len; i++) {
		size_t wide;

		buf_reset(&text);
		put_line(&text, listing, i);
		wide = text_columns(&text, 0);
		widest = wide > widest ? wide : widest;
	}
	return widest;
}

/* Appends a cell. With `pad`, blanks fill it up to `columns`, because another cell follows. */
static void put_cell(struct buf *out, const struct listing *listing, size_t index, bool color,
		     size_t columns, bool pad)
{
	const struct listing_line *line = NULL;
	cleanup_buf struct buf text = {0};
	const char *sgr;

	if (index < listing->lines.len)
		line = &listing->lines.data[index];
	put_line(&text, listing, index);
	text_cut(&text, 0, columns);
	sgr = !line ? SGR_NONE : line->mark ? SGR_RED : colors[line->kind];
	text_sgr(out, color, sgr);
	buf_put(out, text.data, text.len);
	text_sgr_end(out, color, sgr);
	if (pad)
		buf_pad(out, ' ', columns - text_columns(&text, 0));
	out->bad |= text.bad || listing->text.bad;
}

static void put_title(struct buf *out, const struct listing *listing, bool color, size_t columns,
		      bool pad)
{
	cleanup_buf struct buf text = {0};

	text_safe(&text, listing->title.data, listing->title.len);
	text_cut(&text, 0, columns);
	text_sgr(out, color, SGR_BOLD);
	buf_put(out, text.data, text.len);
	text_sgr_end(out, color, SGR_BOLD);
	if (pad)
		buf_pad(out, ' ', columns - text_columns(&text, 0));
	out->bad |= text.bad || listing->title.bad;
}

void listing_text(struct buf *out, const struct listing *left, const struct listing *right,
		  bool color, size_t width)
{
	size_t half = width == TEXT_UNLIMITED ? width : (width - 3) / 2;
	size_t columns = !right ? width : half == TEXT_UNLIMITED ? listing_columns(left) : half;
	size_t lines = left->lines.len;

	if (right && right->lines.len > lines)
		lines = right->lines.len;
	put_title(out, left, color, columns, right != NULL);
	if (right) {
		buf_str(out, " │ ");
		put_title(out, right, color, half, false);
	}
	buf_char(out, '\n');
	for (size_t i = 0; i < lines; i++) {
		put_cell(out, left, i, color, columns, right != NULL);
		if (right) {
			buf_str(out, " │ ");
			put_cell(out, right, i, color, half, false);
		}
		while (out->len && out->data[out->len - 1] == ' ')
			out->len--;
		buf_char(out, '\n');
	}
}
