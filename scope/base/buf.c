#include "base/base.h"
#include "base/buf.h"

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

static char *put_pair(char *at, uint32_t value)
{
	memcpy(at, digit_pairs + (size_t)value * 2, 2);
	return at + 2;
}

static char *put_eight(char *at, uint32_t value)
{
	uint32_t high = value / 10000, low = value % 10000;

	at = put_pair(at, high / 100);
	at = put_pair(at, high % 100);
	at = put_pair(at, low / 100);
	return put_pair(at, low % 100);
}

/* Writes a number below 100, without a leading zero. */
static char *put_short(char *at, uint32_t value)
{
	if (value >= 10)
		return put_pair(at, value);
	*at = (char)('0' + value);
	return at + 1;
}

/* Writes a number below 10^8, without leading zeros. */
static char *put_start(char *at, uint32_t value)
{
	uint32_t high = value / 10000, low = value % 10000;

	if (value < 100)
		return put_short(at, value);
	if (!high)
		return put_pair(put_short(at, low / 100), low % 100);
	at = high < 100 ? put_short(at, high) : put_pair(put_short(at, high / 100), high % 100);
	return put_pair(put_pair(at, low / 100), low % 100);
}

#define EIGHT_DIGITS 100000000u

void buf_u64(struct buf *buf, uint64_t value)
{
	char *at = buf_room(buf, 20);
	uint64_t high = value / EIGHT_DIGITS;

	if (!at)
		return;
	if (!high) {
		at = put_start(at, (uint32_t)value);
	} else if (high < EIGHT_DIGITS) {
		at = put_start(at, (uint32_t)high);
		at = put_eight(at, (uint32_t)(value % EIGHT_DIGITS));
	} else {
		at = put_start(at, (uint32_t)(high / EIGHT_DIGITS));
		at = put_eight(at, (uint32_t)(high % EIGHT_DIGITS));
		at = put_eight(at, (uint32_t)(value % EIGHT_DIGITS));
	}
	buf->len = (size_t)(at - buf->data);
}

void buf_digits(struct buf *buf, uint64_t value, size_t n)
{
	char *at = buf_room(buf, n);

	if (!at)
		return;
	buf->len += n;
	for (; n >= 8; value /= EIGHT_DIGITS, n -= 8)
		put_eight(at + n - 8, (uint32_t)(value % EIGHT_DIGITS));
	for (; n >= 2; value /= 100, n -= 2)
		put_pair(at + n - 2, (uint32_t)(value % 100));
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
	size_t n = (size_t)(67 - __builtin_clzll(value | 1)) / 4;
	char *at = buf_room(buf, n + 2);

	if (!at)
		return;
	buf->len += n + 2;
	memcpy(at, "0x", 2);
	for (char *digit = at + 1 + n; digit > at + 1; digit--, value >>= 4)
		*digit = "0123456789abcdef"[value & 15];
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
