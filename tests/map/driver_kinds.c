/* The kinds of maps. For each, macros make a map or a set with the typed API, and the functions of
 * struct kind. */
#include "driver_kinds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- keys ---------------------------------------------------------------------------------------- */

enum wide_enum { WIDE_NONE, WIDE_MAX = 65535 };

struct bytes_key {
	uint32_t one, two;
	uint16_t three, four;
};

/* Equality ignores the noise, and so must the hash; there is padding. */
struct custom_key {
	uint16_t noise;
	uint32_t number;
	uint8_t more_noise;
};

static char strings[2][KEYS][24]; /* equal strings at two addresses */
static char places[KEYS];	  /* addresses that are used as keys */
static unsigned turn;		  /* decides which of several equal keys is next */
uint8_t kinds_given[BATCH][KEY_MAX];

void kinds_init(void)
{
	for (uint32_t i = 0; i < KEYS; i++)
		for (unsigned j = 0; j < 2; j++)
			snprintf(strings[j][i], sizeof(strings[j][i]), "%u%.*s", i, (int)(i % 15),
				 "/key/key/key/key");
}

static bool of_bool(uint32_t number)
{
	return number != 0;
}

static int8_t of_i8(uint32_t number)
{
	return (int8_t)number;
}

static int16_t of_i16(uint32_t number)
{
	return (int16_t)(number - 10000);
}

static uint32_t of_u32(uint32_t number)
{
	return number << 12;
}

static int64_t of_i64(uint32_t number)
{
	return (int64_t)number * -0x100000001;
}

static uint64_t of_u64(uint32_t number)
{
	return (uint64_t)number << 40;
}

static enum wide_enum of_enum(uint32_t number)
{
	return (enum wide_enum)number;
}

/* Returns the key of a number. 0 gives 0 and -0 alternately. */
static float of_f32(uint32_t number)
{
	float key = ((float)number - KEYS / 2) / 8;

	return number == KEYS / 2 && turn++ % 2 ? -0.0f : key;
}

/* Returns the key of a number. Odd numbers give denormal values. */
static double of_f64(uint32_t number)
{
	if (number == 0)
		return turn++ % 2 ? -0.0 : 0.0;
	return number % 2 ? number * 4.9406564584124654e-324 : number * -1e17;
}

static const void *of_ptr(uint32_t number)
{
	return places + number;
}

static const char *of_cstr(uint32_t number)
{
	return strings[turn++ % 2][number];
}

static char *of_mutable(uint32_t number)
{
	return strings[turn++ % 2][number];
}

/* Returns the key of a number. 0 gives the empty string, alternately with NULL and with an
 * address. */
static struct tophash_str of_str(uint32_t number)
{
	const char *p = strings[turn++ % 2][number];
	struct tophash_str ret = {p, number ? strlen(p) : 0};

	if (number == 0 && turn % 2)
		ret.p = NULL;
	return ret;
}

static struct bytes_key of_bytes(uint32_t number)
{
	return (struct bytes_key){number, ~number, (uint16_t)number, 7};
}

static struct custom_key of_custom(uint32_t number)
{
	struct custom_key ret;

	memset(&ret, (int)turn++, sizeof(ret));
	ret.number = number;
	return ret;
}

static uint64_t custom_hash(const struct custom_key *key)
{
	return key->number;
}

static uint64_t weak_hash(const struct custom_key *key)
{
	return key->number % 16;
}

static uint64_t mixed_hash(const struct custom_key *key)
{
	uint64_t x = key->number * UINT64_C(0xbf58476d1ce4e5b9);

	x = (x ^ x >> 31) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 29;
}

static bool custom_equal(const struct custom_key *key, const struct custom_key *other)
{
	return key->number == other->number;
}

#ifdef __SIZEOF_INT128__
__extension__ typedef unsigned __int128 u128;

static u128 of_u128(uint32_t number)
{
	return (u128)(number % 7) << 64 | number / 7;
}

static uint32_t from_u128(u128 key)
{
	return (uint32_t)(key >> 64) + (uint32_t)key * 7;
}
#endif

static uint32_t from_f32(float key)
{
	return key == key ? (uint32_t)(key * 8 + KEYS / 2) : NUMBER_NAN;
}

static uint32_t from_f64(double key)
{
	if (key == 0)
		return 0;
	if (key != key)
		return NUMBER_NAN;
	return (uint32_t)(key > 0 ? key / 4.9406564584124654e-324 : key / -1e17 + 0.5);
}

static uint32_t from_str(struct tophash_str key)
{
	return key.n ? (uint32_t)strtoul(key.p, NULL, 10) : 0;
}

#define FROM_BOOL(k)   ((uint32_t)(k))
#define FROM_I8(k)     ((uint32_t)(uint8_t)(k))
#define FROM_I16(k)    ((uint32_t)((k) + 10000))
#define FROM_U32(k)    ((k) >> 12)
#define FROM_I64(k)    ((uint32_t)((k) / -0x100000001))
#define FROM_U64(k)    ((uint32_t)((k) >> 40))
#define FROM_ENUM(k)   ((uint32_t)(k))
#define FROM_PTR(k)    ((uint32_t)((const char *)(k)-places))
#define FROM_CSTR(k)   ((uint32_t)strtoul(k, NULL, 10))
#define FROM_BYTES(k)  ((k).one)
#define FROM_CUSTOM(k) ((k).number)

/* ---- values -------------------------------------------------------------------------------------- */

struct words {
	uint64_t x[7]; /* 448 bits */
};

static struct words make_words(uint64_t val)
{
	struct words ret;

	for (unsigned i = 0; i < 7; i++)
		ret.x[i] = val + i;
	return ret;
}

/* Returns the value that was put, or 0 if the words do not belong together. */
static uint64_t read_words(struct words words)
{
	for (unsigned i = 1; i < 7; i++)
		if (words.x[0] && words.x[i] != words.x[0] + i)
			return 0;
	return words.x[0];
}

#define MAKE_U64(val)  (val)
#define READ_U64(v)    (v)
#define MAKE_U32(val)  ((uint32_t)(val))
#define READ_U32(v)    ((uint64_t)(v))
#define MAKE_U8(val)   ((uint8_t)(val))
#define READ_U8(v)     ((uint64_t)(v))
#define MAKE_F64(val)  ((double)(uint32_t)(val))
#define READ_F64(v)    ((uint64_t)(v))
#define MAKE_PTR(val)  ((const char *)(uintptr_t)(uint32_t)(val))
#define READ_PTR(v)    ((uint64_t)(uintptr_t)(v))
#define MAKE_BOOL(val) ((val) % 2 != 0)
#define READ_BOOL(v)   ((uint64_t)(v))

/* ---- the functions of a kind ------------------------------------------------------------------------ */

#define TO(name, map)	((struct name *)(void *)(map))
#define FROM(name, map) ((const struct name *)(const void *)(map))

#define KEY_FUNCTIONS(name, K, of_number)                                \
	static K name##_given_(uint32_t number, size_t at)               \
	{                                                                \
		K key = of_number(number);                               \
		_Static_assert(sizeof(key) <= KEY_MAX, "a key is kept"); \
		memcpy(kinds_given[at], &key, sizeof(key));              \
		return key;                                              \
	}
#define COMMON_FUNCTIONS(name, K, of_number)                                                      \
	static bool name##_remove_(struct tophash *map, uint32_t number)                          \
	{                                                                                         \
		return name##_delete(TO(name, map), of_number(number));                           \
	}                                                                                         \
	static void name##_keys_(const uint32_t *numbers, size_t n, K *ret)                       \
	{                                                                                         \
		for (size_t i = 0; i < n; i++)                                                    \
			ret[i] = name##_given_(numbers[i], i);                                    \
	}                                                                                         \
	static size_t name##_remove_many_(struct tophash *map, const uint32_t *numbers, size_t n) \
	{                                                                                         \
		K keys[BATCH];                                                                    \
		name##_keys_(numbers, n, keys);                                                   \
		return name##_delete_many(TO(name, map), keys, n);                                \
	}                                                                                         \
	static size_t name##_remove_odd_(struct tophash *map)                                     \
	{                                                                                         \
		return name##_delete_if(TO(name, map), name##_is_odd_, NULL);                     \
	}

#define MAP_FUNCTIONS(name, K, V, of_number, from_key, MAKE, READ)                         \
	KEY_FUNCTIONS(name, K, of_number)                                                  \
	static uint64_t name##_val_(uint64_t val)                                          \
	{                                                                                  \
		return READ(MAKE(val));                                                    \
	}                                                                                  \
	static int name##_put_(struct tophash *map, uint32_t number, uint64_t val)         \
	{                                                                                  \
		return name##_put(TO(name, map), name##_given_(number, 0), MAKE(val));     \
	}                                                                                  \
	static bool name##_slot_(struct tophash *map, uint32_t number, uint64_t val,       \
				 uint64_t *ret_old)                                        \
	{                                                                                  \
		V *v = name##_slot(TO(name, map), name##_given_(number, 0));               \
		if (v) {                                                                   \
			*ret_old = READ(*v);                                               \
			*v = MAKE(val);                                                    \
		}                                                                          \
		return v != NULL;                                                          \
	}                                                                                  \
	static bool name##_get_(const struct tophash *map, uint32_t number, uint64_t *ret) \
	{                                                                                  \
		V const *v = name##_find(FROM(name, map), of_number(number));              \
		*ret = READ(name##_get(FROM(name, map), of_number(number)));               \
		return v && READ(*v) == *ret;                                              \
	}                                                                                  \
	static bool name##_is_odd_(K k, V *v, void *ctx)                                   \
	{                                                                                  \
		(void)v;                                                                   \
		(void)ctx;                                                                 \
		return from_key(k) % 2 == 1;                                               \
	}                                                                                  \
	COMMON_FUNCTIONS(name, K, of_number)                                               \
	static int name##_put_many_(struct tophash *map, const uint32_t *numbers,          \
				    const uint64_t *vals, size_t n, size_t *ret_done)      \
	{                                                                                  \
		K keys[BATCH];                                                             \
		V vs[BATCH];                                                               \
		name##_keys_(numbers, n, keys);                                            \
		for (size_t i = 0; i < n; i++)                                             \
			vs[i] = MAKE(vals[i]);                                             \
		return name##_put_many(TO(name, map), keys, vs, n, ret_done);              \
	}                                                                                  \
	static size_t name##_get_many_(const struct tophash *map, const uint32_t *numbers, \
				       size_t n, uint64_t *ret, bool *ret_found)           \
	{                                                                                  \
		K keys[BATCH];                                                             \
		V vs[BATCH];                                                               \
		size_t found;                                                              \
		name##_keys_(numbers, n, keys);                                            \
		found = name##_get_many(FROM(name, map), keys, n, vs, ret_found);          \
		for (size_t i = 0; i < n; i++)                                             \
			ret[i] = READ(vs[i]);                                              \
		return found;                                                              \
	}                                                                                  \
	static void name##_each_(struct tophash *map, visit_fn *fn, void *ctx)             \
	{                                                                                  \
		TOPHASH_EACH(name, it, TO(name, map))                                      \
			if (!fn(ctx, from_key(it.key), READ(*it.ref)))                     \
				break;                                                     \
	}

#define SET_FUNCTIONS(name, K, of_number, from_key)                                        \
	KEY_FUNCTIONS(name, K, of_number)                                                  \
	static uint64_t name##_val_(uint64_t val)                                          \
	{                                                                                  \
		(void)val;                                                                 \
		return 0;                                                                  \
	}                                                                                  \
	static int name##_put_(struct tophash *map, uint32_t number, uint64_t val)         \
	{                                                                                  \
		(void)val;                                                                 \
		return name##_add(TO(name, map), name##_given_(number, 0));                \
	}                                                                                  \
	static bool name##_slot_(struct tophash *map, uint32_t number, uint64_t val,       \
				 uint64_t *ret_old)                                        \
	{                                                                                  \
		(void)val;                                                                 \
		*ret_old = 0;                                                              \
		return name##_add(TO(name, map), name##_given_(number, 0)) >= 0;           \
	}                                                                                  \
	static bool name##_get_(const struct tophash *map, uint32_t number, uint64_t *ret) \
	{                                                                                  \
		*ret = 0;                                                                  \
		return name##_has(FROM(name, map), of_number(number));                     \
	}                                                                                  \
	static bool name##_is_odd_(K k, void *ctx)                                         \
	{                                                                                  \
		(void)ctx;                                                                 \
		return from_key(k) % 2 == 1;                                               \
	}                                                                                  \
	COMMON_FUNCTIONS(name, K, of_number)                                               \
	static int name##_put_many_(struct tophash *map, const uint32_t *numbers,          \
				    const uint64_t *vals, size_t n, size_t *ret_done)      \
	{                                                                                  \
		K keys[BATCH];                                                             \
		(void)vals;                                                                \
		name##_keys_(numbers, n, keys);                                            \
		return name##_add_many(TO(name, map), keys, n, ret_done);                  \
	}                                                                                  \
	static size_t name##_get_many_(const struct tophash *map, const uint32_t *numbers, \
				       size_t n, uint64_t *ret, bool *ret_found)           \
	{                                                                                  \
		K keys[BATCH];                                                             \
		name##_keys_(numbers, n, keys);                                            \
		memset(ret, 0, n * sizeof(*ret));                                          \
		return name##_has_many(FROM(name, map), keys, n, ret_found);               \
	}                                                                                  \
	static void name##_each_(struct tophash *map, visit_fn *fn, void *ctx)             \
	{                                                                                  \
		TOPHASH_EACH(name, it, TO(name, map))                                      \
			if (!fn(ctx, from_key(it.key), 0))                                 \
				break;                                                     \
	}

#define NAN_FUNCTION(name, nan, MAKE)                                                 \
	static int name##_put_nan_(struct tophash *map, uint64_t val)                 \
	{                                                                             \
		return name##_put(TO(name, map), turn++ % 2 ? nan : -nan, MAKE(val)); \
	}

#define ENTRY(name, keys, put_nan)                                                               \
	{                                                                                        \
#name, keys, &name##_type, name##_put_, put_nan, name##_slot_, name##_get_,      \
			name##_remove_, name##_put_many_, name##_get_many_, name##_remove_many_, \
			name##_remove_odd_, name##_each_, name##_val_                            \
	}

/* ---- the kinds ----------------------------------------------------------------------------------- */

TOPHASH_MAP(flag, bool, uint64_t);
MAP_FUNCTIONS(flag, bool, uint64_t, of_bool, FROM_BOOL, MAKE_U64, READ_U64)
TOPHASH_MAP(i8, int8_t, uint32_t);
MAP_FUNCTIONS(i8, int8_t, uint32_t, of_i8, FROM_I8, MAKE_U32, READ_U32)
TOPHASH_MAP(i16, int16_t, uint8_t);
MAP_FUNCTIONS(i16, int16_t, uint8_t, of_i16, FROM_I16, MAKE_U8, READ_U8)
TOPHASH_MAP(u32, uint32_t, uint32_t);
MAP_FUNCTIONS(u32, uint32_t, uint32_t, of_u32, FROM_U32, MAKE_U32, READ_U32)
TOPHASH_MAP(i64, int64_t, double);
MAP_FUNCTIONS(i64, int64_t, double, of_i64, FROM_I64, MAKE_F64, READ_F64)
TOPHASH_MAP(u64, uint64_t, uint64_t);
MAP_FUNCTIONS(u64, uint64_t, uint64_t, of_u64, FROM_U64, MAKE_U64, READ_U64)
TOPHASH_MAP(wide, uint64_t, struct words);
MAP_FUNCTIONS(wide, uint64_t, struct words, of_u64, FROM_U64, make_words, read_words)
TOPHASH_MAP(colour, enum wide_enum, bool);
MAP_FUNCTIONS(colour, enum wide_enum, bool, of_enum, FROM_ENUM, MAKE_BOOL, READ_BOOL)
TOPHASH_MAP(f32, float, uint64_t);
MAP_FUNCTIONS(f32, float, uint64_t, of_f32, from_f32, MAKE_U64, READ_U64)
NAN_FUNCTION(f32, __builtin_nanf(""), MAKE_U64)
TOPHASH_MAP(f64, double, uint64_t);
MAP_FUNCTIONS(f64, double, uint64_t, of_f64, from_f64, MAKE_U64, READ_U64)
NAN_FUNCTION(f64, __builtin_nan(""), MAKE_U64)
TOPHASH_MAP(ptr, const void *, const char *);
MAP_FUNCTIONS(ptr, const void *, const char *, of_ptr, FROM_PTR, MAKE_PTR, READ_PTR)
TOPHASH_MAP(cstr, const char *, uint64_t);
MAP_FUNCTIONS(cstr, const char *, uint64_t, of_cstr, FROM_CSTR, MAKE_U64, READ_U64)
TOPHASH_MAP(chars, char *, uint32_t);
MAP_FUNCTIONS(chars, char *, uint32_t, of_mutable, FROM_CSTR, MAKE_U32, READ_U32)
TOPHASH_MAP(str, struct tophash_str, uint64_t);
MAP_FUNCTIONS(str, struct tophash_str, uint64_t, of_str, from_str, MAKE_U64, READ_U64)
TOPHASH_MAP_BYTES(bytes, struct bytes_key, uint64_t);
MAP_FUNCTIONS(bytes, struct bytes_key, uint64_t, of_bytes, FROM_BYTES, MAKE_U64, READ_U64)
TOPHASH_MAP_WITH(custom, struct custom_key, uint64_t, custom_hash, custom_equal);
MAP_FUNCTIONS(custom, struct custom_key, uint64_t, of_custom, FROM_CUSTOM, MAKE_U64, READ_U64)
TOPHASH_MAP_MIXED(mixed, struct custom_key, uint64_t, mixed_hash, custom_equal);
MAP_FUNCTIONS(mixed, struct custom_key, uint64_t, of_custom, FROM_CUSTOM, MAKE_U64, READ_U64)
TOPHASH_MAP_WITH(weak, struct custom_key, uint8_t, weak_hash, custom_equal);
MAP_FUNCTIONS(weak, struct custom_key, uint8_t, of_custom, FROM_CUSTOM, MAKE_U8, READ_U8)
TOPHASH_SET(set, uint64_t);
SET_FUNCTIONS(set, uint64_t, of_u64, FROM_U64)
TOPHASH_SET(names, const char *);
SET_FUNCTIONS(names, const char *, of_cstr, FROM_CSTR)
#ifdef __SIZEOF_INT128__
TOPHASH_MAP(i128, u128, uint64_t);
MAP_FUNCTIONS(i128, u128, uint64_t, of_u128, from_u128, MAKE_U64, READ_U64)
#endif

const struct kind kinds[] = {
	ENTRY(flag, 2, NULL),
	ENTRY(i8, 256, NULL),
	ENTRY(i16, KEYS < 30000 ? KEYS : 30000, NULL),
	ENTRY(u32, KEYS, NULL),
	ENTRY(i64, KEYS, NULL),
	ENTRY(u64, KEYS, NULL),
	ENTRY(wide, KEYS, NULL),
	ENTRY(colour, KEYS, NULL),
	ENTRY(f32, KEYS, f32_put_nan_),
	ENTRY(f64, KEYS, f64_put_nan_),
	ENTRY(ptr, KEYS, NULL),
	ENTRY(cstr, KEYS, NULL),
	ENTRY(chars, KEYS, NULL),
	ENTRY(str, KEYS, NULL),
	ENTRY(bytes, KEYS, NULL),
	ENTRY(custom, KEYS, NULL),
	ENTRY(mixed, KEYS, NULL),
	ENTRY(weak, 400, NULL),
	ENTRY(set, KEYS, NULL),
	ENTRY(names, KEYS, NULL),
#ifdef __SIZEOF_INT128__
	ENTRY(i128, KEYS, NULL),
#endif
};
const size_t kinds_len = sizeof(kinds) / sizeof(*kinds);
