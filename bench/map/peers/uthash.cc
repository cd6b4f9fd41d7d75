/* uthash: the user allocates each entry, which contains a handle. */
#include "../our_hash.h"

#if GIVEN_HASH
#define HASH_FUNCTION(keyptr, keylen, hashv) (hashv) = hash_item_key(keyptr)

/* Hashes a key. uthash takes the low bits of 32. */
static unsigned hash_item_key(const void *key)
{
#if KEY_IS_STR
	return (unsigned)(given_hash((const char *)key) >> 32);
#else
	bench_key copy;

	memcpy(&copy, key, sizeof(copy));
	return (unsigned)(given_hash(copy) >> 32);
#endif
}
#endif
#include <uthash.h>

#include "../suite.h"

struct item {
	bench_key key;
	bench_val val;
	UT_hash_handle hh;
};

struct Table : TableDefaults {
	static constexpr bool HAS_RESERVE = false;

	struct item *items = nullptr;

	Table() = default;
	Table(const Table &) = delete;
	~Table()
	{
		struct item *item, *next;

		HASH_ITER(hh, items, item, next)
		{
			HASH_DEL(items, item);
			free(item);
		}
	}

	/* The address of a key's bytes. */
#if !KEY_IS_STR
	static const void *bytes(const bench_key &key)
	{
		return &key;
	}
	static unsigned length(const bench_key &key)
	{
		return sizeof(key);
	}
#else
	static const void *bytes(const bench_key &key)
	{
		return key;
	}
	static unsigned length(const bench_key &key)
	{
		return (unsigned)strlen(key);
	}
#endif
	struct item *find(const bench_key &key)
	{
		struct item *item;

		HASH_FIND(hh, items, bytes(key), length(key), item);
		return item;
	}
	void put(bench_key key, const bench_val &val)
	{
		struct item *item;
		unsigned hash;

		HASH_VALUE(bytes(key), length(key), hash);
		HASH_FIND_BYHASHVALUE(hh, items, bytes(key), length(key), hash, item);
		if (!item) {
			item = (struct item *)malloc(sizeof(*item));
			item->key = key;
			HASH_ADD_KEYPTR_BYHASHVALUE(hh, items, bytes(item->key), length(key), hash,
						    item);
		}
		item->val = val;
	}
	uint64_t get(bench_key key)
	{
		struct item *item = find(key);

		return item ? val_word(&item->val) : 0;
	}
	bool erase(bench_key key)
	{
		struct item *item = find(key);

		if (!item)
			return false;
		HASH_DEL(items, item);
		free(item);
		return true;
	}
	uint64_t sum()
	{
		uint64_t sum = 0;

		for (struct item *item = items; item; item = (struct item *)item->hh.next)
			sum += key_word(item->key) + val_word(&item->val);
		return sum;
	}
	size_t size()
	{
		return HASH_COUNT(items);
	}
};

BENCH_PEER(Table)
