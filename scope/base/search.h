/* Binary search in a sorted array.
 */
#ifndef BASE_SEARCH_H
#define BASE_SEARCH_H

/* Returns the first index from 0 to n - 1 for which is_before is false, or n when there is none.
 * is_before is an expression in `i`, the name of the index. It must be true up to one index and
 * false from there on.
 *
 * 	size_t at = lower_bound(i, list.len, list.data[i].addr < addr);
 * 	if (at < list.len && list.data[at].addr == addr)
 * 		...
 *
 * The last element at or below addr has the index lower_bound(i, n, data[i].addr <= addr) - 1. */
#define lower_bound(i, n, is_before)                          \
	({                                                    \
		size_t low_ = 0, high_ = (n);                 \
		while (low_ < high_) {                        \
			size_t i = low_ + (high_ - low_) / 2; \
			if (is_before)                        \
				low_ = i + 1;                 \
			else                                  \
				high_ = i;                    \
		}                                             \
		low_;                                         \
	})

#endif
