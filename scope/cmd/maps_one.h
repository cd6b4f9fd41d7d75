/* One map in full: tophash maps --map.
 */
#ifndef CMD_MAPS_ONE_H
#define CMD_MAPS_ONE_H

#include "cmd/maps_list.h"

/* Appends the map that options->map names: its facts, its drawing, and the entries that are asked for. The listing must
 * have been made. `fd` is what it will be written to. Errors: there is no map; the key cannot be read; no memory. */
struct error *maps_one(struct maps_listing *listing, int fd, struct buf *to);

/* ---- the same, again and again ---- */

struct one;

/* Looks at the map that options->map names, whose type need not be known. The caller frees *ret with one_free(). Errors: as
 * above. */
struct error *one_new(struct maps_listing *listing, struct one **ret);
void one_free(struct one *one); /* NULL is legal */
CLEANUP_FUNC(struct one, one_free)
/* Reads the map now. hear() is called for each of its parts, perhaps several times: each `begin` voids what came before.
 * Errors: it is no map any more; no memory. */
struct error *one_read(struct one *one, void (*begin)(void *ctx),
		       void (*hear)(void *ctx, const struct map_part *part), void *ctx);
/* Tells whether it did not change meanwhile, and all of it could be read. */
bool one_is_whole(const struct one *one);
/* Returns the map as it was read, and what its parts add up to. Borrowed. */
const struct gomap *one_map(const struct one *one);
const struct map_counts *one_counts(const struct one *one);
bool one_is_listed(const struct one *one);
/* Appends the drawing of what was read. */
void one_draw(const struct one *one, size_t width, struct buf *to);

#endif
