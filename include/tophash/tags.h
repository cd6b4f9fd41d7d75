/* Tag words. A tag word has 16 bytes: it describes the 15 slots of a bucket.
 *
 *      byte   0     1     2          14        15
 *          +-----+-----+-----+- - -+-----+----------+
 *          | tag | tag | tag |     | tag | overflow |
 *          +-----+-----+-----+- - -+-----+----------+
 *
 *   tag        0 for an empty slot, 1 where a small map has no slot, otherwise the low byte of the key's hash (2 for
 *              a low byte of 0 or 1)
 *   overflow   the filter of the chain: bit c is set when the chain has an entry whose tag is of class c. The
 *              class of a tag is its three highest bits. The filter is exact: it is computed anew from the
 *              tags of the chain when one of its entries goes. There are no tombstones.
 *
 * A search yields a mask with one bit for each slot that matches. tophash_lane() returns the slot of its lowest
 * bit, and mask & (mask - 1) is the mask of the others.
 */
#ifndef TOPHASH_TAGS_H
#define TOPHASH_TAGS_H

#if !defined(TOPHASH_SHOW_WARNINGS) && __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include "tophash/base.h"

/* Define TOPHASH_PORTABLE_TAGS to use no vector instructions (for tests). All files of a program must agree. */
#if defined(TOPHASH_PORTABLE_TAGS)
#define TOPHASH_TAGS_SSE2 0
#define TOPHASH_TAGS_NEON 0
#elif defined(__SSE2__)
#define TOPHASH_TAGS_SSE2 1
#define TOPHASH_TAGS_NEON 0
#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSSE3__)
#include <tmmintrin.h>
#else
#include <emmintrin.h> /* a tenth of immintrin.h, which takes longer than all of this library */
#endif
#elif defined(__aarch64__) && defined(__ARM_NEON)
#define TOPHASH_TAGS_SSE2 0
#define TOPHASH_TAGS_NEON 1
#include <arm_neon.h>
#else
#define TOPHASH_TAGS_SSE2 0
#define TOPHASH_TAGS_NEON 0
#endif

#define TOPHASH_SLOTS	  15 /* slots of a bucket */
#define TOPHASH_OVERFLOW  15 /* the byte of the overflow filter */
#define TOPHASH_WORD_SIZE 16 /* bytes of a tag word */
#define TOPHASH_NO_SLOT	  1  /* the tag of a lane that has no slot */
#define TOPHASH_TAG_MIN	  2  /* the lowest tag of a hash */

typedef uint64_t tophash_mask;

/* Returns the tag of a hash. */
TOPHASH_INLINE uint8_t tophash_tag(uint64_t hash)
{
	uint8_t low = (uint8_t)hash;

	return low < TOPHASH_TAG_MIN ? TOPHASH_TAG_MIN : low;
}

/* Returns the bit of the overflow filter for a tag. It is the same for the low bytes 0 and 1 and for the tag 2, which
 * stands for them. */
TOPHASH_INLINE uint8_t tophash_class_bit(uint8_t tag)
{
	return (uint8_t)(1u << (tag >> 5));
}

/* Returns whether a key of this hash may be in the chain of the bucket. */
TOPHASH_INLINE bool tophash_may_overflow(const uint8_t *word, uint64_t hash)
{
	return word[TOPHASH_OVERFLOW] >> ((hash >> 5) & 7) & 1;
}

#if TOPHASH_TAGS_SSE2

#define TOPHASH_MASK_ALL  0x7fffu
#define TOPHASH_LANE_BITS 1 /* bits of a mask for each slot */

/* Returns the slot of the lowest bit of a mask, which must not be 0. */
TOPHASH_INLINE unsigned tophash_lane(tophash_mask mask)
{
	return (unsigned)__builtin_ctz((unsigned)mask);
}

TOPHASH_INLINE tophash_mask tophash_match_word(const uint8_t *word, __m128i bytes)
{
	__m128i tags = _mm_loadu_si128((const __m128i *)(const void *)word);

	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(tags, bytes));
}

/* Returns the tag of hash in each byte. The low byte is spread over the vector first, and 0 and 1 become 2 afterwards: one
 * instruction instead of three. */
TOPHASH_INLINE __m128i tophash_tag_bytes(uint64_t hash)
{
#if defined(__AVX2__)
	__m128i low = _mm_broadcastb_epi8(_mm_cvtsi32_si128((int)hash));
#elif defined(__SSSE3__)
	__m128i low = _mm_shuffle_epi8(_mm_cvtsi32_si128((int)hash), _mm_setzero_si128());
#else
	/* A product with 0x01010101 would do the same, but searches take a twentieth longer with it. */
	__m128i low = _mm_cvtsi32_si128((int)hash);

	low = _mm_unpacklo_epi8(low, low);
	low = _mm_shuffle_epi32(_mm_shufflelo_epi16(low, 0), 0);
#endif
	return _mm_max_epu8(low, _mm_set1_epi8(TOPHASH_TAG_MIN));
}

/* Returns the slots whose tag is that of hash. The bit of the filter's byte may also be set. */
TOPHASH_INLINE tophash_mask tophash_match_loose(const uint8_t *word, uint64_t hash)
{
	return tophash_match_word(word, tophash_tag_bytes(hash));
}

/* From byte 15 - i on, only byte i of 16 is set. */
__attribute__((unused)) static const uint8_t tophash_lane_bytes[31] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

/* Gives an empty slot the tag of hash. The whole word is written at once: the next search reads it whole, and would
 * wait for a single byte that the processor has yet to write. */
TOPHASH_INLINE void tophash_set_tag(uint8_t *word, unsigned lane, uint64_t hash)
{
	const uint8_t *here = tophash_lane_bytes + 15 - lane;
	__m128i tag = _mm_and_si128(tophash_tag_bytes(hash),
				    _mm_loadu_si128((const __m128i *)(const void *)here));
	__m128i tags = _mm_loadu_si128((const __m128i *)(const void *)word);

	_mm_storeu_si128((__m128i *)(void *)word, _mm_or_si128(tags, tag));
}

TOPHASH_INLINE uint64_t tophash_zeros(const uint8_t *word)
{
	return tophash_match_word(word, _mm_setzero_si128());
}

/* Returns the slots that are empty. */
TOPHASH_INLINE tophash_mask tophash_match_empty(const uint8_t *word)
{
	return tophash_zeros(word) & TOPHASH_MASK_ALL;
}

#elif TOPHASH_TAGS_NEON

/* A mask has one bit in each nibble: NEON has no movemask, but can narrow 16 bytes to 16 nibbles. */
#define TOPHASH_MASK_ALL  UINT64_C(0x0888888888888888)
#define TOPHASH_LANE_BITS 4 /* bits of a mask for each slot */

TOPHASH_INLINE unsigned tophash_lane(tophash_mask mask)
{
	return (unsigned)__builtin_ctzll(mask) >> 2;
}

TOPHASH_INLINE tophash_mask tophash_match_bytes(const uint8_t *word, uint8x16_t bytes)
{
	uint16x8_t equal = vreinterpretq_u16_u8(vceqq_u8(vld1q_u8(word), bytes));

	return vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(equal, 4)), 0) & TOPHASH_MASK_ALL;
}

TOPHASH_INLINE tophash_mask tophash_match_loose(const uint8_t *word, uint64_t hash)
{
	return tophash_match_bytes(word, vdupq_n_u8(tophash_tag(hash)));
}

TOPHASH_INLINE void tophash_set_tag(uint8_t *word, unsigned lane, uint64_t hash)
{
	const uint8x16_t lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	uint8x16_t here = vceqq_u8(lanes, vdupq_n_u8((uint8_t)lane));

	vst1q_u8(word, vorrq_u8(vld1q_u8(word), vandq_u8(here, vdupq_n_u8(tophash_tag(hash)))));
}

TOPHASH_INLINE tophash_mask tophash_match_empty(const uint8_t *word)
{
	return tophash_match_bytes(word, vdupq_n_u8(0));
}

/* Returns a vector whose byte i has only bit i % 8 set where byte i of the word is 0, and is 0 elsewhere. */
TOPHASH_INLINE uint8x16_t tophash_zeros_apart(const uint8_t *word)
{
	return vandq_u8(vceqzq_u8(vld1q_u8(word)),
			vreinterpretq_u8_u64(vdupq_n_u64(UINT64_C(0x8040201008040201))));
}

TOPHASH_INLINE uint64_t tophash_zeros(const uint8_t *word)
{
	uint8x16_t bits = tophash_zeros_apart(word);

	bits = vpaddq_u8(bits, bits);
	bits = vpaddq_u8(bits, bits);
	bits = vpaddq_u8(bits, bits);
	return vgetq_lane_u16(vreinterpretq_u16_u8(bits), 0);
}

#else /* portable: eight bytes at a time, in little-endian order */

#define TOPHASH_MASK_ALL  0x7fffu
#define TOPHASH_LANE_BITS 1 /* bits of a mask for each slot */

TOPHASH_INLINE unsigned tophash_lane(tophash_mask mask)
{
	return (unsigned)__builtin_ctzll(mask);
}

/* Returns one bit for each byte of x that is 0. It is exact: no borrow runs from one byte into the next. */
TOPHASH_INLINE uint64_t tophash_zero_bytes(uint64_t x)
{
	const uint64_t low7 = UINT64_C(0x7f7f7f7f7f7f7f7f);
	uint64_t high = ~(((x & low7) + low7) | x | low7);

	/* The product gathers the eight high bits: each lands at its own place in the top byte. */
	return ((high >> 7) * UINT64_C(0x0102040810204080)) >> 56;
}

TOPHASH_INLINE uint64_t tophash_load_tags(const uint8_t *p)
{
	uint64_t x;

	__builtin_memcpy(&x, p, sizeof(x));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	x = __builtin_bswap64(x);
#endif
	return x;
}

TOPHASH_INLINE uint64_t tophash_equal_bytes(const uint8_t *word, uint64_t bytes)
{
	uint64_t low = tophash_zero_bytes(tophash_load_tags(word) ^ bytes);
	uint64_t high = tophash_zero_bytes(tophash_load_tags(word + 8) ^ bytes);

	return low | high << 8;
}

TOPHASH_INLINE tophash_mask tophash_match_bytes(const uint8_t *word, uint64_t bytes)
{
	return tophash_equal_bytes(word, bytes) & TOPHASH_MASK_ALL;
}

TOPHASH_INLINE tophash_mask tophash_match_loose(const uint8_t *word, uint64_t hash)
{
	return tophash_match_bytes(word, tophash_tag(hash) * UINT64_C(0x0101010101010101));
}

TOPHASH_INLINE void tophash_set_tag(uint8_t *word, unsigned lane, uint64_t hash)
{
	word[lane] = tophash_tag(hash);
}

TOPHASH_INLINE uint64_t tophash_zeros(const uint8_t *word)
{
	return tophash_equal_bytes(word, 0);
}

TOPHASH_INLINE tophash_mask tophash_match_empty(const uint8_t *word)
{
	return tophash_zeros(word) & TOPHASH_MASK_ALL;
}

#endif

/* Returns the slots whose tag is that of hash. */
TOPHASH_INLINE tophash_mask tophash_match(const uint8_t *word, uint64_t hash)
{
	return tophash_match_loose(word, hash) & TOPHASH_MASK_ALL;
}

/* Returns the bit of a slot in a mask. */
TOPHASH_INLINE tophash_mask tophash_lane_bit(unsigned lane)
{
	return (tophash_mask)1 << (lane * TOPHASH_LANE_BITS + TOPHASH_LANE_BITS - 1);
}

/* Returns the slots that hold an entry. The map must not be small: lanes without a slot would count. */
TOPHASH_INLINE tophash_mask tophash_match_used(const uint8_t *word)
{
	return tophash_match_empty(word) ^ TOPHASH_MASK_ALL;
}

/* ---- whole words, and four in a row: one bit for each byte, on every machine ---------------------------
 *
 * tophash_zeros(), above, returns which of the 16 bytes of a word are 0; bit 15 is the filter's. */

/* Returns the same for four words in a row, 64 bits. */
TOPHASH_INLINE uint64_t tophash_zeros_of_four(const uint8_t *words)
{
#if TOPHASH_TAGS_SSE2 && defined(__AVX2__)
	__m256i low = _mm256_loadu_si256((const __m256i *)(const void *)words);
	__m256i high =
		_mm256_loadu_si256((const __m256i *)(const void *)(words + 2 * TOPHASH_WORD_SIZE));
	const __m256i zero = _mm256_setzero_si256();

	return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, zero)) |
	       (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, zero)) << 32;
#elif TOPHASH_TAGS_NEON
	uint8x16_t low = vpaddq_u8(tophash_zeros_apart(words),
				   tophash_zeros_apart(words + TOPHASH_WORD_SIZE));
	uint8x16_t high = vpaddq_u8(tophash_zeros_apart(words + 2 * TOPHASH_WORD_SIZE),
				    tophash_zeros_apart(words + 3 * TOPHASH_WORD_SIZE));

	low = vpaddq_u8(low, high);
	return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(low, low)), 0);
#else
	return tophash_zeros(words) | tophash_zeros(words + TOPHASH_WORD_SIZE) << 16 |
	       tophash_zeros(words + 2 * TOPHASH_WORD_SIZE) << 32 |
	       tophash_zeros(words + 3 * TOPHASH_WORD_SIZE) << 48;
#endif
}

#endif
