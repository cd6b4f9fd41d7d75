/* The types of keys and values, for the macros of map.h: how a key type is hashed, and how a value of a type is
 * passed to a function.
 *
 * A parameter takes every value that C converts to its type, but never a pointer for a number or the reverse.
 * For those, gcc and clang only warn. Therefore a parameter does not have the type itself:
 *
 *              C, gcc                     C, clang               C++
 *   integers   _Complex of the integer    transparent union      the integer
 *   bool       double                     double                 double
 *   pointers   transparent union          transparent union      the pointer
 *   others     the type                   the type               the type
 *
 * Arithmetic types convert to a complex one, pointers do not. gcc accepts for a transparent union only the exact
 * type of a member; this is right for pointers and too narrow for numbers. C++ refuses by itself. A bool says
 * whether a number is 0: a double can tell that of every number, and pointers do not convert to it. The value
 * is read from the parameter's first bytes.
 *
 * Define TOPHASH_PLAIN_ARGS to pass the types themselves. gcc's -Wpedantic needs it: that warns of each pointer
 * that is passed for a union.
 */
#ifndef TOPHASH_TYPED_H
#define TOPHASH_TYPED_H

#include "tophash/core.h"

#ifdef __cplusplus
extern "C++" {
#include <type_traits>
}

#define TOPHASH_ASSERT(condition, text) static_assert(condition, text)
#else
#define TOPHASH_ASSERT(condition, text) _Static_assert(condition, text)
#endif

/* ---- the kind of a key --------------------------------------------------------------------------- */

#ifdef __cplusplus

extern "C++" {

#ifdef __SIZEOF_INT128__
/* The C++ library takes these for integers in -std=gnu++17 only. */
__extension__ typedef __int128 tophash_int128;
__extension__ typedef unsigned __int128 tophash_uint128;
template <class K> struct tophash_is_wide {
	static constexpr bool value =
		std::is_same<K, tophash_int128>::value || std::is_same<K, tophash_uint128>::value;
};
#else
template <class K> struct tophash_is_wide {
	static constexpr bool value = false;
};
#endif

template <class K> struct tophash_kind_of_type {
	static constexpr uint32_t value =
		std::is_same<K, char *>::value || std::is_same<K, const char *>::value
			? (uint32_t)TOPHASH_KIND_CSTR
		: std::is_same<K, tophash_str>::value ? (uint32_t)TOPHASH_KIND_STR
		: std::is_same<K, float>::value || std::is_same<K, double>::value
			? (uint32_t)TOPHASH_KIND_FLOAT
		: std::is_integral<K>::value || std::is_enum<K>::value ||
				std::is_pointer<K>::value || tophash_is_wide<K>::value
			? (uint32_t)TOPHASH_KIND_INT
			: 0;
};

template <class T> struct tophash_arg_of_type {
	typedef typename std::conditional<std::is_same<T, bool>::value, double, T>::type type;
};

} /* extern "C++" */

#define TOPHASH_KIND_OF(K)   (tophash_kind_of_type<K>::value)
#define TOPHASH_IS_BOOL(T)   (std::is_same<T, bool>::value)
#define TOPHASH_ARG(name, T) typedef tophash_arg_of_type<T>::type name

#else

/* The classes of gcc's typeclass.h: 1 to 4 are integers, characters, enums and bool; 5 is a pointer. */
#define TOPHASH_CLASS(T)      __builtin_classify_type(*(T *)0)
#define TOPHASH_IS_INTEGER(T) (TOPHASH_CLASS(T) >= 1 && TOPHASH_CLASS(T) <= 4)
#define TOPHASH_IS_POINTER(T) (TOPHASH_CLASS(T) == 5)
#define TOPHASH_IS_BOOL(T)    _Generic(*(T *)0, _Bool : 1, default : 0)

#define TOPHASH_KIND_OF(K) \
	_Generic(*(K *)0, \
		char *: TOPHASH_KIND_CSTR, \
		const char *: TOPHASH_KIND_CSTR, \
		struct tophash_str: TOPHASH_KIND_STR, \
		float: TOPHASH_KIND_FLOAT, \
		double: TOPHASH_KIND_FLOAT, \
		default: TOPHASH_IS_INTEGER(K) || TOPHASH_IS_POINTER(K) ? TOPHASH_KIND_INT : 0)

/* Gives the type that a value is passed as: double for bool, else its own. */
#define TOPHASH_OR_DOUBLE(T) _Generic(*(T *)0, _Bool : 0.0, default : *(T *)0)

#if defined(TOPHASH_PLAIN_ARGS)

#define TOPHASH_ARG(name, T) __extension__ typedef __typeof__(TOPHASH_OR_DOUBLE(T)) name

#elif defined(__clang__)

#define TOPHASH_IN_UNION(T) \
	(!TOPHASH_IS_BOOL(T) && (TOPHASH_IS_INTEGER(T) || TOPHASH_IS_POINTER(T)))
#define TOPHASH_ARG(name, T)                                                                    \
	typedef union {                                                                         \
		__typeof__(__builtin_choose_expr(TOPHASH_IN_UNION(T), *(T *)0, (void *)0)) val; \
	} __attribute__((transparent_union)) name##_union;                                      \
	typedef __typeof__(__builtin_choose_expr(TOPHASH_IN_UNION(T), *(name##_union *)0,       \
						 TOPHASH_OR_DOUBLE(T))) name

#else

#define TOPHASH_COMPLEX(T) \
	T:                 \
	(_Complex T)0
#ifdef __SIZEOF_INT128__
#define TOPHASH_COMPLEX_WIDE TOPHASH_COMPLEX(__int128), TOPHASH_COMPLEX(unsigned __int128),
#else
#define TOPHASH_COMPLEX_WIDE
#endif
/* An enum selects the integer type that it is compatible with. */
#define TOPHASH_COMPLEX_OF(T)                                                               \
	_Generic(*(T *)0, _Bool : 0.0, TOPHASH_COMPLEX(char), TOPHASH_COMPLEX(signed char), \
		 TOPHASH_COMPLEX(unsigned char), TOPHASH_COMPLEX(short),                    \
		 TOPHASH_COMPLEX(unsigned short), TOPHASH_COMPLEX(int),                     \
		 TOPHASH_COMPLEX(unsigned int), TOPHASH_COMPLEX(long),                      \
		 TOPHASH_COMPLEX(unsigned long), TOPHASH_COMPLEX(long long),                \
		 TOPHASH_COMPLEX(unsigned long long), TOPHASH_COMPLEX_WIDE default          \
		 : *(T *)0)

#define TOPHASH_ARG(name, T)                                                                      \
	__extension__ typedef union {                                                             \
		__typeof__(__builtin_choose_expr(TOPHASH_IS_POINTER(T), *(T *)0, (void *)0)) val; \
	} __attribute__((transparent_union)) name##_union;                                        \
	__extension__ typedef __typeof__(__builtin_choose_expr(                                   \
		TOPHASH_IS_POINTER(T), *(name##_union *)0, TOPHASH_COMPLEX_OF(T))) name

#endif
#endif

/* Copies the value of a parameter, size bytes, to ret. */
TOPHASH_INLINE void tophash_take_arg(void *ret, const void *arg, size_t size, bool is_bool)
{
	double x;

	if (!is_bool) {
		__builtin_memcpy(ret, arg, size);
		return;
	}
	__builtin_memcpy(&x, arg, sizeof(x));
	*(bool *)ret = (bool)x;
}

/* ---- the layout of a slot (struct tophash_type draws it) -------------------------------------------------------------------- */

#define TOPHASH_ROUND(n, to)   (((n) + (to)-1) / (to) * (to))
#define TOPHASH_HAS_HASH(kind) ((kind) == TOPHASH_KIND_CSTR || (kind) == TOPHASH_KIND_STR)
#define TOPHASH_KEY_END(kind, K) \
	(TOPHASH_HAS_HASH(kind) ? TOPHASH_ROUND(sizeof(K), 4) + 4 : sizeof(K))
#define TOPHASH_VAL_AT(kind, K, V) TOPHASH_ROUND(TOPHASH_KEY_END(kind, K), __alignof__(V))
#define TOPHASH_SLOT_SIZE(kind, K, V)                         \
	TOPHASH_ROUND(TOPHASH_VAL_AT(kind, K, V) + sizeof(V), \
		      __alignof__(V) > __alignof__(K) ? __alignof__(V) : __alignof__(K))
#define TOPHASH_SET_SLOT_SIZE(kind, K) TOPHASH_ROUND(TOPHASH_KEY_END(kind, K), __alignof__(K))

#endif
