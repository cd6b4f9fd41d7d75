/* The functions whose code is examined. Each is only a typed call, with a value of 64 bits. */
#include "fast.h"

#define FUNCTIONS(name, K)                                    \
	uint64_t name##_get_code(const struct name *m, K k)   \
	{                                                     \
		return name##_get(m, k);                      \
	}                                                     \
	uint64_t *name##_find_code(const struct name *m, K k) \
	{                                                     \
		return name##_find(m, k);                     \
	}                                                     \
	int name##_put_code(struct name *m, K k, uint64_t v)  \
	{                                                     \
		return name##_put(m, k, v);                   \
	}                                                     \
	bool name##_delete_code(struct name *m, K k)          \
	{                                                     \
		return name##_delete(m, k);                   \
	}

FUNCTIONS(u64, uint64_t)
FUNCTIONS(u32, uint32_t)
FUNCTIONS(ptr, const void *)
FUNCTIONS(f64, double)
FUNCTIONS(cstr, const char *)
FUNCTIONS(own, struct pair)
FUNCTIONS(mixed, struct pair)
