/* Map types with names: each is read once. */
#ifndef WATCH_RESOLVE_TYPES_H
#define WATCH_RESOLVE_TYPES_H

#include "read/gofile/gofile.h"
#include "watch/filter/filter.h"
#include "base/table.h"

#include <sys/types.h>

struct type_info {
	char *name;	   /* "" when it could not be read */
	uint64_t key_type; /* run-time address; of the process it was first seen in */
	uint64_t bias;	   /* of that process */
	enum gotype_kind key_kind;
	struct gotype key; /* the key's type where it refers to no other one, else .size is 0 */
	bool known;
	bool matches;	/* --type; a type without a name may match */
	bool shape;	/* the name has a shape in it */
	bool key_never; /* --key cannot be a key of such a map */
};

struct types {
	const struct filter *filter;
	struct table index;
	VEC(struct type_info) list;
	/* What was found last. The next is often the same. */
	uint64_t last_addr, last_bias;
	pid_t last_pid;
	uint32_t last;
	uint64_t first_id; /* id of list.data[0]; grows when the list is emptied */
};

/* Returns the map type at addr, of process pid, which `types` can read; NULL when memory is out. A
 * type of the file is one for all processes; a type that reflect made belongs to its process. The
 * result is valid until the next call. */
struct type_info *types_get(struct types *t, const struct gotypes *types, uint64_t addr, pid_t pid);
/* Returns a number that no other type has. A type that was forgotten comes back with another one. */
uint64_t type_id(const struct types *t, const struct type_info *info);
void types_fini(struct types *t);

#endif
