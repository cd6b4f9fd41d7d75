/* Valkey's dict: chains of nodes from malloc, moved step by step. Its users give it the hash.
 * Integers are stored in the pointers themselves. */
extern "C" {
#include "dict.h"
}

#include "../our_hash.h"
#include "../suite.h"

/* The dict also has SipHash, which is not used here. */
extern "C" uint64_t siphash(const uint8_t *, const size_t, const uint8_t *)
{
	abort();
}
extern "C" uint64_t siphash_nocase(const uint8_t *, const size_t, const uint8_t *)
{
	abort();
}

static bench_key key_of(const void *p)
{
	return (bench_key)(uintptr_t)p;
}

static uint64_t hash_key(const void *p)
{
	return given_hash(key_of(p));
}

static int compare_keys(dict *, const void *a, const void *b)
{
	return same_key(key_of(a), key_of(b));
}

static void free_val(dict *, void *val)
{
	free(val);
}

static dictType make_type()
{
	dictType type = {};

	type.hashFunction = hash_key;
	type.keyCompare = compare_keys;
	type.valDestructor = VAL_IS_INT ? nullptr : free_val;
	return type;
}

static dictType type = make_type();

struct Table : TableDefaults {
	dict *map = dictCreate(&type);

	Table() = default;
	Table(const Table &) = delete;
	~Table()
	{
		dictRelease(map);
	}

	static void *pointer_of(bench_key key)
	{
		return (void *)(uintptr_t)key;
	}
	static uint64_t word_of(dictEntry *entry)
	{
#if VAL_IS_INT
		return (uint64_t)(uintptr_t)dictGetVal(entry);
#else
		return val_word((const bench_val *)dictGetVal(entry));
#endif
	}
	void put(bench_key key, const bench_val &val)
	{
#if VAL_IS_INT
		dictReplace(map, pointer_of(key), (void *)(uintptr_t)val);
#else
		bench_val *copy = (bench_val *)malloc(sizeof(*copy));

		*copy = val;
		dictReplace(map, pointer_of(key), copy);
#endif
	}
	uint64_t get(bench_key key)
	{
		dictEntry *entry = dictFind(map, pointer_of(key));

		return entry ? word_of(entry) : 0;
	}
	bool erase(bench_key key)
	{
		return dictDelete(map, pointer_of(key)) == DICT_OK;
	}
	void reserve(size_t n)
	{
		dictExpand(map, n);
	}
	uint64_t sum()
	{
		dictIterator *it = dictGetIterator(map);
		uint64_t sum = 0;

		while (dictEntry *entry = dictNext(it))
			sum += key_word(key_of(dictGetKey(entry))) + word_of(entry);
		dictReleaseIterator(it);
		return sum;
	}
	size_t size()
	{
		return dictSize(map);
	}
};

BENCH_PEER(Table)
