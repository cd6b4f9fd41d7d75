/* A typed vector: VEC(struct foo) foos = {0};  vec_push(&foos, foo) returns false when memory is
 * out.
 *
 *     vec_each (p, &foos) { ... p is struct foo * ... }
 */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#define VEC(type)           \
	struct {            \
		type *data; \
		size_t len; \
		size_t cap; \
	}

/* Grows *data, whose elements have `size` bytes, to hold at least `want` of them. Returns false
 * when memory is out. */
bool vec_grow(void **data, size_t *cap, size_t want, size_t size);

#define vec_reserve(vec, want)   \
	((vec)->cap >= (want) || \
	 vec_grow((void **)&(vec)->data, &(vec)->cap, (want), sizeof(*(vec)->data)))

#define vec_push(vec, value) \
	(vec_reserve((vec), (vec)->len + 1) && ((vec)->data[(vec)->len++] = (value), true))

#define vec_each(p, vec)                                                            \
	for (__typeof__((vec)->data + 0) p = (vec)->data,                           \
					 end_##p = (vec)->len ? p + (vec)->len : p; \
	     p < end_##p; p++)

#define vec_fini(vec)                        \
	do {                                 \
		free((vec)->data);           \
		(vec)->data = NULL;          \
		(vec)->len = (vec)->cap = 0; \
	} while (0)

#endif
