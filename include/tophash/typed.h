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
 * A function that only reads takes a pointer to a const object where the key is a pointer to a writable one. In C
 * strings may also be pointers to signed or unsigned char.
 *
 * gcc's -Wpedantic warns of each pointer that is passed for a union. In its strict modes (-std=c11) pointers are
 * therefore passed as they are; a number for one is a warning until gcc 14. Define TOPHASH_PLAIN_ARGS to pass all types
 * themselves.
 */
#ifndef TOPHASH_TYPED_H
#define TOPHASH_TYPED_H

#if !defined(TOPHASH_SHOW_WARNINGS) && __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include "tophash/core.h"

#ifdef __cplusplus
extern "C++" {
#include <type_traits>
}

#define TOPHASH_ASSERT(condition, text) static_assert(condition, text)
#else
#define TOPHASH_ASSERT(condition, text) _Static_assert(condition, text)
#endif

/* Keys that are compared by their bytes must not differ in their padding. Compilers that can clear it do (gcc 11, clang
 * 20). In C++ others refuse such keys. In C they take them: there the program must clear them. */
#ifdef __has_builtin
#if __has_builtin(__builtin_clear_padding)
#define TOPHASH_CLEARS_PADDING	 1
#define TOPHASH_CLEAR_PADDING(p) __builtin_clear_padding(p)
#endif
#endif
#ifndef TOPHASH_CLEARS_PADDING
#define TOPHASH_CLEARS_PADDING	 0
#define TOPHASH_CLEAR_PADDING(p) ((void)(p))
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
template <class T> struct tophash_read_of_type {
	typedef typename tophash_arg_of_type<T>::type type;
};
template <class T> struct tophash_read_of_type<T *> {
	typedef typename std::conditional<std::is_function<T>::value, T *, const T *>::type type;
};

template <class T> struct tophash_bare_type {
	typedef typename std::remove_cv<T>::type type;
};
template <class T, class U> struct tophash_is_same {
	static constexpr bool value = std::is_same<T, U>::value;
};
template <class T> struct tophash_is_array {
	static constexpr bool value = std::is_array<T>::value;
};
template <class T> struct tophash_is_bytes {
	static constexpr bool value = std::is_trivially_copyable<T>::value;
};

/* Tells whether a type has no padding. Where each value has one representation there is none. Floats have several; then a
 * value of zeros is copied to bytes, which is no constant where one of the bytes is padding. */
template <class T> struct tophash_raw {
	unsigned char bytes[sizeof(T)];
};
template <class T> constexpr int tophash_sum(const tophash_raw<T> &raw)
{
	int ret = 0;
	for (unsigned char byte : raw.bytes)
		ret += byte;
	return ret;
}
template <int N> struct tophash_constant {
	typedef void type;
};
template <class T, class = void> struct tophash_is_tight {
	static constexpr bool value = std::has_unique_object_representations<T>::value;
};
#if !TOPHASH_CLEARS_PADDING && defined(__has_builtin)
#if __has_builtin(__builtin_bit_cast)
template <class T>
struct tophash_is_tight<T, typename tophash_constant<tophash_sum<T>(
				   __builtin_bit_cast(tophash_raw<T>, T{}))>::type> {
	static constexpr bool value = true;
};
#endif
#endif

/* Room for a value of a type that may have no default constructor. */
template <class T> union tophash_room {
	unsigned char bytes[sizeof(T)];
	T val;
	/* The room holds no value yet. */
	tophash_room()
	{
	}
};

} /* extern "C++" */

#define TOPHASH_KIND_OF(K)	  (tophash_kind_of_type<K>::value)
#define TOPHASH_IS_BOOL(T)	  (tophash_is_same<T, bool>::value)
#define TOPHASH_IS_ARRAY(T)	  (tophash_is_array<T>::value)
#define TOPHASH_IS_SAME(T, U)	  (tophash_is_same<T, U>::value)
#define TOPHASH_IS_BYTES(T)	  (tophash_is_bytes<T>::value)
#define TOPHASH_BARE(name, T)	  typedef tophash_bare_type<T>::type name
#define TOPHASH_ARG(name, T)	  typedef tophash_arg_of_type<T>::type name
#define TOPHASH_READ_ARG(name, T) typedef tophash_read_of_type<T>::type name
#define TOPHASH_ROOM(T, name)	  tophash_room<T> name
#define TOPHASH_IN_ROOM(name)	  (&(name).val)
#define TOPHASH_NOTHING		  nullptr
#define TOPHASH_NOEXCEPT	  noexcept
#define TOPHASH_IS_TIGHT(T)	  (TOPHASH_CLEARS_PADDING || tophash_is_tight<T>::value)

#else

/* The classes of gcc's typeclass.h: 1 to 4 are integers, characters, enums and bool; 5 is a
 * pointer. gcc would warn that a float is promoted. */
#define TOPHASH_CLASS(T) \
	__builtin_classify_type(_Generic(*(T *)0, float : (double)0, default : *(T *)0))
#define TOPHASH_IS_INTEGER(T) (TOPHASH_CLASS(T) >= 1 && TOPHASH_CLASS(T) <= 4)
#define TOPHASH_IS_POINTER(T) (TOPHASH_CLASS(T) == 5)
#define TOPHASH_IS_BOOL(T)    _Generic(*(T *)0, _Bool : 1, default : 0)
/* An array is not of the type that its value has, which is a pointer. */
#define TOPHASH_IS_ARRAY(T) \
	(!__builtin_types_compatible_p(T, __typeof__((void)0, *(__typeof__(T) *)0)))
#define TOPHASH_IS_SAME(T, U) __builtin_types_compatible_p(T, U)
#define TOPHASH_IS_BYTES(T)   1
/* The value of a comma expression has no qualifiers. */
#define TOPHASH_BARE(name, T) __extension__ typedef __typeof__((void)0, *(T *)0) name
#define TOPHASH_ROOM(T, name) T name
#define TOPHASH_IN_ROOM(name) (&(name))
#define TOPHASH_NOTHING	      NULL
#define TOPHASH_NOEXCEPT
#define TOPHASH_IS_TIGHT(T) 1

#define TOPHASH_KIND_OF(K) \
	_Generic(*(K *)0, \
		char *: TOPHASH_KIND_CSTR, \
		const char *: TOPHASH_KIND_CSTR, \
		struct tophash_str: TOPHASH_KIND_STR, \
		float: TOPHASH_KIND_FLOAT, \
		double: TOPHASH_KIND_FLOAT, \
		default: TOPHASH_IS_INTEGER(K) || TOPHASH_IS_POINTER(K) ? TOPHASH_KIND_INT : 0)

/* Gives the type that a value is passed as: double for bool, else its own. */
#define TOPHASH_OR_DOUBLE(T) _Generic(*(T *)0, _Bool : (double)0, default : *(T *)0)

/* Gives a value of the type with which a pointer is read: to a const object, unless it points to a function, which is
 * the only thing whose value is a pointer of the same type. */
#define TOPHASH_OR_CHARS(T)  __builtin_choose_expr(TOPHASH_IS_POINTER(T), *(T *)0, (char *)0)
#define TOPHASH_IS_CODE(T)   _Generic(*TOPHASH_OR_CHARS(T), T : 1, default : 0)
#define TOPHASH_OBJECT(T)    __builtin_choose_expr(TOPHASH_IS_CODE(T), (char *)0, TOPHASH_OR_CHARS(T))
#define TOPHASH_READ_POINTER(T)                                        \
	__builtin_choose_expr(TOPHASH_IS_CODE(T), TOPHASH_OR_CHARS(T), \
			      (const __typeof__(*TOPHASH_OBJECT(T)) *)0)

#if defined(TOPHASH_PLAIN_ARGS)

#define TOPHASH_ARG(name, T) __extension__ typedef __typeof__(TOPHASH_OR_DOUBLE(T)) name
#define TOPHASH_READ_ARG(name, T)                               \
	__extension__ typedef __typeof__(__builtin_choose_expr( \
		TOPHASH_IS_POINTER(T), TOPHASH_READ_POINTER(T), TOPHASH_OR_DOUBLE(T))) name

#else

/* A union whose first member has the type of a value, and whose others are the other kinds of character pointers,
 * where that is one. qualifier: of the characters that a char * may point to. */
#define TOPHASH_CHARS_OR(T, qualifier, chars, value) \
	_Generic(*(T *)0, \
		char *: (qualifier chars *)0, \
		const char *: (const chars *)0, \
		default: value)
#define TOPHASH_UNION(name, T, qualifier, value)                                        \
	__extension__ typedef union {                                                   \
		__typeof__(value) val;                                                  \
		__typeof__(TOPHASH_CHARS_OR(T, qualifier, signed char, value)) others;  \
		__typeof__(TOPHASH_CHARS_OR(T, qualifier, unsigned char, value)) bytes; \
	} __attribute__((transparent_union)) name

#if defined(__clang__)

#define TOPHASH_IN_UNION(T) \
	(!TOPHASH_IS_BOOL(T) && (TOPHASH_IS_INTEGER(T) || TOPHASH_IS_POINTER(T)))
#define TOPHASH_NUMBER_OF(T) TOPHASH_OR_DOUBLE(T)
/* Gives a value of the type of a union's first member. A union has one too where it is not used. */
#define TOPHASH_MEMBER(T)    __builtin_choose_expr(TOPHASH_IN_UNION(T), *(T *)0, (char *)0)

#else

#define TOPHASH_COMPLEX(T) \
	T:                 \
	(_Complex T)0
#ifdef __SIZEOF_INT128__
#define TOPHASH_COMPLEX_WIDE TOPHASH_COMPLEX(__int128), TOPHASH_COMPLEX(unsigned __int128),
#else
#define TOPHASH_COMPLEX_WIDE
#endif
#define TOPHASH_IN_UNION(T) TOPHASH_IS_POINTER(T)
/* An enum selects the integer type that it is compatible with. */
#define TOPHASH_NUMBER_OF(T)                                                         \
	_Generic(*(T *)0, _Bool                                                      \
		 : (double)0, TOPHASH_COMPLEX(char), TOPHASH_COMPLEX(signed char),   \
		   TOPHASH_COMPLEX(unsigned char), TOPHASH_COMPLEX(short),           \
		   TOPHASH_COMPLEX(unsigned short), TOPHASH_COMPLEX(int),            \
		   TOPHASH_COMPLEX(unsigned int), TOPHASH_COMPLEX(long),             \
		   TOPHASH_COMPLEX(unsigned long), TOPHASH_COMPLEX(long long),       \
		   TOPHASH_COMPLEX(unsigned long long), TOPHASH_COMPLEX_WIDE default \
		 : *(T *)0)
#define TOPHASH_MEMBER(T) TOPHASH_OR_CHARS(T)

#endif

#if defined(__STRICT_ANSI__) && !defined(__clang__)
#define TOPHASH_POINTER_ARG(U) __typeof__(((U *)0)->val)
#else
#define TOPHASH_POINTER_ARG(U) U
#endif

#define TOPHASH_UNION_OR_NUMBER(name, T)                                      \
	__extension__ typedef __typeof__(__builtin_choose_expr(               \
		TOPHASH_IN_UNION(T), *(TOPHASH_POINTER_ARG(name##_union) *)0, \
		TOPHASH_NUMBER_OF(T))) name
#define TOPHASH_ARG(name, T)                                 \
	TOPHASH_UNION(name##_union, T, , TOPHASH_MEMBER(T)); \
	TOPHASH_UNION_OR_NUMBER(name, T)
#define TOPHASH_READ_ARG(name, T)                                                           \
	TOPHASH_UNION(name##_union, T, const,                                               \
		      __builtin_choose_expr(TOPHASH_IS_POINTER(T), TOPHASH_READ_POINTER(T), \
					    TOPHASH_MEMBER(T)));                            \
	TOPHASH_UNION_OR_NUMBER(name, T)

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

/* Copies size bytes to ret, or zeros where val is NULL. */
TOPHASH_INLINE void tophash_copy_or_zero(void *ret, const void *val, size_t size)
{
	if (val)
		__builtin_memcpy(ret, val, size);
	else
		__builtin_memset(ret, 0, size);
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
