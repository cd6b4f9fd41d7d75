/* Counts how often each word occurs in a text. The keys are strings. slot() finds a value or adds
 * it.
 *
 * 	word_count <text
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tophash/map.h>

TOPHASH_MAP(words, const char *, unsigned);

struct row {
	const char *word;
	unsigned count;
};

/* Reads a whole file. The keys point into this text, which must stay unchanged as long as the map
 * lives. */
static char *read_all(FILE *file)
{
	size_t len = 0, cap = 4096;
	char *text = (char *)malloc(cap);

	while (text && (len += fread(text + len, 1, cap - len - 1, file)) == cap - 1) {
		char *larger = (char *)realloc(text, cap *= 2);

		if (!larger)
			free(text);
		text = larger;
	}
	if (text)
		text[len] = '\0';
	return text;
}

/* Returns the next word, in lower case and ended by 0, or NULL at the end. */
static char *next_word(char **at)
{
	char *ret;

	while (**at && !isalpha((unsigned char)**at))
		++*at;
	if (!**at)
		return NULL;
	for (ret = *at; isalpha((unsigned char)**at); ++*at)
		**at = (char)tolower((unsigned char)**at);
	if (**at)
		*(*at)++ = '\0';
	return ret;
}

static int by_count(const void *a, const void *b)
{
	const struct row *x = (const struct row *)a, *y = (const struct row *)b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return strcmp(x->word, y->word);
}

/* Prints the words, sorted, because a loop has a different order each time. */
static int print(const struct words *words)
{
	struct row *rows = (struct row *)calloc(words_len(words) + 1, sizeof(*rows));
	size_t n = 0;

	if (!rows)
		return -1;
	TOPHASH_EACH(words, it, words) {
		rows[n].word = it.key;
		rows[n++].count = it.val;
	}
	qsort(rows, n, sizeof(*rows), by_count);
	for (size_t i = 0; i < n && i < 5; i++)
		printf("%4u %s\n", rows[i].count, rows[i].word);
	printf("%zu words in all\n", n);
	free(rows);
	return 0;
}

int main(void)
{
	struct words words = {0};
	char *text = read_all(stdin), *at = text, *word;
	int err = text ? 0 : -1;

	while (err == 0 && (word = next_word(&at))) {
		unsigned *count = words_slot(&words, word);

		if (count)
			++*count;
		else
			err = -1;
	}
	if (err == 0)
		err = print(&words);
	if (err)
		fprintf(stderr, "word_count: out of memory\n");
	words_fini(&words);
	free(text);
	return err ? 1 : 0;
}
