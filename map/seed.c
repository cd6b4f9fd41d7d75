/* Random numbers, and the secret seed of a map's hash. */
#include "seed.h"

#include <sys/random.h>
#include <time.h>

#include "debug.h"

/* Returns the output of splitmix64 for a state. */
static uint64_t scramble(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* The state of the calling thread; 0: not drawn yet. */
static __thread uint64_t random_state;

void random_forget(void)
{
	random_state = 0;
}

uint64_t random_u64(void)
{
	uint64_t state = random_state;

	if (debug.seeded)
		return scramble(debug.seed + UINT64_C(0x9e3779b97f4a7c15));
	if (state == 0 && getrandom(&state, sizeof(state), GRND_NONBLOCK) != sizeof(state)) {
		struct timespec now;

		clock_gettime(CLOCK_MONOTONIC, &now);
		state = (uint64_t)now.tv_nsec << 20 ^ (uint64_t)now.tv_sec ^
			(uint64_t)(uintptr_t)&now;
	}
	random_state = state + UINT64_C(0x9e3779b97f4a7c15);
	return scramble(random_state);
}

/* Makes a multiplier of a random number. Each byte of it has four ones, and it is odd: a multiplier with few
 * ones would hash badly. */
static uint64_t mult_of(uint64_t random)
{
	uint64_t ret = 0, bits = 0;
	unsigned n = 0;

	while (n < 8) {
		if (bits == 0)
			bits = scramble(random += UINT64_C(0x9e3779b97f4a7c15));
		if (__builtin_popcount(bits & 0xff) == 4 && (n > 0 || (bits & 1))) {
			ret |= (bits & 0xff) << 8 * n;
			n++;
		}
		bits >>= 8;
	}
	return ret;
}

void seed_renew(struct tophash *map)
{
	map->seed = random_u64();
	map->mult = mult_of(random_u64());
}
