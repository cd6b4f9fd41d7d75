#include "base/text/text.h"

/* A longer word is not a mistyped option. */
#define WORD_MAX 48

unsigned nearest_limit(size_t len)
{
	return len < 2 || len > WORD_MAX ? 0 : (unsigned)(len + 1) / 3;
}

static char fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 32) : c == '_' ? '-' : c;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Computes the distance of Damerau and Levenshtein in which a swapped pair is not edited again
 * ("optimal string alignment"). Its table has one row for each byte of `a`. Only the current row
 * and the two before it are kept. */
unsigned nearest_distance(const char *a, size_t a_len, const char *b, size_t b_len, unsigned limit)
{
	unsigned rows[3][WORD_MAX + 1];
	unsigned *older = rows[0], *old = rows[1], *row = rows[2], *spare;

	if (a_len > WORD_MAX || b_len > WORD_MAX)
		return limit + 1;
	for (size_t j = 0; j <= b_len; j++)
		old[j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			char x = fold(a[i - 1]), y = fold(b[j - 1]);

			row[j] = least(old[j - 1] + (x != y), least(old[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && x == fold(b[j - 2]) && fold(a[i - 2]) == y)
				row[j] = least(row[j], older[j - 2] + 1);
		}
		spare = older;
		older = old;
		old = row;
		row = spare;
	}
	return least(old[b_len], limit + 1);
}

/* Tells whether one word is the beginning of the other: "func" for "function", "address" for
 * "addr". */
static bool is_beginning(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t len = a_len < b_len ? a_len : b_len;

	return len >= 3 && nearest_distance(a, len, b, len, 1) == 0;
}

const char *nearest_word(const char *text, size_t len, const char *const *words)
{
	unsigned limit = nearest_limit(len), best = limit + 1;
	const char *found = NULL;

	for (; limit && words && *words; words++) {
		size_t word_len = strlen(*words);
		unsigned distance = nearest_distance(text, len, *words, word_len, limit);

		if (distance > 1 && is_beginning(text, len, *words, word_len))
			distance = 1;
		if (distance < best) {
			best = distance;
			found = *words;
		}
	}
	return found;
}
