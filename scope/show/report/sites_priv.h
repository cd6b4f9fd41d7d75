/* What site_json.c and site_text.c share. Inside sink/.
 */
#ifndef SHOW_REPORT_SITES_PRIV_H
#define SHOW_REPORT_SITES_PRIV_H

#include "show/report/sites.h"

/* "swiss" or "classic". */
const char *site_layout(const struct sites *sites);
const char *site_by_name(enum site_by by);

/* Calls row(ctx, ...) for each group of the report's sites, the largest first, then by name.
 * False when memory is out. */
bool site_count(const struct site_report *report, enum site_by by,
		void (*row)(void *ctx, const char *name, size_t len, size_t sites), void *ctx);

/* site_text.c. A function's name without `package`, where that is its own ("" of length 0:
 * whole), and without type arguments; "store.go:61"; the map type, or why there is none. All
 * safe. */
void site_put_func(struct buf *to, const char *func, const char *package, size_t package_len);
void site_put_place(struct buf *to, const struct gopcln_frame *frame);
void site_put_type(struct buf *to, const struct site_row *row);

/* How often what changed; a site may be in several. */
struct site_tally {
	size_t same, variant, type, inlining, came, went;
};

struct site_tally site_tally(const struct site_change **changes, size_t n);
bool site_change_same(const struct site_change *change);

enum { SITE_CHANGE_VARIANT, SITE_CHANGE_TYPE, SITE_CHANGE_INLINING };
/* Bit 1 << n for each of these. */
unsigned site_change_kinds(const struct site_change *change);

#endif
