/* Keys and values of a measurement, and the numbers they are made of. One pair of types is compiled
 * at a time, as -DTYPE_..., so that each program holds one table and nothing is decided at run
 * time.
 */
#ifndef BENCH_MAP_TYPES_H
#define BENCH_MAP_TYPES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* 448 bits: with a 64-bit key a slot is one cache line. */
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
/* For a hash and an equality of the user's. */
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

/* One to one on 64 bits (the finaliser of splitmix64): different numbers give different keys. */
static inline uint64_t mix64(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* One to one on 32 bits (the finaliser of MurmurHash3). */
static inline uint32_t mix32(uint32_t x)
{
	x = (x ^ x >> 16) * UINT32_C(0x85ebca6b);
	x = (x ^ x >> 13) * UINT32_C(0xc2b2ae35);
	return x ^ x >> 16;
}

/* What is read of a value, never 0: 0 stands for an absent key. A wide value is read where slots
 * differ most from small ones, at its end; all of it is written. */
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

/* What a loop over the entries reads of a key: of a string its address, as a table does that does
 * not look at it. */
static inline uint64_t key_word(bench_key key)
{
#if KEY_IS_PAIR
	return key.a + key.b;
#else
	return (uint64_t)(uintptr_t)key;
#endif
}

/* The same key, which is known only when zero is. */
static inline bench_key key_after(bench_key key, uint64_t zero)
{
#if KEY_IS_PAIR
	key.a += zero;
	return key;
#else
	return (bench_key)(key + zero);
#endif
}

/* What is the same key. Strings are compared by contents: what a table of char * itself would do is
 * to compare addresses. */
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
