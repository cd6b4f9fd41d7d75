/* Declarations that the files of this room share. */
#ifndef LIVE_GOMAP_GOMAP_PRIV_H
#define LIVE_GOMAP_GOMAP_PRIV_H

#include "base/table.h"
#include "live/gomap/gomap.h"
#include "live/gomap/hash.h"
#include "read/heap/heap.h"

enum { WORD = 8, SLOTS = 8 /* of a bucket or group */ };

/* A map type. Its part is a bucket or a group: 8 bytes that tell which of the 8 slots are in use, then the slots. */
struct map_type {
	uint64_t addr; /* run-time */
	uint64_t part; /* the type of its parts */
	uint64_t part_size;
	bool part_noscan;
	uint64_t key, elem; /* types */
	/* Slot i has its key at keys + i * key_stride in the part. */
	uint64_t keys, key_stride, elems, elem_stride;
	bool key_indirect, elem_indirect; /* the slot has a pointer to it */
	uint64_t part_pointers;		  /* which of the first 64 words of a part are pointers */
	bool part_known;		  /* part_pointers is known */
	bool shape;			  /* only generic code uses it, for all types of a shape */
	uint64_t next; /* index + 1 of another type with the same part; 0: none */
};

struct map_types {
	VEC(struct map_type) list;
	VEC(uint64_t) sizes;  /* of parts, each once, in order */
	struct table by_part; /* run-time address of the part's type -> index */
	struct table by_addr; /* run-time address of the map type -> index */
};

struct gomap_plan {
	enum go_maps maps;
	struct map_types types;
	struct code_types **code; /* what the code of each module says */
	size_t modules_n;
	uint64_t steps;	     /* gomap_plan_limit() */
	struct table arrays; /* sizes of objects without pointers that may be arrays of parts */
	struct described *described;
};

/* described.c */
/* Prepares for a number of modules. Errors: no memory. */
struct error *described_new(size_t modules, struct described **ret);
void described_free(struct described *described); /* NULL is legal */
CLEANUP_FUNC(struct described, described_free)
void described_set(struct described *described, gomap_describe *describe, void *ctx);
/* Asks about the modules about which nobody was asked. */
void described_ask(struct described *described);
/* Returns what is known about a module. */
const struct gomap_described *described_of(const struct described *described, size_t module);
/* Returns the memory of the process with the types that were made. It is valid until the next call. */
struct memory described_memory(struct described *described, const struct memory *memory);

struct gomap_reader {
	struct heap *heap;
	const struct map_types *types;
	/* Returns how many parts are allocated for a map of n. */
	uint64_t (*allocated)(uint64_t n);
	uint64_t *steps; /* that are left for all maps: buckets, groups, tables */
};

/* Counts a step. Returns false if none is left: a program can make its maps look endless. */
static inline bool gomap_step(const struct gomap_reader *reader)
{
	return *reader->steps && (*reader->steps)--;
}

/* Tells what an object is. */
enum gomap_verdict {
	GOMAP_YES,
	GOMAP_NO,
	GOMAP_EMPTY, /* it may be a map that was never filled */
	GOMAP_TORN,  /* it would be a map if its parts had as many elements as its header says */
	GOMAP_WEAK, /* it is a map if something typed leads to it; without that, it may be something else */
};

/* A walk through the buckets or groups of a map (walk.c). */
struct gomap_walk {
	const struct gomap_reader *reader;
	const struct gomap_visitor *visitor;
	void (*decode)(struct map_part *part); /* sets its slots, and whether it has moved */
	unsigned unread;
	bool ended;
};

/* Reads the bytes of a part, and shows it to the visitor. Returns false if nothing follows it: it cannot be read, or the
 * walk has ended. */
bool walk_part(struct gomap_walk *walk, struct map_part *part);
/* Shows a part that has been read, or that cannot be. Returns false if the walk has ended. */
bool walk_show(struct gomap_walk *walk, const struct map_part *part);
void walk_array(struct gomap_walk *walk, const struct map_array *array);

struct gomap_ops {
	uint8_t mask; /* pointers of the header, as bits */
	/* Returns how many buckets or groups are allocated together for n of them. */
	uint64_t (*allocated)(uint64_t n);
	/* Checks and measures the map whose header is in ret->words. If ret->type is set, its parts must be of that
	 * type. */
	enum gomap_verdict (*read)(const struct gomap_reader *reader, struct gomap *ret);
	/* Returns how many arrays of buckets or groups the map has whose header is in map->words. */
	uint64_t (*arrays)(const struct gomap *map);
	/* Finds array i of them, and how many buckets or groups it has. Returns false if there is none, or it cannot be
	 * read. */
	bool (*array_at)(const struct gomap_reader *reader, const struct gomap *map, uint64_t i,
			 uint64_t *ret_addr, uint64_t *ret_n);
	/* Tells whether a header on a stack may be that of a map with elements. */
	bool (*may_be)(const uint64_t words[6]);
	void (*decode)(struct map_part *part); /* as gomap_walk.decode */
	/* Visits the buckets or groups of the map whose header is in map->words. `part_size` is that of one, or 0 if it is
	 * not known; then only a map that has one bucket or group is visited. */
	void (*walk)(struct gomap_walk *walk, const struct gomap *map, uint64_t part_size);
	/* Tells whether a part is still one of the map's, whose header is in `words`. Each byte is read now. */
	bool (*is_linked)(const struct memory *memory, const uint64_t words[6],
			  const struct map_part *part, uint64_t part_size);
	/* As gomap_view_tag() and gomap_view_probes(). */
	uint8_t (*tag)(uint64_t hash);
	bool (*probes)(const struct gomap_reader *reader, const uint64_t words[6],
		       const struct map_part *part, uint64_t part_size, uint64_t hash,
		       uint64_t *ret);
	uint64_t (*seed)(const uint64_t words[6]);
	/* Tells whether a header says that the map is being written to. */
	bool (*is_written)(const uint64_t words[6]);
	/* Tells whether two headers say the same about the elements. */
	bool (*is_same)(const uint64_t a[6], const uint64_t b[6]);
};

extern const struct gomap_ops gomap_classic, gomap_swiss;

/* Returns the ops of a layout. */
const struct gomap_ops *gomap_ops_of(enum go_maps maps);

/* types.c */
struct error *map_types_find(struct heap *heap, enum go_maps maps, struct map_types *ret);
void map_types_fini(struct map_types *types);
CLEANUP_VALUE(struct map_types, map_types_fini)
/* Returns the only map type with this part that is no shape, or NULL if there are several or none. */
const struct map_type *map_types_only(const struct map_types *types, uint64_t part);
/* Returns the first map type with this part, or NULL. */
const struct map_type *map_types_of(const struct map_types *types, uint64_t part);
/* Returns the map type at an address, or NULL. */
const struct map_type *map_types_at(const struct map_types *types, uint64_t addr);

/* part.c: arrays of buckets and groups */

/* An array of parts. */
struct part_array {
	uint64_t addr;
	uint64_t slot;	    /* bytes that its object takes */
	uint64_t part;	    /* the type of a part that the heap notes, or 0 */
	uint64_t part_size; /* 0: it is not known */
	bool noscan;
	/* part_read_pointers(): which of the first words are pointers, as bits, and how many words are told */
	uint64_t pointers, pointers_n;
};

/* Looks at an array without asking which types fill it. part_size is not set. Returns false if no object begins at addr. */
bool part_array_look(const struct gomap_reader *reader, uint64_t addr, struct part_array *ret);
/* Looks at an array of n parts of a map. Returns false if no object begins at addr, or if no map type of the process (or
 * not the map's type, if it is known) has parts that fill it. */
bool part_array_read(const struct gomap_reader *reader, const struct gomap *map, uint64_t addr,
		     uint64_t n, struct part_array *ret);
/* Tells whether n parts of a type fill an array, as far as their size, their pointers as a whole and the type that the heap
 * notes tell. */
bool part_array_fits(const struct gomap_reader *reader, const struct part_array *array, uint64_t n,
		     const struct map_type *type);
/* Reads which words of an array are pointers. If its words have a type, or no pointers, none is told. */
void part_read_pointers(const struct gomap_reader *reader, struct part_array *array);
/* Tells whether the heap has pointers where parts of a type have them, as far as array->pointers tells. */
bool part_has_pointers_of(const struct part_array *array, const struct map_type *type);
/* Notes the type of a map by that of its parts, if only one map type has them. */
void part_take_type(const struct gomap_reader *reader, const struct part_array *array,
		    struct gomap *map);

/* candidates.c */

/* Types that fit: `n` of candidates.types, from `from` on. They are in the order of map_types.list. */
struct candidates_list {
	uint64_t from, n;
};

struct candidates {
	struct table list_at; /* hash of what is known of an array -> index in lists */
	struct table both_at; /* two indices in lists -> index of the list of what is in both */
	VEC(struct candidates_list) lists;
	VEC(uint32_t) types; /* indices in map_types.list */
	uint64_t steps;	     /* that are left: types and arrays that are looked at */
	bool given_up;	     /* it was too much, or memory is out: there are none from now on */
};

/* Makes an empty memory for a search with so many steps, or GOMAP_CANDIDATES_STEPS if these are fewer. */
struct candidates candidates_of(uint64_t steps);
void candidates_fini(struct candidates *candidates);
/* Finds the candidates of a map whose type is not known. */
void candidates_find(struct candidates *candidates, const struct gomap_reader *reader,
		     const struct gomap_ops *ops, struct gomap *map);

/* hasher.c */

/* How the keys of a map type are hashed. */
struct hasher {
	enum { HASHER_UNKNOWN, HASHER_BYTES, HASHER_WORD, HASHER_STRING } how;
	size_t size; /* of a key, in bytes */
	struct hash_keys keys;
};

/* Finds how the program hashes the keys of a map type. */
void hasher_find(const struct heap *heap, uint64_t map_type, struct hasher *ret);
/* Hashes the key at an address, and lowers *bytes_left by its bytes. Returns false if that is not known, the key cannot be read,
 * or it has more bytes than are left. */
bool hasher_hash(const struct hasher *hasher, const struct memory *memory, uint64_t addr,
		 uint64_t seed, uint64_t *bytes_left, uint64_t *ret);

/* reach.c */

/* Types, and whether values of them lead to a map other than through an interface. */
struct reach {
	struct gotypes types;
	struct table known; /* type -> 1: it leads to one, 2: it does not */
	bool failed;	    /* no memory */
};

bool reach_leads(struct reach *reach, uint64_t type);
void reach_fini(struct reach *reach);

/* typing.c, seeds.c */
struct typing;

struct error *typing_new(const struct gomap_reader *reader, const struct gomap_plan *plan,
			 const struct gomap_ops *ops, struct typing **ret);
void typing_free(struct typing *typing);
CLEANUP_FUNC(struct typing, typing_free)
/* Notes the value of an interface, as heap_hooks.on_interface tells it. */
void typing_add_interface(struct typing *typing, uint64_t type, uint64_t data);
/* Notes an object for which the heap notes a type, as heap_hooks.on_object tells it. */
void typing_add_object(struct typing *typing, uint64_t addr, uint64_t type, uint64_t size);
/* Notes an object that may be a closure, as heap_hooks.on_function tells it. */
void typing_add_closure(struct typing *typing, uint64_t addr, uint64_t func);
/* Types the maps of the list, which is sorted by address. Errors: no memory. */
struct error *typing_run(struct typing *typing, struct gomap_list *maps);

/* arrays.c */
/* Finds the sizes of objects without pointers that may be arrays of parts of some map type. */
struct error *arrays_find(const struct heap *heap, const struct map_types *types,
			  uint64_t (*allocated)(uint64_t n), struct table *ret);

#endif
