/* A method is called "path/pkg.(*T).M". A type descriptor has the name "pkg.T" and the path of its package, in the
 * data behind it (internal/abi: UncommonType). Dots in the last part of the path are %2e in names of functions. */
#include "read/heap/heap_priv.h"
#include "base/buf.h"
#include "base/table.h"

#include <stdlib.h>

struct named_types {
	struct gotypes types;
	struct table by_name; /* hash of path and name -> index + 1; 0: several types have it */
	VEC(uint64_t) list;
	bool failed;
};

static uint64_t hash_of(const char *path, size_t path_len, const char *name, size_t name_len)
{
	uint64_t hash = table_mix(path_len);

	for (size_t i = 0; i < path_len; i++)
		hash = table_mix(hash ^ (uint8_t)path[i]);
	hash = table_mix(hash ^ '/');
	for (size_t i = 0; i < name_len; i++)
		hash = table_mix(hash ^ (uint8_t)name[i]);
	return hash;
}

static bool add(void *ctx, const struct gotype *type)
{
	struct named_types *named = ctx;
	cleanup(buf_fini) struct buf name = {0}, path = {0};
	const char *dot;
	uint32_t *known;
	uint64_t hash;

	if (!type->named || !gotype_own_package(&named->types, type->addr, &path) ||
	    !gotype_name(&named->types, type->addr, &name) || path.bad || name.bad)
		return true;
	dot = strrchr(buf_cstr(&name), '.');
	if (!dot || strchr(buf_cstr(&name), '['))
		return true;
	hash = hash_of(path.data, path.len, dot + 1, strlen(dot + 1));
	known = table_find(&named->by_name, hash);
	if (known)
		*known = 0;
	else
		named->failed |= !vec_push(&named->list, type->addr) ||
				 table_put(&named->by_name, hash, (uint32_t)named->list.len) < 0;
	return !named->failed;
}

struct error *named_types_new(const struct image *image, const struct gopcln *tab,
			      struct named_types **ret)
{
	struct named_types *named = calloc(1, sizeof(*named));

	if (!named)
		return error_nomem();
	named->types = (struct gotypes){.tab = tab, .image = image};
	gotype_scan(&named->types, 1u << GOTYPE_STRUCT, add, named);
	if (named->failed) {
		named_types_free(named);
		return error_nomem();
	}
	*ret = named;
	return NULL;
}

void named_types_free(struct named_types *named)
{
	if (!named)
		return;
	table_fini(&named->by_name);
	vec_fini(&named->list);
	free(named);
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Copies the path of a package without its escapes. */
static void put_path(struct buf *to, const char *path, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		int high = i + 2 < len && path[i] == '%' ? hex_digit(path[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(path[i + 2]) : -1;

		buf_char(to, low >= 0 ? (char)(high << 4 | low) : path[i]);
		i += low >= 0 ? 2 : 0;
	}
}

uint64_t named_type_of_method(const struct named_types *named, const char *name)
{
	const char *at = strstr(name, ".(*"), *end = at ? strchr(at, ')') : NULL;
	cleanup(buf_fini) struct buf path = {0};
	uint32_t *found;

	if (!end)
		return 0;
	put_path(&path, name, (size_t)(at - name));
	if (path.bad)
		return 0;
	found = table_find(&named->by_name, hash_of(path.data ? path.data : "", path.len, at + 3,
						    (size_t)(end - at - 3)));
	return found && *found ? named->list.data[*found - 1] : 0;
}
