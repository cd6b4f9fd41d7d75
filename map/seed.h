/* Random numbers, and the secret seed of a map's hash. */
#ifndef TOPHASH_SEED_H
#define TOPHASH_SEED_H

#include "tophash/core.h"

#include "names.h"

/* Returns the next random number of the calling thread. It is no secret: a few of them tell all. With TOPHASH_DEBUG=seed=N
 * it is always the same. */
uint64_t random_u64(void);
/* Makes the calling thread draw new randomness. The child of a fork calls it, because it has only
 * the thread that called fork(). */
void random_forget(void);
/* Gives a map without entries a new seed. */
void seed_renew(struct tophash *map);

#endif
