/* The two hash functions: one of rounds of AES (runtime/asm_amd64.s: aeshashbody, memhash32, memhash64), and one of
 * multiplications for processors without instructions for AES (runtime/hash64.go). A round is computed in portable C: libraries
 * have the cipher, but no single round. */
#include "live/gomap/hash.h"

enum { BLOCK = 16, SEEDS = 8 };

struct block {
	uint8_t at[BLOCK];
};

/* ---- a round ---- */

static uint8_t twice(uint8_t x)
{
	return (uint8_t)(x << 1 ^ (x & 0x80 ? 0x1b : 0));
}

/* Fills the S-box of AES (FIPS 197, 5.1.1): the inverse in GF(2^8), then a sum of rotations. */
static void fill_box(uint8_t box[256])
{
	uint8_t p = 1, q = 1;

	do {
		p ^= twice(p); /* times 3 */
		q ^= (uint8_t)(q << 1);
		q ^= (uint8_t)(q << 2);
		q ^= (uint8_t)(q << 4);
		q ^= q & 0x80 ? 0x09 : 0; /* divided by 3 */
		box[p] = (uint8_t)(q ^ (q << 1 | q >> 7) ^ (q << 2 | q >> 6) ^ (q << 3 | q >> 5) ^
				   (q << 4 | q >> 4) ^ 0x63);
	} while (p != 1);
	box[0] = 0x63;
}

/* Returns what the instruction aesenc makes of a state and a round key. */
static struct block encrypt(const struct block *state, const struct block *key)
{
	static uint8_t box[256];
	struct block ret;

	if (!box[0])
		fill_box(box);
	for (unsigned column = 0; column < 4; column++) {
		uint8_t s[4], all = 0;

		for (unsigned row = 0; row < 4; row++)
			all ^= s[row] = box[state->at[(column + row) % 4 * 4 + row]];
		for (unsigned row = 0; row < 4; row++)
			ret.at[column * 4 + row] = s[row] ^ all ^ twice(s[row] ^ s[(row + 1) % 4]) ^
						   key->at[column * 4 + row];
	}
	return ret;
}

static struct block encrypt_self(struct block block, unsigned times)
{
	for (; times; times--)
		block = encrypt(&block, &block);
	return block;
}

static struct block xor_blocks(struct block a, const void *b)
{
	for (unsigned i = 0; i < BLOCK; i++)
		a.at[i] ^= ((const uint8_t *)b)[i];
	return a;
}

static uint64_t low_word(const struct block *block)
{
	uint64_t word;

	memcpy(&word, block->at, sizeof(word));
	return word;
}

/* ---- by AES ---- */

/* Makes block i of the seeds: the seed, the length four times, and a part of the key. */
static struct block seed_block(const struct hash_keys *keys, uint64_t seed, size_t n, unsigned i)
{
	struct block block;

	memcpy(block.at, &seed, sizeof(seed));
	for (unsigned at = 8; at < BLOCK; at += 2) {
		block.at[at] = (uint8_t)n;
		block.at[at + 1] = (uint8_t)(n >> 8);
	}
	return encrypt_self(xor_blocks(block, keys->schedule + (size_t)i * BLOCK), 1);
}

static uint64_t aes_short(const struct hash_keys *keys, const uint8_t *bytes, size_t n,
			  uint64_t seed)
{
	struct block block = {0}, first = seed_block(keys, seed, n, 0);

	if (n)
		memcpy(block.at, bytes, n);
	block = n ? encrypt_self(xor_blocks(block, first.at), 3) : encrypt_self(first, 1);
	return low_word(&block);
}

/* Hashes more than 16 bytes: half of the blocks from the begin, half from the end, where they may overlap. More than 128
 * bytes begin with the last 128, and then take all others. */
static uint64_t aes_long(const struct hash_keys *keys, const uint8_t *bytes, size_t n,
			 uint64_t seed)
{
	unsigned count = n <= 32 ? 2 : n <= 64 ? 4 : SEEDS, front = n <= 128 ? count / 2 : 0;
	struct block state[SEEDS], sum = {0};

	for (unsigned i = 0; i < count; i++) {
		const uint8_t *from = i < front ? bytes + (size_t)i * BLOCK
						: bytes + n - (size_t)(count - i) * BLOCK;

		state[i] = xor_blocks(seed_block(keys, seed, n, i), from);
	}
	for (size_t done = 0; n > 128 && done < (n - 1) >> 7; done++, bytes += 128)
		for (unsigned i = 0; i < SEEDS; i++) {
			struct block key;

			memcpy(key.at, bytes + (size_t)i * BLOCK, BLOCK);
			state[i] = encrypt_self(state[i], 1);
			state[i] = encrypt(&state[i], &key);
		}
	for (unsigned i = 0; i < count; i++)
		sum = xor_blocks(sum, encrypt_self(state[i], 3).at);
	return low_word(&sum);
}

/* ---- by multiplications ---- */

static uint64_t read_n(const uint8_t *bytes, size_t n)
{
	uint64_t word = 0;

	memcpy(&word, bytes, n);
	return word;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)(product >> 64) ^ (uint64_t)product;
}

/* Returns key i (0 to 3), which up to Go 1.22 is a constant or is mixed with one. */
static uint64_t key_of(const struct hash_keys *keys, size_t i)
{
	static const uint64_t constants[] = {0xa0761d6478bd642f, 0xe7037ed1a0b428db,
					     0x8ebc6af09c88c6e3, 0x589965cc75374cc3};

	if (!keys->constants)
		return keys->key[i];
	return i ? constants[i] : keys->key[0] ^ constants[0];
}

#define M5 0x1d8e4e27c47d124full

/* Takes all but the last 16 bytes of more than 16. */
static uint64_t take_long(const struct hash_keys *keys, const uint8_t **bytes, size_t *n,
			  uint64_t seed)
{
	uint64_t others[2] = {seed, seed};
	const uint8_t *at = *bytes;

	if (*n > 48) {
		for (; *n > 48; *n -= 48, at += 48) {
			seed = mix(read_n(at, 8) ^ key_of(keys, 1), read_n(at + 8, 8) ^ seed);
			for (size_t i = 0; i < 2; i++)
				others[i] = mix(read_n(at + 16 + 16 * i, 8) ^ key_of(keys, 2 + i),
						read_n(at + 24 + 16 * i, 8) ^ others[i]);
		}
		seed ^= others[0] ^ others[1];
	}
	for (; *n > 16; *n -= 16, at += 16)
		seed = mix(read_n(at, 8) ^ key_of(keys, 1), read_n(at + 8, 8) ^ seed);
	*bytes = at;
	return seed;
}

static uint64_t fallback(const struct hash_keys *keys, const uint8_t *bytes, size_t n,
			 uint64_t seed)
{
	uint64_t a = 0, b = 0;
	size_t whole = n;

	seed ^= key_of(keys, 0);
	if (!n)
		return seed;
	if (n > 16)
		seed = take_long(keys, &bytes, &n, seed);
	if (whole > 16) { /* the last 16 bytes; some of them may have been taken before */
		a = read_n(bytes + n - 16, 8);
		b = read_n(bytes + n - 8, 8);
	} else if (n < 4) {
		a = bytes[0] | (uint64_t)bytes[n >> 1] << 8 | (uint64_t)bytes[n - 1] << 16;
	} else {
		size_t half = n < 8 ? 4 : 8;

		a = read_n(bytes, half);
		b = read_n(bytes + n - half, half);
	}
	return mix(M5 ^ whole, mix(a ^ key_of(keys, 1), b ^ seed));
}

/* ---- both ---- */

uint64_t hash_bytes(const struct hash_keys *keys, const void *bytes, size_t n, uint64_t seed)
{
	if (!keys->aes)
		return fallback(keys, bytes, n, seed);
	return n <= BLOCK ? aes_short(keys, bytes, n, seed) : aes_long(keys, bytes, n, seed);
}

uint64_t hash_word(const struct hash_keys *keys, uint64_t word, size_t size, uint64_t seed)
{
	struct block block;

	if (!keys->aes)
		return fallback(keys, (const uint8_t *)&word, size, seed);
	memcpy(block.at, &seed, sizeof(seed));
	memcpy(block.at + 8, &word, sizeof(word));
	for (unsigned i = 0; i < 3; i++) {
		struct block key;

		memcpy(key.at, keys->schedule + (size_t)i * BLOCK, BLOCK);
		block = encrypt(&block, &key);
	}
	return low_word(&block);
}
