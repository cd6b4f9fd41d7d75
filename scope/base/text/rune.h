/* Decodes UTF-8, and tells how a terminal shows each rune.
 */
#ifndef BASE_TEXT_RUNE_H
#define BASE_TEXT_RUNE_H

#include "base/base.h"

/* Decodes the rune at text. `left` is the number of bytes there, at least 1. Returns the rune's
 * length in bytes. Returns 0 and leaves *ret unchanged when the bytes are not UTF-8. */
size_t rune_decode(const char *text, size_t left, uint32_t *ret);

/* Tells whether a person sees the rune as itself. This is false for controls, format characters,
 * separators except the ASCII space, private use, and runes without width. Such runes can hide or
 * reorder text. */
bool rune_is_visible(uint32_t rune);
/* Returns how many bytes at the front are plain: ASCII from ' ' to '~', no quote and no backslash. */
size_t rune_plain_run(const char *bytes, size_t len);

/* Returns the columns that the rune takes on a terminal: 1 or 2. */
size_t rune_columns(uint32_t rune);

/* Tells whether all of the bytes are UTF-8. */
bool rune_all_valid(const char *bytes, size_t len);

#endif
