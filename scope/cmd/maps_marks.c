/* Tells by what leads to a map, and by its type, whether it is the program's own. */
#include "cmd/maps_marks.h"
#include "base/base.h"

/* The packages of the runtime begin so (go/src: runtime, internal/abi, internal/runtime). */
static bool is_of_runtime(const char *package)
{
	static const char *const begins[] = {"runtime/", "internal/runtime/"};

	if (strcmp(package, "runtime") == 0 || strcmp(package, "internal/abi") == 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(begins); i++)
		if (strncmp(package, begins[i], strlen(begins[i])) == 0)
			return true;
	return false;
}

unsigned maps_marks(const struct map_row *row, const struct gomap *map)
{
	unsigned marks = map->by_pool ? MAP_MARK_POOL : 0;

	if (!row->type || !row->package)
		return marks;
	/* sync/map.go up to Go 1.23: Map.dirty and readOnly.m. Its type sync.entry is for nothing else. */
	if (strcmp(row->package, "sync") == 0 &&
	    strcmp(row->type, "map[interface {}]*sync.entry") == 0)
		marks |= MAP_MARK_SYNC_MAP;
	return is_of_runtime(row->package) ? marks | MAP_MARK_RUNTIME : marks;
}
