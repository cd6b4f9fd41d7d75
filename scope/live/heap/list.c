/* Reads the runtime's lists of spans and of goroutines, which it makes longer at any time. */
#include "live/heap/heap_priv.h"

#include <unistd.h>

/* How often a list is read, and how long after the last time. A thread of the process may be switched off while it writes. */
enum { TRIES = 16, WAIT_US = 1000 };

/* The words of a slice may be of two moments, as the runtime writes one after the other. */
static bool read_slice(const struct heap_list *list, uint64_t slice[3])
{
	return heap_read(list->heap, list->addr, slice, 3 * sizeof(*slice)) && slice[1] &&
	       slice[1] <= slice[2] && slice[1] <= list->max;
}

static bool begin(struct heap_list *list)
{
	uint64_t slice[3];

	for (int i = 0; i < TRIES; i++) {
		if (i)
			usleep(WAIT_US);
		if (!read_slice(list, slice) || slice[1] < list->len)
			continue;
		list->words = slice[0];
		if (!list->len)
			list->len = slice[1];
		return true;
	}
	return false;
}

bool heap_list_begin(struct heap_list *list)
{
	list->len = 0;
	return begin(list);
}

bool heap_list_read(struct heap_list *list, uint64_t from, uint64_t *to, size_t n)
{
	for (int i = 0; i < TRIES; i++) {
		if (heap_read(list->heap, list->words + from * sizeof(*to), to, n * sizeof(*to)))
			return true;
		if (!begin(list)) /* it has another place by now */
			return false;
	}
	return false;
}
