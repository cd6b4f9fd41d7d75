#include "goprog.h"
#include "base/buf.h"

#include <assert.h>
#include <elf.h>
#include <stddef.h>

#define FUNC_ALIGN 32

/* ---- bytes ---- */

static uint64_t here(const struct goprog *p)
{
	return p->fake.base + p->fake.file.len;
}

static void put(struct goprog *p, const void *bytes, size_t size)
{
	buf_put(&p->fake.file, bytes, size);
	assert(!p->fake.file.bad);
}

static void put_u8(struct goprog *p, uint8_t value)
{
	put(p, &value, 1);
}

static void put_u32(struct goprog *p, uint32_t value)
{
	put(p, &value, 4);
}

static void put_u64(struct goprog *p, uint64_t value)
{
	put(p, &value, 8);
}

static void put_slice(struct goprog *p, uint64_t at, uint64_t len)
{
	put_u64(p, at);
	put_u64(p, len);
	put_u64(p, len);
}

static void put_align(struct goprog *p, char fill, size_t align)
{
	buf_pad(&p->fake.file, fill, -p->fake.file.len & (align - 1));
	assert(!p->fake.file.bad);
}

static void put_uvarint(struct goprog *p, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		put_u8(p, (uint8_t)(value | 0x80));
	put_u8(p, (uint8_t)value);
}

static uint64_t peek_u64(const struct goprog *p, uint64_t addr)
{
	uint64_t value;

	memcpy(&value, p->fake.file.data + (addr - p->fake.base), sizeof(value));
	return value;
}

/* Appends a copy of the bytes at [addr, addr + size). */
static void put_copy(struct goprog *p, uint64_t addr, uint64_t size)
{
	bool room = buf_grow(&p->fake.file, size);

	assert(room);
	(void)room;
	put(p, p->fake.file.data + (addr - p->fake.base), size);
}

/* ---- types ---- */

static uint32_t put_name(struct goprog *p, const char *text)
{
	uint64_t at = here(p);

	if (!text)
		return 0;
	put_u8(p, 1);
	put_uvarint(p, strlen(text));
	put(p, text, strlen(text));
	return (uint32_t)(at - p->fake.types);
}

static void put_kind_part(struct goprog *p, const struct goprog_type *t, const uint32_t names[])
{
	switch (t->kind) {
	case GOTYPE_ARRAY:
		put_u64(p, t->elem);
		put_u64(p, 0);
		put_u64(p, t->len);
		break;
	case GOTYPE_CHAN:
		put_u64(p, t->elem);
		put_u64(p, 3);
		break;
	case GOTYPE_POINTER:
	case GOTYPE_SLICE: put_u64(p, t->elem); break;
	case GOTYPE_MAP:
		put_u64(p, t->key);
		put_u64(p, t->elem);
		buf_pad(&p->fake.file, '\0', 9 * 8);
		break;
	case GOTYPE_INTERFACE:
		put_u64(p, 0);
		put_slice(p, 0, t->methods);
		break;
	case GOTYPE_STRUCT:
		put_u64(p, 0);
		put_slice(p, here(p) + 24, t->nfields);
		for (uint64_t i = 0; t->fields && i < t->nfields; i++) {
			put_u64(p, p->fake.types + names[i]);
			put_u64(p, t->fields[i].type);
			put_u64(p, t->fields[i].offset);
		}
		break;
	default: break;
	}
}

static uint8_t type_align(const struct goprog_type *t)
{
	for (uint8_t align = 8; align > 1; align /= 2)
		if (t->size % align == 0)
			return align;
	return 1;
}

uint64_t goprog_type(struct goprog *p, const struct goprog_type *t)
{
	uint32_t name = put_name(p, t->name), field_names[32] = {0};
	bool tflag_direct = t->direct && p->minor >= 26;
	bool kind_direct = t->direct && p->minor < 26;
	uint64_t at;

	assert(!p->etypes); /* types come before functions */
	for (uint64_t i = 0; t->fields && i < t->nfields; i++)
		field_names[i] = put_name(p, t->fields[i].name);
	put_align(p, '\0', 8);
	at = here(p);
	put_u64(p, t->size);
	put_u64(p, t->ptr_bytes);
	put_u32(p, (uint32_t)at);
	put_u8(p, (t->named ? 4 : 0) | (tflag_direct ? 32 : 0));
	put_u8(p, type_align(t));
	put_u8(p, type_align(t));
	put_u8(p, (uint8_t)t->kind | (kind_direct ? 32 : 0));
	put_u64(p, t->incomparable ? 0 : p->fake.types);
	put_u64(p, t->ptr_bytes ? p->fake.types : 0);
	put_u32(p, name);
	put_u32(p, 0);
	put_kind_part(p, t, field_names);
	return at;
}

uint64_t goprog_scalar(struct goprog *p, enum gotype_kind kind)
{
	static const struct {
		const char *name;
		uint8_t size, ptr_bytes;
	} kinds[] = {
		[GOTYPE_BOOL] = {"bool", 1, 0},
		[GOTYPE_INT] = {"int", 8, 0},
		[GOTYPE_INT8] = {"int8", 1, 0},
		[GOTYPE_INT16] = {"int16", 2, 0},
		[GOTYPE_INT32] = {"int32", 4, 0},
		[GOTYPE_INT64] = {"int64", 8, 0},
		[GOTYPE_UINT] = {"uint", 8, 0},
		[GOTYPE_UINT8] = {"uint8", 1, 0},
		[GOTYPE_UINT16] = {"uint16", 2, 0},
		[GOTYPE_UINT32] = {"uint32", 4, 0},
		[GOTYPE_UINT64] = {"uint64", 8, 0},
		[GOTYPE_UINTPTR] = {"uintptr", 8, 0},
		[GOTYPE_FLOAT32] = {"float32", 4, 0},
		[GOTYPE_FLOAT64] = {"float64", 8, 0},
		[GOTYPE_COMPLEX64] = {"complex64", 8, 0},
		[GOTYPE_COMPLEX128] = {"complex128", 16, 0},
		[GOTYPE_CHAN] = {"chan int", 8, 8},
		[GOTYPE_POINTER] = {"*int", 8, 8},
		[GOTYPE_STRING] = {"string", 16, 8},
		[GOTYPE_UNSAFE_POINTER] = {"unsafe.Pointer", 8, 8},
	};
	struct goprog_type type = {
		.name = kinds[kind].name,
		.kind = kind,
		.size = kinds[kind].size,
		.ptr_bytes = kinds[kind].ptr_bytes,
		.named = kind != GOTYPE_CHAN && kind != GOTYPE_POINTER,
		.direct = kinds[kind].ptr_bytes && kind != GOTYPE_STRING,
		.elem = kind == GOTYPE_CHAN || kind == GOTYPE_POINTER ? p->fake.type_int : 0,
	};

	return goprog_type(p, &type);
}

uint64_t goprog_eface(struct goprog *p)
{
	return goprog_type(p, &(struct goprog_type){.name = "interface {}",
						    .kind = GOTYPE_INTERFACE,
						    .size = 16,
						    .ptr_bytes = 16});
}

uint64_t goprog_iface(struct goprog *p)
{
	return goprog_type(p, &(struct goprog_type){.name = "fmt.Stringer",
						    .kind = GOTYPE_INTERFACE,
						    .size = 16,
						    .ptr_bytes = 16,
						    .named = true,
						    .methods = 1});
}

uint64_t goprog_array(struct goprog *p, const char *name, uint64_t elem, uint64_t elem_size,
		      uint64_t len, uint64_t ptr_bytes)
{
	return goprog_type(p, &(struct goprog_type){.name = name,
						    .kind = GOTYPE_ARRAY,
						    .size = elem_size * len,
						    .ptr_bytes = ptr_bytes,
						    .elem = elem,
						    .len = len});
}

uint64_t goprog_map(struct goprog *p, const char *name, uint64_t key)
{
	return goprog_type(p, &(struct goprog_type){.name = name,
						    .kind = GOTYPE_MAP,
						    .size = 8,
						    .ptr_bytes = 8,
						    .direct = true,
						    .incomparable = true,
						    .key = key,
						    .elem = p->fake.type_int});
}

/* ---- functions ---- */

uint64_t goprog_func(struct goprog *p, const struct goprog_func *func)
{
	struct goprog_row row = {.name = func->name,
				 .line = func->line,
				 .func_id = func->func_id,
				 .sp = func->sp,
				 .inlined = func->inlined};
	bool pushed;

	if (!p->etypes)
		p->etypes = here(p);
	put_align(p, '\xcc', FUNC_ALIGN);
	row.entry = here(p);
	pushed = vec_push(&p->rows, row);
	assert(pushed);
	(void)pushed;
	put(p, func->code, func->size);
	return row.entry;
}

uint8_t goprog_wrapper_id(const struct goprog *p)
{
	return p->minor < 22 ? 21 : p->minor < 25 ? 22 : 23;
}

/* ---- the tables ---- */

enum { TABLE_NAMES, TABLE_CU, TABLE_FILES, TABLE_PCTAB, TABLE_FUNCTAB, TABLES };

struct tables {
	uint64_t pclntab, old_rows, rows;
	uint64_t old[TABLES + 1]; /* where gofake's tables begin; the last: where they end */
	uint64_t start[TABLES + 1];
	uint64_t gofunc, end, etext;
};

static void find_old(const struct goprog *p, struct tables *t)
{
	uint64_t header = p->fake.pclntab;

	t->old_rows = peek_u64(p, header + 8);
	t->rows = t->old_rows + p->rows.len;
	for (unsigned i = 0; i < TABLES; i++)
		t->old[i] = header + peek_u64(p, header + 32 + 8 * i);
	t->old[TABLES] = t->old[TABLE_FUNCTAB] + peek_u64(p, p->fake.module + 104 + 8);
}

static uint32_t put_run(struct goprog *p, uint64_t pctab, const int32_t values[],
			const uint32_t ends[], size_t n)
{
	uint32_t offset = (uint32_t)(here(p) - pctab), pc = 0;
	int32_t value = -1;

	for (size_t i = 0; i < n; i++) {
		int32_t delta = values[i] - value;

		put_uvarint(p, (uint32_t)delta << 1 ^ (delta < 0 ? UINT32_MAX : 0)); /* zigzag */
		put_uvarint(p, ends[i] - pc);
		value = values[i];
		pc = ends[i];
	}
	put_u8(p, 0);
	return offset;
}

static uint32_t put_sp_run(struct goprog *p, uint64_t pctab, const struct goprog_sp *sp)
{
	int32_t values[16];
	uint32_t ends[16];
	size_t n = 0;

	for (; sp && sp[n].until; n++) {
		assert(n < 16);
		values[n] = sp[n].delta;
		ends[n] = sp[n].until;
	}
	return n ? put_run(p, pctab, values, ends, n) : 0;
}

struct record {
	uint32_t name, pcsp, pcln, pcfile;
	uint32_t inlined, tree; /* run and node array; 0: nothing is inlined */
	uint32_t inlined_names[GOPROG_INLINES];
};

/* gofake's own go:func.*: 8 bytes of filler, and an inline tree of two nodes */
#define GOFUNC_SIZE (8 + 2 * 20)
#define NODE_SIZE   16

static size_t count_inlined(const struct goprog_row *row)
{
	size_t n = 0;

	while (row->inlined && row->inlined[n].until)
		n++;
	assert(n <= GOPROG_INLINES);
	return n;
}

/* Writes the run for inlined code. Each piece has its own node: number k for piece k. */
static uint32_t put_inlined_run(struct goprog *p, uint64_t pctab, const struct goprog_row *row)
{
	int32_t values[GOPROG_INLINES];
	uint32_t ends[GOPROG_INLINES];
	size_t n = count_inlined(row);

	for (size_t i = 0; i < n; i++) {
		values[i] = row->inlined[i].name ? (int32_t)i : -1;
		ends[i] = row->inlined[i].until;
	}
	return n ? put_run(p, pctab, values, ends, n) : 0;
}

static void put_inlined_names(struct goprog *p, uint64_t names, const struct goprog_row *row,
			      struct record *record)
{
	for (size_t i = 0; i < count_inlined(row); i++) {
		const char *name = row->inlined[i].name ? row->inlined[i].name : "";

		record->inlined_names[i] = (uint32_t)(here(p) - names);
		put(p, name, strlen(name) + 1);
	}
}

static void put_trees(struct goprog *p, const struct record records[])
{
	for (size_t k = 0; k < p->rows.len; k++) {
		const struct goprog_row *row = &p->rows.data[k];

		for (size_t i = 0; i < count_inlined(row); i++) {
			put_u32(p, 0);
			put_u32(p, records[k].inlined_names[i]);
			put_u32(p, row->inlined[i].parent_pc);
			put_u32(p, 1); /* startLine */
		}
	}
}

static void put_record(struct goprog *p, const struct goprog_row *row, const struct record *r,
		       uint32_t entry)
{
	put_u32(p, entry);
	put_u32(p, r->name);
	put_u64(p, 0); /* args, deferreturn */
	put_u32(p, r->pcsp);
	put_u32(p, r->pcfile);
	put_u32(p, r->pcln);
	put_u32(p, r->inlined ? 3 : 0); /* npcdata */
	put_u32(p, 0);			/* cuOffset */
	if (p->minor >= 20)
		put_u32(p, 1); /* startLine */
	put_u32(p, row->func_id | (r->inlined ? 4u << 24 /* nfuncdata */ : 0));
	if (r->inlined) {
		put_u64(p, 0);
		put_u32(p, r->inlined);
		for (unsigned i = 0; i < 3; i++)
			put_u32(p, UINT32_MAX);
		put_u32(p, r->tree);
	}
}

/* Writes functab: first the rows, then gofake's whole table (its records are needed), then the new
 * records. */
static void put_functab(struct goprog *p, const struct tables *t, const struct record records[])
{
	uint64_t start = here(p), size = t->rows * 8 + 8;
	uint32_t shift = (uint32_t)size;

	for (uint64_t i = 0; i < t->old_rows; i++) {
		uint64_t row = peek_u64(p, t->old[TABLE_FUNCTAB] + 8 * i);

		put_u64(p, row + ((uint64_t)shift << 32));
	}
	for (size_t i = 0; i < p->rows.len; i++)
		put_u64(p, p->rows.data[i].entry - p->fake.text);
	put_u64(p, t->etext - p->fake.text);
	put_copy(p, t->old[TABLE_FUNCTAB], t->old[TABLES] - t->old[TABLE_FUNCTAB]);
	for (size_t i = 0; i < p->rows.len; i++) {
		const struct goprog_row *row = &p->rows.data[i];

		put_align(p, '\0', 4);
		gofake_poke_u32(&p->fake, start + 8 * (t->old_rows + i) + 4,
				(uint32_t)(here(p) - start));
		put_record(p, row, &records[i], (uint32_t)(row->entry - p->fake.text));
	}
}

static void put_tables(struct goprog *p, struct tables *t, struct record records[])
{
	uint32_t tree = GOFUNC_SIZE;

	for (unsigned i = TABLE_NAMES; i < TABLE_FUNCTAB; i++) {
		put_align(p, '\0', 8);
		t->start[i] = here(p);
		put_copy(p, t->old[i], t->old[i + 1] - t->old[i]);
		for (size_t k = 0; k < p->rows.len; k++) {
			const struct goprog_row *row = &p->rows.data[k];

			if (i == TABLE_NAMES) {
				records[k].name = (uint32_t)(here(p) - t->start[i]);
				put(p, row->name, strlen(row->name) + 1);
				put_inlined_names(p, t->start[i], row, &records[k]);
			} else if (i == TABLE_PCTAB) {
				records[k].pcsp = put_sp_run(p, t->start[i], row->sp);
				records[k].pcln = put_run(p, t->start[i], (int32_t *)&row->line,
							  &(uint32_t){0x10000}, 1);
				records[k].pcfile = put_run(p, t->start[i], &(int32_t){0},
							    &(uint32_t){0x10000}, 1);
				records[k].inlined = put_inlined_run(p, t->start[i], row);
				records[k].tree = tree;
				tree += (uint32_t)count_inlined(row) * NODE_SIZE;
			}
		}
	}
	put_align(p, '\0', 8);
	t->start[TABLE_FUNCTAB] = here(p);
	put_functab(p, t, records);
	t->start[TABLES] = here(p);
}

static void put_pclntab(struct goprog *p, struct tables *t)
{
	struct record records[64] = {0};

	assert(p->rows.len <= ARRAY_SIZE(records));
	put_align(p, '\0', 32);
	t->pclntab = here(p);
	put_copy(p, p->fake.pclntab, 72);
	gofake_poke_u64(&p->fake, t->pclntab + 8, t->rows);
	put_tables(p, t, records);
	for (unsigned i = 0; i < TABLES; i++)
		gofake_poke_u64(&p->fake, t->pclntab + 32 + 8 * i, t->start[i] - t->pclntab);
	t->gofunc = here(p);
	put_copy(p, p->fake.inline_tree - 8, GOFUNC_SIZE);
	put_trees(p, records);
	t->end = here(p);
	gofake_poke_u32(&p->fake, p->fake.pclntab, 0); /* so gofake's table no longer counts */
}

static void poke_slice(struct goprog *p, uint64_t addr, uint64_t at, uint64_t len)
{
	gofake_poke_u64(&p->fake, addr, at);
	gofake_poke_u64(&p->fake, addr + 8, len);
	gofake_poke_u64(&p->fake, addr + 16, len);
}

/* Writes a copy of gofake's moduledata with another table, text and types. gopcln_locate.c has the
 * offsets. */
static void put_moduledata(struct goprog *p, const struct tables *t)
{
	static const uint8_t slices[TABLES] = {8, 32, 56, 80, 104};
	struct gofake *fake = &p->fake;
	unsigned etypes = p->minor < 20 ? 288 : p->minor < 27 ? 304 : 312;
	unsigned gofunc = p->minor < 20 ? 304 : p->minor < 27 ? 320 : 344;
	uint64_t at;

	put_align(p, '\0', 32);
	at = here(p);
	put_copy(p, fake->module, 384);
	gofake_poke_u64(fake, at, t->pclntab);
	for (unsigned i = 0; i < TABLES; i++)
		poke_slice(p, at + slices[i], t->start[i], t->start[i + 1] - t->start[i]);
	gofake_poke_u64(fake, at + 168, t->etext);
	gofake_poke_u64(fake, at + 184, t->etext);
	gofake_poke_u64(fake, at + etypes, p->etypes);
	if (p->minor >= 27)
		gofake_poke_u64(fake, at + 304, p->etypes - fake->types);
	gofake_poke_u64(fake, at + gofunc, t->gofunc);
	if (p->minor >= 26)
		gofake_poke_u64(fake, at + gofunc + 8, t->end);
}

/* Stretches gofake's read-only segment, the second one, to the end of the file. Offset and address
 * differ by the same amount everywhere. */
static void stretch_segment(struct goprog *p)
{
	uint64_t header = p->fake.base + sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);
	uint64_t start = peek_u64(p, header + offsetof(Elf64_Phdr, p_vaddr));

	gofake_poke_u64(&p->fake, header + offsetof(Elf64_Phdr, p_filesz), here(p) - start);
	gofake_poke_u64(&p->fake, header + offsetof(Elf64_Phdr, p_memsz), here(p) - start);
}

/* Renames gofake's runtime.mapdelete, because a test may add its own. */
static void rename_mapdelete(struct goprog *p)
{
	uint64_t at = p->fake.names + 1 + sizeof("main.outer");

	assert(!memcmp(p->fake.file.data + (at - p->fake.base), "runtime.mapdelete", 17));
	gofake_poke(&p->fake, at, "runtime.mapassign", 17);
}

void goprog_begin(struct goprog *p, unsigned minor)
{
	bool built;

	*p = (struct goprog){.minor = minor};
	built = gofake_build(&(struct gofake_spec){.minor = minor}, &p->fake);
	assert(built);
	(void)built;
	rename_mapdelete(p);
}

static void must(struct error *err)
{
	assert(!err);
	(void)err;
}

void goprog_open(struct goprog *p)
{
	cleanup_close int fd = -1;
	struct tables t = {0};

	if (!p->etypes)
		p->etypes = here(p);
	put_align(p, '\xcc', FUNC_ALIGN);
	t.etext = here(p);
	find_old(p, &t);
	put_pclntab(p, &t);
	put_moduledata(p, &t);
	stretch_segment(p);
	fd = gofake_fd(p->fake.file.data, p->fake.file.len);
	must(image_open(fd, "prog", &p->image));
	must(gopcln_open(p->image, &p->tab));
	p->types = (struct gotypes){.tab = p->tab, .image = p->image};
}

void goprog_close(struct goprog *p)
{
	gopcln_close(p->tab);
	image_close(p->image);
	vec_fini(&p->rows);
	gofake_fini(&p->fake);
}
