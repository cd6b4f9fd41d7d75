/* A bucket with its chain: searched, added to, taken from. The slow path's half of what fast.h does
 * with a home bucket alone. */
#include "internal.h"

/* The slots of a home whose tag this is; for the homes only. */
static bool find_home(const struct tophash_type *type, const struct chain *chain,
		      const struct tophash_key *key, uint64_t hash, struct place *ret)
{
	tophash_mask mask = tophash_match(chain->word, hash);

	for (; mask; mask &= mask - 1) {
		unsigned lane = tophash_lane(mask);
		uint8_t *slot = chain->slots + (size_t)lane * type->slot_size;

		if (!tophash_equal(type, key, hash, slot))
			continue;
		*ret = (struct place){.tag = chain->word + lane, .slot = slot};
		return true;
	}
	return false;
}

bool chain_find(const struct tophash_core *core, const struct tophash_type *type,
		const struct chain *chain, const struct tophash_key *key, uint64_t hash,
		struct place *ret)
{
	uint8_t tag = tophash_tag(hash), *slots;
	struct overflow *head;

	if (chain->word) {
		if (find_home(type, chain, key, hash, ret))
			return true;
		if (!tophash_may_overflow(chain->word, hash))
			return false;
	}
	for (uint32_t number = *chain->head; number; number = head->next) {
		head = pool_at(&core->pool, number, &slots);
		for (unsigned i = 0; i < OVERFLOW_SLOTS; i++) {
			if (head->tags[i] != tag ||
			    !tophash_equal(type, key, hash, slots + (size_t)i * type->slot_size))
				continue;
			*ret = (struct place){.tag = head->tags + i,
					      .slot = slots + (size_t)i * type->slot_size,
					      .head = chain->head,
					      .word = chain->word,
					      .number = number};
			return true;
		}
	}
	return false;
}

uint8_t *chain_add(struct tophash *map, const struct tophash_type *type, const struct chain *chain,
		   uint8_t tag)
{
	tophash_mask mask = tophash_match_empty(chain->word);
	struct overflow *head;
	uint8_t *slots;
	uint32_t number;

	if (mask) {
		unsigned lane = tophash_lane(mask);

		chain->word[lane] = tag;
		return chain->slots + (size_t)lane * type->slot_size;
	}
	/* Only the first of a chain is looked at: what frees a slot further back is moved in time. */
	number = *chain->head;
	for (int tries = 0; tries < 2; tries++) {
		if (number) {
			head = pool_at(&map->core->pool, number, &slots);
			for (unsigned i = 0; i < OVERFLOW_SLOTS; i++) {
				if (head->tags[i])
					continue;
				head->tags[i] = tag;
				chain->word[TOPHASH_OVERFLOW] |= tophash_class_bit(tag);
				return slots + (size_t)i * type->slot_size;
			}
		}
		number = pool_take(map);
		if (!number)
			return NULL;
		pool_at(&map->core->pool, number, NULL)->next = *chain->head;
		*chain->head = number;
	}
	return NULL;
}

/* Computes the filter anew. */
static void filter_renew(const struct tophash_core *core, uint8_t *word, uint32_t number)
{
	uint8_t filter = 0;

	while (number) {
		const struct overflow *head = pool_at(&core->pool, number, NULL);

		for (unsigned i = 0; i < OVERFLOW_SLOTS; i++)
			filter |= head->tags[i] ? tophash_class_bit(head->tags[i]) : 0;
		number = head->next;
	}
	word[TOPHASH_OVERFLOW] = filter;
}

void chain_remove(struct tophash *map, const struct place *place)
{
	struct tophash_core *core = map->core;
	static const uint8_t none[OVERFLOW_SLOTS];
	struct overflow *gone;
	uint32_t *at;

	*place->tag = 0;
	if (!place->head)
		return;
	gone = pool_at(&core->pool, place->number, NULL);
	if (memcmp(gone->tags, none, sizeof(none)) == 0) {
		for (at = place->head; *at != place->number;)
			at = &pool_at(&core->pool, *at, NULL)->next;
		*at = gone->next;
		pool_give(map, place->number);
	}
	if (place->word)
		filter_renew(core, place->word, *place->head);
}
