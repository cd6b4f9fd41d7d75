/* Programs that copy maps with their seeds: those with maps.Clone. Until Go 1.23 runtime.mapclone2 copies hash0, and
 * since then internal/runtime/maps.(*Map).Clone copies the whole header. */
#include "watch/look/look_priv.h"

/* The first one is in every program. Without it the names are not those of the runtime, and tell nothing. maps.clone is the
 * link name of runtime.mapclone; each of the others may be inlined. */
static const char *const names[] = {"runtime.mallocgc", "maps.clone", "runtime.mapclone",
				    "runtime.mapclone2", "internal/runtime/maps.(*Map).Clone"};

enum { NAMES = sizeof(names) / sizeof(names[0]) };

bool clones_maps(const struct gopcln *tab)
{
	struct gopcln_func found[NAMES];
	bool clones;

	gopcln_find(tab, names, NAMES, found);
	clones = !found[0].entry;
	for (size_t i = 1; i < NAMES; i++)
		clones |= found[i].entry != 0;
	return clones;
}
