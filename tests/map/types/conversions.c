/* Arithmetic conversions are those of C. Each argument, as a key and as a value, becomes the value
 * that it has after an assignment to a variable of the type. Prints the lines that do not hold. For
 * C and C++, each with its own conversions.
 */
#include <stdio.h>

#include "kinds.h"

static int failed;

static void report(int line)
{
	printf("conversions.c:%d does not hold\n", line);
	failed = 1;
}

/* Puts arg, and then finds the value that the compiler converts it to. */
#define KEY(name, K, arg)                                                  \
	do {                                                               \
		struct name m;                                             \
		K key = arg;                                               \
		name##_init(&m, 0);                                        \
		if (name##_put(&m, arg, 7) != 1 || !name##_holds(&m, key)) \
			report(__LINE__);                                  \
		name##_fini(&m);                                           \
	} while (0)

/* Checks this for every function. */
#define EVERY(name, K, arg)                                                     \
	do {                                                                    \
		struct name m;                                                  \
		K key = arg;                                                    \
		name##_init(&m, 0);                                             \
		if (name##_put(&m, key, 7) != 1 || name##_get(&m, arg) != 7 ||  \
		    *name##_find(&m, arg) != 7 || *name##_slot(&m, arg) != 7 || \
		    !name##_delete(&m, arg))                                    \
			report(__LINE__);                                       \
		name##_fini(&m);                                                \
	} while (0)

/* Checks with the key as it is. It is a separate function and is compiled once. */
#define HOLDS(name, K)                                                                  \
	__attribute__((noinline)) static bool name##_holds(const struct name *m, K key) \
	{                                                                               \
		return name##_get(m, key) == 7 && name##_len(m) == 1;                   \
	}

HOLDS(k_i8, int8_t)
HOLDS(k_u8, uint8_t)
HOLDS(k_i16, int16_t)
HOLDS(k_u16, uint16_t)
HOLDS(k_i32, int32_t)
HOLDS(k_u32, uint32_t)
HOLDS(k_i64, int64_t)
HOLDS(k_u64, uint64_t)
HOLDS(k_char, char)
HOLDS(k_llong, long long)
HOLDS(k_bool, bool)
HOLDS(k_enum, enum colour)
HOLDS(k_float, float)
HOLDS(k_double, double)
HOLDS(k_voidp, void *)
HOLDS(k_pointp, const struct point *)
HOLDS(k_chars, char *)
HOLDS(k_cstr, const char *)
#ifdef __SIZEOF_INT128__
HOLDS(k_i128, i128)
#endif

#define VALUE(name, V, arg)                                                  \
	do {                                                                 \
		struct name m;                                               \
		V val = arg;                                                 \
		name##_init(&m, 0);                                          \
		if (name##_put(&m, 1, arg) != 1 || name##_get(&m, 1) != val) \
			report(__LINE__);                                    \
		name##_fini(&m);                                             \
	} while (0)

static void integers(long l, unsigned long ul, double d, int8_t small)
{
	KEY(k_i32, int32_t, l);
	KEY(k_i32, int32_t, ul);
	KEY(k_i32, int32_t, d);
	KEY(k_i32, int32_t, 1.5f);
	KEY(k_i32, int32_t, small);
	KEY(k_i32, int32_t, 'c');
	KEY(k_i32, int32_t, true);
	KEY(k_i32, int32_t, GREEN);
	KEY(k_i8, int8_t, l);
	KEY(k_i8, int8_t, 300);
	KEY(k_u8, uint8_t, -1);
	KEY(k_u8, uint8_t, ul);
	KEY(k_i16, int16_t, 70000);
	KEY(k_u16, uint16_t, small);
	KEY(k_u32, uint32_t, small);
	KEY(k_u32, uint32_t, -1LL);
	KEY(k_i64, int64_t, small);
	KEY(k_i64, int64_t, UINT32_MAX);
	KEY(k_u64, uint64_t, small);
	KEY(k_u64, uint64_t, -1);
	KEY(k_char, char, 'x');
	KEY(k_char, char, 321);
	KEY(k_llong, long long, small);
	KEY(k_llong, long long, d);
#ifdef __SIZEOF_INT128__
	KEY(k_i128, i128, -1);
	KEY(k_i128, i128, ul);
	KEY(k_i128, i128, d);
	KEY(k_u8, uint8_t, (i128)l);
#endif
}

static void others(long l, unsigned long ul, double d)
{
	KEY(k_bool, bool, 256);
	KEY(k_bool, bool, 0.5);
	KEY(k_bool, bool, -1L);
	KEY(k_bool, bool, 0);
	KEY(k_bool, bool, l);
	KEY(k_bool, bool, ul << 32);
	KEY(k_bool, bool, 1e300);
	KEY(k_bool, bool, UINT64_MAX);
	KEY(k_bool, bool, BLUE);
	KEY(k_float, float, 3);
	KEY(k_float, float, d);
	KEY(k_float, float, 16777217);
	KEY(k_double, double, 1.5f);
	KEY(k_double, double, 7);
	KEY(k_double, double, ul);
	KEY(k_enum, enum colour, BLUE);
#ifndef __cplusplus
	KEY(k_enum, enum colour, 1);
	KEY(k_enum, enum colour, l);
#endif
	VALUE(v_u8, uint8_t, 257);
	VALUE(v_u8, uint8_t, d);
	VALUE(v_i64, int64_t, -5);
	VALUE(v_i64, int64_t, d);
	VALUE(v_bool, bool, 256);
	VALUE(v_bool, bool, 0.25f);
	VALUE(v_bool, bool, 0L);
	VALUE(v_double, double, -5);
	VALUE(v_double, double, 2.5f);
	VALUE(v_enum, enum colour, BLUE);
}

static void every_function(long l, double d)
{
	EVERY(k_i32, int32_t, l);
	EVERY(k_i32, int32_t, d);
	EVERY(k_u8, uint8_t, 511);
	EVERY(k_bool, bool, 256);
	EVERY(k_bool, bool, 0.5);
	EVERY(k_double, double, l);
	EVERY(k_float, float, 7);
}

static void pointers(void)
{
	static char text[] = "text", same[] = "text";
	static struct point point;

	KEY(k_cstr, const char *, "text");
	KEY(k_cstr, const char *, text);
	KEY(k_chars, char *, text);
	KEY(k_voidp, void *, text);
	KEY(k_voidp, void *, &point);
	KEY(k_voidp, void *, NULL);
	KEY(k_voidp, void *, 0);
	KEY(k_pointp, const struct point *, &point);
	KEY(k_pointp, const struct point *, NULL);
	VALUE(v_voidp, void *, text);
	VALUE(v_voidp, void *, NULL);
	VALUE(v_cstr, const char *, text);
	VALUE(v_cstr, const char *, 0);
	if (text != same) {
		struct k_chars m;

		k_chars_init(&m, 0);
		if (k_chars_put(&m, text, 1) != 1 || k_chars_put(&m, same, 2) != 0)
			report(__LINE__);
		k_chars_fini(&m);
	}
}

int main(void)
{
	integers(1L << 20 | 5, 4000000000ul, -3.75, -3);
	others(1L << 20, 1, 2.5);
	every_function(1L << 20 | 5, 2.5);
	pointers();
	return failed;
}
