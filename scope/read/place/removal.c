#include "read/place/placer.h"
#include "base/frame.h"

#include <stdio.h>

/* Decodes every function that deletes, whatever the layout of the maps. In a build with a profile
 * (PGO), the functions that decrement the count may be inlined into their callers. Elements leave
 * wherever the count is decremented, in any of these functions. */

#define ARGUMENTS  6
#define SPILLS	   16
#define NO_SLOT	   INT64_MIN /* no offset of a slot has this value */
#define TAG_LENGTH 64	     /* the register holds the count, the first word of the map */
#define TAG_LESS   65	     /* the register holds the count - 1 */

/* A slot in the frame to which an argument was stored, in bytes from the frame pointer. */
struct spill {
	int64_t at;
	uint8_t tag; /* of the value in the slot now */
};

/* The knowledge of a linear pass over a function. A tag says what a register holds: 1 + n for
 * argument n, TAG_LENGTH, TAG_LESS, or 0 for anything else. Tags are forgotten where paths join. An
 * argument may be spilled more than once: into its own slot, and into the slot of an inlined
 * function's parameter whose address is taken. */
struct dataflow {
	const struct gopcln *tab;
	const struct machine_ops *machine;
	uint8_t map; /* the number of the argument that is the map */
	uint8_t tag[16];
	struct spill spills[SPILLS]; /* in the order of their first store */
	unsigned nspills;
};

/* Computes the position of [rsp + disp] at pc, in bytes from the frame pointer. When the frame is
 * set up, rbp points to the word below the return address: rbp = rsp + delta - 8 (Go 1.19 to 1.27,
 * cmd/internal/obj/x86/obj6.go). */
static bool frame_offset(const struct dataflow *flow, const struct code_insn *insn, int64_t *ret)
{
	int32_t delta;

	if (insn->base == flow->machine->frame) {
		*ret = insn->disp;
		return true;
	}
	if (insn->base != flow->machine->stack || !gopcln_sp_delta(flow->tab, insn->addr, &delta) ||
	    delta <= 0)
		return false;
	*ret = insn->disp - delta + 8;
	return true;
}

/* Returns the tag of the value in a slot, or 0 for a slot without an argument. */
static uint8_t spilled_at(const struct dataflow *flow, int64_t at)
{
	for (unsigned i = 0; i < flow->nspills; i++)
		if (flow->spills[i].at == at)
			return flow->spills[i].tag;
	return 0;
}

/* Returns the slot that the argument was spilled into first. With two_words, returns the first such
 * slot whose next word holds the next argument. Returns NO_SLOT when there is none. */
static int64_t frame_slot(const struct dataflow *flow, unsigned argument, bool two_words)
{
	for (unsigned i = 0; i < flow->nspills; i++) {
		int64_t at = flow->spills[i].at;

		if (flow->spills[i].tag == argument + 1 &&
		    (!two_words || spilled_at(flow, at + 8) == argument + 2))
			return at;
	}
	return NO_SLOT;
}

static void flow_store(struct dataflow *flow, const struct code_insn *insn)
{
	uint8_t tag = insn->reg < 16 && insn->width >= 4 ? flow->tag[insn->reg] : 0;
	int64_t at;

	if (!frame_offset(flow, insn, &at))
		return;
	if (tag > ARGUMENTS)
		tag = 0;
	for (unsigned i = 0; i < flow->nspills; i++) {
		if (flow->spills[i].at == at) {
			flow->spills[i].tag = tag; /* 0 when the slot is reused for another value */
			return;
		}
	}
	if (tag && flow->nspills < SPILLS)
		flow->spills[flow->nspills++] = (struct spill){at, tag};
}

static uint8_t flow_loaded(const struct dataflow *flow, const struct code_insn *insn)
{
	int64_t at;

	if (insn->base < 16 && insn->disp == 0 && flow->tag[insn->base] == flow->map + 1)
		return TAG_LENGTH;
	return frame_offset(flow, insn, &at) ? spilled_at(flow, at) : 0;
}

/* Updates the dataflow by one instruction. Returns true when that stores count - 1 into the map. */
static bool flow_step(struct dataflow *flow, const struct code_insn *insn)
{
	bool to_map = insn->base < 16 && insn->disp == 0 && flow->tag[insn->base] == flow->map + 1;
	bool removes = false;
	uint8_t tag = 0;

	switch (insn->op) {
	case CODE_STORE:
		removes = to_map && insn->width == 8 && insn->reg < 16 &&
			  flow->tag[insn->reg] == TAG_LESS;
		flow_store(flow, insn);
		break;
	case CODE_DECREMENT: removes = to_map; break;
	case CODE_LOAD: tag = flow_loaded(flow, insn); break;
	case CODE_MOVE: tag = flow->tag[insn->base & 15]; break;
	case CODE_LESS_ONE: tag = flow->tag[insn->base & 15] == TAG_LENGTH ? TAG_LESS : 0; break;
	default: break;
	}
	for (unsigned i = 0; i < 16; i++)
		if (insn->writes & 1u << i)
			flow->tag[i] = 0;
	if (tag && insn->reg < 16)
		flow->tag[insn->reg] = tag;
	return removes;
}

static void flow_init(struct dataflow *flow, const struct placer *placer, uint8_t map)
{
	*flow = (struct dataflow){.tab = placer->tab, .machine = placer->machine, .map = map};
	for (unsigned i = 0; i < ARGUMENTS; i++) {
		uint8_t reg = machine_argument(flow->machine, i);

		if (reg < 16)
			flow->tag[reg] = (uint8_t)(i + 1);
	}
}

/* Returns the next emulated instruction if it is reached only from insns[at], or NULL. */
static const struct code_insn *emulated_after(const struct code *code, size_t at)
{
	for (size_t i = at + 1; i < code->insns.len; i++) {
		const struct code_insn *insn = &code->insns.data[i];

		if (insn->joined)
			return NULL;
		if (insn->emulated)
			return insn;
		if (insn->flow != CODE_NEXT)
			return NULL;
	}
	return NULL;
}

/* Sets the slots of type, map and key. Returns false if one of them has no slot, or if the slots
 * are not within SPOT_REACH of the frame pointer and of each other. */
static bool set_slots(struct spot *spot, const struct go_entry *entry, const struct dataflow *flow)
{
	bool string = entry->key == GO_PASS_STRING;
	int64_t slots[] = {frame_slot(flow, entry->type_arg, false),
			   frame_slot(flow, entry->map_arg, false),
			   frame_slot(flow, entry->key_arg, string)};
	int64_t low = 0, high = 0;

	for (size_t i = 0; i < ARRAY_SIZE(slots); i++) {
		int64_t end = slots[i] + (i == 2 && string ? 16 : 8);

		if (slots[i] == NO_SLOT || slots[i] & 7)
			return false;
		low = slots[i] < low ? slots[i] : low;
		high = end > high ? end : high;
	}
	if (high - low > SPOT_REACH)
		return false;
	spot->type_slot = (int16_t)slots[0];
	spot->map_slot = (int16_t)slots[1];
	spot->key_slot = (int16_t)slots[2];
	return true;
}

/* Places the spot for the decrement at insns[at]. `flow` is what is known there. */
static struct error *place_decrement(const struct placer *placer, const struct go_entry *entry,
				     const struct gopcln_func *func, const struct code *code,
				     size_t at, const struct dataflow *flow)
{
	struct spot spot = {.role = SPOT_REMOVAL, .key = entry->key};
	const struct code_insn *insn = emulated_after(code, at);
	struct dataflow at_spot = *flow;
	char why[160];

	if (!insn)
		return placer_no_spot(placer, entry->name, "no emulated instruction follows");
	/* Stores between the decrement and the spot count too. */
	for (const struct code_insn *on = &code->insns.data[at + 1]; on < insn; on++)
		flow_step(&at_spot, on);
	if (!set_slots(&spot, entry, &at_spot))
		return placer_no_spot(placer, entry->name,
				      "the arguments are not kept on the stack");
	snprintf(why, sizeof(why),
		 "first emulated instruction after the count is decremented at +%llu",
		 (unsigned long long)(code->insns.data[at].addr - func->entry));
	return placer_add_spot(placer, func, insn->addr, &spot, why);
}

/* Tells whether the entry's own code decrements the count, in the layout of the program's maps. */
static bool is_end(const struct placer *placer, const struct go_entry *entry)
{
	return entry->removes_in & placer->layout;
}

/* Counts the decrement at addr for the entries whose code it belongs to. */
static void count_ends(const struct placer *placer, uint64_t addr, size_t placed[GO_ENTRIES])
{
	struct frame frames[GOPCLN_INLINE_MAX];
	size_t n = gopcln_frames(placer->tab, addr, frames, ARRAY_SIZE(frames));

	for (size_t e = 0; e < GO_ENTRIES; e++)
		for (size_t i = 0; i < n && is_end(placer, &go_entries[e]); i++)
			placed[e] += strcmp(frames[i].func, go_entries[e].name) == 0;
}

/* Checks that a spot was found in the function itself, if its code decrements the count, and in
 * every copy of such a function that was inlined into it. Without a spot, removals would not
 * be seen. */
static struct error *check_ends(struct placer *placer, const struct gopcln_func *func,
				const size_t placed[GO_ENTRIES])
{
	for (size_t e = 0; e < GO_ENTRIES; e++) {
		const char *name = go_entries[e].name;
		size_t inlined;
		bool itself;
		char why[160];

		if (!is_end(placer, &go_entries[e]))
			continue;
		inlined = gopcln_inlined(placer->tab, func, name);
		itself = strcmp(func->name, name) == 0;
		if (placed[e] < inlined + itself) {
			snprintf(why, sizeof(why), "the count is decremented nowhere%s%s",
				 itself ? "" : " in the inlined ", itself ? "" : name);
			return placer_no_spot(placer, func->name, why);
		}
		placer->met[e] |= placed[e] > 0;
	}
	return NULL;
}

static struct error *place_removals(struct placer *placer, const struct go_entry *entry)
{
	size_t placed[GO_ENTRIES] = {0};
	struct gopcln_func func;
	struct dataflow flow;
	cleanup(code_fini) struct code code = {0};

	try(placer_decode(placer, entry->name, &func, &code));
	if (!func.entry)
		return NULL;
	placer->deletes = true;
	flow_init(&flow, placer, entry->map_arg);
	for (size_t i = 0; i < code.insns.len; i++) {
		if (code.insns.data[i].joined)
			memset(flow.tag, 0, sizeof(flow.tag));
		if (!flow_step(&flow, &code.insns.data[i]))
			continue;
		try(place_decrement(placer, entry, &func, &code, i, &flow));
		count_ends(placer, code.insns.data[i].addr, placed);
	}
	return check_ends(placer, &func, placed);
}

/* Checks that the functions in which Swiss maps lose elements were found, on their own or inlined
 * into a decoded function. One that was not found was inlined into a function that is not decoded.
 * (A program without rehash has no tables. A program that only clears has none of these
 * functions.) */
static struct error *check_swiss(const struct placer *placer)
{
	if (placer->layout != GO_IN_SWISS || !placer->deletes ||
	    !placer_has_func(placer, go_swiss_rehash))
		return NULL;
	for (size_t e = 0; e < GO_ENTRIES; e++)
		if (is_end(placer, &go_entries[e]) && !placer->met[e])
			return placer_no_spot(placer, go_entries[e].name,
					      "the count is not decremented where it should be");
	return NULL;
}

struct error *removal_place(struct placer *placer)
{
	for (size_t i = 0; i < GO_ENTRIES; i++)
		if (go_entries[i].kind == GO_ENTRY_DELETE && !go_entries[i].sync)
			try(place_removals(placer, &go_entries[i]));
	return check_swiss(placer);
}
