/* Prints the lines of `tophash sites` into a buffer.
 */
#ifndef SHOW_REPORT_SITES_H
#define SHOW_REPORT_SITES_H

#include "read/site/site.h"

#include <sys/types.h>

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

struct image;
struct placements; /* read/place/place.h */

struct site_asm {
	const char *binary; /* as it was named */
	const struct image *image;
	const struct gopcln *tab;
	const struct sites *sites;
	const struct placements *placements; /* where trace puts its probes; empty when unknown */
	const char *no_placements;	     /* why it is unknown, or NULL */
	const struct site_row **rows; /* the sites to be shown; of many, the first ones are */
	size_t rows_n;
	uid_t owner; /* of the binary: only what he could read is shown of sources */
	bool color;
	size_t width; /* of a line; TEXT_UNLIMITED: nothing is cut */
};

/* Appends the sites, instruction by instruction, then the runtime's functions that they call. Errors
 * (ERROR_TARGET): the file takes too long; out of memory. */
struct error *site_asm_text(struct buf *out, const struct site_asm *report);

#endif
