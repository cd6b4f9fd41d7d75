/* Keys and values of a measurement, and the numbers that they are made from. One pair of types is
 * compiled at a time, with -DTYPE_.... Therefore each program has only one table, and decides
 * nothing at run time.
 */
#ifndef BENCH_MAP_TYPES_H
#define BENCH_MAP_TYPES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* 448 bits. With a 64-bit key, a slot is one cache line. */
struct wide {
	uint64_t word[7];
};

#if defined(TYPE_u32)
typedef uint32_t bench_key, bench_val;
#define KEY_IS_INT 1
#define VAL_IS_INT 1
#elif defined(TYPE_u64)
typedef uint64_t bench_key, bench_val;
#define KEY_IS_INT 1
#define VAL_IS_INT 1
#elif defined(TYPE_wide)
typedef uint64_t bench_key;
typedef struct wide bench_val;
#define KEY_IS_INT 1
#define VAL_IS_INT 0
#elif defined(TYPE_str)
typedef const char *bench_key; /* 15 characters and NUL */
typedef uint64_t bench_val;
#define KEY_IS_INT 0
#define KEY_IS_STR 1
#define VAL_IS_INT 1
#elif defined(TYPE_own)
/* A key with a hash and an equality of the user. */
struct pair {
	uint64_t a, b;
};
typedef struct pair bench_key;
typedef uint64_t bench_val;
#define KEY_IS_INT 0
#define VAL_IS_INT 1
#else
#error "compile with -DTYPE_u32, -DTYPE_u64, -DTYPE_wide, -DTYPE_str or -DTYPE_own"
#endif

#ifndef KEY_IS_STR
#define KEY_IS_STR 0
#endif
#define KEY_IS_PAIR (!KEY_IS_INT && !KEY_IS_STR)

enum { STR_SIZE = 16 };

/* Maps a number one to one on 64 bits (the finaliser of splitmix64). Different numbers therefore
 * give different keys. */
static inline uint64_t mix64(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* Maps a number one to one on 32 bits (the finaliser of MurmurHash3). */
static inline uint32_t mix32(uint32_t x)
{
	x = (x ^ x >> 16) * UINT32_C(0x85ebca6b);
	x = (x ^ x >> 13) * UINT32_C(0xc2b2ae35);
	return x ^ x >> 16;
}

/* The word that is read of a value. It is never 0, because 0 means an absent key. A wide value is
 * read at its end, where the address differs most from that of a small value. All of it is
 * written. */
#if VAL_IS_INT
static inline bench_val make_val(uint64_t number)
{
	return (bench_val)(number + 1);
}

static inline uint64_t val_word(const bench_val *val)
{
	return *val;
}
#else
static inline bench_val make_val(uint64_t number)
{
	bench_val val;

	for (unsigned i = 0; i < 7; i++)
		val.word[i] = number + i;
	val.word[6] = number + 1;
	return val;
}

static inline uint64_t val_word(const bench_val *val)
{
	return val->word[6];
}
#endif

/* Returns the word that a loop over the entries reads of a key. For a string it is the address,
 * because such a loop does not read the string. */
static inline uint64_t key_word(bench_key key)
{
#if KEY_IS_PAIR
	return key.a + key.b;
#else
	return (uint64_t)(uintptr_t)key;
#endif
}

/* Returns the same key, which the processor knows only after it knows zero. */
static inline bench_key key_after(bench_key key, uint64_t zero)
{
#if KEY_IS_PAIR
	key.a += zero;
	return key;
#else
	return (bench_key)(key + zero);
#endif
}

/* Tells whether two keys are equal. Strings are compared by contents. A table of char * would
 * compare addresses by itself. */
static inline bool same_key(bench_key x, bench_key y)
{
#if KEY_IS_PAIR
	return x.a == y.a && x.b == y.b;
#elif KEY_IS_INT
	return x == y;
#else
	return strcmp(x, y) == 0;
#endif
}

#endif
