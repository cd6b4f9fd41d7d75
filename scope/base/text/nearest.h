/* Finds the word for which a misspelt word was meant. */
#ifndef BASE_TEXT_NEAREST_H
#define BASE_TEXT_NEAREST_H

#include <stddef.h>

/* Returns the word in `words` (which ends with NULL) that `text` was most likely meant to be.
 * Returns NULL when no word is near. A letter that is missing, added, changed, swapped or in upper
 * case counts as a mistake. */
const char *nearest_word(const char *text, size_t len, const char *const *words);
/* Returns the number of mistakes between two words, or limit + 1 when there are more than limit. */
unsigned nearest_distance(const char *a, size_t a_len, const char *b, size_t b_len, unsigned limit);
/* Returns how many mistakes a word of len bytes may have and still be taken for another word. */
unsigned nearest_limit(size_t len);

#endif
