/* A growing byte buffer. An append returns no error. When memory is out, the buffer becomes `bad`
 * and drops the bytes that do not fit. The owner checks once, at the end (`if (buf.bad)`).
 *
 * {0} is an empty buffer. Only one thread may use a buffer.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/buf_type.h"

void buf_fini(struct buf *buf);
CLEANUP_VALUE(struct buf, buf_fini)
/* Declares a buffer that frees itself when it goes out of scope: `cleanup_buf struct buf text =
 * {0};`. */
#define cleanup_buf __attribute__((__cleanup__(buf_fini)))

/* Makes room for `more` bytes beyond len. Returns false (and sets bad) when memory is out. */
bool buf_grow(struct buf *buf, size_t more);

/* Returns the place of the next `size` bytes. The caller writes them and adds to len. Returns NULL
 * when memory is out. */
static inline char *buf_room(struct buf *buf, size_t size)
{
	if (__builtin_expect(buf->cap - buf->len < size, 0) && !buf_grow(buf, size))
		return NULL;
	return buf->data + buf->len;
}

static inline void buf_put(struct buf *buf, const void *bytes, size_t size)
{
	char *to = size ? buf_room(buf, size) : NULL;

	if (to) {
		memcpy(to, bytes, size);
		buf->len += size;
	}
}

static inline void buf_char(struct buf *buf, char c)
{
	buf_put(buf, &c, 1);
}

static inline void buf_str(struct buf *buf, const char *s)
{
	buf_put(buf, s, strlen(s));
}

static inline void buf_reset(struct buf *buf)
{
	buf->len = 0;
	buf->bad = false;
}

void buf_u64(struct buf *buf, uint64_t value); /* decimal */
/* Appends the last n decimal digits, with leading zeros. */
void buf_digits(struct buf *buf, uint64_t value, size_t n);
void buf_i64(struct buf *buf, int64_t value);				     /* decimal */
void buf_hex(struct buf *buf, uint64_t value);				     /* "0x2a" */
void buf_pad(struct buf *buf, char fill, size_t n);			     /* n times fill */
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3); /* cold paths only */

/* Returns the contents as a NUL-terminated string, "" when empty. It is borrowed until the next
 * append. */
const char *buf_cstr(struct buf *buf);

#endif
