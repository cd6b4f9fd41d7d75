/* The word that was meant. */
#ifndef BASE_TEXT_NEAREST_H
#define BASE_TEXT_NEAREST_H

#include <stddef.h>

/* The one of `words` (NULL at the end) that `text` is most likely meant to be, or NULL when none is
 * near. Letters left out, added, changed or swapped, and upper case, are mistakes. */
const char *nearest_word(const char *text, size_t len, const char *const *words);
/* How many mistakes lie between them; more than limit: limit + 1. */
unsigned nearest_distance(const char *a, size_t a_len, const char *b, size_t b_len, unsigned limit);
/* How many mistakes a word of len bytes may have to be taken for another. */
unsigned nearest_limit(size_t len);

#endif
