/* Appends JSON to a buffer, piece by piece. The names of this file begin with json_put_, json_name
 * and json_begin, because jansson has other json_ names.
 *
 *     json_begin(to, "event");            {"event":
 *     json_put_str(to, "exit");           "exit"
 *     json_name(to, "pid");               ,"pid":
 *     buf_u64(to, 42);                    42
 *     json_end_line(to);                  }\n
 *
 * A rune is escaped if JSON demands it, or if a person could not see it. Such a rune could hide or
 * reorder text on a terminal. A string that is not UTF-8 becomes {"bytes":"hex"}.
 */
#ifndef BASE_TEXT_JSON_H
#define BASE_TEXT_JSON_H

#include "base/base.h"
#include "base/buf.h"

#define JSON_EXACT_MAX (1ull << 53) /* readers with doubles only keep integers up to here exact */

/* Appends a literal text as it is. It is copied as a constant number of bytes. */
#define json_literal(to, text) buf_put((to), (text), sizeof(text) - 1)
/* json_begin begins an object with its first member, json_name begins a further member. `name` is a
 * literal. */
#define json_begin(to, name) json_literal(to, "{\"" name "\":")
#define json_name(to, name)  json_literal(to, ",\"" name "\":")
/* Ends the object and the line. */
#define json_end_line(to) json_literal(to, "}\n")

/* Begins a further member whose name is no literal. */
void json_name_of(struct buf *to, const char *name);

/* Appends a string with its quotes, or {"bytes":"hex"}. bytes may be NULL when len is 0. */
void json_put_string(struct buf *to, const char *bytes, size_t len);
/* Appends a NUL-terminated string in the same way. NULL becomes null. */
void json_put_str(struct buf *to, const char *s);
/* Appends a string with its quotes. Bytes that are not UTF-8 become U+FFFD. It is for names of
 * members, which must be strings. */
void json_put_name_string(struct buf *to, const char *bytes, size_t len);

void json_put_bool(struct buf *to, bool value);
/* Appends "0x2a". */
void json_put_address(struct buf *to, uint64_t addr);
/* Appends a number. Past 2^63 it becomes a string, because many readers would refuse the whole
 * line. It is for numbers of a traced program that are small if the program is sane. */
void json_put_count(struct buf *to, uint64_t value);
/* Appends a number. Past 2^53 it becomes a string. */
void json_put_integer(struct buf *to, uint64_t magnitude, bool negative);
/* Appends a number. It becomes a string past 2^53, if it is NaN, and if it is infinite. `narrow`
 * says that f was a float32. */
void json_put_float(struct buf *to, double f, bool narrow);
/* Appends a number with at most six decimals, without trailing zeros. */
void json_put_decimal(struct buf *to, double number);
/* The second that was written last, because times within a second share most of their digits.
 * Begins as {0}. */
struct json_clock {
	uint64_t second; /* since 1970 */
	char text[24];	 /* `"2026-08-06T10:14:07.` */
	size_t len;
};
/* Appends "2026-08-06T10:14:07.123456789Z" (RFC 3339). wall_ns counts from 1970. */
void json_put_time(struct buf *to, struct json_clock *clock, uint64_t wall_ns);
/* Appends nanoseconds as a string of digits. */
void json_put_ns(struct buf *to, uint64_t ns);

#endif
