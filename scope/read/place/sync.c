#include "read/place/placer.h"
#include "base/frame.h"

#include <stdio.h>

/* Finds the spots of sync.Map. It keeps no count. The spot is therefore where the element becomes
 * unreachable (Go 1.19 to 1.27).
 *
 * A hash trie (internal/sync/hashtriemap.go) has the node of a key in a slot of its parent, which is
 * locked. LoadAndDelete and CompareAndDelete write the slot once if they delete, in one of two
 * places. A third place, further down, takes empty parents out:
 *
 *     if e != nil {
 *         slot.Store(&e.node)     the node is a chain, and one element of it left
 *         ...
 *     }
 *     slot.Store(nil)
 *     for i.parent != nil && i.empty() {
 *         ...
 *         parent.children[...].Store(nil)
 *
 * The probes are on the calls of the first two in the order of lines. A call is emulated.
 *
 * Two maps (sync/map.go) share an entry for each key, and an element leaves when the entry's
 * pointer becomes nil. It does not matter which map has the entry:
 *
 *     if e.p.CompareAndSwap(p, nil)      in (*entry).delete, or in CompareAndDelete itself
 *
 * The probe is on the branch that follows, which is emulated, and the kernel program looks whether
 * the swap was made. */

enum { STORES = 3, REMOVING_STORES = 2 };

static const char entry_delete[] = "sync.(*entry).delete";
static const char swap_pointer[] = "sync/atomic.CompareAndSwapPointer";

/* A method of sync.Map that was decoded. */
struct method {
	const struct go_entry *entry;
	struct gopcln_func func;
	struct code code;
	struct code_track *track;
};

static void method_fini(struct method *method)
{
	code_track_free(method->track);
	code_fini(&method->code);
}
CLEANUP_VALUE(struct method, method_fini)

/* Returns the name of the function that an instruction calls, or "". */
static const char *called(const struct placer *placer, const struct code_insn *insn)
{
	struct gopcln_func func;

	if (insn->flow != CODE_CALL || !insn->target ||
	    !gopcln_func_at(placer->tab, insn->target, &func) || func.entry != insn->target)
		return "";
	return func.name;
}

static bool calls(const struct placer *placer, const struct code_insn *insn, const char *name)
{
	return !strcmp(called(placer, insn), name);
}

/* Tells whether an instruction calls the function that stores a pointer atomically. Builds without
 * inlining, and with the race detector, call the method of atomic.Pointer. */
static bool calls_store(const struct placer *placer, const struct code_insn *insn)
{
	static const char method[] = "sync/atomic.(*Pointer[", end[] = "]).Store";
	const char *name = called(placer, insn);
	size_t len = strlen(name);

	return !strcmp(name, "sync/atomic.StorePointer") ||
	       (len > sizeof(end) && !strncmp(name, method, strlen(method)) &&
		!strcmp(name + len - strlen(end), end));
}

/* Returns the line of the method's own source at an instruction, or 0. */
static uint32_t line_of(const struct placer *placer, uint64_t addr)
{
	struct frame frames[GOPCLN_INLINE_MAX];
	size_t n = gopcln_frames(placer->tab, addr, frames, ARRAY_SIZE(frames));

	return n ? frames[n - 1].line : 0;
}

/* ---- arguments ---- */

/* Returns the slot that Go's ABI reserves for an argument above the return address, in bytes from the
 * frame pointer. */
static int16_t home_slot(unsigned argument)
{
	return (int16_t)(16 + 8 * argument);
}

static bool is_argument(const struct placer *placer, const struct code_value *value,
			unsigned argument)
{
	return value->root == CODE_ENTRY && !value->loads && !value->add &&
	       value->base == machine_argument(placer->machine, argument);
}

/* Tells whether an argument is in its slot before an instruction. When the frame is set up, the frame
 * pointer points to the word below the return address: it is the stack pointer + delta - 8 (Go 1.19 to
 * 1.27, cmd/internal/obj/x86/obj6.go). */
static bool is_home(const struct placer *placer, const struct method *method,
		    const struct code_insn *at, unsigned argument)
{
	struct code_value value;
	int32_t delta;

	if (!gopcln_sp_delta(placer->tab, at->addr, &delta) || delta <= 0)
		return false;
	value = code_track_slot(method->track, at, home_slot(argument) + delta - 8);
	return is_argument(placer, &value, argument);
}

/* Sets the slots of map and key before an instruction of the method. They lie `distance` bytes further
 * from the frame pointer at the spot. */
static bool set_slots(const struct placer *placer, const struct method *method,
		      const struct code_insn *at, int32_t distance, struct spot *spot)
{
	const struct go_entry *entry = method->entry;

	if (!is_home(placer, method, at, entry->map_arg) ||
	    !is_home(placer, method, at, entry->key_arg) ||
	    !is_home(placer, method, at, entry->key_arg + 1u) || distance < 0 ||
	    distance > INT16_MAX / 2)
		return false;
	spot->key = entry->key;
	spot->map_slot = (int16_t)(home_slot(entry->map_arg) + distance);
	spot->key_slot = (int16_t)(home_slot(entry->key_arg) + distance);
	return true;
}

static struct error *no_slots(const struct placer *placer, const struct method *method)
{
	return placer_no_spot(placer, method->entry->name,
			      "the arguments are not kept on the stack");
}

/* ---- hash tries ---- */

/* Finds the calls in the method that store a pointer, in the order of lines. Returns how many there
 * are; only STORES are kept. */
static size_t find_stores(const struct placer *placer, const struct method *method,
			  size_t ret[STORES])
{
	size_t n = 0;

	for (size_t i = 0; i < method->code.insns.len; i++) {
		const struct code_insn *insn = &method->code.insns.data[i];
		size_t at = n < STORES ? n : STORES;

		if (!calls_store(placer, insn))
			continue;
		n++;
		if (at == STORES)
			continue;
		for (; at && line_of(placer, method->code.insns.data[ret[at - 1]].addr) >
				     line_of(placer, insn->addr);
		     at--)
			ret[at] = ret[at - 1];
		ret[at] = i;
	}
	return n;
}

static struct error *place_store(const struct placer *placer, const struct method *method,
				 const struct code_insn *at)
{
	struct spot spot = {.role = SPOT_SYNC_REMOVAL};

	if (!set_slots(placer, method, at, 0, &spot))
		return no_slots(placer, method);
	return placer_add_spot(placer, &method->func, at->addr, &spot,
			       "the call that takes the element out of the trie");
}

static struct error *place_stores(const struct placer *placer, const struct method *method)
{
	size_t stores[STORES];

	if (find_stores(placer, method, stores) != STORES)
		return placer_no_spot(placer, method->entry->name,
				      "it does not store a pointer three times");
	for (size_t i = 0; i < REMOVING_STORES; i++)
		try(place_store(placer, method, &method->code.insns.data[stores[i]]));
	return NULL;
}

/* ---- two maps ---- */

/* Returns the branch that decides by the result of the call at insns[at], which is still in its
 * register, or NULL. */
static const struct code_insn *branch_after(const struct placer *placer, const struct code *code,
					    size_t at)
{
	uint8_t result = machine_argument(placer->machine, 0);

	for (size_t i = at + 1; i < code->insns.len; i++) {
		const struct code_insn *insn = &code->insns.data[i];

		if (insn->joined || insn->writes >> result & 1)
			return NULL;
		if (insn->flow == CODE_BRANCH)
			return insn->emulated ? insn : NULL;
		if (insn->flow != CODE_NEXT)
			return NULL;
	}
	return NULL;
}

/* Places a spot after each compare-and-swap in the code of a function, and counts them in *ret. `spot`
 * has the slots. */
static struct error *place_swaps(const struct placer *placer, const struct gopcln_func *func,
				 const struct code *code, const struct spot *spot, size_t *ret)
{
	for (size_t i = 0; i < code->insns.len; i++) {
		const struct code_insn *branch;

		if (!calls(placer, &code->insns.data[i], swap_pointer))
			continue;
		branch = branch_after(placer, code, i);
		if (!branch)
			return placer_no_spot(placer, func->name,
					      "no branch follows its compare-and-swap");
		try(placer_add_spot(placer, func, branch->addr, spot,
				    "the branch after the entry's pointer was swapped for nil"));
		++*ret;
	}
	return NULL;
}

/* Places the spots in (*entry).delete, which the method calls at `call`. The call pushes the return
 * address, and the called function the frame pointer, to which its own frame pointer points. */
static struct error *place_entry_delete(const struct placer *placer, const struct method *method,
					const struct code_insn *call, size_t *ret)
{
	struct spot spot = {.role = SPOT_SYNC_REMOVAL,
			    .outer = true,
			    .if_swapped = true,
			    .caller = call->addr + call->size};
	cleanup(code_fini) struct code code = {0};
	struct gopcln_func func;
	int32_t delta;

	if (!gopcln_sp_delta(placer->tab, call->addr, &delta) ||
	    !set_slots(placer, method, call, delta + 8, &spot))
		return no_slots(placer, method);
	try(placer_decode(placer, entry_delete, &func, &code));
	return place_swaps(placer, &func, &code, &spot, ret);
}

/* Places the spots in the method itself. */
static struct error *place_own_swaps(const struct placer *placer, const struct method *method,
				     size_t *ret)
{
	struct spot spot = {.role = SPOT_SYNC_REMOVAL, .if_swapped = true};

	vec_each(insn, &method->code.insns)
		if (calls(placer, insn, swap_pointer) && !set_slots(placer, method, insn, 0, &spot))
			return no_slots(placer, method);
	return place_swaps(placer, &method->func, &method->code, &spot, ret);
}

static struct error *place_entries(const struct placer *placer, const struct method *method)
{
	size_t n = 0;

	vec_each(insn, &method->code.insns)
		if (calls(placer, insn, entry_delete))
			try(place_entry_delete(placer, method, insn, &n));
	if (!n)
		try(place_own_swaps(placer, method, &n));
	return n ? NULL
		 : placer_no_spot(placer, method->entry->name,
				  "it swaps no pointer, and calls nothing that does");
}

/* ---- clears ---- */

/* Places the spot at the first emulated instruction after the frame is set up. Every call of the
 * method passes it, also one for a map that is empty. The map is in its register or in its slot. */
static struct error *place_clear(const struct placer *placer, const struct method *method)
{
	struct spot spot = {.role = SPOT_SYNC_CLEAR, .map_slot = home_slot(0)};
	bool framed = false;

	vec_each(insn, &method->code.insns) {
		if (insn->joined || (framed && insn->emulated)) {
			struct code_value map = code_track_value(
				method->track, insn, machine_argument(placer->machine, 0));

			spot.map_first = is_argument(placer, &map, 0);
			if (insn->joined || (!spot.map_first && !is_home(placer, method, insn, 0)))
				break;
			return placer_add_spot(placer, &method->func, insn->addr, &spot,
					       "first emulated instruction after the frame set-up");
		}
		framed |= insn->writes >> placer->machine->frame & 1;
	}
	return placer_no_spot(placer, method->entry->name, "the map is not kept");
}

/* ---- all of them ---- */

static bool has_trie(const struct placer *placer)
{
	for (size_t i = 0; i < GO_ENTRIES; i++)
		if (go_entries[i].trie && placer_has_func(placer, go_entries[i].name))
			return true;
	return false;
}

static struct error *place_method(const struct placer *placer, const struct go_entry *entry,
				  bool trie)
{
	cleanup(method_fini) struct method method = {.entry = entry};

	method.func = placer_func(placer, entry->name);
	if (!entry->ends || entry->trie != trie || !method.func.entry)
		return NULL;
	if (!placer->found->sync_map)
		placer->found->sync_map = method.func.entry & ~7ull;
	try(placer_decode_func(placer, &method.func, &method.code));
	try(code_track_new(placer->machine, &method.code, (struct code_keepers){0}, &method.track));
	if (entry->kind == GO_ENTRY_CLEAR)
		return place_clear(placer, &method);
	return trie ? place_stores(placer, &method) : place_entries(placer, &method);
}

struct error *sync_place(struct placer *placer)
{
	bool trie = has_trie(placer);

	for (size_t i = 0; i < GO_ENTRIES; i++)
		if (go_entries[i].sync)
			try(place_method(placer, &go_entries[i], trie));
	return NULL;
}

void sync_add_names(struct placer *placer)
{
	placer_add_name(placer, entry_delete);
}
