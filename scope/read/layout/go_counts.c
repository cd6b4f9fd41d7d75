#include "read/layout/layout.h"

void map_counts_end(struct map_counts *counts)
{
	if (!counts->chain)
		return;
	counts->chains[counts->chain <= MAP_CHAINS ? counts->chain : 0]++;
	if (counts->chain > counts->longest)
		counts->longest = counts->chain;
	counts->chain = 0;
}

/* Counts the used slots whose byte another one has. */
static uint64_t collisions(const struct map_part *part)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < MAP_PART_SLOTS; i++) {
		bool found = false;

		for (unsigned j = 0; j < MAP_PART_SLOTS && part->slots[i] == MAP_SLOT_USED; j++)
			found |= j != i && part->slots[j] == MAP_SLOT_USED &&
				 part->bytes[i] == part->bytes[j];
		n += found;
	}
	return n;
}

static void add_fault(struct map_counts *counts, const char *fault)
{
	if (!counts->faults++)
		counts->fault = fault;
}

void map_counts_add(struct map_counts *counts, const struct map_part *part)
{
	unsigned used = 0, bad = 0;

	if (part->fault)
		add_fault(counts, part->fault);
	if (!part->depth)
		map_counts_end(counts);
	if (part->moved)
		return;
	counts->chain++;
	counts->parts++;
	for (unsigned i = 0; i < MAP_PART_SLOTS; i++) {
		used += part->slots[i] == MAP_SLOT_USED;
		bad += part->slots[i] == MAP_SLOT_BAD;
		counts->tombstones += part->slots[i] == MAP_SLOT_TOMBSTONE;
	}
	if (bad && !part->fault)
		add_fault(counts, "the bytes of its slots make no sense");
	counts->used += used;
	counts->fill[used]++;
	counts->collisions += collisions(part);
}
