/* Safe text, in which nothing acts on a terminal, whatever bytes it was made from.
 */
#ifndef BASE_TEXT_SAFE_H
#define BASE_TEXT_SAFE_H

#include "base/base.h"

/* Appends bytes for a terminal. Runes that a person cannot see, and bytes that are not UTF-8, are
 * escaped as strconv.Quote does: \
 * , \\x1b, \\u202e. All other bytes are unchanged. `bytes` may be NULL when len is 0. */
void text_safe(struct buf *to, const char *bytes, size_t len);
/* Appends a NUL-terminated string in the same way. */
void text_safe_str(struct buf *to, const char *s);
/* Appends bytes in the same way, and also escapes quotes and backslashes. It is for text between
 * quotes, which the caller appends. */
void text_safe_quoted(struct buf *to, const char *bytes, size_t len);
/* Appends a number and a noun, such as "1 probe" or "2 probes". */
void text_counted(struct buf *to, uint64_t n, const char *noun);
/* Appends the last `digits` hexadecimal digits of value, with leading zeros. */
void text_hex_digits(struct buf *to, uint32_t value, unsigned digits);
/* Appends the place of a frame, without the folder: "store.go:61". Appends nothing when its file is
 * not known. */
void text_place(struct buf *to, const struct frame *frame);
/* Appends the place as text_place() does, but leaves the bytes of the file's name as they are in
 * the program. It is for keys, and for text that is made safe later. */
void text_place_raw(struct buf *to, const struct frame *frame);

#endif
