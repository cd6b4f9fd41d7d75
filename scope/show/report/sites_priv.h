/* Declarations that the files of the report of sites share. Inside report/.
 *
 *   sites.c          the list: its columns, its lines
 *   sites_count.c    counts by function, type, variant or package
 *   sites_changes.c  two binaries compared
 *   listing.c        instructions
 */
#ifndef SHOW_REPORT_SITES_PRIV_H
#define SHOW_REPORT_SITES_PRIV_H

#include "show/report/sites.h"

/* Appends a function's name without its type arguments. If its package is `package`, the package is
 * left out, too. package_len 0 leaves out nothing. The text is safe. */
void site_put_func(struct buf *to, const char *func, const char *package, size_t package_len);
/* Appends a place such as "store.go:61". The text is safe. */
void site_put_place(struct buf *to, const struct frame *frame);
/* Appends a function, then its file and line. The function is cut first. The text is safe, and may have
 * colours. */
void site_put_source(struct buf *to, const struct frame *frame, const char *package,
		     size_t package_len, bool color, size_t columns);
/* Appends the map type, or why it is unknown. The text is safe. */
void site_put_type(struct buf *to, const struct site_row *row);
/* Appends the first line of the list and of the table. */
void site_put_head(struct buf *to, const struct site_report *report);
/* Appends the members of a site, without braces. */
void site_members_json(struct buf *to, const struct site_report *report,
		       const struct site_row *row);
/* Appends the end record. */
void site_end_json(struct buf *to, const struct site_report *report);

#endif
