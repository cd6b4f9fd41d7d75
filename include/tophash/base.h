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
#define TOPHASH_INLINE	    static inline __attribute__((always_inline, unused))
#define TOPHASH_LIKELY(x)   __builtin_expect(!!(x), 1)
#define TOPHASH_UNLIKELY(x) __builtin_expect(!!(x), 0)

#endif
