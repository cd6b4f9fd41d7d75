/* Finds what the hash functions of maps read (runtime/alg.go, runtime/asm_amd64.s; since Go 1.27 internal/runtime/maps). The
 * functions are few and short, and their instructions are searched for by their bytes:
 *
 *     80 3d D 00          cmp  byte [rip+D], 0      useAeshash
 *     66 0f 38 dc 05 D    aesenc xmm0, [rip+D]      aeskeysched, three times: at 0, 16 and 32
 *     48 33|8b xx D       xor or mov r, [rip+D]     hashkey, the lowest address
 */
#include "read/heap/heap_priv.h"
#include "read/elf/elf.h"

enum { FUNCTION_MAX = 4096 };

struct search {
	const uint8_t *at;
	size_t n;
	uint64_t addr; /* of at[0] */
};

/* Returns the address that the 4 bytes at an offset mean, in an instruction that ends at `end`. */
static uint64_t target(const struct search *search, size_t offset, size_t end)
{
	int32_t distance;

	memcpy(&distance, search->at + offset, sizeof(distance));
	return search->addr + end + (uint64_t)(int64_t)distance;
}

static void note_lowest(uint64_t *lowest, uint64_t addr)
{
	if (!*lowest || addr < *lowest)
		*lowest = addr;
}

static void search_aes(const struct search *search, struct hash_globals *ret)
{
	static const uint8_t aesenc[] = {0x66, 0x0f, 0x38, 0xdc, 0x05};

	for (size_t i = 0; i + 9 <= search->n; i++) {
		const uint8_t *at = search->at + i;

		if (at[0] == 0x80 && at[1] == 0x3d && !at[6] && !ret->use_aes)
			ret->use_aes = target(search, i + 2, i + 7);
		if (memcmp(at, aesenc, sizeof(aesenc)) == 0)
			note_lowest(&ret->schedule, target(search, i + 5, i + 9));
	}
}

static void search_fallback(const struct search *search, struct hash_globals *ret)
{
	for (size_t i = 0; i + 7 <= search->n; i++) {
		const uint8_t *at = search->at + i;

		if ((at[0] & 0xfb) == 0x48 && (at[1] == 0x33 || at[1] == 0x8b) &&
		    (at[2] & 0xc7) == 0x05)
			note_lowest(&ret->key, target(search, i + 3, i + 7));
	}
}

bool hash_globals_find(const struct image *image, const struct gopcln *tab,
		       struct hash_globals *ret)
{
	static const char *const names[] = {
		"runtime.memhash64Fallback",
		"internal/runtime/maps.memHashFallback",
		"runtime.memhash64",
		"internal/runtime/maps.MemHash",
		"internal/runtime/maps.MemHash64",
		"internal/runtime/maps.memHash64AES",
	};
	enum { FALLBACKS = 2 };
	struct gopcln_func funcs[ARRAY_SIZE(names)];

	*ret = (struct hash_globals){0};
	gopcln_find(tab, names, ARRAY_SIZE(names), funcs);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		uint64_t size = funcs[i].end - funcs[i].entry;
		struct search search = {.n = size, .addr = funcs[i].entry};

		if (!funcs[i].entry || size > FUNCTION_MAX)
			continue;
		search.at = image_at(image, funcs[i].entry, size);
		if (search.at)
			(i < FALLBACKS ? search_fallback : search_aes)(&search, ret);
	}
	return ret->use_aes && ret->schedule && ret->key;
}
