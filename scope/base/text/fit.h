/* Fits safe text into a number of terminal columns. With TEXT_UNLIMITED columns nothing is cut and
 * nothing is wrapped.
 */
#ifndef BASE_TEXT_FIT_H
#define BASE_TEXT_FIT_H

#include "base/base.h"

#define TEXT_UNLIMITED SIZE_MAX

/* Returns how many bytes of safe text fit into `columns`. *ret_columns is the number of columns
 * that they take. */
size_t text_fit(const char *text, size_t len, size_t columns, size_t *ret_columns);
/* Returns the columns of the safe text from byte `from` to the end. */
size_t text_columns(const struct buf *text, size_t from);
/* Cuts the safe text from byte `from` on to `columns` (at least 1). "…" takes the place of the part
 * that is cut. */
void text_cut(struct buf *text, size_t from, size_t columns);
/* Appends safe text, cut at its beginning to `columns` (at least 1). It is for paths, whose end
 * matters most. */
void text_tail(struct buf *to, const char *text, size_t len, size_t columns);
/* Appends two safe texts with `gap` spaces between them, such as a function and its file and line, in at
 * most `columns` (at least 1). If they do not fit, the beginning of `right` is cut, down to `least`
 * columns. Then `left` is cut, and left out if nothing of it would be there. */
struct text_pair {
	const struct buf *left, *right;
	size_t gap, least;
	bool bold; /* left is bold */
};
void text_pair(struct buf *to, const struct text_pair *pair, size_t columns);
/* Appends safe text and a newline, broken at spaces into lines of at most `columns`. A word that is
 * wider than a line is broken, not cut. */
void text_wrap(struct buf *to, const struct buf *text, size_t columns);
/* Does the same, but each line begins with `indent` spaces, which are part of its columns. From the
 * second line on there are `hang` more. */
void text_wrap_indented(struct buf *to, const struct buf *text, size_t indent, size_t hang,
			size_t columns);

#endif
