#include "read/layout/layout.h"

uint32_t go_goid_offset(unsigned minor)
{
	/* Measured on programs of each release: 1.23 added syscallbp to g, 1.25 took a word out of
	 * g.sched (gobuf.ret). */
	if (minor == 23 || minor == 24)
		return 160;
	return 152;
}

/* runtime/map.go, struct hmap, Go 1.19 to 1.23 */
static size_t classic_state(const uint64_t *header, struct go_map_state *ret)
{
	uint64_t b = header[1] >> 8 & 0xff;
	uint64_t flags = header[1] & 0xff;
	bool growing = header[3] != 0;
	uint64_t old_b = flags & 8 /* sameSizeGrow */ || !b ? b : b - 1;
	size_t n = 0;

	ret[n++] = (struct go_map_state){"B", b, false};
	ret[n++] = (struct go_map_state){"buckets", header[2] && b < 64 ? 1ull << b : 0, false};
	ret[n++] = (struct go_map_state){"overflow", header[1] >> 16 & 0xffff, false};
	ret[n++] = (struct go_map_state){"growing", growing, true};
	ret[n++] = (struct go_map_state){"old_buckets", growing && old_b < 64 ? 1ull << old_b : 0,
					 false};
	ret[n++] = (struct go_map_state){"evacuated", growing ? header[4] : 0, false};
	return n;
}

/* internal/runtime/maps/map.go, struct Map, Go 1.24 on */
static size_t swiss_state(const uint64_t *header, struct go_map_state *ret)
{
	uint64_t directory = header[3];
	size_t n = 0;

	ret[n++] = (struct go_map_state){"small", !directory, true};
	ret[n++] = (struct go_map_state){"directory", directory, false};
	ret[n++] = (struct go_map_state){"depth", header[4] & 0xff, false};
	if (!directory)
		ret[n++] = (struct go_map_state){"slots", header[2] ? 8 : 0, false};
	ret[n++] = (struct go_map_state){"clears", header[5], false};
	return n;
}

size_t go_map_state(bool swiss, const uint64_t header[GO_MAP_HEADER_WORDS],
		    struct go_map_state ret[GO_MAP_STATE_MAX])
{
	return swiss ? swiss_state(header, ret) : classic_state(header, ret);
}
