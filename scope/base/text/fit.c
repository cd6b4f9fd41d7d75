#include "base/buf.h"
#include "base/text/text.h"

#define LEFT_LEAST 2  /* fewer columns of a name tell nothing */
#define ROOM_LEAST 20 /* columns after an indent, even if the line is then too long */

size_t text_fit(const char *text, size_t len, size_t columns, size_t *ret_columns)
{
	size_t plain = rune_plain_run(text, len);
	size_t used = plain < columns ? plain : columns;
	size_t at = used;

	while (at < len) {
		uint32_t rune = (unsigned char)text[at];
		size_t step = rune < 0x80 ? 1 : rune_decode(text + at, len - at, &rune);
		size_t takes = rune < 0x80 ? 1 : rune_columns(rune);

		if (takes > columns - used)
			break;
		used += takes;
		at += step ? step : 1;
	}
	*ret_columns = used;
	return at;
}

size_t text_columns(const struct buf *text, size_t from)
{
	size_t columns = 0;

	if (from < text->len)
		text_fit(text->data + from, text->len - from, TEXT_UNLIMITED, &columns);
	return columns;
}

void text_cut(struct buf *text, size_t from, size_t columns)
{
	size_t used, len;

	if (from >= text->len || columns == TEXT_UNLIMITED)
		return;
	len = text_fit(text->data + from, text->len - from, columns, &used);
	if (from + len == text->len)
		return;
	text->len = from + text_fit(text->data + from, len, columns - 1, &used);
	buf_str(text, "…");
}

void text_tail(struct buf *to, const char *text, size_t len, size_t columns)
{
	size_t all, skipped, skip;

	text_fit(text, len, TEXT_UNLIMITED, &all);
	if (all <= columns) {
		buf_put(to, text, len);
		return;
	}
	skip = text_fit(text, len, all - columns + 1, &skipped);
	if (all - skipped > columns - 1) /* a wide rune crosses the border */
		skip += text_fit(text + skip, len - skip, 2, &skipped);
	buf_str(to, "…");
	buf_put(to, text + skip, len - skip);
}

void text_pair(struct buf *to, const struct text_pair *pair, size_t columns)
{
	size_t right = text_columns(pair->right, 0), left = text_columns(pair->left, 0);
	size_t gap = right ? pair->gap : 0, from;

	if (columns != TEXT_UNLIMITED && left + gap + right > columns) {
		size_t room = columns > left + gap ? columns - left - gap : 0;
		size_t least = pair->least < right ? pair->least : right;

		right = room > least ? room : least;
		left = columns > gap + right + LEFT_LEAST ? columns - gap - right : 0;
	}
	if (!left) {
		text_tail(to, pair->right->data, pair->right->len, columns);
		return;
	}
	text_sgr(to, pair->bold, SGR_BOLD);
	from = to->len;
	buf_put(to, pair->left->data, pair->left->len);
	text_cut(to, from, left);
	text_sgr_end(to, pair->bold, SGR_BOLD);
	buf_pad(to, ' ', gap);
	if (right)
		text_tail(to, pair->right->data, pair->right->len, right);
}

void text_wrap_indented(struct buf *to, const struct buf *text, size_t indent, size_t hang,
			size_t columns)
{
	const char *at = text->data;
	const char *end = text->len ? at + text->len : at;

	while (at < end) {
		size_t room = columns > indent + ROOM_LEAST ? columns - indent : ROOM_LEAST;
		size_t used;
		size_t len = text_fit(at, (size_t)(end - at), indent ? room : columns, &used);
		const char *space = at + len < end ? memrchr(at, ' ', len + 1) : NULL;

		if (space && space > at)
			len = (size_t)(space - at);
		if (!len) /* a rune wider than the line */
			len = (size_t)(end - at);
		buf_pad(to, ' ', indent);
		buf_put(to, at, len);
		buf_char(to, '\n');
		at += len;
		while (at < end && *at == ' ')
			at++;
		indent += hang;
		hang = 0;
	}
}

void text_wrap(struct buf *to, const struct buf *text, size_t columns)
{
	text_wrap_indented(to, text, 0, 0, columns);
}
