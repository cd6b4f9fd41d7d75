/* The package of a type, by its named parts. */
#include "base/base.h"
#include "base/buf.h"
#include "read/gofile/gofile.h"

enum {
	DEPTH_MAX = 8,
	PARTS_MAX = 64, /* types that are looked at */
};

static bool search(const struct gotypes *types, uint64_t addr, unsigned depth, unsigned *left,
		   struct buf *to)
{
	struct gotype type;
	struct gotype_field field;

	if (!addr || depth == DEPTH_MAX || !*left)
		return false;
	--*left;
	if (gotype_own_package(types, addr, to))
		return true;
	/* A named type without a package is a predeclared one. */
	if (!gotype_read(types, addr, &type) || type.named)
		return false;
	if (search(types, type.elem, depth + 1, left, to) ||
	    search(types, type.key, depth + 1, left, to))
		return true;
	for (uint64_t i = 0; *left && gotype_field(types, &type, i, &field); i++)
		if (search(types, field.type, depth + 1, left, to))
			return true;
	return false;
}

bool gotype_package(const struct gotypes *types, uint64_t addr, struct buf *to)
{
	unsigned left = PARTS_MAX;

	return search(types, addr, 0, &left, to);
}
