/* The layouts of Go's maps: what a map's header says, as numbers for people.
 *
 * To add a layout:
 *   1. scope/read/gofile/entries.h: add it to enum go_maps and the GO_IN_ bits; in entries.c give the
 *      layouts of each function, and teach go_entry_maps() to tell it from the others.
 *   2. scope/read/layout/go_<layout>.c: write its struct layout_ops; name the file in meson.build.
 *   3. scope/read/layout/go_maps.h and go_maps.c: declare it, and add it to the table.
 *   4. tests/unit/test_go_runtime.c: check the numbers of a header that you know;
 *      tests/unit/test_entries.c: which functions tell it.
 *   5. tests/matrix/compare.py: name the members of its state, and which releases have it.
 *   6. docs/man/tophash-trace.1 and tophash-sites.1: name it.
 */
#ifndef READ_LAYOUT_GO_MAPS_H
#define READ_LAYOUT_GO_MAPS_H

/* The words that are read of a map's header. Every layout has that many. */
#define GO_MAP_HEADER_WORDS 6

/* One number that a layout says of a map's inside; a member of "state" in events. */
struct map_state {
	const char *name; /* static */
	uint64_t value;
	bool is_bool;
};
#define MAP_STATE_MAX 8

struct layout_ops {
	const char *name;  /* for output: "classic", "swiss" */
	const char *title; /* within a sentence: "classic", "Swiss" */
	/* Computes the numbers from the header's words; the first is the number of elements. Fills at
	 * most MAP_STATE_MAX of ret and returns how many. */
	size_t (*state)(const uint64_t header[GO_MAP_HEADER_WORDS],
			struct map_state ret[MAP_STATE_MAX]);
};

extern const struct layout_ops layout_classic, layout_swiss;

/* Returns the layout; go_entry_maps() decides which one a program has. */
const struct layout_ops *layout_get(enum go_maps maps);

#endif
