/* The lines of `tophash sites`, put into one buffer.
 */
#ifndef SHOW_REPORT_SITES_H
#define SHOW_REPORT_SITES_H

#include "read/site/site.h"

enum site_by { SITE_BY_FUNCTION, SITE_BY_TYPE, SITE_BY_VARIANT, SITE_BY_PACKAGE };

struct site_report {
	const char *binary; /* as it was named */
	const char *go;	    /* "go1.26.5"; "" when unknown */
	unsigned go_minor;
	const char *arch;     /* "x86_64", "arm64" */
	const char *build_id; /* "" when none */
	bool stripped;
	const struct sites *sites;
	const struct site_row **rows; /* those to be shown, by pc */
	size_t rows_n;
	/* text */
	bool color, brief; /* brief: one line a site */
	size_t width;	   /* of a line; TEXT_UNLIMITED: nothing is cut */
};

/* Append the list; as JSON Lines {"event":"site",...} for each, then {"event":"end",...}. */
void site_json(struct buf *to, const struct site_report *report);
void site_text(struct buf *to, const struct site_report *report);
/* Append counts instead of the sites, the largest first. */
void site_table_json(struct buf *to, const struct site_report *report, enum site_by by);
void site_table_text(struct buf *to, const struct site_report *report, enum site_by by);

/* Append what changed between two binaries. `from` and `to` are reports without rows. changes: n of
 * them, also those where nothing changed. */
void site_changes_json(struct buf *out, const struct site_report *from,
		       const struct site_report *to, const struct site_change **changes, size_t n);
void site_changes_text(struct buf *out, const struct site_report *from,
		       const struct site_report *to, const struct site_change **changes, size_t n);

/* ---- instructions ---- */

struct site_line {
	size_t at, len; /* in the listing's text; not safe */
	enum { SITE_LINE_INSN, SITE_LINE_SOURCE, SITE_LINE_NOTE } kind;
	bool mark; /* trace would put its probe here */
};

struct site_listing {
	struct buf title; /* one line */
	struct buf text;
	VEC(struct site_line) lines;
};

/* Begin and end a line. The bytes that are appended to listing->text in between become its text. */
void site_line_begin(struct site_listing *listing);
void site_line_end(struct site_listing *listing, int kind, bool mark);
void site_listing_fini(struct site_listing *listing);

/* Appends one listing, or two side by side; right may be NULL. */
void site_listing_text(struct buf *out, const struct site_listing *left,
		       const struct site_listing *right, bool color, size_t width);

#endif
