/* Makes forward passes over the basic blocks until nothing changes.
 *
 * A value is represented by a number: 0 means unknown, any other is an index into `values`. A state
 * has one number for each register, then one for each stack slot. Where paths join, a value that is
 * not the same on all of them becomes unknown. States can therefore only lose values, and the
 * passes come to an end. The targets of an indirect jump (a switch's table) are not read. They are
 * taken to be the blocks that no other block leads to. Those begin with the values that are the
 * same at all indirect jumps.
 */
#include "read/code/track.h"
#include "base/search.h"
#include "base/table.h"

#include <stdlib.h>

enum {
	SLOTS_MAX = 512,
	VALUES_MAX = 1 << 15,
	STATE_BYTES_MAX = 32 << 20, /* for all blocks together; functions of megabytes stay below */
	SWEEPS_MAX = 64,
	WORK_MAX = 1 << 27, /* instructions and blocks visited; takes a second at most */
};

struct block {
	uint32_t first, end; /* instructions */
	bool reached, dirty;
};

/* A slot that the states have no room for, and that one instruction stores into. Whoever reads it gets that value. */
struct single {
	int64_t disp;
	uint16_t value;
	bool stored;
};

struct code_track {
	const struct code *code;
	struct code_keepers keepers;
	uint32_t barrier_writes;
	uint8_t stack, result;
	VEC(struct code_value) values; /* 0: unknown */
	struct table by_hash;
	VEC(struct block) blocks;
	VEC(int64_t) slots;	    /* displacements, ascending and unique */
	VEC(struct single) singles; /* by displacement */
	bool single_lost;	    /* one has lost its value, which other states may have */
	uint16_t stack_value;	    /* the stack pointer's value, which is the same throughout */
	size_t width;		    /* numbers in a state */
	uint16_t *states;	    /* for each block, the state at its beginning */
	uint16_t *now, *entry, *indirect;
	size_t work;	   /* counts up to WORK_MAX */
	bool indirect_met; /* `indirect` holds something */
	bool nomem, given_up;
	/* `now` is the state before instruction cursor_at of block `cursor`. Questions in the order
	 * of the function therefore cost one pass over it. */
	size_t cursor, cursor_at;
};

/* ---- values ---- */

static uint64_t value_hash(const struct code_value *value)
{
	uint64_t hash = table_mix(table_mix(value->base) ^ value->root);

	for (unsigned i = 0; i < value->loads; i++)
		hash = table_mix(hash ^ (uint32_t)value->offsets[i]);
	hash = table_mix(hash ^ value->loads);
	return table_mix(hash ^ (uint32_t)value->add);
}

/* Returns the number of a value, or 0 when there is no more room or two values have the same
 * hash. */
static uint16_t value_number(struct code_track *track, const struct code_value *value)
{
	uint64_t hash = value_hash(value);
	uint32_t *found = table_find(&track->by_hash, hash);

	if (found)
		return memcmp(&track->values.data[*found], value, sizeof(*value)) == 0
			       ? (uint16_t)*found
			       : 0;
	if (track->values.len >= VALUES_MAX)
		return 0;
	if (table_put(&track->by_hash, hash, (uint32_t)track->values.len) < 0 ||
	    !vec_push(&track->values, *value)) {
		track->nomem = true;
		return 0;
	}
	return (uint16_t)(track->values.len - 1);
}

static uint16_t value_make(struct code_track *track, enum code_root root, uint64_t base)
{
	struct code_value value = {.base = base, .root = root};

	return value_number(track, &value);
}

/* Returns the number of the value at [value + disp]. */
static uint16_t value_load(struct code_track *track, uint16_t number, int64_t disp)
{
	struct code_value value = track->values.data[number];
	int64_t offset = value.add + disp;

	if (!number || value.loads == CODE_LOADS_MAX || offset != (int32_t)offset)
		return 0;
	value.offsets[value.loads++] = (int32_t)offset;
	value.add = 0;
	return value_number(track, &value);
}

static uint16_t value_add(struct code_track *track, uint16_t number, int64_t imm)
{
	struct code_value value = track->values.data[number];
	int64_t add = value.add + imm;

	if (!number)
		return 0;
	if (value.root == CODE_CONSTANT && !value.loads)
		return value_make(track, CODE_CONSTANT, value.base + (uint64_t)imm);
	if (add != (int32_t)add)
		return 0;
	value.add = (int32_t)add;
	return value_number(track, &value);
}

/* ---- one instruction ---- */

/* Returns the place of the slot's number in the state, or NULL when the slot is not followed. */
static uint16_t *slot_at(struct code_track *track, uint16_t *state, int64_t disp)
{
	size_t at = lower_bound(i, track->slots.len, track->slots.data[i] < disp);

	return at < track->slots.len && track->slots.data[at] == disp ? &state[CODE_REGISTERS + at]
								      : NULL;
}

static struct single *single_at(struct code_track *track, int64_t disp)
{
	struct single *list = track->singles.data;
	size_t n = track->singles.len, at = lower_bound(i, n, list[i].disp < disp);

	return at < n && list[at].disp == disp ? &list[at] : NULL;
}

static void single_store(struct code_track *track, int64_t disp, uint16_t value)
{
	struct single *single = single_at(track, disp);

	if (!single)
		return;
	if (single->stored && single->value && single->value != value) {
		track->single_lost = true;
		value = 0;
	}
	if (!single->stored || single->value)
		single->value = value;
	single->stored = true;
}

static uint16_t reg_value(const uint16_t *state, uint8_t reg)
{
	return reg < CODE_REGISTERS ? state[reg] : 0;
}

/* Tells whether [base + disp] is a stack slot. *ret is its displacement from the stack pointer. */
static bool is_slot(const struct code_track *track, const uint16_t *state, uint8_t base,
		    int64_t disp, int64_t *ret)
{
	const struct code_value *value = &track->values.data[reg_value(state, base)];

	*ret = value->add + disp;
	return value->root == CODE_STACK && !value->loads;
}

static uint16_t slot_value(struct code_track *track, uint16_t *state, int64_t disp)
{
	const uint16_t *slot = slot_at(track, state, disp);
	const struct single *single = slot ? NULL : single_at(track, disp);

	return slot ? *slot : single ? single->value : 0;
}

static uint16_t loaded(struct code_track *track, uint16_t *state, const struct code_insn *insn,
		       int64_t disp)
{
	int64_t at;

	if (!is_slot(track, state, insn->base, disp, &at))
		return value_load(track, reg_value(state, insn->base), disp);
	return slot_value(track, state, at);
}

static void store(struct code_track *track, uint16_t *state, const struct code_insn *insn,
		  uint8_t reg, int64_t disp)
{
	uint16_t *slot, value;
	int64_t at;

	if (!is_slot(track, state, insn->base, disp, &at))
		return;
	value = insn->width == 8 ? reg_value(state, reg) : 0;
	slot = slot_at(track, state, at);
	if (slot)
		*slot = value;
	else
		single_store(track, at, value);
}

static bool keeps(const struct code_track *track, uint64_t target)
{
	for (size_t i = 0; i < track->keepers.n; i++)
		if (track->keepers.addrs[i] == target)
			return true;
	return false;
}

static void step(struct code_track *track, uint16_t *state, const struct code_insn *insn)
{
	bool kept = insn->flow == CODE_CALL && keeps(track, insn->target);
	uint32_t writes = kept ? insn->writes & track->barrier_writes : insn->writes;
	uint16_t value = 0, value2 = 0;

	switch (insn->op) {
	case CODE_LOAD: value = loaded(track, state, insn, insn->disp); break;
	case CODE_LOAD_PAIR:
		value = loaded(track, state, insn, insn->disp);
		value2 = loaded(track, state, insn, insn->disp + 8);
		break;
	case CODE_STORE: store(track, state, insn, insn->reg, insn->disp); break;
	case CODE_STORE_PAIR:
		store(track, state, insn, insn->reg, insn->disp);
		store(track, state, insn, insn->reg2, insn->disp + 8);
		break;
	case CODE_MOVE: value = reg_value(state, insn->base); break;
	case CODE_ADDRESS: value = value_make(track, CODE_CONSTANT, insn->target); break;
	case CODE_OFFSET: value = value_add(track, reg_value(state, insn->base), insn->imm); break;
	case CODE_LOAD_GLOBAL:
		value = value_load(track, value_make(track, CODE_CONSTANT, insn->target), 0);
		break;
	default: break;
	}
	for (; writes; writes &= writes - 1)
		state[__builtin_ctz(writes)] = 0;
	if (insn->reg < CODE_REGISTERS && value)
		state[insn->reg] = value;
	if (insn->reg2 < CODE_REGISTERS && value2)
		state[insn->reg2] = value2;
	if (insn->flow == CODE_CALL && !kept)
		state[track->result] = value_make(track, CODE_RESULT, insn->addr);
	state[track->stack] = track->stack_value;
}

/* ---- blocks ---- */

static int compare_disp(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* Keeps each slot once: the first ones as slots of the states, and others if they are stored into once. */
static bool sort_slots(struct code_track *track)
{
	int64_t *data = track->slots.data;
	size_t all = track->slots.len, n = 0, same;

	qsort(data, all, sizeof(int64_t), compare_disp);
	for (size_t i = 0; i < all; i += same) {
		struct single single = {.disp = data[i]};

		for (same = 1; i + same < all && data[i + same] == data[i]; same++)
			;
		if (n < SLOTS_MAX)
			data[n++] = data[i];
		else if (same == 1 && !vec_push(&track->singles, single))
			return false;
	}
	track->slots.len = n;
	return true;
}

/* Finds the slots that are stored into. No value is ever known of the others. */
static bool find_slots(struct code_track *track)
{
	vec_each(insn, &track->code->insns) {
		if (insn->base != track->stack || insn->width != 8)
			continue;
		if ((insn->op == CODE_STORE || insn->op == CODE_STORE_PAIR) &&
		    !vec_push(&track->slots, insn->disp))
			return false;
		if (insn->op == CODE_STORE_PAIR && !vec_push(&track->slots, insn->disp + 8))
			return false;
	}
	return !track->slots.len || sort_slots(track);
}

static bool find_blocks(struct code_track *track)
{
	const struct code *code = track->code;
	uint32_t first = 0;

	for (uint32_t i = 1; i <= code->insns.len; i++) {
		struct block block = {.first = first, .end = i};
		uint8_t flow = code->insns.data[i - 1].flow;

		if (i < code->insns.len && !code->insns.data[i].joined &&
		    (flow == CODE_NEXT || flow == CODE_CALL))
			continue;
		if (!vec_push(&track->blocks, block))
			return false;
		first = i;
	}
	return true;
}

/* Returns the block that holds instruction `insn`; the first block begins at 0. */
static size_t block_of(const struct code_track *track, size_t insn)
{
	return lower_bound(i, track->blocks.len, track->blocks.data[i].first <= insn) - 1;
}

static bool meet(uint16_t *into, const uint16_t *state, size_t width)
{
	bool changed = false;

	for (size_t i = 0; i < width; i++) {
		if (into[i] && into[i] != state[i]) {
			into[i] = 0;
			changed = true;
		}
	}
	return changed;
}

static void reach(struct code_track *track, size_t block, const uint16_t *state)
{
	uint16_t *into = track->states + block * track->width;

	if (!track->blocks.data[block].reached) {
		memcpy(into, state, track->width * sizeof(*into));
		track->blocks.data[block].reached = track->blocks.data[block].dirty = true;
	} else if (meet(into, state, track->width)) {
		track->blocks.data[block].dirty = true;
	}
}

static void leave_indirect(struct code_track *track)
{
	if (track->indirect_met)
		meet(track->indirect, track->now, track->width);
	else
		memcpy(track->indirect, track->now, track->width * sizeof(*track->now));
	track->indirect_met = true;
}

/* Follows one block, and passes its final state on to the blocks that it leads to. */
static void run_block(struct code_track *track, size_t index)
{
	const struct code *code = track->code;
	struct block *block = &track->blocks.data[index];
	const struct code_insn *last = &code->insns.data[block->end - 1];

	block->dirty = false;
	track->work += block->end - block->first;
	memcpy(track->now, track->states + index * track->width, track->width * sizeof(uint16_t));
	for (uint32_t i = block->first; i < block->end; i++)
		step(track, track->now, &code->insns.data[i]);
	if (last->flow == CODE_JUMP && !last->target)
		leave_indirect(track);
	if (last->flow == CODE_JUMP || last->flow == CODE_BRANCH) {
		const struct code_insn *to = code_at(code, last->target);

		/* A jump to the entry comes from the morestack tail, with all values as they
		 * were. */
		if (to && to != code->insns.data)
			reach(track, block_of(track, (size_t)(to - code->insns.data)), track->now);
	}
	if (last->flow != CODE_JUMP && last->flow != CODE_RETURN && last->flow != CODE_STOP &&
	    index + 1 < track->blocks.len)
		reach(track, index + 1, track->now);
}

/* Lets all blocks run again that were reached. */
static void mark_dirty(struct code_track *track)
{
	vec_each(block, &track->blocks)
		block->dirty = block->reached;
	track->single_lost = false;
}

/* Runs the blocks until none is dirty. Returns false when it takes too long. */
static bool settle(struct code_track *track)
{
	for (unsigned sweep = 0; sweep < SWEEPS_MAX; sweep++) {
		bool any = false;

		track->work += track->blocks.len;
		if (track->work > WORK_MAX)
			return false;
		for (size_t i = 0; i < track->blocks.len; i++) {
			if (track->blocks.data[i].dirty) {
				run_block(track, i);
				any = true;
			}
		}
		if (track->single_lost)
			mark_dirty(track);
		if (!any)
			return true;
	}
	return false;
}

static bool follow(struct code_track *track)
{
	bool settled;

	reach(track, 0, track->entry);
	settled = settle(track);
	for (size_t i = 0; settled && track->indirect_met && i < track->blocks.len; i++) {
		if (!track->blocks.data[i].reached) {
			reach(track, i, track->indirect);
			settled = settle(track);
		}
	}
	return settled;
}

static bool allocate(struct code_track *track)
{
	track->width = CODE_REGISTERS + track->slots.len;
	track->given_up = track->width * track->blocks.len * sizeof(uint16_t) > STATE_BYTES_MAX;
	if (track->given_up || !track->blocks.len)
		return true;
	track->states = calloc(track->blocks.len + 3, track->width * sizeof(uint16_t));
	if (!track->states)
		return false;
	track->now = track->states + track->blocks.len * track->width;
	track->entry = track->now + track->width;
	track->indirect = track->entry + track->width;
	return true;
}

struct error *code_track_new(const struct machine_ops *machine, const struct code *code,
			     struct code_keepers keepers, struct code_track **ret)
{
	cleanup(code_track_free) struct code_track *track = calloc(1, sizeof(*track));
	struct code_value unknown = {0};

	if (!track)
		return error_nomem();
	track->code = code;
	track->keepers = keepers;
	track->barrier_writes = machine->barrier_writes;
	track->stack = machine->stack;
	track->result = machine_argument(machine, 0);
	if (!vec_push(&track->values, unknown) || !find_slots(track) || !find_blocks(track) ||
	    !allocate(track))
		return error_nomem();
	if (!track->given_up && track->blocks.len) {
		for (uint8_t i = 0; i < CODE_REGISTERS; i++)
			track->entry[i] = value_make(track, CODE_ENTRY, i);
		track->stack_value = value_make(track, CODE_STACK, 0);
		track->entry[track->stack] = track->stack_value;
		track->given_up = !follow(track);
	}
	if (track->nomem)
		return error_nomem();
	track->cursor = SIZE_MAX;
	*ret = take_ptr(track);
	return NULL;
}

void code_track_free(struct code_track *track)
{
	if (!track)
		return;
	vec_fini(&track->values);
	table_fini(&track->by_hash);
	vec_fini(&track->blocks);
	vec_fini(&track->slots);
	vec_fini(&track->singles);
	free(track->states);
	free(track);
}

/* Makes `now` the state before the instruction `at`. Returns false when nothing is known there. */
static bool go_to(struct code_track *track, const struct code_insn *at)
{
	size_t index = (size_t)(at - track->code->insns.data);
	size_t block;

	if (track->given_up || index >= track->code->insns.len)
		return false;
	block = block_of(track, index);
	if (!track->blocks.data[block].reached)
		return false;
	if (track->cursor != block || track->cursor_at > index) {
		memcpy(track->now, track->states + block * track->width,
		       track->width * sizeof(uint16_t));
		track->cursor = block;
		track->cursor_at = track->blocks.data[block].first;
	}
	for (; track->cursor_at < index; track->cursor_at++)
		step(track, track->now, &track->code->insns.data[track->cursor_at]);
	return true;
}

struct code_value code_track_value(struct code_track *track, const struct code_insn *at,
				   uint8_t reg)
{
	if (reg >= CODE_REGISTERS || !go_to(track, at))
		return track->values.data[0];
	return track->values.data[track->now[reg]];
}

struct code_value code_track_slot(struct code_track *track, const struct code_insn *at,
				  int64_t disp)
{
	return track->values.data[go_to(track, at) ? slot_value(track, track->now, disp) : 0];
}
