/* Scope guards: a variable that frees itself when it goes out of scope.
 *
 *     cleanup_free char *text = strdup(s);
 *     cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
 *     cleanup(image_close) struct image *image = NULL;
 *     ...
 *     *ret = take_ptr(image);      // ownership moves to the caller; the guard sees NULL
 *
 * cleanup(f) needs a function `void f(T *)` that accepts NULL, declared with CLEANUP_FUNC(T, f).
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define CLEANUP_FUNC(type, func)                  \
	static inline void func##_guard(type **p) \
	{                                         \
		func(*p);                         \
	}

/* CLEANUP_VALUE declares the guard of a value that is no pointer. `cleanup(buf_fini) struct buf
 * text = {0};` needs `void f(T *)`, declared with CLEANUP_VALUE(T, f). The value must be
 * initialised in its declaration. */
#define CLEANUP_VALUE(type, func)                    \
	static inline void func##_guard(type *value) \
	{                                            \
		func(value);                         \
	}

#define cleanup(func) __attribute__((__cleanup__(func##_guard)))

static inline void cleanup_free_(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close_(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define cleanup_free  __attribute__((__cleanup__(cleanup_free_)))
#define cleanup_close __attribute__((__cleanup__(cleanup_close_)))

#define take_ptr(p)                         \
	({                                  \
		__typeof__(p) taken_ = (p); \
		(p) = NULL;                 \
		taken_;                     \
	})

#define take_fd(fd)                   \
	({                            \
		int taken_fd_ = (fd); \
		(fd) = -1;            \
		taken_fd_;            \
	})

#endif
