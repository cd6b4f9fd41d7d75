#include "cmd/maps_probes.h"

/* Hashing the keys of larger maps would take seconds. */
#define ENTRIES_MAX (1ull << 20)

/* Counts an entry whose lookup visits n parts. */
static void count(struct map_probes *probes, uint64_t n)
{
	probes->counts[n <= MAP_CHAINS ? n : 0]++;
	probes->longest = n > probes->longest ? n : probes->longest;
}

/* Counts an entry of the part that is held. */
static void add_entry(struct map_probes *probes, struct gomap_view *view,
		      const struct map_part *part, unsigned slot)
{
	uint64_t key, elem, hash, n;

	if (!gomap_view_entry(view, slot, &key, &elem) || !gomap_view_hash(view, key, &hash)) {
		probes->unknown++;
		return;
	}
	if (gomap_view_probes(view, part, hash, &n) &&
	    gomap_view_tag(view, hash) == part->bytes[slot])
		count(probes, n);
	else
		probes->misplaced++;
}

void maps_probes_add(struct map_probes *probes, struct gomap_view *view,
		     const struct map_part *part)
{
	bool used = false;

	for (unsigned i = 0; i < MAP_PART_SLOTS; i++)
		used |= part->slots[i] == MAP_SLOT_USED;
	if (!used || gomap_view_map(view)->len > ENTRIES_MAX || !gomap_view_hold(view, part)) {
		probes->unknown += used;
		return;
	}
	for (unsigned i = 0; i < MAP_PART_SLOTS; i++)
		if (part->slots[i] == MAP_SLOT_USED)
			add_entry(probes, view, part, i);
}

bool maps_key_hash(const struct filter *filter, const struct gotypes *types, uint64_t key_type,
		   const struct gomap_view *view, uint64_t *ret)
{
	const char *string;
	struct key_test test;
	struct gotype type;
	bool prefix;
	size_t n;

	filter_key_test(filter, types, key_type, &test);
	if (test.how == KEY_TEST_STRING) {
		string = filter_key_string(filter->key, &n, &prefix);
		return string && !prefix && gomap_view_hash_of(view, string, n, true, ret);
	}
	if (test.how != KEY_TEST_WORD || !gotype_read(types, key_type, &type) || !type.size ||
	    type.size > sizeof(test.want))
		return false;
	return test.mask == UINT64_MAX >> (64 - 8 * type.size) &&
	       gomap_view_hash_of(view, &test.want, type.size, false, ret);
}
