/* Finds the word that a misspelt word was meant to be. */
#ifndef BASE_TEXT_NEAREST_H
#define BASE_TEXT_NEAREST_H

#include <stddef.h>

/* Returns the word of `words` (NULL at the end) that `text` is most likely meant to be, or NULL
 * when no word is near. A letter that is missing, added, changed, swapped or in upper case is a
 * mistake. */
const char *nearest_word(const char *text, size_t len, const char *const *words);
/* Returns the number of mistakes between two words, or limit + 1 when there are more than limit. */
unsigned nearest_distance(const char *a, size_t a_len, const char *b, size_t b_len, unsigned limit);
/* Returns how many mistakes a word of len bytes may have and still be taken for another word. */
unsigned nearest_limit(size_t len);

#endif
