/* The kernel program's table of types. It is filled before the first event, and describes each type
 * that can be a map or a key (wire.h draws it). */
#ifndef WATCH_ENGINE_TYPE_TABLE_H
#define WATCH_ENGINE_TYPE_TABLE_H

#include "base/base.h"
#include "watch/engine/wire.h"
#include "read/gofile/gofile.h"

struct filter;

struct type_table {
	VEC(uint64_t) addrs;	      /* link-time addresses */
	VEC(struct wire_type) values; /* their descriptions, in the same order */
	struct wire_bucket *buckets;  /* mask + 1 of them */
	uint32_t mask;
	uint64_t multiplier;
	uint64_t sync_inner; /* link-time address of the type of the maps in a sync.Map; 0: none */
	bool cut;	     /* some types are not described; their keys say so */
};

/* Describes every type of the program. Only a hostile file reaches the bounds; the table is then
 * cut. If the filter can be decided for all keys of a type, it is decided here. The caller frees
 * *ret with type_table_fini(), even after an error. `sync_map` is the address that stands for the type
 * sync.Map, or 0. */
struct error *type_table_init(struct type_table *ret, const struct gotypes *types,
			      const struct filter *filter, uint64_t sync_map);
void type_table_fini(struct type_table *table);

/* Arranges the buckets for table->addrs. A hostile file can have addresses for which no arrangement
 * has room. Such types stay unknown, and their keys say so. */
struct error *type_table_arrange(struct type_table *table);

#endif
