/* The hash function of a map type (internal/abi: MapType.Hasher, at 72): a closure, whose first word is the address of its code. The
 * name of that function tells what it does. Functions that the compiler makes for a type ("type:.eq...", structs with strings) and
 * those of floats and interfaces are not known here. */
#include "live/gomap/gomap_priv.h"

#include <stdlib.h>

enum {
	HASHER_AT = 72,
	BYTES_MAX = 1 << 12, /* of a key */
	STRING_MAX = 1 << 16,
	LAST_WITH_CONSTANTS = 22,
};

static const struct {
	const char *name;
	uint8_t how, size; /* size 0: it is in the closure */
} functions[] = {
	{"runtime.memhash8", HASHER_BYTES, 1},	  {"runtime.memhash16", HASHER_BYTES, 2},
	{"runtime.memhash32", HASHER_WORD, 4},	  {"runtime.memhash64", HASHER_WORD, 8},
	{"runtime.memhash128", HASHER_BYTES, 16}, {"runtime.memhash_varlen", HASHER_BYTES, 0},
	{"runtime.strhash", HASHER_STRING, 16},
};

/* Finds the function of a closure. */
static bool find_function(const struct heap_options *options, uint64_t pc, struct gopcln_func *ret)
{
	for (size_t i = 0; i < options->modules_n; i++)
		if (gopcln_func_at(options->modules[i].tab, pc - options->modules[i].bias, ret) &&
		    ret->entry + options->modules[i].bias == pc)
			return true;
	return false;
}

/* Reads the random keys of the process. */
static bool read_keys(const struct heap *heap, struct hash_keys *ret)
{
	const struct gotype_module *program = &heap_options_of(heap)->modules[0];
	struct hash_globals globals;
	uint8_t aes;

	if (!hash_globals_find(program->image, program->tab, &globals) ||
	    !heap_read(heap, globals.use_aes + program->bias, &aes, 1) || aes > 1 ||
	    !heap_read(heap, globals.schedule + program->bias, ret->schedule,
		       sizeof(ret->schedule)) ||
	    !heap_read(heap, globals.key + program->bias, ret->key, sizeof(ret->key)))
		return false;
	ret->aes = aes;
	ret->constants = gopcln_minor(program->tab) <= LAST_WITH_CONSTANTS;
	return true;
}

void hasher_find(const struct heap *heap, uint64_t map_type, struct hasher *ret)
{
	uint64_t at, closure[2];
	struct gopcln_func func;

	*ret = (struct hasher){0};
	if (!heap_read(heap, map_type + HASHER_AT, &at, sizeof(at)) ||
	    !heap_read(heap, at, closure, sizeof(closure)) ||
	    !find_function(heap_options_of(heap), closure[0], &func) ||
	    !read_keys(heap, &ret->keys))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		if (strcmp(func.name, functions[i].name) != 0)
			continue;
		ret->size = functions[i].size ? functions[i].size : closure[1];
		if (ret->size <= BYTES_MAX)
			ret->how = functions[i].how;
	}
}

/* Lowers the bytes that may still be hashed. Returns false if they are too few. */
static bool take(uint64_t *bytes_left, uint64_t n)
{
	if (n > *bytes_left)
		return false;
	*bytes_left -= n;
	return true;
}

static bool hash_string(const struct hasher *hasher, const struct memory *memory, uint64_t addr,
			uint64_t seed, uint64_t *bytes_left, uint64_t *ret)
{
	cleanup_free uint8_t *bytes = NULL;
	uint64_t string[2];

	if (!memory_read(memory, addr, string, sizeof(string)) || string[1] > STRING_MAX ||
	    !take(bytes_left, string[1]))
		return false;
	bytes = malloc(string[1] + 1);
	if (!bytes || (string[1] && !memory_read(memory, string[0], bytes, string[1])))
		return false;
	*ret = hash_bytes(&hasher->keys, bytes, string[1], seed);
	return true;
}

bool hasher_hash(const struct hasher *hasher, const struct memory *memory, uint64_t addr,
		 uint64_t seed, uint64_t *bytes_left, uint64_t *ret)
{
	uint8_t bytes[BYTES_MAX];
	uint64_t word = 0;

	if (hasher->how == HASHER_STRING)
		return hash_string(hasher, memory, addr, seed, bytes_left, ret);
	if (hasher->how == HASHER_UNKNOWN || !take(bytes_left, hasher->size) ||
	    !memory_read(memory, addr, bytes, hasher->size))
		return false;
	memcpy(&word, bytes, hasher->size < WORD ? hasher->size : WORD);
	*ret = hasher->how == HASHER_WORD ? hash_word(&hasher->keys, word, hasher->size, seed)
					  : hash_bytes(&hasher->keys, bytes, hasher->size, seed);
	return true;
}
