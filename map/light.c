/* The fast path out of line, for programs that are compiled without optimisation. */
#include "tophash/iter.h"

#include "unseen.h"

void *tophash_find_at(const struct tophash *map, const struct tophash_type *type, const void *key)
{
	return unseen_find(map, type, key);
}

void *tophash_put_at(struct tophash *map, const struct tophash_type *type, const void *key, int as,
		     int *ret)
{
	return unseen_put(map, type, key, as, ret);
}

bool tophash_delete_at(struct tophash *map, const struct tophash_type *type, const void *key)
{
	return unseen_delete(map, type, key);
}

void *tophash_cursor_next(struct tophash_cursor *cursor, struct tophash_iter *iter, void *kept,
			  const struct tophash_type *type)
{
	return tophash_cursor_step(cursor, iter, kept, type);
}
