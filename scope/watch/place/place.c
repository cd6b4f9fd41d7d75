#include "watch/place/place.h"

#include "read/code/code.h"

#include <stdio.h>

/* A function whose removals are watched. Argument numbers are positions in Go's internal ABI. */
struct removal_spec {
	const char *func;
	uint8_t type, map, key; /* argument numbers */
	uint8_t key_arg;	/* enum wire_key_arg */
};

/* Go 1.19 to 1.23, runtime/map.go, map_fast32.go, map_fast64.go, map_faststr.go:
 *   func mapdelete(t *maptype, h *hmap, key unsafe.Pointer), and so on
 *
 * Go 1.24 on, internal/runtime/maps/map.go and table.go:
 *   func (m *Map) Delete(typ *abi.MapType, key unsafe.Pointer)
 *   func (m *Map) deleteSmall(typ *abi.MapType, hash uintptr, key unsafe.Pointer)
 *   func (t *table) Delete(typ *abi.MapType, m *Map, hash uintptr, key unsafe.Pointer)
 * Every delete ends in one of the last two, whatever runtime entry it came through; but a build with
 * a profile (PGO) inlines them into their callers. So all are looked at, and every place in them
 * where the count goes down is a place where elements leave. */
static const char map_delete[] = "internal/runtime/maps.(*Map).Delete";
static const char small_delete[] = "internal/runtime/maps.(*Map).deleteSmall";
static const char swiss_table_delete[] = "internal/runtime/maps.(*table).Delete";
static const char map_clear[] = "internal/runtime/maps.(*Map).Clear";

/* The functions in which the count goes down, each in one place or more, wherever they stand: by
 * themselves or inlined. */
static const char *const swiss_ends[] = {small_delete, swiss_table_delete, NULL};
static const char *const classic_ends[] = {"runtime.mapdelete", "runtime.mapdelete_fast32",
					   "runtime.mapdelete_fast64", "runtime.mapdelete_faststr",
					   NULL};
#define ENDS_MAX 4

static const struct removal_spec removal_specs[] = {
	{"runtime.mapdelete", 0, 1, 2, WIRE_ARG_POINTER},
	{"runtime.mapdelete_fast32", 0, 1, 2, WIRE_ARG_32},
	{"runtime.mapdelete_fast64", 0, 1, 2, WIRE_ARG_64},
	{"runtime.mapdelete_faststr", 0, 1, 2, WIRE_ARG_STRING},
	{"reflect.mapdelete", 0, 1, 2, WIRE_ARG_POINTER},
	{"reflect.mapdelete_faststr", 0, 1, 2, WIRE_ARG_STRING},
	{map_delete, 1, 0, 2, WIRE_ARG_POINTER},
	{small_delete, 1, 0, 3, WIRE_ARG_POINTER},
	{swiss_table_delete, 1, 2, 4, WIRE_ARG_POINTER},
};

/* A function at whose beginning its arguments are taken from the registers. */
struct entry_spec {
	const char *func;
	uint8_t role;
	uint8_t key_arg;
	uint8_t map_first; /* (map, type, ...) instead of (type, map, ...) */
	uint8_t arguments; /* registers that must still hold them */
	bool thin;	   /* may only call another that is probed */
};

static const struct entry_spec clear_entries[] = {
	{map_clear, WIRE_ROLE_CLEAR, WIRE_ARG_NONE, 1, 2, false},
	{"runtime.mapclear", WIRE_ROLE_CLEAR, WIRE_ARG_NONE, 0, 2, true},
	{"reflect.mapclear", WIRE_ROLE_CLEAR, WIRE_ARG_NONE, 0, 2, true},
};

/* On Swiss maps the fast entries return early when the map is empty, so they are watched as well;
 * their call of (*Map).Delete is nested and ignored. */
static const struct entry_spec delete_entries[] = {
	{map_delete, WIRE_ROLE_ENTRY, WIRE_ARG_POINTER, 1, 3, false},
	{"runtime.mapdelete", WIRE_ROLE_ENTRY, WIRE_ARG_POINTER, 0, 3, true},
	{"runtime.mapdelete_fast32", WIRE_ROLE_ENTRY, WIRE_ARG_32, 0, 3, false},
	{"runtime.mapdelete_fast64", WIRE_ROLE_ENTRY, WIRE_ARG_64, 0, 3, false},
	{"runtime.mapdelete_faststr", WIRE_ROLE_ENTRY, WIRE_ARG_STRING, 0, 4, false},
	{"reflect.mapdelete", WIRE_ROLE_ENTRY, WIRE_ARG_POINTER, 0, 3, true},
	{"reflect.mapdelete_faststr", WIRE_ROLE_ENTRY, WIRE_ARG_STRING, 0, 4, true},
};

static const struct entry_spec panic_entries[] = {
	{"runtime.gopanic", WIRE_ROLE_PANIC, WIRE_ARG_NONE, 0, 0, false},
	{"runtime.throw", WIRE_ROLE_PANIC, WIRE_ARG_NONE, 0, 0, false},
	{"runtime.fatal", WIRE_ROLE_PANIC, WIRE_ARG_NONE, 0, 0, false},
};

static const struct entry_spec start_entry = {"runtime.main", WIRE_ROLE_START, WIRE_ARG_NONE, 0, 0,
					      false};
static const struct entry_spec begin_entry = {"runtime.main", WIRE_ROLE_BEGIN, WIRE_ARG_NONE, 0, 0,
					      false};

const char *placement_role_name(uint8_t role)
{
	static const char *const names[] = {
		[WIRE_ROLE_REMOVAL] = "removal", [WIRE_ROLE_CLEAR] = "clear",
		[WIRE_ROLE_ENTRY] = "entry",	 [WIRE_ROLE_EXIT] = "exit",
		[WIRE_ROLE_PANIC] = "panic",	 [WIRE_ROLE_START] = "start",
		[WIRE_ROLE_GC] = "gc",		 [WIRE_ROLE_BEGIN] = "begin",
	};

	return role < ARRAY_SIZE(names) && names[role] ? names[role] : "unknown";
}

/* runtime/mgc.go, setGCPhase(x): atomic.Store(&gcphase, x), an exchange, is inlined into these and
 * their closures, with the world stopped: mark, marktermination, off. */
static const char *const gc_funcs[] = {
	"runtime.setGCPhase",
	"runtime.gcStart",
	"runtime.gcStart.func1",
	"runtime.gcStart.func2",
	"runtime.gcStart.func3",
	"runtime.gcStart.func4",
	"runtime.gcMarkDone",
	"runtime.gcMarkDone.func1",
	"runtime.gcMarkDone.func2",
	"runtime.gcMarkDone.func3",
	"runtime.gcMarkTermination",
	"runtime.gcMarkTermination.func1",
	"runtime.gcMarkTermination.func2",
	"runtime.gcMarkTermination.func3",
	"runtime.gcMarkTermination.func4",
};

static const char swiss_table_rehash[] = "internal/runtime/maps.(*table).rehash";

static const char *const other_funcs[] = {map_delete,	 small_delete,	     swiss_table_delete,
					  map_clear,	 swiss_table_rehash, "runtime.gcMark",
					  "runtime.main"};

#define FUNCS_MAX 64

struct search {
	const struct image *image;
	const struct gopcln *tab;
	const struct placement_options *options;
	struct placements *found;
	const char *const *ends; /* swiss_ends or classic_ends */
	bool met[ENDS_MAX];	 /* which of them were found, each with its places */
	bool deletes;		 /* any of the functions that lead to them is in the program */
	/* Every function that is asked for, found in one pass over the program's names: each pass
	 * over those of a big program takes milliseconds. */
	const char *names[FUNCS_MAX];
	struct gopcln_func funcs[FUNCS_MAX];
	size_t nfuncs;
};

static void add_name(struct search *search, const char *name)
{
	for (size_t i = 0; i < search->nfuncs; i++)
		if (!strcmp(search->names[i], name))
			return;
	if (search->nfuncs < FUNCS_MAX)
		search->names[search->nfuncs++] = name;
}

static void add_entries(struct search *search, const struct entry_spec *specs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		add_name(search, specs[i].func);
}

static void find_funcs(struct search *search)
{
	for (size_t i = 0; i < ARRAY_SIZE(removal_specs); i++)
		add_name(search, removal_specs[i].func);
	add_entries(search, clear_entries, ARRAY_SIZE(clear_entries));
	if (search->options->misses) {
		add_entries(search, delete_entries, ARRAY_SIZE(delete_entries));
		add_entries(search, panic_entries, ARRAY_SIZE(panic_entries));
	}
	for (size_t i = 0; i < ARRAY_SIZE(other_funcs); i++)
		add_name(search, other_funcs[i]);
	for (size_t i = 0; search->options->one && i < ARRAY_SIZE(gc_funcs); i++)
		add_name(search, gc_funcs[i]);
	gopcln_find(search->tab, search->names, search->nfuncs, search->funcs);
}

/* The function of one of the names above; its entry is 0 when the program has none. */
static struct gopcln_func func_get(const struct search *search, const char *name)
{
	struct gopcln_func func = {0};

	for (size_t i = 0; i < search->nfuncs; i++)
		if (!strcmp(search->names[i], name))
			return search->funcs[i];
	gopcln_find(search->tab, &name, 1, &func);
	return func;
}

static bool has_func(const struct search *search, const char *name)
{
	return func_get(search, name).entry != 0;
}

/* The runtime's functions are a few hundred bytes; a corrupt table must not make us decode all. */
#define FUNC_SIZE_MAX (64u << 10)

/* Decodes a function of the program; *ret is empty when it has no such function. */
static struct error *decode_func(const struct search *search, const char *name,
				 struct gopcln_func *ret_func, struct code *ret)
{
	const void *bytes;

	*ret = (struct code){0};
	*ret_func = func_get(search, name);
	if (!ret_func->entry)
		return NULL;
	if (ret_func->end - ret_func->entry > FUNC_SIZE_MAX)
		ret_func->end = ret_func->entry + FUNC_SIZE_MAX;
	bytes = image_at(search->image, ret_func->entry, ret_func->end - ret_func->entry);
	if (!bytes)
		return error_new(ERROR_TARGET,
				 "%s: the code of %s lies outside the file (corrupt?)",
				 image_name(search->image), name);
	return code_decode(CODE_X86_64, bytes, ret_func->end - ret_func->entry, ret_func->entry,
			   ret);
}

static struct error *add_placement(const struct search *search, const struct gopcln_func *func,
				   uint64_t addr, const struct wire_probe *wire, const char *why)
{
	struct placement p = {
		.func = func->name,
		.entry = func->entry,
		.offset = addr - func->entry,
		.wire = *wire,
	};

	if (search->found->list.len >= WIRE_PROBES)
		return error_new(ERROR_TARGET, "%s: more than %d places to probe (corrupt?)",
				 image_name(search->image), WIRE_PROBES);
	p.wire.addr = addr;
	p.why = strdup(why);
	if (!p.why || !vec_push(&search->found->list, p)) {
		free(p.why);
		return error_nomem();
	}
	return NULL;
}

/* ---- removal probes: where the arguments are, where the count goes down ---- */

#define ARGUMENTS  6
#define SPILLS	   16
#define NO_HOME	   INT64_MIN
#define TAG_LENGTH 64 /* the register holds *map, the count */
#define TAG_LESS   65 /* the register holds count - 1 */

/* A slot of the frame that an argument was stored into, in bytes from the frame pointer. */
struct spill {
	int64_t at;
	uint8_t tag; /* what it holds now */
};

/* What a linear pass over a function knows. A tag says what a register holds: 1 + n for argument
 * n, TAG_LENGTH, TAG_LESS, 0 for anything else. Tags are forgotten where paths join. An argument
 * may be spilled more than once: into its own slot, and into that of the parameter of an inlined
 * function, of which the address is taken. */
struct dataflow {
	const struct gopcln *tab;
	uint8_t map; /* argument number of the map */
	uint8_t tag[16];
	struct spill spills[SPILLS]; /* in the order in which they were first stored into */
	unsigned nspills;
};

/* Bytes from the frame pointer of [rsp + disp] at pc. With the frame set up, rbp is one word below
 * the return address: rbp = rsp + delta - 8 (Go 1.19 to 1.27, cmd/internal/obj/x86/obj6.go). */
static bool frame_offset(const struct dataflow *flow, const struct code_insn *insn, int64_t *ret)
{
	int32_t delta;

	if (insn->base == code_frame_register(CODE_X86_64)) {
		*ret = insn->disp;
		return true;
	}
	if (insn->base != code_stack_register(CODE_X86_64) ||
	    !gopcln_sp_delta(flow->tab, insn->addr, &delta) || delta <= 0)
		return false;
	*ret = insn->disp - delta + 8;
	return true;
}

/* What the slot holds: 0 when it is nobody's. */
static uint8_t spilled_at(const struct dataflow *flow, int64_t at)
{
	for (unsigned i = 0; i < flow->nspills; i++)
		if (flow->spills[i].at == at)
			return flow->spills[i].tag;
	return 0;
}

/* Where the argument was spilled first; of two words, the next argument right behind it. */
static int64_t spilled(const struct dataflow *flow, unsigned argument, bool two_words)
{
	for (unsigned i = 0; i < flow->nspills; i++) {
		int64_t at = flow->spills[i].at;

		if (flow->spills[i].tag == argument + 1 &&
		    (!two_words || spilled_at(flow, at + 8) == argument + 2))
			return at;
	}
	return NO_HOME;
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
			flow->spills[i].tag = tag; /* 0: the slot got another use */
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

/* Takes one instruction into account. Returns true when it stores count - 1 into the map. */
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

static void flow_init(struct dataflow *flow, const struct gopcln *tab, uint8_t map)
{
	*flow = (struct dataflow){.tab = tab, .map = map};
	for (unsigned i = 0; i < ARGUMENTS; i++) {
		uint8_t reg = code_argument_register(CODE_X86_64, i);

		if (reg < 16)
			flow->tag[reg] = (uint8_t)(i + 1);
	}
}

/* The next emulated instruction that is reached from insns[at] and from nowhere else. */
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

/* Fits the homes of type, map and key into one window of the frame. */
static bool set_window(struct wire_probe *wire, const struct removal_spec *spec,
		       const struct dataflow *flow)
{
	bool string = spec->key_arg == WIRE_ARG_STRING;
	int64_t type = spilled(flow, spec->type, false);
	int64_t map = spilled(flow, spec->map, false);
	int64_t key = spilled(flow, spec->key, string);
	int64_t low, high, key_end;

	if (type == NO_HOME || map == NO_HOME || key == NO_HOME)
		return false;
	key_end = key + (string ? 16 : 8);
	low = type < map ? type : map;
	low = key < low ? key : low;
	low = low < 0 ? low : 0;
	high = type > map ? type + 8 : map + 8;
	high = key_end > high ? key_end : high;
	if ((type | map | key) & 7 || high - low > WIRE_WINDOW * 8l || low < -4096 || high > 4096)
		return false;
	wire->window = (int16_t)low;
	wire->words = (uint8_t)((high - low) / 8);
	wire->near = wire->words * 8u;
	wire->type_word = (uint8_t)((type - low) / 8);
	wire->map_word = (uint8_t)((map - low) / 8);
	wire->key_word = (uint8_t)((key - low) / 8);
	return true;
}

static struct error *no_spot(const struct search *search, const char *func, const char *why)
{
	return error_new(
		ERROR_TARGET,
		"%s: no place in %s where each removal passes exactly once (%s): this build "
		"of the Go runtime is not known; please report it",
		image_name(search->image), func, why);
}

/* Places the probe for the decrement at insns[at]; flow: what is known there. */
static struct error *place_decrement(const struct search *search, const struct removal_spec *spec,
				     const struct gopcln_func *func, const struct code *code,
				     size_t at, const struct dataflow *flow)
{
	struct wire_probe wire = {.role = WIRE_ROLE_REMOVAL, .key_arg = spec->key_arg};
	const struct code_insn *spot = emulated_after(code, at);
	struct dataflow at_spot = *flow;
	char why[160];

	if (!spot)
		return no_spot(search, spec->func, "no emulated instruction follows");
	/* What is stored on the way there counts too. */
	for (const struct code_insn *on = &code->insns.data[at + 1]; on < spot; on++)
		flow_step(&at_spot, on);
	if (!set_window(&wire, spec, &at_spot))
		return no_spot(search, spec->func, "the arguments are not kept on the stack");
	snprintf(why, sizeof(why),
		 "first emulated instruction after the count is decremented at +%llu",
		 (unsigned long long)(code->insns.data[at].addr - func->entry));
	return add_placement(search, func, spot->addr, &wire, why);
}

/* Counts the place at addr for the ends that it belongs to. */
static void count_ends(const struct search *search, uint64_t addr, size_t placed[ENDS_MAX])
{
	struct gopcln_frame frames[GOPCLN_INLINE_MAX];
	size_t n = gopcln_frames(search->tab, addr, frames, ARRAY_SIZE(frames));

	for (size_t e = 0; search->ends[e]; e++)
		for (size_t i = 0; i < n; i++)
			placed[e] += strcmp(frames[i].func, search->ends[e]) == 0;
}

/* In the function itself, when it is an end, and in every copy of one that was inlined into it, a
 * place must have been found; else elements would leave unseen. */
static struct error *check_ends(struct search *search, const struct gopcln_func *func,
				const size_t placed[ENDS_MAX])
{
	for (size_t e = 0; search->ends[e]; e++) {
		size_t inlined = gopcln_inlined(search->tab, func, search->ends[e]);
		bool itself = strcmp(func->name, search->ends[e]) == 0;
		char why[160];

		if (placed[e] < inlined + itself) {
			snprintf(why, sizeof(why), "the count is decremented nowhere%s%s",
				 itself ? "" : " in the inlined ", itself ? "" : search->ends[e]);
			return no_spot(search, func->name, why);
		}
		search->met[e] |= placed[e] > 0;
	}
	return NULL;
}

static struct error *place_removals(struct search *search, const struct removal_spec *spec)
{
	size_t placed[ENDS_MAX] = {0};
	struct gopcln_func func;
	struct error *err;
	struct dataflow flow;
	struct code code;

	err = decode_func(search, spec->func, &func, &code);
	if (err || !func.entry)
		return err;
	search->deletes = true;
	flow_init(&flow, search->tab, spec->map);
	for (size_t i = 0; !err && i < code.insns.len; i++) {
		if (code.insns.data[i].joined)
			memset(flow.tag, 0, sizeof(flow.tag));
		if (flow_step(&flow, &code.insns.data[i])) {
			err = place_decrement(search, spec, &func, &code, i, &flow);
			count_ends(search, code.insns.data[i].addr, placed);
		}
	}
	if (!err)
		err = check_ends(search, &func, placed);
	code_fini(&code);
	return err;
}

/* ---- probes at the beginning of a function ---- */

/* The first emulated instruction after the frame pointer is set, on the straight line from the
 * entry, with the first `arguments` argument registers untouched. */
static const struct code_insn *spot_after_frame(const struct code *code, unsigned arguments)
{
	uint32_t kept = 0;
	bool framed = false;

	for (unsigned i = 0; i < arguments; i++)
		kept |= 1u << code_argument_register(CODE_X86_64, i);
	vec_each(insn, &code->insns) {
		if (insn->joined)
			return NULL;
		if (framed && insn->emulated)
			return insn;
		if (insn->flow != CODE_NEXT && (insn->flow != CODE_BRANCH || framed))
			return NULL;
		if (insn->writes & kept)
			return NULL;
		framed |= (insn->writes >> code_frame_register(CODE_X86_64)) & 1;
	}
	return NULL;
}

static struct error *place_exits(const struct search *search, const struct gopcln_func *func,
				 const struct code *code, uint8_t number)
{
	struct wire_probe wire = {.role = WIRE_ROLE_EXIT, .func = number};

	vec_each(insn, &code->insns)
		if (insn->flow == CODE_RETURN)
			try(add_placement(search, func, insn->addr, &wire,
					  "a return: a delete that removed nothing ends here"));
	return NULL;
}

/* A function that does nothing but call another that is probed is not: unless that one was inlined,
 * then there is no call. */
static bool only_calls(const struct search *search, const struct entry_spec *spec,
		       const struct code *code)
{
	static const char *const names[] = {map_delete, map_clear, "runtime.mapdelete",
					    "runtime.mapdelete_faststr", "runtime.mapclear"};

	for (size_t i = 0; spec->thin && i < ARRAY_SIZE(names); i++) {
		uint64_t entry = func_get(search, names[i]).entry;

		vec_each(insn, &code->insns)
			if (entry && insn->flow == CODE_CALL && insn->target == entry)
				return true;
	}
	return false;
}

static struct error *place_entry(const struct search *search, const struct entry_spec *spec,
				 uint8_t number)
{
	struct wire_probe wire = {.role = spec->role,
				  .key_arg = spec->key_arg,
				  .map_first = spec->map_first,
				  .func = number};
	const struct code_insn *spot;
	struct gopcln_func func;
	struct error *err;
	struct code code;

	err = decode_func(search, spec->func, &func, &code);
	if (err || !func.entry)
		return err;
	if (only_calls(search, spec, &code)) {
		code_fini(&code);
		return NULL;
	}
	spot = spot_after_frame(&code, spec->arguments);
	if (spot)
		err = add_placement(search, &func, spot->addr, &wire,
				    "first emulated instruction after the stack check and the "
				    "frame set-up");
	else
		err = error_new(
			ERROR_TARGET,
			"%s: no place at the beginning of %s where each call passes exactly "
			"once: this build of the Go runtime is not known; please report it",
			image_name(search->image), spec->func);
	if (!err && spec->role == WIRE_ROLE_ENTRY)
		err = place_exits(search, &func, &code, number);
	code_fini(&code);
	return err;
}

static struct error *place_entries(const struct search *search, const struct entry_spec *specs,
				   size_t n)
{
	for (size_t i = 0; i < n; i++)
		try(place_entry(search, &specs[i], (uint8_t)(i + 1)));
	return NULL;
}

/* runtime.gcphase has no entry in the function table. runtime.gcMark begins, in every release from
 * 1.19 to 1.27 (mgc.go), with: if gcphase != _GCmarktermination { throw(...) }, a compare of a
 * global word with 2. */
static struct error *find_gcphase(const struct search *search)
{
	struct gopcln_func func;
	struct code code;

	try(decode_func(search, "runtime.gcMark", &func, &code));
	vec_each(insn, &code.insns) {
		if (insn->op == CODE_COMPARE_GLOBAL && insn->imm == 2) {
			search->found->gcphase = insn->target;
			break;
		}
	}
	code_fini(&code);
	return NULL;
}

/* How many exchanges there must be: fewer, and some change would go unseen. */
#define GC_CHANGES 3

/* lea gcphase, reg; xchg x, (reg) */
static bool changes_gcphase(const struct code_insn *insn, uint64_t gcphase)
{
	return insn[0].op == CODE_ADDRESS && insn[0].target == gcphase &&
	       insn[1].op == CODE_EXCHANGE && insn[1].base == insn[0].reg && insn[1].disp == 0;
}

static struct error *place_gc(const struct search *search)
{
	struct wire_probe wire = {.role = WIRE_ROLE_GC};
	size_t before = search->found->list.len;

	for (size_t i = 0; search->found->gcphase && i < ARRAY_SIZE(gc_funcs); i++) {
		struct error *err = NULL;
		struct gopcln_func func;
		struct code code;

		try(decode_func(search, gc_funcs[i], &func, &code));
		for (size_t at = 0; !err && at + 2 < code.insns.len; at++)
			if (changes_gcphase(&code.insns.data[at], search->found->gcphase))
				err = add_placement(search, &func, code.insns.data[at + 2].addr,
						    &wire, "runtime.gcphase has just changed");
		code_fini(&code);
		if (err)
			return err;
	}
	search->found->gc = search->found->list.len - before == GC_CHANGES;
	while (!search->found->gc && search->found->list.len > before)
		free(search->found->list.data[--search->found->list.len].why);
	return NULL;
}

/* The two functions in which Swiss maps lose elements must have been met, by themselves or inlined
 * into one that was looked at: not inlined somewhere else. (A program without rehash has no tables,
 * and one that only clears has none of all these functions.) */
static struct error *check_swiss(const struct search *search)
{
	if (!search->found->swiss || !search->deletes || !has_func(search, swiss_table_rehash))
		return NULL;
	for (size_t e = 0; search->ends[e]; e++)
		if (!search->met[e])
			return no_spot(search, map_delete,
				       "the count is not decremented where it should be");
	return NULL;
}

static struct error *find_all(struct search *search)
{
	for (size_t i = 0; i < ARRAY_SIZE(removal_specs); i++)
		try(place_removals(search, &removal_specs[i]));
	try(check_swiss(search));
	for (size_t i = 0; i < ARRAY_SIZE(clear_entries); i++)
		try(place_entry(search, &clear_entries[i], 0));
	if (!search->found->list.len)
		return error_new(ERROR_TARGET,
				 "%s: the program never deletes from a map: none of the runtime's "
				 "delete functions is linked into it",
				 image_name(search->image));
	if (search->options->misses) {
		try(place_entries(search, delete_entries, ARRAY_SIZE(delete_entries)));
		try(place_entries(search, panic_entries, ARRAY_SIZE(panic_entries)));
	}
	if (search->options->start)
		try(place_entry(search, &start_entry, 0));
	try(find_gcphase(search));
	if (!search->options->one)
		return NULL;
	try(place_entry(search, &begin_entry, 0));
	return place_gc(search);
}

/* Swiss maps have these methods; a build with a profile may have inlined them all into the runtime's
 * entries. */
static bool is_swiss(const struct search *search)
{
	static const char *const methods[] = {map_delete, small_delete, swiss_table_delete,
					      map_clear};
	static const char *const entries[] = {
		"runtime.mapdelete",	     "runtime.mapdelete_fast32", "runtime.mapdelete_fast64",
		"runtime.mapdelete_faststr", "runtime.mapclear",
	};

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (has_func(search, methods[i]))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		struct gopcln_func func = func_get(search, entries[i]);

		if (func.entry && (gopcln_inlined(search->tab, &func, map_delete) ||
				   gopcln_inlined(search->tab, &func, map_clear)))
			return true;
	}
	return false;
}

struct error *placement_find(const struct image *image, const struct gopcln *tab,
			     const struct placement_options *options, struct placements *ret)
{
	struct search search = {
		.image = image, .tab = tab, .options = options, .found = ret, .ends = classic_ends};
	struct error *err;

	*ret = (struct placements){0};
	if (image_machine(image) != IMAGE_X86_64)
		return error_new(ERROR_TARGET, "%s: an arm64 program; only x86-64 can be traced",
				 image_name(image));
	find_funcs(&search);
	ret->swiss = is_swiss(&search);
	if (ret->swiss)
		search.ends = swiss_ends;
	err = find_all(&search);
	if (err)
		placements_fini(ret);
	return err;
}

void placements_fini(struct placements *placements)
{
	vec_each(p, &placements->list)
		free(p->why);
	vec_fini(&placements->list);
}
