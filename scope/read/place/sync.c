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

bool sync_calls_swap(const struct placer *placer, const struct code_insn *insn)
{
	return calls(placer, insn, "sync/atomic.CompareAndSwapPointer");
}

/* Builds without inlining, and with the race detector, call the method of atomic.Pointer. */
bool sync_calls_store(const struct placer *placer, const struct code_insn *insn)
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

		if (!sync_calls_store(placer, insn))
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
	struct spot spot = {.role = SPOT_SYNC_REMOVAL, .sync = true};

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

const struct code_insn *sync_branch_after(const struct placer *placer, const struct code *code,
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

		if (!sync_calls_swap(placer, &code->insns.data[i]))
			continue;
		branch = sync_branch_after(placer, code, i);
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
			    .sync = true,
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
	struct spot spot = {.role = SPOT_SYNC_REMOVAL, .sync = true, .if_swapped = true};

	vec_each(insn, &method->code.insns)
		if (sync_calls_swap(placer, insn) && !set_slots(placer, method, insn, 0, &spot))
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

/* ---- beginnings ---- */

/* Places a spot at the first emulated instruction after the frame is set up. Every call of the method
 * passes it. The map is in its register or in its slot. */
static struct error *place_begin(const struct placer *placer, const struct method *method,
				 struct spot *spot)
{
	bool framed = false;

	spot->map_slot = home_slot(method->entry->map_arg);
	vec_each(insn, &method->code.insns) {
		if (insn->joined)
			break;
		if (framed && insn->emulated) {
			struct code_value map = code_track_value(
				method->track, insn,
				machine_argument(placer->machine, method->entry->map_arg));

			spot->map_first = is_argument(placer, &map, method->entry->map_arg);
			if (!spot->map_first &&
			    !is_home(placer, method, insn, method->entry->map_arg))
				break;
			return placer_add_spot(placer, &method->func, insn->addr, spot,
					       "first emulated instruction after the frame set-up");
		}
		framed |= insn->writes >> placer->machine->frame & 1;
	}
	return placer_no_spot(placer, method->entry->name, "the map is not kept");
}

/* ---- all of them ---- */

/* Opens a method if sync.Map is watched, and elements leave it there. Otherwise its code stays empty. */
static struct error *method_open(const struct placer *placer, const struct go_entry *entry,
				 struct method *ret)
{
	*ret = (struct method){.entry = entry};
	if (placer->options->no_sync_map || !entry->ends || entry->trie != placer->trie)
		return NULL;
	ret->func = placer_func(placer, entry->name);
	if (!ret->func.entry)
		return NULL;
	try(placer_decode_func(placer, &ret->func, &ret->code));
	return code_track_new(placer->machine, &ret->code, (struct code_keepers){0}, &ret->track);
}

static struct error *place_method(const struct placer *placer, const struct go_entry *entry)
{
	struct spot clear = {.role = SPOT_SYNC_CLEAR, .sync = true};
	cleanup(method_fini) struct method method = {0};

	try(method_open(placer, entry, &method));
	if (!method.track)
		return NULL;
	if (!placer->found->sync_map)
		placer->found->sync_map = method.func.entry & ~7ull;
	if (entry->kind == GO_ENTRY_CLEAR)
		return place_begin(placer, &method, &clear);
	return entry->trie ? place_stores(placer, &method) : place_entries(placer, &method);
}

struct error *sync_place(struct placer *placer)
{
	placer->trie = placer_has_func(placer, go_trie_init);
	for (size_t i = 0; i < GO_ENTRIES; i++)
		try(place_method(placer, &go_entries[i]));
	return placer->options->no_sync_map ? NULL : sync_place_inlined(placer);
}

static struct error *place_misses(const struct placer *placer, uint8_t number)
{
	const struct go_entry *entry = &go_entries[number - 1];
	struct spot spot = {.role = SPOT_ENTRY,
			    .sync = true,
			    .key = entry->key,
			    .key_slot = home_slot(entry->key_arg),
			    .number = number};
	cleanup(method_fini) struct method method = {0};

	if (entry->kind != GO_ENTRY_DELETE)
		return NULL;
	try(method_open(placer, entry, &method));
	if (!method.track)
		return NULL;
	try(place_begin(placer, &method, &spot));
	return entry_place_exits(placer, &method.func, &method.code, number);
}

struct error *sync_place_misses(const struct placer *placer)
{
	for (size_t i = 0; i < GO_ENTRIES; i++)
		try(place_misses(placer, (uint8_t)(i + 1)));
	return NULL;
}

void sync_add_names(struct placer *placer)
{
	placer_add_name(placer, entry_delete);
	placer_add_name(placer, go_trie_init);
}
