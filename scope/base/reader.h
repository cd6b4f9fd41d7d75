/* A cursor over foreign bytes. Each read is checked against the end. The first read beyond the end
 * makes the cursor `bad`, and every later read returns 0. A parser therefore reads a whole record
 * and checks once: if (reader.bad) ...
 *
 * All integers are little-endian, as on both machines whose programs are read (x86-64, arm64).
 */
#ifndef BASE_READER_H
#define BASE_READER_H

#include "base/base.h"

struct reader {
	const uint8_t *pos;
	const uint8_t *end;
	bool bad;
};

static inline struct reader reader_over(const void *bytes, size_t size)
{
	const uint8_t *pos = bytes;

	return (struct reader){.pos = pos, .end = size ? pos + size : pos};
}

/* Reads `size` bytes. Returns a borrowed pointer to them. If fewer are left, sets bad and returns
 * NULL. */
static inline const void *reader_bytes(struct reader *r, size_t size)
{
	const uint8_t *at = r->pos;

	if (r->bad || (size_t)(r->end - r->pos) < size) {
		r->bad = true;
		return NULL;
	}
	r->pos += size;
	return at;
}

#define READER_INT(name, type)                                  \
	static inline type reader_##name(struct reader *r)      \
	{                                                       \
		const void *at = reader_bytes(r, sizeof(type)); \
		type value = 0;                                 \
		if (at)                                         \
			memcpy(&value, at, sizeof(value));      \
		return value;                                   \
	}
READER_INT(u8, uint8_t)
READER_INT(u16, uint16_t)
READER_INT(u32, uint32_t)
READER_INT(i32, int32_t)
READER_INT(u64, uint64_t)
#undef READER_INT

static inline void reader_skip(struct reader *r, size_t size)
{
	(void)reader_bytes(r, size);
}

/* Reads an unsigned LEB128 number, as Go's binary.Uvarint does. Sets bad when it has more than
 * `bits` value bits (32 or 64). */
uint64_t reader_uvarint(struct reader *r, unsigned bits);

/* Reads a NUL-terminated string. Returns a borrowed pointer to it. If the string does not end
 * inside the range, sets bad and returns NULL. */
const char *reader_cstr(struct reader *r);

#endif
