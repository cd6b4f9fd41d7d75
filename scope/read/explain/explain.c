/* Explains a batch of addresses, source by source. */
#include "read/explain/module.h"
#include "base/frame.h"
#include "base/reader.h"
#include "base/clock.h"
#include "base/buf.h"

#include <stdio.h>

enum {
	ALIASES_MAX = 64, /* symbols of one address that are compared at most */
	PATIENCE_S = 10,  /* seconds of processor time for Go's table; a batch of 65536 takes 0.2 */
};

/* A query of the batch that is being answered. */
struct sorted_query {
	const struct explain_module *module;
	uint64_t pc;
	uint32_t index;
};

struct explain {
	uint32_t sources, fallback;
	VEC(struct explanation) list;
	VEC(struct frame) frames; /* the frames of all answers */
	VEC(size_t) first;	  /* [index * EXPLAIN_SOURCES + source]: the answer's first frame */
	VEC(struct sorted_query) sorted; /* the queries, sorted by module and address */
	struct deadline deadline;	 /* for Go's table, in this batch */
	uint32_t asked;			 /* questions to Go's table in this batch */
	bool padding; /* the address that is being explained is padding, and no source is of use */
};

struct error *explain_new(uint32_t sources, uint32_t fallback, struct explain **ret)
{
	struct explain *explain = calloc(1, sizeof(*explain));

	if (!explain)
		return error_nomem();
	explain->sources = sources;
	explain->fallback = fallback;
	*ret = explain;
	return NULL;
}

void explain_free(struct explain *explain)
{
	if (!explain)
		return;
	vec_fini(&explain->list);
	vec_fini(&explain->frames);
	vec_fini(&explain->first);
	vec_fini(&explain->sorted);
	free(explain);
}

/* ---- one address in one source ---- */

/* Notes where the frames of an answer begin. It is kept as an index until all frames are there,
 * because the vector moves. */
static void begin_answer(struct explain *explain, size_t index, enum explain_source source)
{
	explain->first.data[index * EXPLAIN_SOURCES + source] = explain->frames.len;
}

static bool ask_gopclntab(struct explain *explain, size_t index)
{
	struct explanation *e = &explain->list.data[index];
	struct explain_answer *answer = &e->by[EXPLAIN_GOPCLNTAB];
	struct frame frames[GOPCLN_INLINE_MAX];
	struct gopcln_func func;

	answer->n = gopcln_frames(e->query.module->tab, e->query.pc, frames, ARRAY_SIZE(frames));
	if (!answer->n) {
		answer->why = "not Go code: no function of the table holds it";
		return true;
	}
	/* A function reaches up to the next one in the table, but its lines end where its code
	 * ends. */
	if (answer->n == 1 && !*frames[0].file && !frames[0].line) {
		answer->n = 0;
		answer->why = "padding between functions: no line there";
		explain->padding = true;
		return true;
	}
	if (gopcln_func_at(e->query.module->tab, e->query.pc, &func))
		answer->entry = func.entry;
	begin_answer(explain, index, EXPLAIN_GOPCLNTAB);
	for (size_t i = 0; i < answer->n; i++)
		if (!vec_push(&explain->frames, frames[i]))
			return false;
	return true;
}

static bool ask_symbols(struct explain *explain, size_t index)
{
	struct explanation *e = &explain->list.data[index];
	struct explain_answer *answer = &e->by[EXPLAIN_SYMBOLS];
	struct elfsym_hit hit;

	if (!elfsym_at(e->query.module->symbols, e->query.pc, &hit)) {
		answer->why = "no symbol holds it";
		return true;
	}
	answer->n = 1;
	answer->entry = hit.addr;
	answer->size = hit.size;
	begin_answer(explain, index, EXPLAIN_SYMBOLS);
	return vec_push(&explain->frames, ((struct frame){.func = hit.name, .file = ""}));
}

/* Returns whether Go's table may still be asked. A file may be made to take long. When the time is
 * over, no later address gets an answer from it. */
static bool has_time(struct explain *explain, struct explain_module *module)
{
	char text[128];

	if (++explain->asked % 16 || !deadline_passed(&explain->deadline))
		return true;
	snprintf(text, sizeof(text),
		 "gave up after %d s: the table is corrupt, or was made to take long", PATIENCE_S);
	module->why[EXPLAIN_GOPCLNTAB] = strdup(text);
	return !module->why[EXPLAIN_GOPCLNTAB];
}

/* Asks a source that answers at once, or notes the address for the child. Returns false when memory
 * is out. */
static bool ask(struct explain *explain, size_t index, enum explain_source source)
{
	struct explanation *e = &explain->list.data[index];
	struct explain_module *module = e->query.module;

	e->by[source].asked = true;
	if (!module_source(module, source) ||
	    (source == EXPLAIN_GOPCLNTAB && !has_time(explain, module))) {
		e->by[source].why = module->why[source] ? module->why[source] : "out of memory";
		return true;
	}
	if (source == EXPLAIN_GOPCLNTAB)
		return ask_gopclntab(explain, index);
	if (source == EXPLAIN_SYMBOLS)
		return ask_symbols(explain, index);
	return vec_push(&module->pcs, e->query.pc) && vec_push(&module->asked_by, (uint32_t)index);
}

/* ---- the child's answers ---- */

static const char *miss_text(uint8_t miss)
{
	switch (miss) {
	case DEBUGINFO_NO_UNIT: return "no unit with debug information has code there";
	case DEBUGINFO_NO_FRAME: return "a unit has code there, but no function and no line";
	default: return "corrupt: the unit's entries cannot be read";
	}
}

/* Takes one answer out of the bytes. Returns false when memory is out. The child has read a foreign
 * file. Therefore its bytes may make no sense. They then count as the end of the bytes. */
static bool take_answer(struct explain *explain, size_t index, struct reader *r)
{
	struct explain_answer *answer = &explain->list.data[index].by[EXPLAIN_DWARF];
	uint8_t miss = reader_u8(r), n = reader_u8(r);
	uint64_t entry = reader_u64(r);

	begin_answer(explain, index, EXPLAIN_DWARF);
	for (uint8_t i = 0; i < n && !r->bad; i++) {
		struct frame frame = {0};

		frame.inlined = reader_u8(r) != 0;
		frame.line = reader_u32(r);
		frame.func = reader_cstr(r);
		frame.file = reader_cstr(r);
		/* libdw puts the unit's folder "." before a name without a folder, such as
		 * "<autogenerated>". */
		if (!r->bad && !strncmp(frame.file, "./", 2))
			frame.file += 2;
		if (!r->bad && !vec_push(&explain->frames, frame))
			return false;
	}
	if (r->bad || miss != DEBUGINFO_FOUND || !n) {
		answer->why = miss_text(r->bad ? DEBUGINFO_CORRUPT : miss);
		return true;
	}
	answer->n = n;
	answer->entry = entry;
	return true;
}

static bool take_answers(struct explain *explain, struct explain_module *module, size_t from,
			 size_t n, const struct buf *bytes, size_t at)
{
	struct reader r = reader_over(bytes->data + at, bytes->len - at);

	for (size_t i = from; i < from + n; i++)
		if (!take_answer(explain, module->asked_by.data[i], &r))
			return false;
	return true;
}

/* Asks the child for all noted addresses of a module, in as few requests as possible. The bytes of
 * the answers move while more are appended. Therefore they are decoded at the end. */
static bool ask_child(struct explain *explain, struct explain_module *module)
{
	VEC(size_t) starts = {0};
	size_t total = module->pcs.len, n;
	bool ok = true;

	buf_reset(&module->answers);
	for (size_t from = 0; ok && from < total; from += n) {
		n = total - from < DEBUGINFO_READER_BATCH ? total - from : DEBUGINFO_READER_BATCH;
		ok = vec_push(&starts, module->answers.len);
		if (ok && !debuginfo_reader_ask(&module->child, module->pcs.data + from, n,
						&module->answers)) {
			if (!module->why[EXPLAIN_DWARF])
				module->why[EXPLAIN_DWARF] = strdup(module->child.why);
			for (size_t i = from; i < total; i++)
				explain->list.data[module->asked_by.data[i]].by[EXPLAIN_DWARF].why =
					module->child.why;
			total = from;
		}
	}
	for (size_t i = 0, from = 0; ok && from < total; i++, from += n) {
		n = total - from < DEBUGINFO_READER_BATCH ? total - from : DEBUGINFO_READER_BATCH;
		ok = take_answers(explain, module, from, n, &module->answers, starts.data[i]);
	}
	vec_fini(&starts);
	module->pcs.len = module->asked_by.len = 0;
	return ok;
}

/* ---- the verdict ---- */

/* Skips the bytes in which two names are equal. The middle dot of Go's assembler equals a dot,
 * because the linker writes a dot for it into .symtab (Go: cmd/link/internal/ld/symtab.go,
 * putelfsym). */
static void skip_same(const char **a, const char **b)
{
	for (;;) {
		size_t x = (*a)[0] == '.' ? 1 : !strncmp(*a, "\302\267", 2) ? 2 : 0;
		size_t y = (*b)[0] == '.' ? 1 : !strncmp(*b, "\302\267", 2) ? 2 : 0;

		if (x && y)
			*a += x, *b += y;
		else if (**a && **a == **b)
			(*a)++, (*b)++;
		else
			return;
	}
}

/* Tells whether one name has "[...]" where the other has type arguments, and the rest is equal. */
static bool same_generic(const char *shortened, const char *full)
{
	size_t tail, len = strlen(full);

	if (strncmp(shortened, "...]", 4) != 0)
		return false;
	tail = strlen(shortened + 3); /* includes the ']' */
	return len >= tail && !strcmp(shortened + 3, full + len - tail);
}

/* Tells whether a suffix is one that only symbols have. Go's linker adds one to an assembly
 * function that has a wrapper of the same name (Go: cmd/link/internal/ld/symtab.go, mangleABIName).
 * gcc adds others to a part or a changed copy of a function. */
static bool is_suffix(const char *suffix)
{
	static const char *const suffixes[] = {".abi0",	 ".abiinternal", ".cold",     ".part.",
					       ".isra.", ".constprop.",	 ".lto_priv."};

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
		if (!strncmp(suffix, suffixes[i], strlen(suffixes[i])))
			return true;
	return false;
}

bool explain_same_func(const char *a, const char *b)
{
	skip_same(&a, &b);
	return (!*a && !*b) || (!*a && is_suffix(b)) || (!*b && is_suffix(a)) ||
	       same_generic(a, b) || same_generic(b, a);
}

static uint32_t compare_frames(const struct explain_answer *a, const struct explain_answer *b)
{
	uint32_t differ = 0;

	if (a->n != b->n)
		return EXPLAIN_DIFFER_INLINE;
	for (size_t i = 0; i < a->n; i++) {
		const struct frame *x = &a->frames[i], *y = &b->frames[i];

		if (x->inlined != y->inlined ||
		    (x->inlined && !explain_same_func(x->func, y->func)))
			differ |= EXPLAIN_DIFFER_INLINE;
		/* For some functions, Go's line tables leave out the first instruction. */
		if (!*x->file || !*y->file)
			continue;
		if (strcmp(x->file, y->file) != 0)
			differ |= EXPLAIN_DIFFER_FILE;
		if (x->line != y->line)
			differ |= EXPLAIN_DIFFER_LINE;
	}
	return differ;
}

/* Tells whether the name that another source gives is another symbol of the same address. An
 * address may have many symbols, and each is right. The dynamic linker's table may lack the proper
 * one. There any symbol at the same address will do. */
static bool is_alias(const struct explanation *e, const struct explain_answer *symbol,
		     const struct explain_answer *other, const char *name)
{
	const struct elfsym *symbols = e->query.module->symbols;
	const char *alias;

	if (symbol != &e->by[EXPLAIN_SYMBOLS])
		return false;
	if (symbol->entry == other->entry && !strcmp(elfsym_table(symbols), ".dynsym"))
		return true;
	for (size_t i = 0; i < ALIASES_MAX; i++) {
		alias = elfsym_alias(symbols, symbol->entry, i);
		if (!alias)
			return false;
		if (explain_same_func(alias, name))
			return true;
	}
	return false;
}

static uint32_t compare_answers(const struct explanation *e, const struct explain_answer *a,
				const struct explain_answer *b)
{
	const struct frame *x = &a->frames[a->n - 1], *y = &b->frames[b->n - 1];
	uint32_t differ = 0;

	if (*x->func && *y->func && !explain_same_func(x->func, y->func) &&
	    !is_alias(e, b, a, x->func))
		differ |= EXPLAIN_DIFFER_FUNC;
	if (a->entry && b->entry && a->entry != b->entry)
		differ |= EXPLAIN_DIFFER_ENTRY;
	return differ;
}

static void judge(struct explanation *e)
{
	static const enum explain_source order[] = {EXPLAIN_GOPCLNTAB, EXPLAIN_DWARF,
						    EXPLAIN_SYMBOLS};
	const struct explain_answer *go = &e->by[EXPLAIN_GOPCLNTAB], *dw = &e->by[EXPLAIN_DWARF];

	e->best = -1;
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		if (!e->by[order[i]].n)
			continue;
		if (e->best < 0)
			e->best = (int)order[i];
		else
			e->differ |= compare_answers(e, &e->by[e->best], &e->by[order[i]]);
	}
	if (go->n && dw->n)
		e->differ |= compare_frames(go, dw);
}

const char *explain_func(const struct explanation *e, const struct explain_answer *answer,
			 size_t frame)
{
	const struct explain_answer *symbols = &e->by[EXPLAIN_SYMBOLS];

	if (!*answer->frames[frame].func && !answer->frames[frame].inlined && symbols->n)
		return symbols->frames[0].func;
	return answer->frames[frame].func;
}

void explain_differ_text(uint32_t differ, struct buf *to)
{
	static const char *const names[] = {"function", "entry", "inlining", "file", "line"};
	size_t from = to->len;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!(differ & 1u << i))
			continue;
		if (to->len > from)
			buf_str(to, ", ");
		buf_str(to, names[i]);
	}
}

/* ---- a batch ---- */

static bool ask_first(struct explain *explain, size_t index)
{
	struct explanation *e = &explain->list.data[index];
	uint32_t sources = explain->sources;

	if (!e->query.module)
		return true;
	explain->padding = false;
	for (enum explain_source source = 0; source < EXPLAIN_DWARF; source++)
		if (sources & EXPLAIN_BIT(source) && !ask(explain, index, source))
			return false;
	if (!e->by[EXPLAIN_GOPCLNTAB].n && !explain->padding)
		sources |= explain->fallback;
	return !(sources & EXPLAIN_BIT(EXPLAIN_DWARF)) || ask(explain, index, EXPLAIN_DWARF);
}

static void finish_one(struct explain *explain, size_t index)
{
	struct explanation *e = &explain->list.data[index];
	struct image_section section;

	for (size_t i = 0; i < EXPLAIN_SOURCES; i++)
		if (e->by[i].n)
			e->by[i].frames = explain->frames.data +
					  explain->first.data[index * EXPLAIN_SOURCES + i];
	judge(e);
	e->section = "";
	if (e->best < 0 && e->query.module &&
	    image_section_at(e->query.module->image, e->query.pc, &section))
		e->section = section.name;
}

static int compare_sorted(const void *a, const void *b)
{
	const struct sorted_query *x = a, *y = b;

	if (x->module != y->module)
		return (uintptr_t)x->module < (uintptr_t)y->module ? -1 : 1;
	return x->pc < y->pc ? -1 : x->pc > y->pc;
}

/* Sorts the queries by address, so that the tables are read from beginning to end. For 100,000
 * addresses this takes a quarter less time, and nearly half with debug information. Equal
 * addresses, which are common in logs, are looked up once. */
static void sort_turns(struct explain *explain, const struct explain_query *queries, size_t n)
{
	bool sorted = true;

	for (size_t i = 0; i < n; i++) {
		struct sorted_query *query = &explain->sorted.data[i];

		*query = (struct sorted_query){queries[i].module, queries[i].pc, (uint32_t)i};
		sorted = sorted && (!i || compare_sorted(query - 1, query) <= 0);
	}
	if (!sorted)
		qsort(explain->sorted.data, n, sizeof(struct sorted_query), compare_sorted);
}

static bool is_repeated(const struct sorted_query *query, size_t i)
{
	return i && query->module && compare_sorted(query - 1, query) == 0;
}

struct error *explain(struct explain *explain, const struct explain_query *queries, size_t n,
		      const struct explanation **ret)
{
	explain->list.len = explain->frames.len = 0;
	if (!vec_reserve(&explain->list, n) || !vec_reserve(&explain->sorted, n) ||
	    !vec_reserve(&explain->first, n * EXPLAIN_SOURCES))
		return error_nomem();
	explain->deadline = deadline_in(PATIENCE_S);
	sort_turns(explain, queries, n);
	for (size_t i = 0; i < n; i++) {
		const struct sorted_query *query = &explain->sorted.data[i];

		explain->list.data[query->index] =
			(struct explanation){.query = queries[query->index]};
		if (!is_repeated(query, i) && !ask_first(explain, query->index))
			return error_nomem();
	}
	explain->list.len = n;
	for (size_t i = 0; i < n; i++) {
		struct explain_module *module = queries[i].module;

		if (module && module->pcs.len && !ask_child(explain, module))
			return error_nomem();
	}
	for (size_t i = 0; i < n; i++) {
		const struct sorted_query *query = &explain->sorted.data[i];
		struct explanation *e = &explain->list.data[query->index];

		if (is_repeated(query, i)) {
			*e = explain->list.data[query[-1].index];
			e->query = queries[query->index];
		} else {
			finish_one(explain, query->index);
		}
	}
	*ret = explain->list.data;
	return NULL;
}
