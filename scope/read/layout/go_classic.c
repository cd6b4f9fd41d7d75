/* Classic buckets: runtime/map.go, struct hmap, Go 1.19 to 1.23, and GOEXPERIMENT=noswissmap in
 * 1.24 and 1.25. It has 48 bytes:
 *
 *    0 count
 *    8 flags u8, B u8, noverflow u16, hash0 u32
 *   16 buckets
 *   24 oldbuckets    not NULL while the map grows
 *   32 nevacuate
 *   40 extra
 */
#include "read/layout/layout.h"

#define SAME_SIZE_GROW 8 /* in flags */

static size_t state(const uint64_t header[GO_MAP_HEADER_WORDS], struct map_state ret[MAP_STATE_MAX])
{
	uint64_t b = header[1] >> 8 & 0xff;
	uint64_t flags = header[1] & 0xff;
	bool growing = header[3] != 0;
	uint64_t old_b = flags & SAME_SIZE_GROW || !b ? b : b - 1;
	size_t n = 0;

	ret[n++] = (struct map_state){"B", b, false};
	ret[n++] = (struct map_state){"buckets", header[2] && b < 64 ? 1ull << b : 0, false};
	ret[n++] = (struct map_state){"overflow", header[1] >> 16 & 0xffff, false};
	ret[n++] = (struct map_state){"growing", growing, true};
	ret[n++] =
		(struct map_state){"old_buckets", growing && old_b < 64 ? 1ull << old_b : 0, false};
	ret[n++] = (struct map_state){"evacuated", growing ? header[4] : 0, false};
	return n;
}

static uint64_t seed(const uint64_t header[GO_MAP_HEADER_WORDS])
{
	return header[1] >> 32;
}

static size_t flags(const uint64_t header[GO_MAP_HEADER_WORDS], const char *ret[MAP_FLAGS_MAX])
{
	static const char *const names[MAP_FLAGS_MAX] = {"iterator", "old_iterator", "writing",
							 "same_size"};
	size_t n = 0;

	for (unsigned i = 0; i < MAP_FLAGS_MAX; i++)
		if (header[1] >> i & 1)
			ret[n++] = names[i];
	return n;
}

const struct layout_ops layout_classic = {
	.name = "classic",
	.title = "classic",
	.state = state,
	.seed = seed,
	.flags = flags,
};
