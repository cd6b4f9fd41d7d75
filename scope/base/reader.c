#include "base/base.h"
#include "base/reader.h"

uint64_t reader_uvarint(struct reader *r, unsigned bits)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < bits; shift += 7) {
		uint8_t byte = reader_u8(r);

		if (shift + 7 > bits && byte >> (bits - shift))
			break;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return r->bad ? 0 : value;
	}
	r->bad = true;
	return 0;
}

const char *reader_cstr(struct reader *r)
{
	size_t left = (size_t)(r->end - r->pos);
	const uint8_t *start = r->pos;
	const uint8_t *nul = r->bad || !left ? NULL : memchr(start, 0, left);

	if (!nul) {
		r->bad = true;
		return NULL;
	}
	r->pos = nul + 1;
	return (const char *)start;
}
