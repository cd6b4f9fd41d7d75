/* What site_json.c and site_text.c share. Inside sink/.
 */
#ifndef SINK_SITE_PRIV_H
#define SINK_SITE_PRIV_H

#include "sink/site.h"

/* "swiss" or "classic". */
const char *site_layout(const struct sites *sites);
const char *site_by_name(enum site_by by);

/* Calls row(ctx, ...) for each group of the report's sites, the largest first, then by name.
 * False when memory is out. */
bool site_count(const struct site_report *report, enum site_by by,
		void (*row)(void *ctx, const char *name, size_t len, size_t sites), void *ctx);

#endif
