/* The kernel program's table of types. It describes each type that can be a map or a key, before the first
 * event (wire.h draws it). */
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
	bool cut; /* there are more types than are described; keys of the others say so */
};

/* Describes every type of the program. There are bounds that only a hostile file reaches, and the table is
 * cut there. Where the filter can be decided for all keys of a type, it is decided here. *ret is to be
 * given to type_table_fini(), on error as well. */
struct error *type_table_init(struct type_table *ret, const struct gotypes *types,
			      const struct filter *filter);
void type_table_fini(struct type_table *table);

/* Arranges the buckets for table->addrs. A hostile file can make up addresses that no arrangement has room
 * for. Such types stay unknown, and their keys say so. */
struct error *type_table_arrange(struct type_table *table);

#endif
