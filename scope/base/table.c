#include "base/base.h"

void table_fini(struct table *table)
{
	free(table->slots);
	*table = (struct table){0};
}

/* The slot that holds key, or the free one where it belongs. The table is never full. */
static struct table_slot *table_slot(const struct table *table, uint64_t key)
{
	uint32_t at = (uint32_t)table_mix(key) & table->mask;

	while (table->slots[at].used && table->slots[at].key != key)
		at = (at + 1) & table->mask;
	return &table->slots[at];
}

uint32_t *table_find(const struct table *table, uint64_t key)
{
	struct table_slot *slot = table->slots ? table_slot(table, key) : NULL;

	return slot && slot->used ? &slot->value : NULL;
}

static bool table_resize(struct table *table, uint32_t slots)
{
	struct table grown = {.mask = slots - 1, .len = table->len};

	if (!slots)
		return false;
	grown.slots = calloc(slots, sizeof(*grown.slots));
	if (!grown.slots)
		return false;
	for (uint32_t i = 0; table->slots && i <= table->mask; i++)
		if (table->slots[i].used)
			*table_slot(&grown, table->slots[i].key) = table->slots[i];
	free(table->slots);
	*table = grown;
	return true;
}

bool table_put(struct table *table, uint64_t key, uint32_t value)
{
	struct table_slot *slot;

	if (!table->slots && !table_resize(table, 16))
		return false;
	if (table->len >= table->mask / 4 * 3 && !table_resize(table, (table->mask + 1) * 2))
		return false;
	slot = table_slot(table, key);
	table->len += !slot->used;
	*slot = (struct table_slot){.key = key, .value = value, .used = 1};
	return true;
}
