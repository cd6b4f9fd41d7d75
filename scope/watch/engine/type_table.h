/* The kernel program's table of types: what it knows of each type that can be a map or a key before
 * the first event (wire.h draws it). */
#ifndef WATCH_ENGINE_TYPE_TABLE_H
#define WATCH_ENGINE_TYPE_TABLE_H

#include "base/base.h"
#include "watch/engine/wire.h"
#include "read/gofile/gofile.h"

struct filter;

struct type_table {
	VEC(uint64_t) addrs;	      /* link-time addresses */
	VEC(struct wire_type) values; /* what stands there, in the same order */
	struct wire_bucket *buckets;  /* mask + 1 of them */
	uint32_t mask;
	uint64_t multiplier;
	bool cut; /* there are more types than are described: what has them says so */
};

/* Describes every type of the program, up to bounds that only a hostile file reaches (then the
 * table is cut); the filter is decided here for all keys of a type where it can be. On error *ret
 * is to be given to type_table_fini() as well. */
struct error *type_table_init(struct type_table *ret, const struct gotypes *types,
			      const struct filter *filter);
void type_table_fini(struct type_table *table);

/* Arranges the buckets for table->addrs. What no arrangement has room for (addresses that a hostile
 * file made up) stays unknown: its keys say so. */
struct error *type_table_arrange(struct type_table *table);

#endif
