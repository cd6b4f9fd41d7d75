/* filter: what the user wants to see. An engine decides where the event happens as much as it can
 * (map, goroutine, type, plain keys); this room decides the rest on decoded values.
 *
 *   pattern.c    the options as they are parsed; numbers, texts and addresses in a --key
 *   key_test.c   how --key is compared with the keys of one type
 *   match.c      decisions on decoded keys, type names and stacks
 *   shape.c      --type and the types of generic code
 */
#ifndef WATCH_FILTER_FILTER_H
#define WATCH_FILTER_FILTER_H

#include "base/base.h"
#include "read/gofile/gofile.h"

struct value; /* read/layout/layout.h */

struct filter {
	uint64_t map;		/* 0: any */
	uint64_t goid;		/* 0: any */
	char *type_glob;	/* NULL: any; owned; as filter_set_glob() made it */
	char *site_glob;	/* NULL: any; owned; against function, "file:line", "base:line" */
	struct filter_key *key; /* NULL: any; owned */
};

/* The longest string that --key and --key-prefix take, in bytes. */
#define FILTER_TEXT_MAX 256

/* Sets the key filter. text: JSON (as "key" in an event), or a bare word: a string for string keys,
 * a number for number keys, true/false, 0x… for pointers. A number in double quotes is a number only
 * where events show it in quotes (past 2^53, NaN, +Inf, -Inf). prefix: strings that begin with text.
 * Errors (ERROR_USAGE): a string longer than FILTER_TEXT_MAX; text that begins like JSON and is none. */
struct error *filter_set_key(struct filter *filter, const char *text, bool prefix);
/* Sets a pattern, *to, which must be NULL before. * and ? are wild, \ quotes the next character.
 * Brackets have no special meaning, because Go's types are full of them ("map[string]*").
 * Errors (ERROR_USAGE): empty, too long, a lone backslash at the end, given twice. */
struct error *filter_set_glob(const char *option, const char *text, char **to);
void filter_fini(struct filter *filter);

/* Returns the string that a string key is compared with, borrowed from key; NULL if the pattern is no
 * string. ret_len: its bytes; ret_prefix: a key need only begin with it. */
const char *filter_key_string(const struct filter_key *key, size_t *ret_len, bool *ret_prefix);

/* Return the key filter as it was given: the option's name, and the text. Borrowed from key. */
const char *filter_key_option(const struct filter_key *key);
const char *filter_key_text(const struct filter_key *key);

/* How --key is compared with the keys of one type. */
enum key_test_how {
	KEY_TEST_ANY,	 /* there is no --key */
	KEY_TEST_NEVER,	 /* no key of this type equals it */
	KEY_TEST_WORD,	 /* equal if (the key's first 8 bytes & mask) == want */
	KEY_TEST_STRING, /* the key is a string: compare with filter_key_string() */
	KEY_TEST_VALUE,	 /* only filter_key_matches() can tell, on the decoded key */
};

struct key_test {
	enum key_test_how how;
	uint64_t want, mask; /* KEY_TEST_WORD; want has no bit outside mask */
};

/* Chooses the test for keys of the type at key_type (an address that `types` can read). The keys of a
 * type that cannot be read get KEY_TEST_VALUE. */
void filter_key_test(const struct filter *filter, const struct gotypes *types, uint64_t key_type,
		     struct key_test *ret);

/* Returns true if a decoded key matches. A part that was cut or could not be read never speaks against
 * a match, and a key of which nothing is there (n = 0) matches. */
bool filter_key_matches(const struct filter_key *key, const struct value *values, size_t n);
/* Returns true if --type matches the name of a map type, or if there is no --type. The type of a map in
 * generic code may be a shape, which stands for many types ("map[go.shape.string]go.shape.*uint8"):
 * it matches if one of those could. */
bool filter_type_matches(const struct filter *filter, const char *type);
/* Returns true if the name of a type has a shape in it. */
bool filter_type_is_shape(const char *type);
/* Returns true if --site matches the deleting function, or one that it is inlined into, up to the
 * first that is not inlined. stack: innermost frame first. */
bool filter_site_matches(const struct filter *filter, const struct frame *stack, size_t n);

/* Appends a line for each filter that is set: where it is decided (for --dry-run). */
void filter_explain(const struct filter *filter, struct buf *to);

#endif
