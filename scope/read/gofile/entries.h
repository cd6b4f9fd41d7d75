/* The functions of Go's runtime through which elements leave a map. Only this table knows their
 * names, their arguments and the releases that have them.
 *
 * The compiler turns delete and clear into calls of a few of these functions, and package reflect
 * calls a few. These functions are the entries. Some entries take elements out themselves, others
 * call the next function on the way. The layout of the program's maps decides which do what:
 *
 *   classic buckets (Go 1.23 and older, and GOEXPERIMENT=noswissmap in 1.24 and 1.25)
 *     runtime/map.go, map_fast32.go, map_fast64.go, map_faststr.go:
 *       func mapdelete(t *maptype, h *hmap, key unsafe.Pointer), and so on
 *     Each of the four mapdelete functions decrements the map's count itself.
 *
 *   Swiss tables (Go 1.24 and later)
 *     internal/runtime/maps/map.go, table.go:
 *       func (m *Map) Delete(typ *abi.MapType, key unsafe.Pointer)
 *       func (m *Map) deleteSmall(typ *abi.MapType, hash uintptr, key unsafe.Pointer)
 *       func (t *table) Delete(typ *abi.MapType, m *Map, hash uintptr, key unsafe.Pointer)
 *     The last two decrement the count, and every delete ends in one of them. A build with a
 *     profile (PGO) may inline them into the functions that call them.
 *
 *   sync.Map is no map of the language, but elements leave it too (package sync and, from Go 1.24
 *   on, internal/sync):
 *     hash trie (Go 1.24 and later; sync.Map then only wraps it, and is mostly inlined)
 *       func (ht *HashTrieMap[K, V]) LoadAndDelete(key K) (value V, loaded bool), and so on
 *     two maps (Go 1.23 and older, and GOEXPERIMENT=nosynchashtriemap in 1.24 and 1.25)
 *       func (m *Map) LoadAndDelete(key any) (value any, loaded bool), and so on
 *     They have no map type. The arguments of a method of a generic type begin with the receiver
 *     and the dictionary. Package unique of Go 1.24 has hash tries of its own.
 *
 * To add a Go release:
 *   1. tools/go-toolchains: add its number. `tests/matrix/run.py --help` says how to run the matrix
 *      with one release.
 *   2. scope/read/gofile/entries.c: if a function was added or removed, or its arguments changed, change its
 *      row. If the state of a map is new, change scope/read/layout/go_runtime.c.
 *   3. scope/read/gofile/gopcln_locate.c and gopcln_version.c: if the tables of the file changed.
 *   4. scope/read/layout/go_runtime.[ch]: if offsets in the runtime's structs changed.
 *   Decoding finds the places of probes, which often needs no change. Run the matrix: it compares
 *   every event of the new release with what its programs know.
 */
#ifndef READ_GOFILE_ENTRIES_H
#define READ_GOFILE_ENTRIES_H

enum go_entry_kind { GO_ENTRY_DELETE, GO_ENTRY_CLEAR };

/* The layout of a program's maps. */
enum go_maps { GO_MAPS_CLASSIC, GO_MAPS_SWISS };
/* A set of layouts, as bits. */
enum { GO_IN_NONE = 0, GO_IN_CLASSIC = 1 << GO_MAPS_CLASSIC, GO_IN_SWISS = 1 << GO_MAPS_SWISS };

/* How a function gets the key that it deletes. */
enum go_key_pass {
	GO_PASS_NONE,	 /* no key, because it clears */
	GO_PASS_POINTER, /* the key's address */
	GO_PASS_32,	 /* 4 bytes in the lower half of a register */
	GO_PASS_64,	 /* 8 bytes, in a register */
	GO_PASS_STRING,	 /* a string: its address in a register, its length in the next one */
	GO_PASS_ANY,	 /* an interface value in two registers; it has a slot in the frame */
};

/* Argument numbers are positions in Go's internal ABI, from 0. Methods of sync.Map have no type
 * argument. */
struct go_entry {
	const char *name;    /* as in the function table */
	const char *variant; /* a short name for people: "faststr"; NULL unless is_site */
	enum go_entry_kind kind;
	enum go_key_pass key;
	uint8_t type_arg, map_arg, key_arg;
	uint8_t from, to;   /* first and last Go 1.x release that has it; `to` 0: all later ones */
	uint8_t layouts;    /* the layouts whose programs have it */
	uint8_t removes_in; /* the layouts in which its own code decrements the map's count */
	bool is_site;	    /* the compiler or package reflect calls it; each such call is a site */
	bool reflect;	    /* package reflect calls it, with a type that it learns at run time */
	bool thin;	    /* its code may only call another entry */
	bool sync; /* it is a method of sync.Map, which has no map type and keeps no count */
	bool trie; /* and of the hash trie in it */
	bool ends; /* sync: its own code, or a function that only it calls, takes elements out */
};

#define GO_ENTRIES 20
extern const struct go_entry go_entries[GO_ENTRIES];

/* The name of a function that a program has exactly when it has Swiss maps of more than one
 * group. */
extern const char go_swiss_rehash[];

/* The name of a function that a program has exactly when its sync.Maps are hash tries. It is never
 * inlined. */
extern const char go_trie_init[];

/* Writes the names to look up in a program: those of the entries, in their order, then those of
 * functions that tell the layout of its maps. One gopcln_find() with all names costs as much as one
 * with a single name. Callers therefore add these names to their own. */
#define GO_ENTRY_NAMES (GO_ENTRIES + 3)
void go_entry_names(const char *ret[GO_ENTRY_NAMES]);

/* Returns the layout of the program's maps. `funcs` is what gopcln_find() found for the names of
 * go_entry_names(). The release alone does not decide it, because Go 1.24 and 1.25 can be built
 * with either layout. The functions that are present do. A plugin may have none of them, and then the
 * release decides. `tab` is NULL if only the functions are known. */
enum go_maps go_entry_maps(const struct gopcln *tab,
			   const struct gopcln_func funcs[GO_ENTRY_NAMES]);

/* The name by which sync.Map is shown as a map type, and that of its keys' type. */
#define GO_SYNC_MAP	"sync.Map"
#define GO_SYNC_MAP_KEY "interface {}"
/* The name of the type of the two maps in a sync.Map without a hash trie. */
#define GO_SYNC_MAP_INNER "map[interface {}]*sync.entry"

/* Returns the size in bytes of the only keys that a fast entry takes: 4, 8, or 16 for a string.
 * Returns 0 for an entry that takes any key. */
unsigned go_entry_key_size(const struct go_entry *entry);

/* Returns whether a function of this name may be on a stack between the code that deletes and the
 * instruction that takes the element out. `name` is as in tracebacks and inline trees. */
bool go_entry_is_inner(const char *name);

/* Returns whether this is the name of a method of sync.Map or of a type that it is made of. Such a
 * function may be between the code that deletes from a sync.Map and the instruction that takes the
 * element out. */
bool go_entry_is_sync(const char *name);

#endif
