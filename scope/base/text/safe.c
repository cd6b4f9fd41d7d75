#include "base/frame.h"
#include "base/path.h"
#include "base/buf.h"
#include "base/text/text.h"

void text_hex_digits(struct buf *to, uint32_t value, unsigned digits)
{
	while (digits--)
		buf_char(to, "0123456789abcdef"[value >> (4 * digits) & 15]);
}

static void escape_rune(struct buf *to, uint32_t rune)
{
	static const char letters[] = "abtnvfr"; /* from 0x07 on */

	buf_char(to, '\\');
	if (rune >= 0x07 && rune <= 0x0d) {
		buf_char(to, letters[rune - 0x07]);
	} else if (rune < ' ' || rune == 0x7f) {
		buf_char(to, 'x');
		text_hex_digits(to, rune, 2);
	} else {
		buf_char(to, rune < 0x10000 ? 'u' : 'U');
		text_hex_digits(to, rune, rune < 0x10000 ? 4 : 8);
	}
}

/* Returns how many bytes at the front need no escape. */
static size_t plain_run(const char *bytes, size_t len, bool quoted)
{
	size_t at = rune_plain_run(bytes, len);

	while (at < len) {
		uint32_t rune = (unsigned char)bytes[at];
		size_t step = rune < 0x80 ? 1 : rune_decode(bytes + at, len - at, &rune);

		if (!step || !rune_is_visible(rune))
			break;
		if (quoted && (rune == '"' || rune == '\\'))
			break;
		at += step;
	}
	return at;
}

static void append_escaped(struct buf *to, const char *bytes, size_t len, bool quoted)
{
	size_t at = 0;

	while (at < len) {
		size_t run = plain_run(bytes + at, len - at, quoted);
		uint32_t rune = 0;
		size_t step;

		buf_put(to, bytes + at, run);
		at += run;
		if (at == len)
			return;
		step = rune_decode(bytes + at, len - at, &rune);
		if (!step) {
			buf_put(to, "\\x", 2);
			text_hex_digits(to, (unsigned char)bytes[at], 2);
			step = 1;
		} else if (rune == '"' || rune == '\\') {
			buf_char(to, '\\');
			buf_char(to, (char)rune);
		} else {
			escape_rune(to, rune);
		}
		at += step;
	}
}

void text_safe(struct buf *to, const char *bytes, size_t len)
{
	append_escaped(to, bytes, len, false);
}

void text_safe_str(struct buf *to, const char *s)
{
	append_escaped(to, s, strlen(s), false);
}

void text_safe_quoted(struct buf *to, const char *bytes, size_t len)
{
	append_escaped(to, bytes, len, true);
}

void text_counted(struct buf *to, uint64_t n, const char *noun)
{
	buf_u64(to, n);
	buf_char(to, ' ');
	buf_str(to, noun);
	if (n != 1)
		buf_char(to, 's');
}

static void put_place(struct buf *to, const struct frame *frame,
		      void (*put)(struct buf *to, const char *s))
{
	if (!*frame->file)
		return;
	put(to, path_base(frame->file));
	buf_char(to, ':');
	buf_u64(to, frame->line);
}

void text_place(struct buf *to, const struct frame *frame)
{
	put_place(to, frame, text_safe_str);
}

static void put_raw(struct buf *to, const char *s)
{
	buf_str(to, s);
}

void text_place_raw(struct buf *to, const struct frame *frame)
{
	put_place(to, frame, put_raw);
}
