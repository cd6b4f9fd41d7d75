/* Prints the lines of `tophash sites` into a buffer.
 */
#ifndef SHOW_REPORT_SITES_H
#define SHOW_REPORT_SITES_H

#include "read/site/site.h"

enum site_by { SITE_BY_FUNCTION, SITE_BY_TYPE, SITE_BY_VARIANT, SITE_BY_PACKAGE };

struct site_report {
	const char *binary; /* as the user named it */
	const char *go;	    /* "go1.26.5"; "" when unknown */
	unsigned go_minor;
	const char *arch;     /* "x86_64", "arm64" */
	const char *build_id; /* "" when none */
	bool stripped;
	const struct sites *sites;
	const struct site_row **rows; /* the rows to show, by pc */
	size_t rows_n;
	/* Members for text only. */
	bool color, brief; /* brief: one line for each site */
	size_t width;	   /* of a line; with TEXT_UNLIMITED nothing is cut */
};

/* Append the list. As JSON Lines it has {"event":"site",...} for each site, then
 * {"event":"end",...}. */
void site_json(struct buf *to, const struct site_report *report);
void site_text(struct buf *to, const struct site_report *report);
/* Append counts instead of sites, the largest first. */
void site_table_json(struct buf *to, const struct site_report *report, enum site_by by);
void site_table_text(struct buf *to, const struct site_report *report, enum site_by by);

/* Append the changes between two binaries. `from` and `to` are reports without rows. `changes` has
 * n changes, including unchanged sites. */
void site_changes_json(struct buf *out, const struct site_report *from,
		       const struct site_report *to, const struct site_change **changes, size_t n);
void site_changes_text(struct buf *out, const struct site_report *from,
		       const struct site_report *to, const struct site_change **changes, size_t n);

/* ---- instructions ---- */

struct site_line {
	size_t at, len; /* position in the listing's text, which is not safe */
	enum { SITE_LINE_INSN, SITE_LINE_SOURCE, SITE_LINE_NOTE } kind;
	bool mark; /* trace would place its probe here */
};

struct site_listing {
	struct buf title; /* one line */
	struct buf text;
	VEC(struct site_line) lines;
};

/* Begin and end a line. Bytes that are appended to listing->text between the two calls become the
 * text of the line. */
void site_line_begin(struct site_listing *listing);
void site_line_end(struct site_listing *listing, int kind, bool mark);
void site_listing_fini(struct site_listing *listing);

/* Appends one listing, or two side by side. `right` may be NULL. */
void site_listing_text(struct buf *out, const struct site_listing *left,
		       const struct site_listing *right, bool color, size_t width);

#endif
