#include "cmd/maps_probes.h"

/* Hashing more entries, or more bytes of keys, would take seconds. */
#define ENTRIES_MAX (1ull << 20)
#define BYTES_MAX   (256ull << 20)

enum { TRIES = 5 }; /* of a bucket or group that changes */

struct map_probes maps_probes_begin(void)
{
	return (struct map_probes){.bytes_left = BYTES_MAX};
}

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

	if (probes->visited++ >= ENTRIES_MAX || !gomap_view_entry(view, slot, &key, &elem) ||
	    !gomap_view_hash(view, key, &probes->bytes_left, &hash)) {
		probes->unknown++;
		return;
	}
	if (gomap_view_probes(view, part, hash, &n) &&
	    gomap_view_tag(view, hash) == gomap_view_byte(view, slot))
		count(probes, n);
	else
		probes->misplaced++;
}

/* Counts the entries of a part as it is held now. */
static enum gomap_held add_held(struct map_probes *probes, struct gomap_view *view,
				const struct map_part *part)
{
	if (!gomap_view_hold(view, part))
		return GOMAP_HELD_CHANGED;
	for (unsigned i = 0; i < MAP_PART_SLOTS && !probes->unknown; i++)
		if (gomap_view_slot(view, i) == MAP_SLOT_USED)
			add_entry(probes, view, part, i);
	return gomap_view_held(view);
}

void maps_probes_add(struct map_probes *probes, struct gomap_view *view,
		     const struct map_part *part)
{
	enum gomap_held held = GOMAP_HELD_CHANGED;
	bool used = false;

	for (unsigned i = 0; i < MAP_PART_SLOTS; i++)
		used |= part->slots[i] == MAP_SLOT_USED;
	if (!used)
		return;
	if (gomap_view_map(view)->len > ENTRIES_MAX)
		probes->unknown++;
	for (unsigned i = 0; i < TRIES && held == GOMAP_HELD_CHANGED && !probes->unknown; i++) {
		struct map_probes tried = *probes;

		held = add_held(&tried, view, part);
		if (held == GOMAP_HELD_SAME) {
			*probes = tried;
			return;
		}
		probes->visited = tried.visited;
		probes->bytes_left = tried.bytes_left;
	}
	probes->unknown++;
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
