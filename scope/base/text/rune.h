/* Runes: UTF-8 decoded, and what a terminal makes of each.
 */
#ifndef BASE_TEXT_RUNE_H
#define BASE_TEXT_RUNE_H

#include "base/base.h"

/* Decodes the rune at text; left: bytes that are there, at least one. Returns its length in bytes;
 * 0 when it is not UTF-8 (*ret is then as it was). */
size_t rune_decode(const char *text, size_t left, uint32_t *ret);

/* Tells whether a reader sees the rune as itself. Controls, format characters, separators other
 * than the ASCII space, private use and runes without width are not: they hide or reorder text. */
bool rune_is_visible(uint32_t rune);
/* Returns how many bytes at the front are plain: ASCII from ' ' to '~', no quote and no backslash. */
size_t rune_plain_run(const char *bytes, size_t len);

/* Returns the columns that the rune takes on a terminal: 1 or 2. */
size_t rune_columns(uint32_t rune);

/* Tells whether all of the bytes are UTF-8. */
bool rune_all_valid(const char *bytes, size_t len);

#endif
