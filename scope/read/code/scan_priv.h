/* The input and output of a search through the text. Inside code/.
 */
#ifndef READ_CODE_SCAN_PRIV_H
#define READ_CODE_SCAN_PRIV_H

#include "read/code/calls.h"
#include "base/search.h"

/* A search through the text. It touches each page once and in order. Whoever mapped the file has
 * asked the kernel to read many pages at a time. */
struct code_scan {
	const uint8_t *text;
	size_t size;
	uint64_t addr;		 /* of text */
	const uint64_t *targets; /* n of them, ascending, n > 0 */
	size_t n;
	struct code_calls *found;
	uint64_t from, to; /* of global variables, for find_globals */
};

static inline bool scan_is_target(const struct code_scan *scan, uint64_t addr)
{
	size_t at;

	if (addr < scan->targets[0] || addr > scan->targets[scan->n - 1])
		return false;
	at = lower_bound(i, scan->n, scan->targets[i] < addr);
	return scan->targets[at] == addr;
}

/* Appends a candidate at addr. Returns false when memory is out. */
static inline bool scan_add(const struct code_scan *scan, uint64_t addr, uint64_t target)
{
	struct code_call call = {addr, target};

	return vec_push(&scan->found->list, call);
}

/* x86_64_globals.c: machine_ops.find_globals */
bool x86_64_find_globals(const struct code_scan *scan);

#endif
