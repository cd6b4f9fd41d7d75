/* A correct program in C and C++, with every function for each kind of key and value. It compiles
 * without a warning. */
#include "kinds.h"

static int failed;

static void expect(bool condition, int line)
{
	if (!condition && !failed)
		failed = line;
}

#define EXPECT(condition) expect(condition, __LINE__)

#define APART __attribute__((noinline)) static

/* The common functions of maps and sets. Each typed call is in a separate function. If all were
 * inlined, the compiler would take minutes. */
#define COMMON(name, K, KEY)                                                          \
	APART bool name##_delete_(struct name *m, K k)                                \
	{                                                                             \
		return name##_delete(m, k);                                           \
	}                                                                             \
	APART void name##_common(struct name *m)                                      \
	{                                                                             \
		struct name copy;                                                     \
		struct tophash_stats stats;                                           \
		K keys[1] = {KEY};                                                    \
		EXPECT(name##_len(m) == 1 && name##_check(m, 3) == 0);                \
		EXPECT(name##_clone(m, &copy) == 0 && name##_len(&copy) == 1);        \
		EXPECT(name##_reserve(&copy, 100) == 0 && name##_shrink(&copy) == 0); \
		name##_step(&copy, 1);                                                \
		name##_stats(&copy, &stats);                                          \
		EXPECT(stats.len == 1);                                               \
		EXPECT(name##_delete_many(&copy, keys, 1) == 1);                      \
		name##_clear(&copy);                                                  \
		name##_fini(&copy);                                                   \
		EXPECT(name##_init(&copy, 10) == 0 && name##_len(&copy) == 0);        \
		EXPECT(name##_set_hooks(&copy, NULL) != 0);                           \
		name##_fini(&copy);                                                   \
	}

#define MAP(name, K, V, KEY, VALUE, SAME)                                                      \
	COMMON(name, K, KEY)                                                                   \
	APART int name##_put_(struct name *m, K k, V v)                                        \
	{                                                                                      \
		return name##_put(m, k, v);                                                    \
	}                                                                                      \
	APART V name##_get_(const struct name *m, K k)                                         \
	{                                                                                      \
		return name##_get(m, k);                                                       \
	}                                                                                      \
	APART V *name##_find_(const struct name *m, K k)                                       \
	{                                                                                      \
		return name##_find(m, k);                                                      \
	}                                                                                      \
	APART V *name##_slot_(struct name *m, K k)                                             \
	{                                                                                      \
		return name##_slot(m, k);                                                      \
	}                                                                                      \
	APART bool name##_never(K k, V *v, void *ctx)                                          \
	{                                                                                      \
		(void)k;                                                                       \
		return v == ctx;                                                               \
	}                                                                                      \
	static void name##_use(void)                                                           \
	{                                                                                      \
		struct name m;                                                                 \
		K keys[1] = {KEY};                                                             \
		V vals[1] = {VALUE};                                                           \
		V *slot;                                                                       \
		int n = 0;                                                                     \
		EXPECT(name##_init(&m, 0) == 0);                                               \
		EXPECT(name##_find_(NULL, KEY) == NULL && !name##_delete_(NULL, KEY));         \
		EXPECT(name##_put_(&m, KEY, VALUE) == 1 && name##_put_(&m, KEY, VALUE) == 0);  \
		EXPECT(SAME(name##_get_(&m, KEY), vals[0]));                                   \
		slot = name##_find_(&m, KEY);                                                  \
		EXPECT(slot != NULL && slot == name##_slot_(&m, KEY) && SAME(*slot, vals[0])); \
		name##_common(&m);                                                             \
		TOPHASH_EACH(name, it, &m)                                                     \
			n += SAME(it.val, *it.ref) && name##_find_(&m, it.key) == it.ref;      \
		EXPECT(n == 1 && name##_delete_if(&m, name##_never, NULL) == 0);               \
		EXPECT(name##_delete_(&m, KEY));                                               \
		EXPECT(name##_put_many(&m, keys, vals, 1, NULL) == 0);                         \
		EXPECT(name##_get_many(&m, keys, 1, vals, NULL) == 1 &&                        \
		       SAME(vals[0], name##_get_(&m, KEY)));                                   \
		name##_fini(&m);                                                               \
	}

#define SET(name, K, KEY)                                                         \
	COMMON(name, K, KEY)                                                      \
	APART int name##_add_(struct name *m, K k)                                \
	{                                                                         \
		return name##_add(m, k);                                          \
	}                                                                         \
	APART bool name##_has_(const struct name *m, K k)                         \
	{                                                                         \
		return name##_has(m, k);                                          \
	}                                                                         \
	APART bool name##_never(K k, void *ctx)                                   \
	{                                                                         \
		(void)k;                                                          \
		return ctx != NULL;                                               \
	}                                                                         \
	static void name##_use(void)                                              \
	{                                                                         \
		struct name m;                                                    \
		K keys[1] = {KEY};                                                \
		bool found[1];                                                    \
		int n = 0;                                                        \
		EXPECT(name##_init(&m, 0) == 0);                                  \
		EXPECT(!name##_has_(NULL, KEY) && !name##_delete_(NULL, KEY));    \
		EXPECT(name##_add_(&m, KEY) == 1 && name##_add_(&m, KEY) == 0 &&  \
		       name##_has_(&m, KEY));                                     \
		name##_common(&m);                                                \
		TOPHASH_EACH(name, it, &m)                                        \
			n += name##_has_(&m, it.key);                             \
		EXPECT(n == 1 && name##_delete_if(&m, name##_never, NULL) == 0 && \
		       name##_delete_(&m, KEY));                                  \
		EXPECT(name##_add_many(&m, keys, 1, NULL) == 0);                  \
		EXPECT(name##_has_many(&m, keys, 1, found) == 1 && found[0]);     \
		name##_fini(&m);                                                  \
	}

#define SAME(a, b)	   ((a) == (b))
#define SAME_WORDS(a, b)   ((a).w[6] == (b).w[6])
#define LESS_OR_MORE(a, b) (!((a) < (b)) && !((a) > (b)))

static struct point some_point = {1, 2};
static struct padded some_padded = {'x', 3};
static struct words some_words = {{1, 2, 3, 4, 5, 6, 7}};
static struct tophash_str some_str = {"ada", 3};
static char chars[] = "ada";
static const char text[] = "text";
static void *address = chars;
static enum colour green = GREEN;

MAP(k_i8, int8_t, int, -1, 1, SAME)
MAP(k_u8, uint8_t, int, 255, 1, SAME)
MAP(k_i16, int16_t, int, -1000, 1, SAME)
MAP(k_u16, uint16_t, int, 65535, 1, SAME)
MAP(k_i32, int32_t, int, INT32_MIN, 1, SAME)
MAP(k_u32, uint32_t, int, UINT32_MAX, 1, SAME)
MAP(k_i64, int64_t, int, INT64_MIN, 1, SAME)
MAP(k_u64, uint64_t, int, UINT64_MAX, 1, SAME)
MAP(k_char, char, int, 'x', 1, SAME)
MAP(k_llong, long long, int, -5LL, 1, SAME)
MAP(k_bool, bool, int, true, 1, SAME)
MAP(k_enum, enum colour, int, green, 1, SAME)
MAP(k_float, float, int, 1.5f, 1, SAME)
MAP(k_double, double, int, 1.5, 1, SAME)
MAP(k_voidp, void *, int, address, 1, SAME)
MAP(k_pointp, const struct point *, int, &some_point, 1, SAME)
MAP(k_chars, char *, int, chars, 1, SAME)
MAP(k_cstr, const char *, int, text, 1, SAME)
MAP(k_str, struct tophash_str, int, some_str, 1, SAME)
MAP(k_bytes, struct point, int, some_point, 1, SAME)
MAP(k_with, struct padded, int, some_padded, 1, SAME)
MAP(k_mixed, struct padded, int, some_padded, 1, SAME)
#ifdef __SIZEOF_INT128__
MAP(k_i128, i128, int, (i128)1 << 100, 1, SAME)
#define WIDE k_i128_use
#else
#define WIDE k_i8_use
#endif

SET(s_i32, int32_t, -7)
SET(s_bool, bool, false)
SET(s_double, double, -0.0)
SET(s_voidp, void *, address)
SET(s_cstr, const char *, text)
SET(s_str, struct tophash_str, some_str)
SET(s_bytes, struct point, some_point)
SET(s_with, struct padded, some_padded)
SET(s_mixed, struct padded, some_padded)

MAP(v_u8, int, uint8_t, 1, 255, SAME)
MAP(v_i64, int, int64_t, 1, INT64_MIN, SAME)
MAP(v_bool, int, bool, 1, true, SAME)
MAP(v_enum, int, enum colour, 1, green, SAME)
MAP(v_double, int, double, 1, 2.5, LESS_OR_MORE)
MAP(v_voidp, int, void *, 1, address, SAME)
MAP(v_cstr, int, const char *, 1, text, SAME)
MAP(v_words, int, struct words, 1, some_words, SAME_WORDS)

int main(void)
{
	static void (*const uses[])(void) = {
		k_i8_use,     k_u8_use,	    k_i16_use,	 k_u16_use,    k_i32_use,   k_u32_use,
		k_i64_use,    k_u64_use,    k_char_use,	 k_llong_use,  k_bool_use,  k_enum_use,
		k_float_use,  k_double_use, k_voidp_use, k_pointp_use, k_chars_use, k_cstr_use,
		k_str_use,    k_bytes_use,  k_with_use,	 k_mixed_use,  WIDE,	    s_i32_use,
		s_bool_use,   s_double_use, s_voidp_use, s_cstr_use,   s_str_use,   s_bytes_use,
		s_with_use,   s_mixed_use,  v_u8_use,	 v_i64_use,    v_bool_use,  v_enum_use,
		v_double_use, v_voidp_use,  v_cstr_use,	 v_words_use,
	};

	for (size_t i = 0; i < sizeof(uses) / sizeof(*uses); i++)
		uses[i]();
	return failed != 0;
}
