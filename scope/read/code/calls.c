#include "read/code/calls.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* The pages of the text are touched once: the kernel is asked for many at a time by those who
 * mapped it, and this reads straight through. */
struct search {
	const uint8_t *text;
	size_t size;
	uint64_t addr;
	const uint64_t *targets;
	size_t n;
	struct code_calls *found;
};

static bool is_target(const struct search *search, uint64_t addr)
{
	size_t low = 0, high = search->n;

	if (addr < search->targets[0] || addr > search->targets[high - 1])
		return false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (search->targets[middle] < addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low < search->n && search->targets[low] == addr;
}

static bool add(const struct search *search, uint64_t addr, uint64_t target)
{
	struct code_call call = {addr, target};

	return vec_push(&search->found->list, call);
}

/* ---- x86-64 ---- */

/* at: of E8 or E9, or of the second byte of 0F 8x; a displacement of 32 bits follows. `opcode`:
 * where the opcode begins. False when memory is out. */
static bool look_at(const struct search *search, size_t at, size_t opcode)
{
	uint64_t target;
	int32_t rel;

	if (search->size - at < 5)
		return true;
	memcpy(&rel, search->text + at + 1, sizeof(rel));
	target = search->addr + at + 5 + (uint64_t)(int64_t)rel;
	return !is_target(search, target) || add(search, search->addr + opcode, target);
}

static bool look_at_byte(const struct search *search, size_t at)
{
	uint8_t byte = search->text[at];

	if ((byte & 0xfe) == 0xe8)
		return look_at(search, at, at);
	if ((byte & 0xf0) == 0x80 && at && search->text[at - 1] == 0x0f)
		return look_at(search, at, at - 1);
	return true;
}

#ifdef __SSE2__
/* Bit n: the byte at + n is E8 or E9, or 8x behind 0F. at >= 1. */
static unsigned opcodes_at(const uint8_t *at)
{
	__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
	__m128i before = _mm_loadu_si128((const __m128i *)(const void *)(at - 1));
	__m128i near = _mm_cmpeq_epi8(_mm_and_si128(bytes, _mm_set1_epi8((char)0xfe)),
				      _mm_set1_epi8((char)0xe8));
	__m128i eighty = _mm_cmpeq_epi8(_mm_and_si128(bytes, _mm_set1_epi8((char)0xf0)),
					_mm_set1_epi8((char)0x80));
	__m128i two = _mm_and_si128(eighty, _mm_cmpeq_epi8(before, _mm_set1_epi8(0x0f)));

	return (unsigned)_mm_movemask_epi8(_mm_or_si128(near, two));
}
#endif

static bool find_x86_64(const struct search *search)
{
	size_t at = 0;

	if (search->size && !look_at_byte(search, at++))
		return false;
#ifdef __SSE2__
	for (; at + 16 <= search->size; at += 16) {
		unsigned mask = opcodes_at(search->text + at);

		for (; mask; mask &= mask - 1)
			if (!look_at_byte(search, at + (unsigned)__builtin_ctz(mask)))
				return false;
	}
#endif
	for (; at < search->size; at++)
		if (!look_at_byte(search, at))
			return false;
	return true;
}

/* ---- arm64 ---- */

static bool find_arm64(const struct search *search)
{
	size_t first = (size_t)(-search->addr & 3);

	for (size_t at = first; at + 4 <= search->size; at += 4) {
		uint32_t op;
		uint64_t target;

		memcpy(&op, search->text + at, sizeof(op));
		if ((op & 0x7c000000) != 0x14000000) /* B, BL */
			continue;
		target = search->addr + at + (uint64_t)((int64_t)((uint64_t)op << 38) >> 36);
		if (is_target(search, target) && !add(search, search->addr + at, target))
			return false;
	}
	return true;
}

struct error *code_calls_find(enum code_machine machine, const void *text, size_t size,
			      uint64_t addr, const uint64_t targets[], size_t n,
			      struct code_calls *ret)
{
	struct search search = {text, size, addr, targets, n, ret};

	if (!n || (machine == CODE_ARM64 ? find_arm64(&search) : find_x86_64(&search)))
		return NULL;
	return error_nomem();
}

/* ---- addresses taken ---- */

/* lea: 8D, a mod-r/m byte that says [rip + disp32], the displacement. */
static bool takes_x86_64(const struct search *search)
{
	const uint8_t *text = search->text;

	for (size_t at = 0; at + 6 <= search->size; at++) {
		const uint8_t *found = memchr(text + at, 0x8d, search->size - 5 - at);
		uint64_t target;
		int32_t rel;

		if (!found)
			return true;
		at = (size_t)(found - text);
		memcpy(&rel, found + 2, sizeof(rel));
		target = search->addr + at + 6 + (uint64_t)(int64_t)rel;
		if ((found[1] & 0xc7) == 0x05 && is_target(search, target) &&
		    !add(search, search->addr + at, target))
			return false;
	}
	return true;
}

/* adrp xN, page; add xM, xN, #offset: one behind the other, as Go's linker wants them. */
static bool takes_arm64(const struct search *search)
{
	size_t first = (size_t)(-search->addr & 3);

	for (size_t at = first; at + 8 <= search->size; at += 4) {
		uint32_t op[2];
		uint64_t page, target;

		memcpy(op, search->text + at, sizeof(op));
		if ((op[0] & 0x9f000000) != 0x90000000 || (op[1] & 0xffc00000) != 0x91000000)
			continue;
		page = (uint64_t)((int64_t)((uint64_t)op[0] << 40) >> 45) << 2 | (op[0] >> 29 & 3);
		target = ((search->addr + at) & ~0xfffull) + (page << 12) + (op[1] >> 10 & 0xfff);
		if (is_target(search, target) && !add(search, search->addr + at + 4, target))
			return false;
	}
	return true;
}

struct error *code_takes_find(enum code_machine machine, const void *text, size_t size,
			      uint64_t addr, const uint64_t targets[], size_t n,
			      struct code_calls *ret)
{
	struct search search = {text, size, addr, targets, n, ret};

	if (!n || (machine == CODE_ARM64 ? takes_arm64(&search) : takes_x86_64(&search)))
		return NULL;
	return error_nomem();
}

/* adrp x16, page; add x16, x16, #offset; br x16 */
bool code_is_trampoline(enum code_machine machine, const void *bytes, size_t size,
			const struct code_call *take, uint64_t *ret)
{
	uint32_t op[3];

	if (machine != CODE_ARM64 || size < sizeof(op))
		return false;
	memcpy(op, bytes, sizeof(op));
	if ((op[0] & 0x9f00001f) != 0x90000010 || (op[1] & 0xffc003ff) != 0x91000210 ||
	    op[2] != 0xd61f0200)
		return false;
	*ret = take->addr - 4;
	return true;
}

void code_calls_fini(struct code_calls *calls)
{
	vec_fini(&calls->list);
}

/* A prefix may stand in front of the opcode: the instruction that holds it is asked for. */
const struct code_insn *code_call_at(const struct code *code, const struct code_call *call)
{
	size_t low = 0, high = code->insns.len; /* the first that begins behind the opcode */

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (code->insns.data[middle].addr <= call->addr)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return NULL;
	const struct code_insn *insn = &code->insns.data[low - 1];

	return call->addr - insn->addr < insn->size && insn->target == call->target &&
			       (insn->flow == CODE_CALL || insn->flow == CODE_JUMP ||
				insn->flow == CODE_BRANCH)
		       ? insn
		       : NULL;
}
