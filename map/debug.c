/* TOPHASH_DEBUG, like Go's GODEBUG: options apart by commas, read once when the program starts. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"

struct debug debug;

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

/* The number behind the = of an option. */
static bool number_of(const char *at, size_t n, const char *option, uint64_t *ret)
{
	size_t skip = strlen(option);
	char *end;

	if (n <= skip || memcmp(at, option, skip) != 0 || at[skip] < '0' || at[skip] > '9')
		return false;
	*ret = strtoull(at + skip, &end, 0);
	return end == at + n;
}

static bool take_option(struct debug *to, const char *at, size_t n)
{
	uint64_t x;

	if (is_option(at, n, "evacuate=manual"))
		to->evacuate = EVACUATE_MANUAL;
	else if (is_option(at, n, "evacuate=eager"))
		to->evacuate = EVACUATE_EAGER;
	else if (is_option(at, n, "evacuate=shared"))
		to->evacuate = EVACUATE_SHARED;
	else if (number_of(at, n, "seed=", &x)) {
		to->seeded = true;
		to->seed = x;
	} else if (number_of(at, n, "trace=", &x))
		to->trace = x != 0;
	else if (number_of(at, n, "check=", &x))
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

		if (n > 0 && !take_option(&to, options, n))
			return -EINVAL;
		options += n + (options[n] == ',');
	}
	debug = to;
	return 0;
}

__attribute__((constructor)) static void debug_init(void)
{
	const char *options = secure_getenv("TOPHASH_DEBUG");

	note_keep();
	pthread_atfork(NULL, NULL,
		       random_forget); /* without memory for it a child's seeds are its parent's */
	if (options && tophash_debug(options) != 0)
		fprintf(stderr,
			"tophash: TOPHASH_DEBUG=%s: not understood; options are evacuate=shared|manual|eager, "
			"seed=N, trace=0|1, check=0..3, apart by commas\n",
			options);
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

void debug_check(const struct tophash *map)
{
	int broken = tophash_check(map, debug.check);

	if (broken == 0)
		return;
	fprintf(stderr, "tophash: map=%p is broken: invariant %d\n", (const void *)map, broken);
	tophash_report_fault(TOPHASH_FAULT_BROKEN, map);
}
