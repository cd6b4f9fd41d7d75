#include "base/base.h"
#include "base/table.h"
#include "read/elf/elf.h"
#include "read/gofile/gopcln.h"
#include "read/gofile/gonames.h"

enum {
	ROWS_MAX = 4096,     /* functions of one name that are tried */
	BYTES_MAX = 1 << 30, /* of all names; a program of 43 MB has 3 MB */
};

struct gonames {
	const struct gopcln *tab;
	struct table first; /* hash of a printed name -> row of the last function that has it */
	VEC(uint32_t) next; /* row -> the row before it with the same hash; UINT32_MAX: none */
	size_t left;	    /* bytes of names still to take; a damaged file's names overlap */
};

/* The two pieces of a name that are printed: the one before the first '[' and the one after the
 * last ']'. A name without brackets consists of the first piece only. */
struct printed {
	const char *front, *back;
	size_t front_len, back_len;
	bool generic;
};

static struct printed print_name(const char *name, size_t len)
{
	const char *open = memchr(name, '[', len), *close = memrchr(name, ']', len);
	struct printed ret = {.front = name, .front_len = len, .back = name + len};

	if (open && close && close > open) {
		ret.generic = true;
		ret.front_len = (size_t)(open - name);
		ret.back = close + 1;
		ret.back_len = (size_t)(name + len - ret.back);
	}
	return ret;
}

static uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t len)
{
	uint64_t word;

	for (; len >= 8; bytes += 8, len -= 8) {
		memcpy(&word, bytes, 8);
		hash = table_mix(hash ^ word);
	}
	word = 0;
	memcpy(&word, bytes, len);
	return table_mix(hash ^ word ^ (uint64_t)len << 56);
}

static uint64_t hash_name(const struct printed *name)
{
	return hash_bytes(hash_bytes(name->generic, name->front, name->front_len), name->back,
			  name->back_len);
}

static bool same_name(const struct printed *a, const struct printed *b)
{
	return a->generic == b->generic && a->front_len == b->front_len &&
	       a->back_len == b->back_len && !memcmp(a->front, b->front, a->front_len) &&
	       !memcmp(a->back, b->back, a->back_len);
}

static struct error *add(struct gonames *names, uint32_t row)
{
	struct gopcln_func func;
	struct printed printed;
	uint64_t hash;
	uint32_t *first;
	size_t len;

	if (!vec_push(&names->next, UINT32_MAX))
		return error_nomem();
	if (!gopcln_func_get(names->tab, row, &func))
		return NULL;
	len = strlen(func.name);
	if (len >= names->left)
		return NULL;
	names->left -= len;
	printed = print_name(func.name, len);
	hash = hash_name(&printed);
	first = table_find(&names->first, hash);
	if (first)
		names->next.data[row] = *first;
	return table_put(&names->first, hash, row) < 0 ? error_nomem() : NULL;
}

struct error *gonames_open(const struct gopcln *tab, struct gonames **ret)
{
	cleanup(gonames_close) struct gonames *names = calloc(1, sizeof(*names));

	if (!names)
		return error_nomem();
	names->tab = tab;
	names->left = BYTES_MAX;
	for (uint32_t row = 0; row < gopcln_func_count(tab); row++)
		try(add(names, row));
	*ret = take_ptr(names);
	return NULL;
}

void gonames_close(struct gonames *names)
{
	if (!names)
		return;
	table_fini(&names->first);
	vec_fini(&names->next);
	free(names);
}

void gonames_find(const struct gonames *names, const char *name, size_t len,
		  bool (*found)(void *ctx, const struct gopcln_func *func), void *ctx)
{
	static const char gopanic[] = "runtime.gopanic";
	bool panic = len == 5 && !memcmp(name, "panic", 5);
	struct printed wanted =
		panic ? print_name(gopanic, sizeof(gopanic) - 1) : print_name(name, len);
	uint32_t *first = table_find(&names->first, hash_name(&wanted));
	struct gopcln_func func;
	struct printed printed;

	for (uint32_t row = first ? *first : UINT32_MAX, n = 0; row != UINT32_MAX && n < ROWS_MAX;
	     row = names->next.data[row], n++) {
		if (!gopcln_func_get(names->tab, row, &func))
			continue;
		printed = print_name(func.name, strlen(func.name));
		if (same_name(&printed, &wanted) && !found(ctx, &func))
			return;
	}
}
