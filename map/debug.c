/* Debugging: the options of TOPHASH_DEBUG (like Go's GODEBUG), traces, and the fault handler. */
#include "debug.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct debug debug;

static tophash_fault_fn *fault_fn;

static const char *const reasons[] = {
	[TOPHASH_SLOW_CUSTOM] = "custom", [TOPHASH_SLOW_MOVING] = "moving",
	[TOPHASH_SLOW_CHAIN] = "chain",	  [TOPHASH_SLOW_FIRST] = "first",
	[TOPHASH_SLOW_GROW] = "grow",
};

const char *tophash_reason_name(enum tophash_reason reason)
{
	const char *ret = NULL;

	if ((unsigned)reason < sizeof(reasons) / sizeof(*reasons))
		ret = reasons[reason];
	return ret ? ret : "?";
}

static bool is_option(const char *at, size_t n, const char *option)
{
	return n == strlen(option) && memcmp(at, option, n) == 0;
}

/* Reads the number of an option; option ends in "=". Returns false when at is another option, or no number
 * follows. */
static bool read_number(const char *at, size_t n, const char *option, uint64_t *ret)
{
	size_t skip = strlen(option);
	char *end;

	if (n <= skip || memcmp(at, option, skip) != 0 || at[skip] < '0' || at[skip] > '9')
		return false;
	*ret = strtoull(at + skip, &end, 0);
	return end == at + n;
}

/* Applies one option of n bytes. Returns false when there is no such option. */
static bool apply_option(struct debug *to, const char *at, size_t n)
{
	uint64_t x;

	if (is_option(at, n, "evacuate=manual"))
		to->evacuate = EVACUATE_MANUAL;
	else if (is_option(at, n, "evacuate=eager"))
		to->evacuate = EVACUATE_EAGER;
	else if (is_option(at, n, "evacuate=shared"))
		to->evacuate = EVACUATE_SHARED;
	else if (read_number(at, n, "seed=", &x)) {
		to->seeded = true;
		to->seed = x;
	} else if (read_number(at, n, "trace=", &x))
		to->trace = x != 0;
	else if (read_number(at, n, "check=", &x))
		to->check = x > 3 ? 3 : (int)x;
	else
		return false;
	return true;
}

int tophash_debug(const char *options)
{
	struct debug to = {0};

	while (options && *options) {
		size_t n = strcspn(options, ",");

		if (n > 0 && !apply_option(&to, options, n))
			return -EINVAL;
		options += n + (options[n] == ',');
	}
	to.was_checked = debug.was_checked || to.check;
	to.stamped = debug.stamped && to.check;
	debug = to;
	return 0;
}

void trace_slow(const struct tophash *map, const char *what, enum tophash_reason reason)
{
	fprintf(stderr, "tophash: %s map=%p reason=%s len=%zu\n", what, (const void *)map,
		tophash_reason_name(reason), map->len);
}

void trace_move(const struct tophash *map, const char *what, size_t from, size_t to)
{
	fprintf(stderr, "tophash: %s map=%p buckets=%zu to=%zu len=%zu\n", what, (const void *)map,
		from, to, map->len);
}

tophash_fault_fn *tophash_set_fault(tophash_fault_fn *fn)
{
	tophash_fault_fn *ret = fault_fn;

	fault_fn = fn;
	return ret;
}

void tophash_report_fault(enum tophash_fault fault, const struct tophash *map)
{
	if (!fault_fn)
		abort();
	fault_fn(fault, map);
}
