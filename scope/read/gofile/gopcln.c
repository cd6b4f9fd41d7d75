/* Finds functions by address, by row and by name. The format is drawn in gopcln_priv.h. */
#include "read/gofile/gopcln_priv.h"
#include "base/reader.h"
#include "base/search.h"

struct error *gopcln_open(const struct image *image, struct gopcln **ret)
{
	cleanup(gopcln_close) struct gopcln *tab = calloc(1, sizeof(*tab));

	if (!tab)
		return error_nomem();
	tab->image = image;
	try(gopcln_locate(tab));
	gopcln_find_version(tab);
	*ret = take_ptr(tab);
	return NULL;
}

void gopcln_close(struct gopcln *tab)
{
	free(tab);
}

const char *gopcln_version(const struct gopcln *tab)
{
	return tab->version;
}

unsigned gopcln_minor(const struct gopcln *tab)
{
	return tab->minor;
}

bool gopcln_is_profiled(const struct gopcln *tab)
{
	return !tab->unprofiled;
}

const struct gopcln_module *gopcln_module(const struct gopcln *tab)
{
	return &tab->module;
}

size_t gopcln_func_count(const struct gopcln *tab)
{
	return tab->func_count;
}

/* ---- rows ---- */

/* Returns the offset in row `index`, which is at most func_count. The last row is the end mark.
 * module_tables() has checked that all rows lie inside functab. */
static uint32_t row_entry(const struct gopcln *tab, uint32_t index)
{
	return span_u32(tab->functab, (uint64_t)index * FUNCTAB_ROW_SIZE);
}

/* Reads a _func (Go: runtime/runtime2.go), which has 40 bytes in 1.18 and 1.19, and 44 since:
 *
 *      0 entryOff   4 nameOff   8 args     12 deferreturn   16 pcsp   20 pcfile   24 pcln
 *     28 npcdata   32 cuOffset  [36 startLine, 1.20 on]     funcID u8, flag u8, pad u8, nfuncdata
 * u8
 */
bool gopcln_record(const struct gopcln *tab, uint32_t index, struct func_record *ret)
{
	uint32_t offset = span_u32(tab->functab, (uint64_t)index * FUNCTAB_ROW_SIZE + 4);
	struct reader r = span_reader(tab->functab, offset);

	reader_skip(&r, 4);
	ret->name_off = reader_u32(&r);
	reader_skip(&r, 4);
	ret->deferreturn = reader_u32(&r);
	ret->pcsp = reader_u32(&r);
	ret->pcfile = reader_u32(&r);
	ret->pcln = reader_u32(&r);
	ret->npcdata = reader_u32(&r);
	ret->cu_offset = reader_u32(&r);
	if (!tab->go118)
		reader_skip(&r, 4);
	ret->func_id = reader_u8(&r);
	reader_skip(&r, 2);
	ret->nfuncdata = reader_u8(&r);
	ret->tail = (struct span){r.pos, (uint64_t)(r.end - r.pos)};
	return index < tab->func_count && !r.bad;
}

bool gopcln_func_get(const struct gopcln *tab, uint32_t index, struct gopcln_func *ret)
{
	struct func_record record;
	const char *name;

	if (index >= tab->func_count || !gopcln_record(tab, index, &record))
		return false;
	name = span_cstr(tab->names, record.name_off);
	if (!name || row_entry(tab, index) > row_entry(tab, index + 1))
		return false;
	*ret = (struct gopcln_func){
		.name = name,
		.entry = tab->module.text + row_entry(tab, index),
		.end = tab->module.text + row_entry(tab, index + 1),
		.func_id = record.func_id,
		.defers = record.deferreturn != 0,
		.index = index,
	};
	return true;
}

bool gopcln_func_at(const struct gopcln *tab, uint64_t addr, struct gopcln_func *ret)
{
	uint64_t offset = addr - tab->module.text;
	size_t behind;

	if (addr < tab->module.text || offset < row_entry(tab, 0) ||
	    offset >= row_entry(tab, tab->func_count))
		return false;
	behind = lower_bound(row, tab->func_count, row_entry(tab, (uint32_t)row) <= offset);
	return behind && gopcln_func_get(tab, (uint32_t)behind - 1, ret) && addr >= ret->entry &&
	       addr < ret->end;
}

/* ---- names ---- */

#define BEGINNINGS_MAX 16

struct wanted {
	const char *name;
	size_t len;   /* of name, or of the part before "[...]" */
	bool generic; /* name ends in "[...]" */
};

/* The first bytes of names, each once. Most names of a program begin like none that is wanted, and one
 * comparison with each tells this. */
struct beginnings {
	uint64_t words[BEGINNINGS_MAX];
	size_t n;
	bool any; /* a wanted name is shorter than a word, or there are too many */
};

/* A place in funcnametab that has a wanted name. */
struct name_hit {
	uint32_t offset;
	uint32_t wanted;
};

static void add_beginning(struct beginnings *beginnings, const struct wanted *wanted)
{
	uint64_t word;

	if (wanted->len < sizeof(word)) {
		beginnings->any = true;
		return;
	}
	memcpy(&word, wanted->name, sizeof(word));
	for (size_t i = 0; i < beginnings->n; i++)
		if (beginnings->words[i] == word)
			return;
	if (beginnings->n == BEGINNINGS_MAX)
		beginnings->any = true;
	else
		beginnings->words[beginnings->n++] = word;
}

/* Tells whether a name may be a wanted one, by its beginning. */
static bool may_match(const struct beginnings *beginnings, const char *name, size_t len)
{
	uint64_t word;

	if (beginnings->any)
		return true;
	if (len < sizeof(word))
		return false;
	memcpy(&word, name, sizeof(word));
	for (size_t i = 0; i < beginnings->n; i++)
		if (beginnings->words[i] == word)
			return true;
	return false;
}

/* Tells whether a name of the table is the wanted one. Up to Go 1.20 the linker writes "f[...]" for
 * every instance of a generic f. Later releases write out the instance, as in "f[go.shape.int]"
 * (Go: cmd/link/internal/ld/pcln.go). Both match. */
static bool name_matches(const struct wanted *wanted, const char *name, size_t len)
{
	bool fits = len == wanted->len;

	if (wanted->generic)
		fits = len > wanted->len + 1 && name[wanted->len] == '[' && name[len - 1] == ']';
	return fits && memcmp(name, wanted->name, wanted->len) == 0;
}

typedef VEC(struct name_hit) name_hits;

/* Finds the wanted names in one pass that touches the names only. The hits come out sorted by
 * offset. */
static void find_names(const struct gopcln *tab, const struct wanted wanted[], size_t n,
		       name_hits *hits)
{
	struct reader r = span_reader(tab->names, 0);
	struct beginnings beginnings = {0};
	const uint8_t *start = r.pos;
	const char *name;

	for (size_t i = 0; i < n; i++)
		add_beginning(&beginnings, &wanted[i]);
	while ((name = reader_cstr(&r))) {
		uint32_t offset = (uint32_t)((const uint8_t *)name - start);
		size_t len = (size_t)((const char *)r.pos - name) - 1;

		if (!may_match(&beginnings, name, len))
			continue;
		for (size_t i = 0; i < n; i++) {
			struct name_hit hit = {offset, (uint32_t)i};

			if (name_matches(&wanted[i], name, len) && !vec_push(hits, hit))
				return;
		}
	}
}

/* Takes the function in row `index` unless *ret is a better one. An assembly function that Go calls
 * has an ABI wrapper of the same name. The function itself is preferred to its wrapper. */
static void take_row(const struct gopcln *tab, uint32_t index, struct gopcln_func *ret)
{
	struct gopcln_func func;

	if (!gopcln_func_get(tab, index, &func))
		return;
	if (!ret->entry || (ret->func_id == tab->wrapper_id && func.func_id != tab->wrapper_id))
		*ret = func;
}

void gopcln_find(const struct gopcln *tab, const char *const names[], size_t n,
		 struct gopcln_func ret[])
{
	cleanup_free struct wanted *wanted = calloc(n, sizeof(*wanted));
	name_hits hits = {0};

	memset(ret, 0, n * sizeof(*ret));
	if (!wanted)
		return;
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(names[i]);

		wanted[i].name = names[i];
		wanted[i].generic = len > 5 && strcmp(names[i] + len - 5, "[...]") == 0;
		wanted[i].len = wanted[i].generic ? len - 5 : len;
	}
	find_names(tab, wanted, n, &hits);
	for (uint32_t row = 0; hits.len && row < tab->func_count; row++) {
		uint32_t offset = span_u32(tab->functab, (uint64_t)row * FUNCTAB_ROW_SIZE + 4);
		uint32_t name_off = span_u32(tab->functab, (uint64_t)offset + 4);
		size_t at = lower_bound(i, hits.len, hits.data[i].offset < name_off);

		for (; at < hits.len && hits.data[at].offset == name_off; at++)
			take_row(tab, row, &ret[hits.data[at].wanted]);
	}
	vec_fini(&hits);
	image_trim(tab->image);
}
