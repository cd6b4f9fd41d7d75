/* Lookups in one map: how many buckets or groups they visit, and that of one key.
 */
#ifndef CMD_MAPS_PROBES_H
#define CMD_MAPS_PROBES_H

#include "live/gomap/gomap.h"
#include "show/report/report.h"
#include "watch/filter/filter.h"

/* Returns counts of no entries. */
struct map_probes maps_probes_begin(void);

/* Counts the entries of a part by what a lookup of their keys visits: those that it has now, if the program does not change it
 * meanwhile. When an entry could not be counted, no more are: the counts are not whole any more. */
void maps_probes_add(struct map_probes *probes, struct gomap_view *view,
		     const struct map_part *part);

/* Computes the hash of the key of a filter as the program does. Returns false if it cannot be had: the hash function is not
 * known, or keys of the type (`key_type`, which `types` can read) are no numbers or strings. */
bool maps_key_hash(const struct filter *filter, const struct gotypes *types, uint64_t key_type,
		   const struct gomap_view *view, uint64_t *ret);

#endif
