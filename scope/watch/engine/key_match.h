/* Filters in the form in which the kernel program decides them. */
#ifndef WATCH_ENGINE_KEY_MATCH_H
#define WATCH_ENGINE_KEY_MATCH_H

#include "watch/engine/wire.h"
#include "watch/filter/filter.h"

/* Fills in match, want and mask of the plan. They say how the kernel program compares --key with
 * keys of the type at key_type. */
void key_match_plan(const struct filter *filter, const struct gotypes *types, uint64_t key_type,
		    struct wire_plan *plan);

/* The string that keys are compared with, as whole words. Bits after its end are 0 in words and
 * masks. */
struct key_words {
	uint32_t len; /* bytes; 0 when the filter is no string */
	bool prefix;
	uint64_t words[WIRE_FILTER_MAX / 8];
	uint64_t masks[WIRE_FILTER_MAX / 8];
};
void key_match_words(const struct filter *filter, struct key_words *ret);

#endif
