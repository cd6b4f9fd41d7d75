#include "base/buf.h"
#include "base/text/text.h"

#include <math.h>
#include <time.h>

#define EXPONENT_FROM 21 /* as encoding/json does */
#define NS_PER_S      1000000000ull

void json_name_of(struct buf *to, const char *name)
{
	buf_put(to, ",", 1);
	json_put_name_string(to, name, strlen(name));
	buf_char(to, ':');
}

static bool needs_escape(uint32_t rune)
{
	return rune == '"' || rune == '\\' || !rune_is_visible(rune);
}

static void put_utf16(struct buf *to, uint32_t unit)
{
	buf_put(to, "\\u", 2);
	text_hex_digits(to, unit, 4);
}

static void put_escape(struct buf *to, uint32_t rune)
{
	static const char letters[] = "btn_fr"; /* from 0x08 on */

	if (rune == '"' || rune == '\\') {
		buf_char(to, '\\');
		buf_char(to, (char)rune);
	} else if (rune >= 0x08 && rune <= 0x0d && rune != 0x0b) {
		buf_char(to, '\\');
		buf_char(to, letters[rune - 0x08]);
	} else if (rune < 0x10000) {
		put_utf16(to, rune);
	} else { /* a surrogate pair, RFC 8259 section 7 */
		put_utf16(to, 0xd800 + ((rune - 0x10000) >> 10));
		put_utf16(to, 0xdc00 + ((rune - 0x10000) & 0x3ff));
	}
}

/* Appends a string that needs no escape, with its quotes. */
static void put_plain(struct buf *to, const char *bytes, size_t len)
{
	char *room = buf_room(to, len + 2);

	if (!room)
		return;
	room[0] = '"';
	if (len)
		memcpy(room + 1, bytes, len);
	room[len + 1] = '"';
	to->len += len + 2;
}

/* Appends the string with its quotes. Returns false at the first byte that is not UTF-8, unless
 * `replace` puts U+FFFD in its place. */
static bool put_quoted(struct buf *to, const char *bytes, size_t len, bool replace)
{
	size_t run = rune_plain_run(bytes, len);
	size_t at = 0;

	if (run == len) {
		put_plain(to, bytes, len);
		return true;
	}
	buf_char(to, '"');
	for (; at < len; run = rune_plain_run(bytes + at, len - at)) {
		uint32_t rune = 0xfffd;
		size_t step;

		buf_put(to, bytes + at, run);
		at += run;
		if (at == len)
			break;
		step = rune_decode(bytes + at, len - at, &rune);
		if (!step && !replace)
			return false;
		if (!step || needs_escape(rune))
			put_escape(to, rune);
		else
			buf_put(to, bytes + at, step);
		at += step ? step : 1;
	}
	buf_char(to, '"');
	return true;
}

static void put_bytes(struct buf *to, const char *bytes, size_t len)
{
	json_literal(to, "{\"bytes\":\"");
	for (size_t i = 0; i < len; i++)
		text_hex_digits(to, (unsigned char)bytes[i], 2);
	json_literal(to, "\"}");
}

void json_put_string(struct buf *to, const char *bytes, size_t len)
{
	size_t from = to->len;

	if (put_quoted(to, bytes, len, false))
		return;
	to->len = from;
	put_bytes(to, bytes, len);
}

void json_put_str(struct buf *to, const char *s)
{
	if (s)
		json_put_string(to, s, strlen(s));
	else
		json_literal(to, "null");
}

void json_put_name_string(struct buf *to, const char *bytes, size_t len)
{
	put_quoted(to, bytes, len, true);
}

void json_put_bool(struct buf *to, bool value)
{
	buf_str(to, value ? "true" : "false");
}

void json_put_address(struct buf *to, uint64_t addr)
{
	buf_char(to, '"');
	buf_hex(to, addr);
	buf_char(to, '"');
}

static void put_number(struct buf *to, uint64_t magnitude, bool negative, bool quoted)
{
	if (quoted)
		buf_char(to, '"');
	if (negative)
		buf_char(to, '-');
	buf_u64(to, magnitude);
	if (quoted)
		buf_char(to, '"');
}

void json_put_count(struct buf *to, uint64_t value)
{
	put_number(to, value, false, value > INT64_MAX);
}

void json_put_integer(struct buf *to, uint64_t magnitude, bool negative)
{
	put_number(to, magnitude, negative, magnitude > JSON_EXACT_MAX);
}

void json_put_ns(struct buf *to, uint64_t ns)
{
	put_number(to, ns, false, true);
}

void json_put_float(struct buf *to, double f, bool narrow)
{
	bool quoted = !(fabs(f) <= (double)JSON_EXACT_MAX); /* also for NaN */

	if (quoted)
		buf_char(to, '"');
	text_float(to, f, narrow, EXPONENT_FROM);
	if (f == 0 && signbit(f))
		json_literal(to, ".0"); /* many readers take "-0" for the integer 0 */
	if (quoted)
		buf_char(to, '"');
}

void json_put_decimal(struct buf *to, double number)
{
	json_put_float(to, round(number * 1e6) / 1e6, false);
}

static void set_clock(struct json_clock *clock, uint64_t second)
{
	time_t t = (time_t)second;
	struct tm tm;

	if (!gmtime_r(&t, &tm))
		memset(&tm, 0, sizeof(tm));
	clock->len = strftime(clock->text, sizeof(clock->text), "\"%Y-%m-%dT%H:%M:%S.", &tm);
	clock->second = second;
}

void json_put_time(struct buf *to, struct json_clock *clock, uint64_t wall_ns)
{
	uint32_t nanos = (uint32_t)(wall_ns % NS_PER_S);

	if (wall_ns / NS_PER_S != clock->second || !clock->len)
		set_clock(clock, wall_ns / NS_PER_S);
	buf_put(to, clock->text, clock->len);
	buf_digits(to, nanos, 9);
	json_literal(to, "Z\"");
}
