/* Compiler macros, and the macro that exports a function. All headers of the map include it. */
#ifndef TOPHASH_BASE_H
#define TOPHASH_BASE_H

#if !defined(TOPHASH_SHOW_WARNINGS) && __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if !defined(__GNUC__)
#error "tophash needs gcc 12, clang 14 or later"
#endif

#ifdef __cplusplus
#define TOPHASH_BEGIN extern "C" {
#define TOPHASH_END   }
#else
#define TOPHASH_BEGIN
#define TOPHASH_END
#endif

/* Define it as nothing to compile the map into a library that does not export it. */
#ifndef TOPHASH_API
#define TOPHASH_API __attribute__((visibility("default")))
#endif
/* Light code calls the library for each operation. It is the default where the compiler does not optimise, or
 * optimises for size. There inline code is large and slow: of the order of 10 KiB a call. */
#ifndef TOPHASH_LIGHT
#if defined(__OPTIMIZE__) && !defined(__OPTIMIZE_SIZE__)
#define TOPHASH_LIGHT 0
#else
#define TOPHASH_LIGHT 1
#endif
#endif
#if TOPHASH_LIGHT
#define TOPHASH_INLINE static inline __attribute__((unused))
#else
#define TOPHASH_INLINE static inline __attribute__((always_inline, unused))
#endif
#define TOPHASH_LIKELY(x)   __builtin_expect(!!(x), 1)
#define TOPHASH_UNLIKELY(x) __builtin_expect(!!(x), 0)

#endif
