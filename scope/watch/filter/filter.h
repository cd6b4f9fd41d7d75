/* What the user wants to see. Decided in the kernel program where it can be: map, type, goroutine,
 * and keys that are strings, numbers, booleans or pointers; here for the rest.
 */
#ifndef WATCH_FILTER_FILTER_H
#define WATCH_FILTER_FILTER_H

#include "show/event/event.h"
#include "watch/engine/wire.h"

struct filter {
	uint64_t map;		/* 0: any */
	uint64_t goid;		/* 0: any */
	char *type_glob;	/* NULL: any; owned, as site_glob; as filter_set_glob() made it */
	char *site_glob;	/* NULL: any; against function, "file:line", "base:line" */
	struct filter_key *key; /* NULL: any */
};

/* Sets the key filter. text: JSON (as "key" in an event), or a bare word: a string for string keys,
 * a number for number keys, true/false, 0x… for pointers. What stands in double quotes is a number
 * only where events show one so (past 2^53, NaN, +Inf, -Inf). prefix: strings that begin with it.
 * Errors (ERROR_USAGE): a string longer than WIRE_FILTER_MAX, not JSON where it begins like it. */
struct error *filter_set_key(struct filter *filter, const char *text, bool prefix);
/* Sets a pattern: * and ? are wild, \ quotes. Brackets are literal, as in Go's types: a glob
 * "map[string]*" means what it says. Errors (ERROR_USAGE): empty, too long, a lone backslash at
 * the end, or given twice. */
struct error *filter_set_glob(const char *option, const char *text, char **to);
void filter_fini(struct filter *filter);

/* The string that a string key is compared with; NULL when the filter is no string. */
const char *filter_key_string(const struct filter_key *key, size_t *ret_len, bool *ret_prefix);

/* How the kernel program can decide for keys of this type: fills match, want and mask. */
void filter_plan(const struct filter *filter, const struct gotypes *types, uint64_t key_type,
		 struct wire_plan *plan);

/* Decides on a decoded key (for WIRE_MATCH_USER). A part that was cut or could not be read does not
 * speak against it; so does not a key of which there is nothing (n = 0). */
bool filter_key_matches(const struct filter_key *key, const struct value *values, size_t n);
bool filter_type_matches(const struct filter *filter, const char *type);
/* The deleting function, or any that it is inlined into, up to the first that is not inlined.
 * stack: innermost first. */
bool filter_site_matches(const struct filter *filter, const struct event_frame *stack, size_t n);

/* One line for --dry-run: where each filter is decided. NULL when there is none. */
void filter_explain(const struct filter *filter, struct buf *to);

#endif
