/* The layouts of Go's maps. A layout turns the header of a map into numbers for people.
 *
 * To add a layout:
 *   1. scope/read/gofile/entries.h: add it to enum go_maps and the GO_IN_ bits; in entries.c give the
 *      layouts of each function, and make go_entry_maps() recognise it.
 *   2. scope/read/layout/go_<layout>.c: write its struct layout_ops; name the file in meson.build.
 *   3. scope/read/layout/go_maps.h and go_maps.c: declare it, and add it to the table.
 *   4. tests/unit/test_go_runtime.c: check the numbers of a known header;
 *      tests/unit/test_entries.c: check which functions tell that a program has it.
 *   5. tests/matrix/case.py: name the members of its state, and which releases have it.
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
#define MAP_FLAGS_MAX 4

/* Appends the numbers as a JSON object. */
void map_state_json(struct buf *to, const struct map_state *state, size_t n);

struct layout_ops {
	const char *name;  /* in output: "classic", "swiss" */
	const char *title; /* in a sentence: "classic", "Swiss" */
	/* Computes the numbers from the header's words. The first is the number of elements. Fills
	 * at most MAP_STATE_MAX of ret, and returns how many. */
	size_t (*state)(const uint64_t header[GO_MAP_HEADER_WORDS],
			struct map_state ret[MAP_STATE_MAX]);
	/* Returns the number that hashes begin with. May be NULL. */
	uint64_t (*seed)(const uint64_t header[GO_MAP_HEADER_WORDS]);
	/* Names the flags that are set. Fills at most MAP_FLAGS_MAX of ret, and returns how many. May be NULL. */
	size_t (*flags)(const uint64_t header[GO_MAP_HEADER_WORDS], const char *ret[MAP_FLAGS_MAX]);
};

/* ---- buckets and groups ---- */

/* The slots of a bucket or group. */
#define MAP_PART_SLOTS 8

/* What the byte of a slot says. */
enum map_slot {
	MAP_SLOT_EMPTY,
	MAP_SLOT_USED,
	MAP_SLOT_GAP,	     /* classic: empty, and a search goes on behind it */
	MAP_SLOT_TOMBSTONE,  /* Swiss: its element was deleted, and it cannot be used yet */
	MAP_SLOT_MOVED_SAME, /* classic: its element is in the new bucket of the same number */
	MAP_SLOT_MOVED_HALF, /* classic: it is in the new bucket of the second half */
	MAP_SLOT_BAD,	     /* no map has such a byte */
};

/* A bucket, an overflow bucket, or a group. */
struct map_part {
	uint64_t addr;
	uint32_t
		array; /* classic: 0 is the array of buckets, 1 the old one; Swiss: the number of the table */
	uint64_t index; /* of the bucket in its array, of the group in its table */
	uint32_t depth; /* classic: 1 is the first overflow bucket of its chain */
	bool moved;	/* classic: its elements are in new buckets */
	uint64_t
		link; /* Swiss, with tables: the address of the entry of the directory that led to it */
	const char *fault; /* why it, or what follows it, was not read; NULL: it was read */
	uint8_t bytes[MAP_PART_SLOTS];
	enum map_slot slots[MAP_PART_SLOTS];
};

/* An array of buckets, or a table of groups. */
struct map_array {
	uint32_t number; /* as map_part.array */
	uint64_t parts;
	/* Swiss, with tables */
	uint64_t table; /* its address; 0: the map has one group and no table */
	uint64_t used, free, tombstones;
	uint32_t depth;	  /* bits of the hash that lead to it */
	uint64_t entries; /* of the directory that point to it */
};

#define MAP_CHAINS 16 /* longer chains are counted together */

/* What the parts of a map add up to. Old buckets that have moved do not count. */
struct map_counts {
	uint64_t parts;			   /* buckets or groups, with overflow buckets */
	uint64_t used, tombstones;	   /* slots */
	uint64_t fill[MAP_PART_SLOTS + 1]; /* parts with so many slots in use */
	uint64_t chains[MAP_CHAINS + 1]; /* classic: chains of so many buckets; [0]: longer ones */
	uint64_t longest;		 /* chain */
	uint64_t collisions; /* used slots whose byte another used slot of the same part has */
	uint64_t faults;     /* parts that were not read, or make no sense */
	const char *fault;   /* the first of them */
	uint64_t chain;	     /* buckets of the chain that is being counted */
};

void map_counts_add(struct map_counts *counts, const struct map_part *part);
/* Ends the last chain. */
void map_counts_end(struct map_counts *counts);

extern const struct layout_ops layout_classic, layout_swiss;

/* Returns the ops of a layout. go_entry_maps() tells which layout a program has. */
const struct layout_ops *layout_get(enum go_maps maps);

#endif
