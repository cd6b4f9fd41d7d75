/* Swiss tables: internal/runtime/maps/map.go, struct Map, Go 1.24 and later. It has 48 bytes:
 *
 *    0 used
 *    8 seed
 *   16 dirPtr      in a small map, the address of its only group of slots
 *   24 dirLen      0 in a small map
 *   32 globalDepth u8, globalShift u8, writing u8, tombstonePossible u8 (since 1.25)
 *   40 clearSeq
 */
#include "read/layout/layout.h"

static size_t state(const uint64_t header[GO_MAP_HEADER_WORDS], struct map_state ret[MAP_STATE_MAX])
{
	uint64_t directory = header[3];
	size_t n = 0;

	ret[n++] = (struct map_state){"small", !directory, true};
	ret[n++] = (struct map_state){"directory", directory, false};
	ret[n++] = (struct map_state){"depth", header[4] & 0xff, false};
	if (!directory)
		ret[n++] = (struct map_state){"slots", header[2] ? 8 : 0, false};
	ret[n++] = (struct map_state){"clears", header[5], false};
	return n;
}

static uint64_t seed(const uint64_t header[GO_MAP_HEADER_WORDS])
{
	return header[1];
}

static size_t flags(const uint64_t header[GO_MAP_HEADER_WORDS], const char *ret[MAP_FLAGS_MAX])
{
	size_t n = 0;

	if (header[4] >> 16 & 0xff)
		ret[n++] = "writing";
	if (header[4] >> 24 & 0xff)
		ret[n++] = "tombstones_possible";
	return n;
}

const struct layout_ops layout_swiss = {
	.name = "swiss",
	.title = "Swiss",
	.state = state,
	.seed = seed,
	.flags = flags,
};
