/* What the macros of map.h need to know of a type: how it is hashed, and how it is passed.
 *
 * A parameter takes what C converts to the key, but never a pointer for a number or the reverse: gcc and
 * clang only warn of that. So a parameter is not of the type itself:
 *
 *              C, gcc                     C, clang               C++
 *   integers   _Complex of the integer    transparent union      the integer
 *   bool       double                     double                 double
 *   pointers   transparent union          transparent union      the pointer
 *   others     the type                   the type               the type
 *
 * (Arithmetic types convert to a complex one, pointers do not; gcc takes for a transparent union what
 * has just the type of a member, which does for pointers, and not for numbers. C++ refuses as it is.)
 * A bool is whether a number is 0, which a double tells of every number, and pointers do not convert to.
 * The value is read from the parameter's first bytes. TOPHASH_PLAIN_ARGS passes the type itself: for
 * gcc's -Wpedantic, which warns of each pointer that is given for a union.
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
/* Integers in -std=gnu++17 only, for the library. */
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

} /* whoever includes this */

#define TOPHASH_KIND_OF(K)   (tophash_kind_of_type<K>::value)
#define TOPHASH_IS_BOOL(T)   (std::is_same<T, bool>::value)
#define TOPHASH_ARG(name, T) typedef tophash_arg_of_type<T>::type name

#else

/* gcc's typeclass.h: 1 to 4 integers, characters, enums, bool; 5 pointers. */
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

/* What a bool is passed as; all else as itself. */
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
/* For an enum the compiler finds the integer that it is compatible with. */
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

/* Reads a parameter. */
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

/* ---- where things lie in a slot -------------------------------------------------------------------- */

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
