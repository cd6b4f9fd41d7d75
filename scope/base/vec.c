#include "base/base.h"

bool vec_grow(void **data, size_t *cap, size_t want, size_t size)
{
	size_t grown = *cap ? *cap * 2 : 8;
	void *moved;

	if (grown < want)
		grown = want;
	if (grown > SIZE_MAX / 2 / size)
		return false;
	moved = realloc(*data, grown * size);
	if (!moved)
		return false;
	*data = moved;
	*cap = grown;
	return true;
}
