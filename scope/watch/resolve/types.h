/* Map types with names. Each is read once. */
#ifndef WATCH_RESOLVE_TYPES_H
#define WATCH_RESOLVE_TYPES_H

#include "read/gofile/gofile.h"
#include "watch/filter/filter.h"
#include "base/table.h"

#include <sys/types.h>

struct type_info {
	char *name;	   /* "" when it could not be read */
	uint64_t key_type; /* run-time address in the process in which the type was seen first */
	uint64_t bias;	   /* load bias of that process */
	enum gotype_kind key_kind;
	struct gotype key; /* the key's type if it refers to no other type; otherwise .size is 0 */
	bool known;
	bool matches;	/* --type matches it, or could, because it has no name */
	bool shape;	/* the name contains a shape */
	bool key_never; /* no key of such a map can equal --key */
};

struct types {
	const struct filter *filter;
	struct table index;
	VEC(struct type_info) list;
	/* The last result, which is often the next one as well. */
	uint64_t last_addr, last_bias;
	pid_t last_pid;
	uint32_t last;
	uint64_t first_id; /* id of list.data[0]; grows when the list is emptied */
};

/* The module whose types are looked up. */
struct types_module {
	uint32_t number;
	uint64_t sync_map; /* the link-time address that stands for sync.Map; 0: none */
};

/* Returns the map type at addr in process pid, which `types` can read. `of` is the module of the probe. A type in its file is the same in all processes. A type that reflect made belongs to its process. The result is valid until
 * the next call. Returns NULL when memory is out. */
struct type_info *types_get(struct types *t, const struct gotypes *types,
			    const struct types_module *of, uint64_t addr, pid_t pid);
/* Returns a number that no other type has. A type that was forgotten gets a new number. */
uint64_t type_id(const struct types *t, const struct type_info *info);
void types_fini(struct types *t);

#endif
