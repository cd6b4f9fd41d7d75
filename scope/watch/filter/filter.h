/* filter: decides which events the user wants to see. An engine decides as much as it can where the
 * event happens (map, goroutine, type, plain keys). This room decides the rest on decoded
 * values.
 *
 *   pattern.c    parses the options; numbers, texts and addresses in a --key
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
	char *type_glob;	/* NULL: any; owned; made by filter_set_glob() */
	char *site_glob;	/* NULL: any; owned; for function, "file:line" or "base:line" */
	struct filter_key *key; /* NULL: any; owned */
};

/* The longest string that --key and --key-prefix take, in bytes. */
#define FILTER_TEXT_MAX 256

/* Sets the key filter. `text` is JSON (as "key" in an event) or a bare word. A bare word is a
 * string for string keys, a number for number keys, true or false, or 0x… for pointers. A number in
 * double quotes is a number only if events show it in quotes (past 2^53, NaN, +Inf, -Inf). `prefix`
 * asks for strings that begin with the text.
 * Errors (ERROR_USAGE): a string is longer than FILTER_TEXT_MAX; the text begins like JSON but is
 * not JSON. */
struct error *filter_set_key(struct filter *filter, const char *text, bool prefix);
/* Sets the pattern *to, which must be NULL. * and ? are wild, and \\ quotes the next character.
 * Brackets have no special meaning, because Go's types are full of them ("map[string]*").
 * Errors (ERROR_USAGE): the pattern is empty, is too long, has a lone backslash at its end, or is
 * given twice. */
struct error *filter_set_glob(const char *option, const char *text, char **to);
void filter_fini(struct filter *filter);
CLEANUP_VALUE(struct filter, filter_fini)

/* Returns the string that a string key is compared with, borrowed from key. Returns NULL if the
 * pattern is no string. *ret_len is its length in bytes. *ret_prefix says that a key need only
 * begin with it. */
const char *filter_key_string(const struct filter_key *key, size_t *ret_len, bool *ret_prefix);

/* Return the option's name and the text of the key filter, as they were given. Borrowed from
 * key. */
const char *filter_key_option(const struct filter_key *key);
const char *filter_key_text(const struct filter_key *key);

/* How --key is compared with the keys of one type. */
enum key_test_how {
	KEY_TEST_ANY,	 /* there is no --key */
	KEY_TEST_NEVER,	 /* no key of this type equals it */
	KEY_TEST_WORD,	 /* equal if (the key's first 8 bytes & mask) == want */
	KEY_TEST_STRING, /* the key is a string: compare it with filter_key_string() */
	KEY_TEST_VALUE,	 /* only filter_key_matches() can tell, from the decoded key */
};

struct key_test {
	enum key_test_how how;
	uint64_t want, mask; /* KEY_TEST_WORD; want has no bit outside mask */
};

/* Chooses the test for keys of the type at key_type, an address that `types` can read. If the type
 * cannot be read, its keys get KEY_TEST_VALUE. */
void filter_key_test(const struct filter *filter, const struct gotypes *types, uint64_t key_type,
		     struct key_test *ret);

/* Returns true if a decoded key matches. A part that was cut or could not be read never prevents a
 * match. An empty key (n = 0) matches. */
bool filter_key_matches(const struct filter_key *key, const struct value *values, size_t n);
/* Returns true if --type matches the name of a map type, or if there is no --type. In generic code
 * the type may be a shape, which stands for many types ("map[go.shape.string]go.shape.*uint8"). It
 * matches if one of those types could match. */
bool filter_type_matches(const struct filter *filter, const char *type);
/* Returns true if the name of a type contains a shape. */
bool filter_type_is_shape(const char *type);
/* Returns true if --site matches the deleting function, or one that it was inlined into, up to the
 * first that is not inlined. The stack has its innermost frame first. */
bool filter_site_matches(const struct filter *filter, const struct frame *stack, size_t n);

/* Appends a line for each filter that is set, which says where it is decided (for --dry-run). */
void filter_explain(const struct filter *filter, struct buf *to);

#endif
