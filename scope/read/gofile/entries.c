#include <assert.h>

#include "base/base.h"
#include "read/elf/elf.h"
#include "read/gofile/gopcln.h"
#include "read/gofile/entries.h"

#define MAPS_PACKAGE "internal/runtime/maps."
#define SYNC_MAP     "sync.(*Map)."
#define TRIE	     "internal/sync.(*HashTrieMap[go.shape.interface {},go.shape.interface {}])."
#define BOTH	     (GO_IN_CLASSIC | GO_IN_SWISS)

/* The prefix that inline trees use for internal functions that are linked under another name. They
 * say runtime.reflect_mapdelete for "reflect.mapdelete", for example. */
#define LINKNAME "runtime.reflect_"

enum {
	MAPDELETE,
	MAPDELETE_FAST32,
	MAPDELETE_FAST64,
	MAPDELETE_FASTSTR,
	MAPCLEAR,
	REFLECT_MAPDELETE,
	REFLECT_MAPDELETE_FASTSTR,
	REFLECT_MAPCLEAR,
	MAP_DELETE,
	MAP_CLEAR,
	MAP_DELETE_SMALL,
	TABLE_DELETE,
	SYNC_DELETE,
	SYNC_LOAD_AND_DELETE,
	SYNC_COMPARE_AND_DELETE,
	SYNC_CLEAR,
	TRIE_DELETE,
	TRIE_LOAD_AND_DELETE,
	TRIE_COMPARE_AND_DELETE,
	TRIE_CLEAR,
	REHASH, /* the names from here on are no entries */
	NEW_EMPTY_MAP,
	ITER_NEXT,
	NAMES,
};
static_assert(REHASH == GO_ENTRIES && NAMES == GO_ENTRY_NAMES, "rows and names");

/* clang-format off */
const struct go_entry go_entries[GO_ENTRIES] = {
	/*   name, variant, kind, key,					type map key  from to	layouts	  removes_in */
	[MAPDELETE] =
	{"runtime.mapdelete", "generic", GO_ENTRY_DELETE, GO_PASS_POINTER, 0, 1, 2, 19, 0, BOTH, GO_IN_CLASSIC,
	 .is_site = true, .thin = true},
	[MAPDELETE_FAST32] =
	{"runtime.mapdelete_fast32", "fast32", GO_ENTRY_DELETE, GO_PASS_32, 0, 1, 2, 19, 0, BOTH, GO_IN_CLASSIC,
	 .is_site = true},
	[MAPDELETE_FAST64] =
	{"runtime.mapdelete_fast64", "fast64", GO_ENTRY_DELETE, GO_PASS_64, 0, 1, 2, 19, 0, BOTH, GO_IN_CLASSIC,
	 .is_site = true},
	[MAPDELETE_FASTSTR] =
	{"runtime.mapdelete_faststr", "faststr", GO_ENTRY_DELETE, GO_PASS_STRING, 0, 1, 2, 19, 0, BOTH, GO_IN_CLASSIC,
	 .is_site = true},
	[MAPCLEAR] =
	{"runtime.mapclear", "clear", GO_ENTRY_CLEAR, GO_PASS_NONE, 0, 1, 0, 19, 0, BOTH, GO_IN_NONE,
	 .is_site = true, .thin = true},
	[REFLECT_MAPDELETE] =
	{"reflect.mapdelete", "reflect", GO_ENTRY_DELETE, GO_PASS_POINTER, 0, 1, 2, 19, 0, BOTH, GO_IN_NONE,
	 .is_site = true, .reflect = true, .thin = true},
	[REFLECT_MAPDELETE_FASTSTR] =
	{"reflect.mapdelete_faststr", "reflect faststr", GO_ENTRY_DELETE, GO_PASS_STRING, 0, 1, 2, 19, 0, BOTH, GO_IN_NONE,
	 .is_site = true, .reflect = true, .thin = true},
	[REFLECT_MAPCLEAR] = /* reflect.Value.Clear */
	{"reflect.mapclear", "reflect clear", GO_ENTRY_CLEAR, GO_PASS_NONE, 0, 1, 0, 21, 0, BOTH, GO_IN_NONE,
	 .is_site = true, .reflect = true, .thin = true},
	[MAP_DELETE] =
	{MAPS_PACKAGE "(*Map).Delete", "Map.Delete", GO_ENTRY_DELETE, GO_PASS_POINTER, 1, 0, 2, 24, 0, GO_IN_SWISS, GO_IN_NONE,
	 .is_site = true},
	[MAP_CLEAR] =
	{MAPS_PACKAGE "(*Map).Clear", "Map.Clear", GO_ENTRY_CLEAR, GO_PASS_NONE, 1, 0, 0, 24, 0, GO_IN_SWISS, GO_IN_NONE,
	 .is_site = true},
	[MAP_DELETE_SMALL] =
	{MAPS_PACKAGE "(*Map).deleteSmall", NULL, GO_ENTRY_DELETE, GO_PASS_POINTER, 1, 0, 3, 24, 0, GO_IN_SWISS, GO_IN_SWISS,
	 .is_site = false},
	[TABLE_DELETE] =
	{MAPS_PACKAGE "(*table).Delete", NULL, GO_ENTRY_DELETE, GO_PASS_POINTER, 1, 2, 4, 24, 0, GO_IN_SWISS, GO_IN_SWISS,
	 .is_site = false},
	[SYNC_DELETE] =
	{SYNC_MAP "Delete", "sync.Map", GO_ENTRY_DELETE, GO_PASS_ANY, 0, 0, 1, 19, 0, BOTH, GO_IN_NONE,
	 .is_site = true, .sync = true},
	[SYNC_LOAD_AND_DELETE] =
	{SYNC_MAP "LoadAndDelete", "sync.Map", GO_ENTRY_DELETE, GO_PASS_ANY, 0, 0, 1, 19, 0, BOTH, GO_IN_NONE,
	 .is_site = true, .sync = true, .ends = true},
	[SYNC_COMPARE_AND_DELETE] =
	{SYNC_MAP "CompareAndDelete", "sync.Map compare", GO_ENTRY_DELETE, GO_PASS_ANY, 0, 0, 1, 20, 0, BOTH, GO_IN_NONE,
	 .is_site = true, .sync = true, .ends = true},
	[SYNC_CLEAR] =
	{SYNC_MAP "Clear", "sync.Map clear", GO_ENTRY_CLEAR, GO_PASS_NONE, 0, 0, 0, 23, 0, BOTH, GO_IN_NONE,
	 .is_site = true, .sync = true, .ends = true},
	[TRIE_DELETE] =
	{TRIE "Delete", "sync.Map", GO_ENTRY_DELETE, GO_PASS_ANY, 0, 0, 2, 24, 0, BOTH, GO_IN_NONE,
	 .is_site = true, .sync = true, .trie = true},
	[TRIE_LOAD_AND_DELETE] =
	{TRIE "LoadAndDelete", "sync.Map", GO_ENTRY_DELETE, GO_PASS_ANY, 0, 0, 2, 24, 0, BOTH, GO_IN_NONE,
	 .is_site = true, .sync = true, .trie = true, .ends = true},
	[TRIE_COMPARE_AND_DELETE] =
	{TRIE "CompareAndDelete", "sync.Map compare", GO_ENTRY_DELETE, GO_PASS_ANY, 0, 0, 2, 24, 0, BOTH, GO_IN_NONE,
	 .is_site = true, .sync = true, .trie = true, .ends = true},
	[TRIE_CLEAR] =
	{TRIE "Clear", "sync.Map clear", GO_ENTRY_CLEAR, GO_PASS_NONE, 0, 0, 0, 24, 0, BOTH, GO_IN_NONE,
	 .is_site = true, .sync = true, .trie = true, .ends = true},
};
/* clang-format on */

const char go_trie_init[] = TRIE "initSlow";
const char go_swiss_rehash[] = MAPS_PACKAGE "(*table).rehash";

void go_entry_names(const char *ret[GO_ENTRY_NAMES])
{
	for (size_t i = 0; i < GO_ENTRIES; i++)
		ret[i] = go_entries[i].name;
	ret[REHASH] = go_swiss_rehash;
	ret[NEW_EMPTY_MAP] = MAPS_PACKAGE "NewEmptyMap";
	ret[ITER_NEXT] = MAPS_PACKAGE "(*Iter).Next";
}

/* Tells whether a method of Swiss maps was inlined into func. A build with a profile may have
 * inlined all of them into the runtime's entries. */
static bool has_inlined_method(const struct gopcln *tab, const struct gopcln_func *func)
{
	return gopcln_inlined(tab, func, go_entries[MAP_DELETE].name) ||
	       gopcln_inlined(tab, func, go_entries[MAP_CLEAR].name);
}

/* Returns the layout of a file that has none of the functions: a plugin whose program has them. */
static enum go_maps maps_by_release(const struct gopcln *tab,
				    const struct gopcln_func funcs[GO_ENTRY_NAMES])
{
	const char *version = tab ? gopcln_version(tab) : NULL;

	for (size_t i = 0; i < GO_ENTRIES; i++)
		if (funcs[i].entry && !go_entries[i].sync)
			return GO_MAPS_CLASSIC;
	return tab && gopcln_minor(tab) >= 24 && !(version && strstr(version, "noswissmap"))
		       ? GO_MAPS_SWISS
		       : GO_MAPS_CLASSIC;
}

enum go_maps go_entry_maps(const struct gopcln *tab, const struct gopcln_func funcs[GO_ENTRY_NAMES])
{
	for (size_t i = 0; i < GO_ENTRY_NAMES; i++)
		if (funcs[i].entry && (i >= GO_ENTRIES || go_entries[i].layouts == GO_IN_SWISS))
			return GO_MAPS_SWISS;
	for (size_t i = 0; i < GO_ENTRIES; i++)
		if (funcs[i].entry && !go_entries[i].sync && has_inlined_method(tab, &funcs[i]))
			return GO_MAPS_SWISS;
	return maps_by_release(tab, funcs);
}

unsigned go_entry_key_size(const struct go_entry *entry)
{
	switch (entry->key) {
	case GO_PASS_32: return 4;
	case GO_PASS_64: return 8;
	case GO_PASS_STRING: return 16;
	default: return 0;
	}
}

bool go_entry_is_sync(const char *name)
{
	static const char *const begin[] = {SYNC_MAP, "sync.(*entry).",
					    "internal/sync.(*HashTrieMap["};

	for (size_t i = 0; i < ARRAY_SIZE(begin); i++)
		if (!strncmp(name, begin[i], strlen(begin[i])))
			return true;
	return false;
}

bool go_entry_is_inner(const char *name)
{
	size_t linkname = strlen(LINKNAME), reflect = strlen("reflect.");

	if (!strncmp(name, MAPS_PACKAGE, strlen(MAPS_PACKAGE)))
		return true;
	if (strncmp(name, "runtime.", 8) != 0 && strncmp(name, "reflect.", reflect) != 0)
		return false;
	for (size_t i = 0; i < GO_ENTRIES; i++) {
		if (!strcmp(go_entries[i].name, name))
			return true;
		if (go_entries[i].reflect && !strncmp(name, LINKNAME, linkname) &&
		    !strcmp(name + linkname, go_entries[i].name + reflect))
			return true;
	}
	return false;
}
