/* Makes descriptors of types that the program has none of. gotype.c shows where their members are. */
#include "base/base.h"
#include "read/gofile/gofile.h"

static void put(uint8_t *bytes, size_t offset, uint64_t value)
{
	memcpy(bytes + offset, &value, sizeof(value));
}

void gotype_make(const struct gotype *type, uint8_t ret[GOTYPE_MADE_SIZE])
{
	memset(ret, 0, GOTYPE_MADE_SIZE);
	put(ret, 0, type->size);
	put(ret, 8, type->ptr_bytes);
	ret[21] = ret[22] = 1;
	ret[23] = (uint8_t)type->kind;
	if (type->kind == GOTYPE_STRUCT)
		put(ret, 56, type->fields);
	else
		put(ret, 48, type->elem);
	if (type->kind == GOTYPE_STRUCT || type->kind == GOTYPE_ARRAY)
		put(ret, 64, type->len);
}

void gotype_make_field(uint64_t type, uint64_t offset, uint8_t ret[GOTYPE_MADE_FIELD])
{
	memset(ret, 0, GOTYPE_MADE_FIELD);
	put(ret, 8, type);
	put(ret, 16, offset);
}
