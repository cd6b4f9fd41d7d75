#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>

void buf_fini(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){0};
}

bool buf_grow(struct buf *buf, size_t more)
{
	size_t cap = buf->cap ? buf->cap : 256;
	char *data;

	if (more > SIZE_MAX / 2 - buf->len)
		goto bad;
	while (cap < buf->len + more)
		cap *= 2;
	data = realloc(buf->data, cap);
	if (!data)
		goto bad;
	buf->data = data;
	buf->cap = cap;
	return true;
bad:
	buf->bad = true;
	return false;
}

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324"
				  "25262728293031323334353637383940414243444546474849"
				  "50515253545556575859606162636465666768697071727374"
				  "75767778798081828384858687888990919293949596979899";

static size_t digits_of(uint64_t value)
{
	size_t n = 1;

	for (; value >= 10000; value /= 10000)
		n += 4;
	return n + (value >= 10) + (value >= 100) + (value >= 1000);
}

void buf_u64(struct buf *buf, uint64_t value)
{
	size_t n = digits_of(value);
	char *at = buf_room(buf, n);

	if (!at)
		return;
	buf->len += n;
	for (; value >= 100; value /= 100, n -= 2)
		memcpy(at + n - 2, digit_pairs + value % 100 * 2, 2);
	if (value >= 10)
		memcpy(at, digit_pairs + value * 2, 2);
	else
		*at = (char)('0' + value);
}

void buf_digits(struct buf *buf, uint64_t value, size_t n)
{
	char *at = buf_room(buf, n);

	if (!at)
		return;
	buf->len += n;
	for (; n >= 2; value /= 100, n -= 2)
		memcpy(at + n - 2, digit_pairs + value % 100 * 2, 2);
	if (n)
		*at = (char)('0' + value % 10);
}

void buf_i64(struct buf *buf, int64_t value)
{
	if (value < 0)
		buf_char(buf, '-');
	buf_u64(buf, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void buf_hex(struct buf *buf, uint64_t value)
{
	char digits[18];
	size_t at = sizeof(digits);

	do {
		digits[--at] = "0123456789abcdef"[value & 15];
		value >>= 4;
	} while (value);
	digits[--at] = 'x';
	digits[--at] = '0';
	buf_put(buf, digits + at, sizeof(digits) - at);
}

void buf_pad(struct buf *buf, char fill, size_t n)
{
	char *to = n ? buf_room(buf, n) : NULL;

	if (to) {
		memset(to, fill, n);
		buf->len += n;
	}
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0 || !buf_room(buf, (size_t)len + 1)) {
		buf->bad = true;
		return;
	}
	va_start(args, format);
	vsnprintf(buf->data + buf->len, (size_t)len + 1, format, args);
	va_end(args);
	buf->len += (size_t)len;
}

const char *buf_cstr(struct buf *buf)
{
	char *end = buf_room(buf, 1);

	if (!end)
		return "";
	*end = '\0';
	return buf->data;
}
