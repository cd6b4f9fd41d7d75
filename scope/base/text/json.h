/* JSON, appended to a buffer piece by piece. The names of this file begin with json_put_, json_name
 * and json_begin, since jansson has the others.
 *
 *     json_begin(to, "event");            {"event":
 *     json_put_str(to, "exit");           "exit"
 *     json_name(to, "pid");               ,"pid":
 *     buf_u64(to, 42);                    42
 *     json_end_line(to);                  }\n
 *
 * A string is escaped where JSON demands it, and where a reader could not see the rune: such a rune
 * could hide or reorder text on the terminal that shows the line. A string that is not UTF-8 is
 * {"bytes":"hex"}.
 */
#ifndef BASE_TEXT_JSON_H
#define BASE_TEXT_JSON_H

#include "base/base.h"

#define JSON_EXACT_MAX (1ull << 53) /* integers up to here survive readers that have doubles only */

/* Appends a literal text as it is; it is copied as a constant number of bytes. */
#define json_literal(to, text) buf_put((to), (text), sizeof(text) - 1)
/* Begins an object with its first member; begins a further member. `name` is a literal. */
#define json_begin(to, name) json_literal(to, "{\"" name "\":")
#define json_name(to, name)  json_literal(to, ",\"" name "\":")
/* Ends the object and the line. */
#define json_end_line(to) json_literal(to, "}\n")

/* Begins a further member whose name is no literal. */
void json_name_of(struct buf *to, const char *name);

/* Appends a string with its quotes, or {"bytes":"hex"}. bytes may be NULL when len is 0. */
void json_put_string(struct buf *to, const char *bytes, size_t len);
/* Appends a NUL-terminated string in the same way; NULL is null. */
void json_put_str(struct buf *to, const char *s);
/* Appends a string with its quotes. Bytes that are not UTF-8 become U+FFFD: for names of members,
 * which can be nothing but strings. */
void json_put_name_string(struct buf *to, const char *bytes, size_t len);

void json_put_bool(struct buf *to, bool value);
/* Appends "0x2a". */
void json_put_address(struct buf *to, uint64_t addr);
/* Appends a number; as a string past 2^63, where many readers refuse the whole line. For numbers
 * that come from a traced program and are small if it does not lie. */
void json_put_count(struct buf *to, uint64_t value);
/* Appends a number; as a string past 2^53. */
void json_put_integer(struct buf *to, uint64_t magnitude, bool negative);
/* Appends a number; as a string past 2^53, and for NaN and the infinities. */
void json_put_float(struct buf *to, double f, bool narrow);
/* Appends a number with at most six decimals, without trailing zeros. */
void json_put_decimal(struct buf *to, double number);
/* The second that was written last: times of one second share most of their digits. {0} at first. */
struct json_clock {
	uint64_t second; /* since 1970 */
	char text[24];	 /* `"2026-08-06T10:14:07.` */
	size_t len;
};
/* Appends "2026-08-06T10:14:07.123456789Z", RFC 3339. wall_ns: since 1970. */
void json_put_time(struct buf *to, struct json_clock *clock, uint64_t wall_ns);
/* Appends nanoseconds as a string of digits. */
void json_put_ns(struct buf *to, uint64_t ns);

#endif
