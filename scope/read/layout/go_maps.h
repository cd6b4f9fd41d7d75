/* The layouts of Go's maps. A layout turns the header of a map into numbers for people.
 *
 * To add a layout:
 *   1. scope/read/gofile/entries.h: add it to enum go_maps and the GO_IN_ bits; in entries.c give the
 *      layouts of each function, and make go_entry_maps() recognise it.
 *   2. scope/read/layout/go_<layout>.c: write its struct layout_ops; name the file in meson.build.
 *   3. scope/read/layout/go_maps.h and go_maps.c: declare it, and add it to the table.
 *   4. tests/unit/test_go_runtime.c: check the numbers of a known header;
 *      tests/unit/test_entries.c: check which functions tell that a program has it.
 *   5. tests/matrix/compare.py: name the members of its state, and which releases have it.
 *   6. docs/man/tophash-trace.1 and tophash-sites.1: name it.
 */
#ifndef READ_LAYOUT_GO_MAPS_H
#define READ_LAYOUT_GO_MAPS_H

/* The words that are read of a map's header, with any layout. */
#define GO_MAP_HEADER_WORDS 6

/* A number that a layout reads from a map's header, as a member of "state" in events. */
struct map_state {
	const char *name; /* static */
	uint64_t value;
	bool is_bool;
};
#define MAP_STATE_MAX 8

struct layout_ops {
	const char *name;  /* in output: "classic", "swiss" */
	const char *title; /* in a sentence: "classic", "Swiss" */
	/* Computes the numbers from the header's words. The first is the number of elements. Fills
	 * at most MAP_STATE_MAX of ret, and returns how many. */
	size_t (*state)(const uint64_t header[GO_MAP_HEADER_WORDS],
			struct map_state ret[MAP_STATE_MAX]);
};

extern const struct layout_ops layout_classic, layout_swiss;

/* Returns the ops of a layout. go_entry_maps() tells which layout a program has. */
const struct layout_ops *layout_get(enum go_maps maps);

#endif
