/* The hash functions of Go's maps, with the random keys of one process. They are the program's own, bit for bit.
 */
#ifndef LIVE_GOMAP_HASH_H
#define LIVE_GOMAP_HASH_H

#include "base/base.h"

struct hash_keys {
	bool aes;	/* the program hashes by AES instructions */
	bool constants; /* the other hash has constants in place of key[1] to key[3] (to Go 1.22) */
	uint8_t schedule[128]; /* runtime.aeskeysched */
	uint64_t key[4];       /* runtime.hashkey */
};

/* Hash n bytes, as runtime.memhash and runtime.strhash do. */
uint64_t hash_bytes(const struct hash_keys *keys, const void *bytes, size_t n, uint64_t seed);
/* Hash a number of 4 or 8 bytes, as runtime.memhash32 and runtime.memhash64 do. */
uint64_t hash_word(const struct hash_keys *keys, uint64_t word, size_t size, uint64_t seed);

#endif
