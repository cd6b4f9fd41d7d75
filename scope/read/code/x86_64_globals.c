/* Uses of global variables on x86-64, from the bytes alone: REX.W, then 89 (store), 8B (load) or 8D (lea), a mod-r/m byte
 * that says [rip + disp32], and the displacement. */
#include "read/code/scan_priv.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { INSN_SIZE = 7, CALL_SIZE = 5, NEAR = 40, STORE = 0x89 };

static int32_t operand(const uint8_t *at)
{
	int32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* Tells whether a call of a target follows soon. */
static bool calls_soon(const struct code_scan *scan, size_t at)
{
	size_t end = scan->size - at > NEAR + CALL_SIZE ? at + NEAR : scan->size - CALL_SIZE;

	for (; scan->n && at < end; at++)
		if (scan->text[at] == 0xe8 &&
		    scan_is_target(scan, scan->addr + at + CALL_SIZE +
						 (uint64_t)(int64_t)operand(scan->text + at + 1)))
			return true;
	return false;
}

/* Appends the candidate that begins at `at`, if it is one. */
static bool check(const struct code_scan *scan, size_t at)
{
	const uint8_t *bytes = scan->text + at;
	uint64_t target;

	if (scan->size - at < INSN_SIZE || (bytes[0] & 0xfb) != 0x48 || (bytes[2] & 0xc7) != 0x05 ||
	    (bytes[1] != STORE && bytes[1] != 0x8b && bytes[1] != 0x8d))
		return true;
	target = scan->addr + at + INSN_SIZE + (uint64_t)(int64_t)operand(bytes + 3);
	if (target < scan->from || target >= scan->to || target % 8 ||
	    (bytes[1] != STORE && scan->targets && !calls_soon(scan, at + INSN_SIZE)))
		return true;
	return scan_add(scan, scan->addr + at, target);
}

#ifdef __SSE2__
static __m128i are(const uint8_t *at, char mask, char value)
{
	__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);

	return _mm_cmpeq_epi8(_mm_and_si128(bytes, _mm_set1_epi8(mask)), _mm_set1_epi8(value));
}

/* Returns a mask of the 16 places from `at` on. Bit n says that byte n may be the REX byte of a candidate. Two bytes more
 * are read. */
static unsigned places_at(const uint8_t *at)
{
	__m128i opcodes = _mm_or_si128(are(at + 1, (char)0xfd, (char)0x89),
				       are(at + 1, (char)0xff, (char)0x8d));
	__m128i others = _mm_and_si128(are(at, (char)0xfb, 0x48), are(at + 2, (char)0xc7, 0x05));

	return (unsigned)_mm_movemask_epi8(_mm_and_si128(opcodes, others));
}
#endif

bool x86_64_find_globals(const struct code_scan *scan)
{
	size_t at = 0;

#ifdef __SSE2__
	for (; at + 16 + 2 <= scan->size; at += 16) {
		unsigned mask = places_at(scan->text + at);

		for (; mask; mask &= mask - 1)
			if (!check(scan, at + (unsigned)__builtin_ctz(mask)))
				return false;
	}
#endif
	for (; at < scan->size; at++)
		if (!check(scan, at))
			return false;
	return true;
}
