#include "read/heap/heap_priv.h"
#include "base/search.h"

#include <stdlib.h>

/* Functions of the runtime. A name that ends in * stands for all that begin so. */
static const struct {
	const char *name;
	enum role role;
} of_runtime[] = {
	{"mapaccess*", ROLE_MAP_USE},	  {"mapassign*", ROLE_MAP_USE},
	{"mapdelete*", ROLE_MAP_USE},	  {"mapiterinit*", ROLE_MAP_USE},
	{"mapIterStart", ROLE_MAP_USE},	  {"mapclear", ROLE_MAP_USE},
	{"newobject", ROLE_NEW},	  {"mallocgcSmall*", ROLE_MALLOC},
	{"makeslice", ROLE_SLICE},	  {"makeslice64", ROLE_SLICE},
	{"growslice", ROLE_GROW},	  {"makemap", ROLE_MAP},
	{"makemap64", ROLE_MAP},	  {"makemap_small", ROLE_SMALL_MAP},
	{"gcWriteBarrier*", ROLE_KEEPER},
};

static bool matches(const char *name, const char *pattern)
{
	size_t len = strlen(pattern);

	return pattern[len - 1] == '*' ? strncmp(name, pattern, len - 1) == 0
				       : strcmp(name, pattern) == 0;
}

static bool is_closure(const char *name)
{
	const char *at = strstr(name, ".func");
	size_t len = strlen(name);

	return (at && at[5] >= '0' && at[5] <= '9') || strstr(name, ".gowrap") ||
	       strstr(name, ".deferwrap") || strstr(name, "-range") ||
	       (len > 3 && strcmp(name + len - 3, "-fm") == 0);
}

/* Tells whether a name is "pkg.(*T).M". The code of generic types has a name with brackets, and serves several types. */
static bool is_method(const char *name)
{
	const char *at = strstr(name, ".(*"), *end = at ? strstr(at, ").") : NULL;

	return end && !strpbrk(end + 2, ".-[") && !memchr(at, '[', (size_t)(end - at));
}

static bool find_role(const char *name, uint8_t *ret)
{
	static const char runtime[] = "runtime.";

	if (strncmp(name, runtime, strlen(runtime)) == 0) {
		for (size_t i = 0; i < ARRAY_SIZE(of_runtime); i++) {
			*ret = (uint8_t)of_runtime[i].role;
			if (matches(name + strlen(runtime), of_runtime[i].name))
				return true;
		}
	}
	*ret = is_closure(name) ? ROLE_CLOSURE : ROLE_METHOD;
	return *ret == ROLE_CLOSURE || is_method(name) ||
	       (strncmp(name, "gcWriteBarrier", 14) == 0 && (*ret = ROLE_KEEPER, true));
}

static int by_entry(const void *a, const void *b)
{
	const struct role_of *x = a, *y = b;

	return (x->entry > y->entry) - (x->entry < y->entry);
}

struct error *roles_find(const struct gopcln *tab, struct roles *ret)
{
	for (size_t i = 0; i < gopcln_func_count(tab); i++) {
		struct role_of found;
		struct gopcln_func func;

		if (!gopcln_func_get(tab, (uint32_t)i, &func) || !find_role(func.name, &found.role))
			continue;
		found.entry = func.entry;
		found.name = func.name;
		if (!vec_push(&ret->list, found))
			return error_nomem();
	}
	if (ret->list.len)
		qsort(ret->list.data, ret->list.len, sizeof(*ret->list.data), by_entry);
	return NULL;
}

void roles_fini(struct roles *roles)
{
	vec_fini(&roles->list);
}

const struct role_of *role_at(const struct roles *roles, uint64_t entry)
{
	const struct role_of *list = roles->list.data;
	size_t n = roles->list.len, at = lower_bound(i, n, list[i].entry < entry);

	return at < n && list[at].entry == entry ? &list[at] : NULL;
}
