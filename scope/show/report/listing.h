/* A listing of instructions, one line each, with notes and lines of the source between them.
 */
#ifndef SHOW_REPORT_LISTING_H
#define SHOW_REPORT_LISTING_H

#include "base/base.h"
#include "base/buf_type.h"

enum listing_kind { LISTING_INSN, LISTING_SOURCE, LISTING_NOTE };

struct listing_line {
	size_t at, len; /* in the listing's text; not safe */
	enum listing_kind kind;
	bool mark; /* trace would put its probe here */
};

struct listing {
	struct buf title; /* one line */
	struct buf text;
	VEC(struct listing_line) lines;
};

/* Begin and end a line. The bytes that are appended to listing->text in between become its text. */
void listing_begin(struct listing *listing);
void listing_end(struct listing *listing, enum listing_kind kind, bool mark);
void listing_fini(struct listing *listing);
CLEANUP_VALUE(struct listing, listing_fini)

/* Appends one listing, or two side by side; right may be NULL. */
void listing_text(struct buf *out, const struct listing *left, const struct listing *right,
		  bool color, size_t width);

#endif
