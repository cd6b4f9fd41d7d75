/* What the Go runtime's own structures look like, by release.
 */
#ifndef READ_LAYOUT_GO_RUNTIME_H
#define READ_LAYOUT_GO_RUNTIME_H

/* The releases whose layouts are known. */
#define GO_MINOR_MIN 19
#define GO_MINOR_MAX 27

/* Offset of g.goid in runtime.g (runtime/runtime2.go). Releases newer than GO_MINOR_MAX are taken
 * for like GO_MINOR_MAX; older than GO_MINOR_MIN for like GO_MINOR_MIN. */
uint32_t go_goid_offset(unsigned minor);

/* The first 48 bytes of a map header, word by word, as numbers for people. Both headers are 48
 * bytes and begin with the number of elements:
 *
 *   classic (runtime.hmap, up to 1.23)       Swiss (internal/runtime/maps.Map, 1.24 on)
 *    0 count                                  0 used
 *    8 flags u8, B u8, noverflow u16, hash0   8 seed
 *   16 buckets                               16 dirPtr
 *   24 oldbuckets                            24 dirLen
 *   32 nevacuate                             32 globalDepth u8, globalShift u8, writing u8, ...
 *   40 extra                                 40 clearSeq
 */
#define GO_MAP_HEADER_WORDS 6

struct go_map_state {
	const char *name; /* static */
	uint64_t value;
	bool is_bool;
};
#define GO_MAP_STATE_MAX 8

/* Fills at most GO_MAP_STATE_MAX entries; returns how many. */
size_t go_map_state(bool swiss, const uint64_t header[GO_MAP_HEADER_WORDS],
		    struct go_map_state ret[GO_MAP_STATE_MAX]);

#endif
