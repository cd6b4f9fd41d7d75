/* Random numbers, and the secret seed of a map's hash.
 *
 * Seeds come from a key stream of ChaCha8 whose key getrandom(2) gave. A batch is four blocks. Its first 32 bytes
 * become the next key and the others are handed out. A number is erased when it is given away, and a key when its
 * batch is made: neither a seed nor the whole state tells anything of the seeds that were drawn before, and a seed
 * tells nothing of those that follow.
 */
#include "seed.h"

#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "debug.h"

#define KEY_WORDS   8
#define BLOCK_WORDS 16
#define BATCH	    28 /* numbers of 64 bits */
#define ROUNDS	    8

/* Word i of four blocks. */
typedef uint32_t four_words __attribute__((vector_size(16)));

/* What a thread draws from. */
struct source {
	uint32_t key[KEY_WORDS];
	uint64_t numbers[BATCH];
	unsigned left; /* of numbers */
	bool keyed;
	uint64_t order; /* the state of random_u64(); 0: not drawn yet */
};

static __thread struct source of_thread;

void random_forget(void)
{
	memset(&of_thread, 0, sizeof(of_thread));
}

/* A macro, because functions that return vectors have another ABI where there are no vector registers. */
#define ROTATE(x, n) ((x) << (n) | (x) >> (32 - (n)))

/* Mixes four words of each block: the quarter round of RFC 8439, section 2.1. */
static inline __attribute__((always_inline)) void quarter_round(four_words x[BLOCK_WORDS],
								unsigned a, unsigned b, unsigned c,
								unsigned d)
{
	x[a] += x[b], x[d] = ROTATE(x[d] ^ x[a], 16);
	x[c] += x[d], x[b] = ROTATE(x[b] ^ x[c], 12);
	x[a] += x[b], x[d] = ROTATE(x[d] ^ x[a], 8);
	x[c] += x[d], x[b] = ROTATE(x[b] ^ x[c], 7);
}

/* Fills the batch of a source, and gives it a new key. */
static void next_batch(struct source *to)
{
	static const uint32_t constants[] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
	four_words begin[BLOCK_WORDS] = {0}, x[BLOCK_WORDS];

	for (unsigned i = 0; i < 4; i++)
		begin[i] += constants[i];
	for (unsigned i = 0; i < KEY_WORDS; i++)
		begin[4 + i] += to->key[i];
	begin[12] = (four_words){0, 1, 2, 3}; /* the counter of the blocks */
	for (unsigned i = 0; i < BLOCK_WORDS; i++)
		x[i] = begin[i];
	for (unsigned i = 0; i < ROUNDS / 2; i++) {
		quarter_round(x, 0, 4, 8, 12);
		quarter_round(x, 1, 5, 9, 13);
		quarter_round(x, 2, 6, 10, 14);
		quarter_round(x, 3, 7, 11, 15);
		quarter_round(x, 0, 5, 10, 15);
		quarter_round(x, 1, 6, 11, 12);
		quarter_round(x, 2, 7, 8, 13);
		quarter_round(x, 3, 4, 9, 14);
	}
	for (unsigned i = 0; i < BLOCK_WORDS; i++)
		x[i] += begin[i];
	_Static_assert(sizeof(x) == sizeof(to->key) + sizeof(to->numbers), "key and numbers");
	memcpy(to->key, x, sizeof(to->key));
	memcpy(to->numbers, (const uint8_t *)x + sizeof(to->key), sizeof(to->numbers));
	to->left = BATCH;
}

/* Gives a source its first key. Where getrandom() has nothing yet, early at boot, the clock and an address must do. */
static void source_key(struct source *to)
{
	struct timespec now;

	to->keyed = true;
	if (getrandom(to->key, sizeof(to->key), GRND_NONBLOCK) == sizeof(to->key))
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	to->key[0] = (uint32_t)now.tv_nsec;
	to->key[1] = (uint32_t)now.tv_sec;
	to->key[2] = (uint32_t)((uint64_t)(uintptr_t)to >> 32);
	to->key[3] = (uint32_t)(uintptr_t)to;
}

/* Returns a number of the key stream, and erases it there. */
static __attribute__((noinline)) uint64_t secret_u64(struct source *from)
{
	uint64_t ret;

	if (from->left == 0) {
		if (!from->keyed)
			source_key(from);
		next_batch(from);
	}
	ret = from->numbers[--from->left];
	from->numbers[from->left] = 0;
	return ret;
}

/* Returns the output of splitmix64 for a state. */
static uint64_t scramble(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

uint64_t random_u64(void)
{
	struct source *from = &of_thread;

	if (debug.seeded)
		return scramble(debug.seed + UINT64_C(0x9e3779b97f4a7c15));
	if (TOPHASH_UNLIKELY(from->order == 0))
		from->order = secret_u64(from);
	from->order += UINT64_C(0x9e3779b97f4a7c15);
	return scramble(from->order);
}

/* Exchanges each bit of x that is set in mask with the bit that is n places higher. */
static uint64_t swap_bits(uint64_t x, uint64_t mask, unsigned n)
{
	uint64_t differ = (x ^ x >> n) & mask;

	return x ^ differ ^ differ << n;
}

/* Makes a multiplier of a random number. Each byte of it has four ones, and it is odd: a multiplier with few
 * ones would hash badly. Random exchanges within each byte lead from 0x0f to every byte with four ones. */
static uint64_t mult_of(uint64_t random)
{
	uint64_t ret = UINT64_C(0x0f0f0f0f0f0f0f0f);

	ret = swap_bits(ret, random & UINT64_C(0x0f0f0f0f0f0f0f0f), 4);
	random = random << 28 | random >> 36; /* its high nibbles to the low ones of other bytes */
	ret = swap_bits(ret, random & UINT64_C(0x3333333333333333), 2);
	random = random << 31 | random >> 33;
	ret = swap_bits(ret, random & UINT64_C(0x5555555555555555), 1);
	/* The complement of the lowest byte has four ones as well. */
	return ret & 1 ? ret : ret ^ 0xff;
}

void seed_renew(struct tophash *map)
{
	if (debug.seeded) {
		map->seed = random_u64();
		map->mult = mult_of(random_u64());
		return;
	}
	map->seed = secret_u64(&of_thread);
	map->mult = mult_of(secret_u64(&of_thread));
}
