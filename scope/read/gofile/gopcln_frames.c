/* Lines, inlined frames and stack deltas at a pc.
 *
 * For each function and kind, pctab holds a run of varint pairs (Go: runtime/symtab.go pcvalue,
 * step):
 *
 *     value delta  zigzag; the value starts at -1; 0 other than in the first pair ends the run
 *     pc delta     in units of the pc quantum; the value is valid up to the pc that this reaches
 *
 * The inline tree is an array at gofunc + funcdata[3]. pcdata 2 is an index into it; -1 means not
 * inlined (Go: runtime/symtabinl.go, cmd/link/internal/ld/pcln.go genInlTreeSym).
 *
 *     Go 1.18, 1.19, 20 bytes           Go 1.20 on, 16 bytes
 *      0 parent i16, index or -1          0 funcID u8
 *      2 funcID u8                        4 nameOff i32
 *      4 file i32 of the call             8 parentPc i32, offset from the entry
 *      8 line i32 of the call            12 startLine i32
 *     12 nameOff i32
 *     16 parentPc i32
 *
 * Since 1.20 the file, line and parent of the call are those at parentPc.
 */
#include "read/gofile/gopcln_priv.h"
#include "base/frame.h"
#include "base/reader.h"

enum {
	PCDATA_INL_TREE_INDEX = 2,
	FUNCDATA_INL_TREE = 3,
	PAIRS_MAX = 1 << 20, /* of a run; real ones have up to some thousands */
	NODES_MAX = 1 << 16, /* of an inline tree; real ones have up to some hundreds */
};

/* A pc: the function that holds it, and the function's record. */
struct place {
	const struct gopcln *tab;
	struct gopcln_func func;
	struct func_record record;
};

struct inline_node {
	uint8_t func_id;
	const char *name;
	int32_t parent;	    /* 1.18, 1.19 */
	int32_t file, line; /* 1.18, 1.19 */
	int32_t parent_pc;  /* 1.20 on */
};

static int32_t zigzag(uint32_t value)
{
	return (int32_t)(value >> 1) ^ -(int32_t)(value & 1);
}

/* A run of pctab, at the current pair. */
struct run {
	struct reader r;
	uint64_t end;	/* the value is valid up to here */
	uint32_t value; /* unsigned, because hostile deltas wrap */
	uint32_t pairs;
};

static struct run run_begin(const struct place *place, uint32_t at)
{
	return (struct run){span_reader(place->tab->pctab, at), place->func.entry, UINT32_MAX, 0};
}

/* Reads a varint. Nearly all have one byte, and a lookup reads hundreds of them. */
static inline uint32_t run_uvarint(struct reader *r)
{
	if (!r->bad && r->pos < r->end && *r->pos < 0x80)
		return *r->pos++;
	return (uint32_t)reader_uvarint(r, 32);
}

/* Reads the next pair. Returns false at the end of the run, and when the run is corrupt. Nearly
 * every pair advances the pc; a few have the width 0. */
static bool run_next(const struct place *place, struct run *run)
{
	uint32_t delta = run_uvarint(&run->r);

	if (run->r.bad || (delta == 0 && run->pairs > 0) || run->pairs++ == PAIRS_MAX)
		return false;
	run->value += (uint32_t)zigzag(delta);
	run->end += (uint64_t)run_uvarint(&run->r) * place->tab->pc_quantum;
	return !run->r.bad;
}

/* Finds the value of the pctab run at `at` for pc. Returns false when the run is absent, is
 * corrupt, or ends before pc. */
static bool pc_value(const struct place *place, uint32_t at, uint64_t pc, int32_t *ret)
{
	struct run run = run_begin(place, at);

	while (at != 0 && run_next(place, &run)) {
		if (pc < run.end) {
			*ret = (int32_t)run.value;
			return true;
		}
	}
	return false;
}

static int32_t pc_data(const struct place *place, unsigned kind, uint64_t pc)
{
	int32_t value;

	if (kind >= place->record.npcdata ||
	    !pc_value(place, span_u32(place->record.tail, 4ul * kind), pc, &value))
		return -1;
	return value;
}

/* Finds the funcdata of a kind as an offset from gofunc. Returns false when the function has
 * none. */
static bool func_data(const struct func_record *record, unsigned kind, uint32_t *ret)
{
	uint64_t at = 4 * ((uint64_t)record->npcdata + kind);

	if (kind >= record->nfuncdata || at + 4 > record->tail.size)
		return false;
	*ret = span_u32(record->tail, at);
	return *ret != UINT32_MAX;
}

static const char *file_name(const struct place *place, int32_t index)
{
	uint64_t entry = (uint64_t)place->record.cu_offset + (uint32_t)index;
	const char *name = NULL;

	if (index >= 0 && 4 * entry + 4 <= place->tab->cutab.size)
		name = span_cstr(place->tab->files, span_u32(place->tab->cutab, 4 * entry));
	return name ? name : "";
}

static void frame_line_at(const struct place *place, uint64_t pc, struct frame *frame)
{
	int32_t file, line;

	frame->file = "";
	frame->line = 0;
	if (pc_value(place, place->record.pcfile, pc, &file))
		frame->file = file_name(place, file);
	if (pc_value(place, place->record.pcln, pc, &line) && line > 0)
		frame->line = (uint32_t)line;
}

static bool inline_node(const struct place *place, uint32_t tree, int32_t index,
			struct inline_node *ret)
{
	bool go118 = place->tab->go118;
	uint64_t at = tree + (uint64_t)(uint32_t)index * (go118 ? 20 : 16);
	struct reader r = span_reader(place->tab->gofunc, at);

	*ret = (struct inline_node){0};
	if (go118) {
		ret->parent = (int16_t)reader_u16(&r);
		ret->func_id = reader_u8(&r);
		reader_skip(&r, 1);
		ret->file = reader_i32(&r);
		ret->line = reader_i32(&r);
	} else {
		ret->func_id = reader_u8(&r);
		reader_skip(&r, 3);
	}
	ret->name = span_cstr(place->tab->names, reader_u32(&r));
	ret->parent_pc = reader_i32(&r);
	return !r.bad && ret->name;
}

/* Moves from an inlined call to its caller. Writes the call's file and line to `caller`. Returns
 * the caller's tree index, or -1 when the caller is the function itself. */
static int32_t inline_caller(const struct place *place, const struct inline_node *node,
			     struct frame *caller)
{
	uint64_t pc = place->func.entry + (uint32_t)node->parent_pc;

	if (place->tab->go118) {
		caller->file = file_name(place, node->file);
		caller->line = node->line > 0 ? (uint32_t)node->line : 0;
		return node->parent;
	}
	frame_line_at(place, pc, caller);
	return pc_data(place, PCDATA_INL_TREE_INDEX, pc);
}

static bool place_at(const struct gopcln *tab, uint64_t pc, struct place *ret)
{
	ret->tab = tab;
	return gopcln_func_at(tab, pc, &ret->func) &&
	       gopcln_record(tab, ret->func.index, &ret->record);
}

size_t gopcln_frames(const struct gopcln *tab, uint64_t pc, struct frame *ret, size_t max)
{
	struct frame frame = {0};
	struct inline_node node;
	struct place place;
	uint32_t tree = 0;
	int32_t index = -1, caller;
	size_t n = 0;

	if (max == 0 || !place_at(tab, pc, &place))
		return 0;
	frame_line_at(&place, pc, &frame);
	if (func_data(&place.record, FUNCDATA_INL_TREE, &tree))
		index = pc_data(&place, PCDATA_INL_TREE_INDEX, pc);
	while (index >= 0 && n < max && n < GOPCLN_INLINE_MAX &&
	       inline_node(&place, tree, index, &node)) {
		frame.func = node.name;
		frame.inlined = true;
		frame.wrapper = node.func_id == tab->wrapper_id;
		ret[n++] = frame;
		caller = inline_caller(&place, &node, &frame);
		/* A caller comes before the functions that it calls (Go: cmd/internal/obj/pcln.go,
		 * addBranch). Sometimes the instruction that parentPc should name is lost. This was
		 * seen with Go 1.24 in package initialisers of which little code was left. The tree
		 * then leads in a circle. */
		if (caller >= index) {
			caller = -1;
			frame.file = "";
			frame.line = 0;
		}
		index = caller;
	}
	if (n < max) {
		frame.func = place.func.name;
		frame.inlined = false;
		frame.wrapper = place.func.func_id == tab->wrapper_id;
		ret[n++] = frame;
	}
	return n;
}

/* Returns how many nodes of the function's inline tree are in use: the highest index that its code
 * refers to, plus 1. */
static int32_t inline_nodes(const struct place *place)
{
	uint32_t at = PCDATA_INL_TREE_INDEX < place->record.npcdata
			      ? span_u32(place->record.tail, 4ul * PCDATA_INL_TREE_INDEX)
			      : 0;
	struct run run = run_begin(place, at);
	int32_t n = 0;

	while (at != 0 && run_next(place, &run))
		if ((int32_t)run.value >= n && (int32_t)run.value < NODES_MAX)
			n = (int32_t)run.value + 1;
	return n;
}

size_t gopcln_inlined_some(const struct gopcln *tab, const struct gopcln_func *func,
			   bool (*matches)(const char *name, const void *ctx), const void *ctx)
{
	struct place place = {.tab = tab, .func = *func};
	struct inline_node node;
	uint32_t tree;
	int32_t nodes;
	size_t n = 0;

	if (!gopcln_record(tab, func->index, &place.record) ||
	    !func_data(&place.record, FUNCDATA_INL_TREE, &tree))
		return 0;
	nodes = inline_nodes(&place);
	for (int32_t i = 0; i < nodes && inline_node(&place, tree, i, &node); i++)
		n += matches(node.name, ctx);
	return n;
}

static bool is_name(const char *name, const void *wanted)
{
	return strcmp(name, wanted) == 0;
}

size_t gopcln_inlined(const struct gopcln *tab, const struct gopcln_func *func, const char *name)
{
	return gopcln_inlined_some(tab, func, is_name, name);
}

bool gopcln_sp_delta(const struct gopcln *tab, uint64_t pc, int32_t *ret)
{
	struct place place;

	return place_at(tab, pc, &place) && pc_value(&place, place.record.pcsp, pc, ret);
}
