/* The home buckets of a map with an allocator: pieces of up to 64 KiB, which a directory leads to. */
#include "pieces.h"

#include <errno.h>
#include <string.h>

#include "mem.h"
#include "store.h"

static void directory_free(const struct tophash *map, const struct store *store)
{
	mem_free(map, store->pieces, store->pieces_cap * sizeof(*store->pieces));
}

static bool directory_resize(struct tophash *map, size_t cap)
{
	struct store *store = &map->core->store;
	size_t keep = cap < store->pieces_cap ? cap : store->pieces_cap;
	uint8_t **pieces = mem_alloc(map, cap * sizeof(*pieces));

	if (!pieces)
		return false;
	if (store->pieces) {
		memcpy(pieces, store->pieces, keep * sizeof(*pieces));
		directory_free(map, store);
	}
	store->pieces = pieces;
	store->pieces_cap = cap;
	return true;
}

/* Makes room for n pieces in the directory. Returns false when there is no memory. */
static bool pieces_reserve(struct tophash *map, size_t n)
{
	struct store *store = &map->core->store;
	size_t cap = store->pieces_cap ? store->pieces_cap : 4;

	if (store->pieces && n <= store->pieces_cap)
		return true;
	while (cap < n)
		cap *= 2;
	return directory_resize(map, cap);
}

int pieces_add(struct tophash *map, size_t buckets)
{
	struct store *store = &map->core->store;
	size_t per = (size_t)1 << store->piece_bits;
	size_t old = store->buckets / per, n = buckets / per, i;

	if (!pieces_reserve(map, n))
		return -ENOMEM;
	for (i = old; i < n; i++) {
		store->pieces[i] = mem_alloc(map, store_block_size(store, per));
		if (!store->pieces[i])
			break;
	}
	if (i < n) {
		while (i-- > old) {
			mem_free(map, store->pieces[i], store_block_size(store, per));
			store->pieces[i] = NULL;
		}
		return -ENOMEM;
	}
	store->buckets = buckets;
	store->mode = STORE_PIECES;
	return 0;
}

void pieces_fini(struct tophash *map)
{
	struct store *store = &map->core->store;
	size_t per = (size_t)1 << store->piece_bits;

	for (size_t i = 0; i < store->buckets / per; i++)
		mem_free(map, store->pieces[i], store_block_size(store, per));
	directory_free(map, store);
	store->pieces = NULL;
}

int pieces_of_block(struct tophash *map, size_t buckets)
{
	struct store *store = &map->core->store;
	struct store old = *store;
	int err;

	/* With an allocator, a full block has the shape of a piece: it becomes the first one. */
	if (!pieces_reserve(map, 2))
		return -ENOMEM;
	store->pieces[0] = old.slots;
	err = pieces_add(map, buckets);
	if (err) {
		directory_free(map, store);
		*store = old;
	}
	return err;
}

void pieces_release(struct tophash *map, size_t first, size_t from, size_t to)
{
	struct store *store = &map->core->store;
	size_t per = (size_t)1 << store->piece_bits;

	first = (first + per - 1) / per;
	for (size_t i = from / per < first ? first : from / per; i < to / per; i++) {
		mem_free(map, store->pieces[i], store_block_size(store, per));
		store->pieces[i] = NULL;
	}
}

void pieces_trim(struct tophash *map, size_t buckets)
{
	struct store *store = &map->core->store;
	size_t per = (size_t)1 << store->piece_bits, keep = buckets < per ? per : buckets;
	uint8_t *first = store->pieces[0];

	for (size_t i = keep / per; i < store->buckets / per; i++)
		mem_free(map, store->pieces[i], store_block_size(store, per));
	store->buckets = keep;
	if (keep > per) {
		if (store->pieces_cap >= 4 * keep / per)
			directory_resize(map, 2 * keep / per);
		return;
	}
	directory_free(map, store);
	store->pieces = NULL;
	store->pieces_cap = 0;
	store_set_block(store, first, per);
}

size_t pieces_bytes(const struct store *store)
{
	size_t per = (size_t)1 << store->piece_bits;
	size_t ret = store->pieces_cap * sizeof(*store->pieces);

	for (size_t i = 0; i < store->buckets / per; i++)
		ret += store->pieces[i] ? store_block_size(store, per) : 0;
	return ret;
}
