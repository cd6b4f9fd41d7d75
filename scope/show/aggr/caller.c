/* Finds the caller of a delete. */
#include "show/aggr/aggr.h"
#include "base/frame.h"

bool aggr_is_helper(const char *func)
{
	static const char *const helpers[] = {
		"maps.", "slices.", "reflect.", "sync.", "iter.", "internal/",
	};

	for (size_t i = 0; i < ARRAY_SIZE(helpers); i++)
		if (strncmp(func, helpers[i], strlen(helpers[i])) == 0)
			return true;
	return false;
}

const struct frame *aggr_caller(const struct frame *stack, size_t n)
{
	bool past_helpers = n && aggr_is_helper(stack[0].func);

	for (size_t i = 1; i < n; i++) {
		const char *func = stack[i].func;

		if (strncmp(func, "runtime.", 8) == 0 || (past_helpers && aggr_is_helper(func)))
			continue;
		return &stack[i];
	}
	return NULL;
}
