#include "gofake.h"
#include "base/frame.h"
#include "base/buf.h"

#include <assert.h>
#include <elf.h>
#include <stdio.h>
#include <sys/mman.h>

enum {
	PAGE = 0x1000,
	TEXT_SIZE = 0x200,
	FUNCS = 5,
	SEGMENTS = 4, /* text, rodata, data, relocations */
};

typedef VEC(uint64_t) addr_vec;

/* The writer. It holds the file as written so far. An address is base + the length at that
 * point. */
struct writer {
	const struct gofake_spec *spec;
	struct gofake *fake;
	struct buf *out;
	addr_vec pointers; /* addresses of pointers that need relocation */
	uint64_t segment_start[SEGMENTS], segment_end[SEGMENTS];
	uint64_t dynamic, dynamic_size;
	uint64_t buildinfo, section_offset;
	unsigned section_count;
};

/* ---- bytes ---- */

static uint64_t here(const struct writer *w)
{
	return w->fake->base + w->out->len;
}

static void put_u8(struct writer *w, uint8_t value)
{
	buf_put(w->out, &value, 1);
}

static void put_u16(struct writer *w, uint16_t value)
{
	buf_put(w->out, &value, 2);
}

static void put_u32(struct writer *w, uint32_t value)
{
	buf_put(w->out, &value, 4);
}

static void put_u64(struct writer *w, uint64_t value)
{
	buf_put(w->out, &value, 8);
}

static void put_ptr(struct writer *w, uint64_t value)
{
	if (w->spec->pie && value && !vec_push(&w->pointers, here(w)))
		w->out->bad = true;
	put_u64(w, value);
}

static void put_slice(struct writer *w, uint64_t at, uint64_t len)
{
	put_ptr(w, at);
	put_u64(w, len);
	put_u64(w, len);
}

static void put_align(struct writer *w, size_t align)
{
	buf_pad(w->out, '\0', -w->out->len & (align - 1));
}

static void put_uvarint(struct writer *w, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		put_u8(w, (uint8_t)(value | 0x80));
	put_u8(w, (uint8_t)value);
}

/* Appends a string with its NUL and returns its offset from `start`. */
static uint32_t put_cstr(struct writer *w, uint64_t start, const char *text)
{
	uint64_t at = here(w);

	buf_put(w->out, text, strlen(text) + 1);
	return (uint32_t)(at - start);
}

void gofake_poke(struct gofake *fake, uint64_t addr, const void *bytes, size_t size)
{
	assert(addr >= fake->base && addr - fake->base + size <= fake->file.len);
	memcpy(fake->file.data + (addr - fake->base), bytes, size);
}

void gofake_poke_u64(struct gofake *fake, uint64_t addr, uint64_t value)
{
	gofake_poke(fake, addr, &value, sizeof(value));
}

void gofake_poke_u32(struct gofake *fake, uint64_t addr, uint32_t value)
{
	gofake_poke(fake, addr, &value, sizeof(value));
}

/* ---- types ---- */

struct type_spec {
	uint64_t size, ptr_bytes;
	uint8_t kind, align, tflag;
	uint32_t name;
	bool direct;
	bool incomparable;
};

static uint32_t put_name(struct writer *w, const char *text)
{
	uint64_t at = here(w);

	put_u8(w, 1);
	put_uvarint(w, strlen(text));
	buf_str(w->out, text);
	return (uint32_t)(at - w->fake->types);
}

/* Writes the 48 bytes of abi.Type. The caller writes the part that depends on the kind. */
static uint64_t put_type(struct writer *w, const struct type_spec *t)
{
	bool tflag_direct = t->direct && w->spec->minor >= 26;
	bool kind_direct = t->direct && w->spec->minor < 26;
	uint64_t at;

	put_align(w, 8);
	at = here(w);
	put_u64(w, t->size);
	put_u64(w, t->ptr_bytes);
	put_u32(w, (uint32_t)at);
	put_u8(w, t->tflag | (tflag_direct ? 32 : 0));
	put_u8(w, t->align);
	put_u8(w, t->align);
	put_u8(w, t->kind | (kind_direct ? 32 : 0));
	put_ptr(w, t->incomparable ? 0 : w->fake->types);
	put_ptr(w, t->ptr_bytes ? w->fake->types : 0);
	put_u32(w, t->name);
	put_u32(w, 0);
	return at;
}

static uint64_t put_map_type(struct writer *w, uint32_t name, uint8_t tflag, uint64_t bucket)
{
	struct type_spec spec = {8, 8, GOTYPE_MAP, 8, tflag, name, true, true};
	uint64_t at = put_type(w, &spec);

	put_ptr(w, w->fake->type_string);
	put_ptr(w, w->fake->type_int);
	put_ptr(w, bucket);
	put_ptr(w, w->fake->types); /* hasher */
	for (unsigned i = 0; i < 9; i++)
		put_u64(w, 0);
	return at;
}

/* Returns the offset of the uncommon part of a map type. */
static uint64_t map_type_size(const struct writer *w)
{
	return w->spec->minor >= 27 ? 136 : w->spec->minor >= 24 ? 112 : 88;
}

/* Writes main.pair, which is struct { a int; b string }. Before Go 1.19 an offset is stored shifted
 * by one. */
static void put_pair_type(struct writer *w, uint32_t name, uint32_t field_a, uint32_t field_b,
			  uint32_t path)
{
	struct type_spec spec = {24, 16, GOTYPE_STRUCT, 8, 4, name, false, false};
	struct gofake *fake = w->fake;

	fake->type_pair = put_type(w, &spec);
	put_ptr(w, 0);
	put_slice(w, here(w) + 24 + 16, 2);
	put_u64(w, path); /* the uncommon part */
	put_u64(w, 0);
	put_ptr(w, fake->types + field_a);
	put_ptr(w, fake->type_int);
	put_u64(w, 0);
	put_ptr(w, fake->types + field_b);
	put_ptr(w, fake->type_string);
	put_u64(w, w->spec->minor < 19 ? 8 << 1 : 8);
}

static void put_types(struct writer *w)
{
	struct gofake *fake = w->fake;
	uint32_t name_int, name_string, name_pair, name_map, name_registry, name_slice, name_array,
		name_chan, name_eface, field_a, field_b, path;

	fake->types = here(w);
	put_u64(w, 0); /* offset 0 is no name */
	name_int = put_name(w, "int");
	name_string = put_name(w, "*string");
	name_pair = put_name(w, "*main.pair");
	name_map = put_name(w, "map[string]int");
	name_registry = put_name(w, "main.registry");
	name_slice = put_name(w, "[]int");
	name_array = put_name(w, "[3]int");
	name_chan = put_name(w, "chan int");
	name_eface = put_name(w, "interface {}");
	field_a = put_name(w, "a");
	field_b = put_name(w, "b");
	path = put_name(w, "example.com/shop/main");

	fake->type_int =
		put_type(w, &(struct type_spec){8, 0, GOTYPE_INT, 8, 4, name_int, false, false});
	/* 2: the leading star is not part of the name */
	fake->type_string = put_type(
		w, &(struct type_spec){16, 8, GOTYPE_STRING, 8, 4 | 2, name_string, false, false});
	put_pair_type(w, name_pair, field_a, field_b, path);
	gofake_poke(fake, fake->type_pair + 20, &(uint8_t){4 | 2 | 1}, 1);
	fake->type_map = put_map_type(w, name_map, 0, fake->type_pair);
	fake->type_registry = put_map_type(w, name_registry, 4 | 1, fake->type_pair);
	gofake_poke(fake, fake->type_registry + map_type_size(w), &path, sizeof(path));
	fake->type_slice = put_type(
		w, &(struct type_spec){24, 8, GOTYPE_SLICE, 8, 0, name_slice, false, true});
	put_ptr(w, fake->type_int);
	fake->type_array = put_type(
		w, &(struct type_spec){24, 0, GOTYPE_ARRAY, 8, 0, name_array, false, false});
	put_ptr(w, fake->type_int);
	put_ptr(w, fake->type_slice);
	put_u64(w, 3);
	fake->type_chan =
		put_type(w, &(struct type_spec){8, 8, GOTYPE_CHAN, 8, 0, name_chan, true, false});
	put_ptr(w, fake->type_int);
	put_u64(w, 3);
	fake->type_eface = put_type(
		w, &(struct type_spec){16, 16, GOTYPE_INTERFACE, 8, 0, name_eface, false, false});
	put_ptr(w, 0);
	put_slice(w, 0, 0);
	fake->type_pointer = put_type(
		w, &(struct type_spec){8, 8, GOTYPE_POINTER, 8, 0, name_pair, true, false});
	put_ptr(w, fake->type_pair);
	fake->etypes = here(w);
}

/* ---- gopclntab ---- */

/* Writes a run of pctab: `values` are valid up to `ends`, which are offsets from the function's
 * entry. */
static uint32_t put_run(struct writer *w, const int32_t values[], const uint32_t ends[], size_t n)
{
	uint32_t offset = (uint32_t)(here(w) - w->fake->pctab), quantum = w->spec->arm64 ? 4 : 1;
	int32_t value = -1;
	uint32_t pc = 0;

	for (size_t i = 0; i < n; i++) {
		int32_t delta = values[i] - value;

		put_uvarint(w, (uint32_t)delta << 1 ^ (delta < 0 ? UINT32_MAX : 0)); /* zigzag */
		put_uvarint(w, (ends[i] - pc) / quantum);
		value = values[i];
		pc = ends[i];
	}
	put_u8(w, 0);
	return offset;
}

struct func_spec {
	uint32_t entry, name;
	uint8_t func_id;
	uint32_t pcsp, pcfile, pcln, inline_run; /* inline_run 0: no inlining */
};

static uint64_t put_func(struct writer *w, const struct func_spec *f)
{
	uint64_t at;

	put_align(w, 4);
	at = here(w);
	put_u32(w, f->entry);
	put_u32(w, f->name);
	put_u64(w, 0); /* args, deferreturn */
	put_u32(w, f->pcsp);
	put_u32(w, f->pcfile);
	put_u32(w, f->pcln);
	put_u32(w, f->inline_run ? 3 : 0); /* npcdata */
	put_u32(w, 0);			   /* cuOffset */
	if (w->spec->minor >= 20)
		put_u32(w, 1); /* startLine */
	put_u8(w, f->func_id);
	put_u16(w, 0);
	put_u8(w, f->inline_run ? 4 : 0); /* nfuncdata */
	if (f->inline_run) {
		put_u64(w, 0);
		put_u32(w, f->inline_run);
		for (unsigned i = 0; i < 3; i++)
			put_u32(w, UINT32_MAX);
		put_u32(w, 8); /* the inline tree, from go:func.* */
	}
	return at;
}

struct inline_names {
	uint32_t inl1, inl2;
};

/* Writes go:func.*: 8 bytes of filler, then main.outer's inline tree. */
static uint64_t put_gofunc(struct writer *w, const struct inline_names *names)
{
	uint64_t gofunc;

	put_align(w, 8);
	gofunc = here(w);
	put_u64(w, 0);
	w->fake->inline_tree = here(w);
	for (unsigned i = 0; i < 2; i++) {
		uint32_t name = i ? names->inl2 : names->inl1, parent_pc = i ? 0x4c : 0x3c;

		if (w->spec->minor < 20) {
			put_u16(w, i ? 0 : UINT16_MAX); /* parent */
			put_u16(w, 0);
			put_u32(w, i);		  /* file of the call */
			put_u32(w, i ? 106 : 12); /* line of the call */
			put_u32(w, name);
			put_u32(w, parent_pc);
		} else {
			put_u32(w, 0);
			put_u32(w, name);
			put_u32(w, parent_pc);
			put_u32(w, 100);
		}
	}
	return gofunc;
}

static uint8_t wrapper_id(const struct gofake_spec *spec)
{
	return spec->minor < 22 ? 21 : spec->minor < 25 ? 22 : 23;
}

static void put_names(struct writer *w, struct func_spec funcs[FUNCS], struct inline_names *inlined)
{
	uint64_t start = w->fake->names = here(w);

	put_u8(w, 0);
	funcs[0] = (struct func_spec){.entry = 0, .name = put_cstr(w, start, "main.outer")};
	funcs[1] = (struct func_spec){.entry = 0x100,
				      .name = put_cstr(w, start, "runtime.mapdelete"),
				      .func_id = wrapper_id(w->spec)};
	funcs[2] = (struct func_spec){.entry = 0x140, .name = funcs[1].name};
	funcs[3] = (struct func_spec){.entry = 0x180,
				      .name = put_cstr(w, start,
						       w->spec->minor < 21
							       ? "main.generic[...]"
							       : "main.generic[go.shape.int]")};
	funcs[4] = (struct func_spec){
		.entry = 0x1c0,
		.name = put_cstr(w, start,
				 w->spec->minor < 20 ? "type..eq.main.pair" : "type:.eq.main.pair"),
		.func_id = wrapper_id(w->spec)};
	inlined->inl1 = put_cstr(w, start, "main.inl1");
	inlined->inl2 = put_cstr(w, start, "main.inl2");
}

static void put_pctab(struct writer *w, struct func_spec funcs[FUNCS])
{
	w->fake->pctab = here(w);
	put_u8(w, 0); /* offset 0: no table */
	funcs[0].pcsp =
		put_run(w, (int32_t[]){0, 8, 64, 0}, (uint32_t[]){0x10, 0x14, 0xf0, 0x100}, 4);
	funcs[0].pcfile = put_run(w, (int32_t[]){0, 1, 0}, (uint32_t[]){0x40, 0x60, 0x100}, 3);
	funcs[0].pcln = put_run(w, (int32_t[]){10, 12, 105, 106, 207, 20},
				(uint32_t[]){0x3c, 0x40, 0x4c, 0x50, 0x60, 0x100}, 6);
	funcs[0].inline_run =
		put_run(w, (int32_t[]){-1, 0, 1, -1}, (uint32_t[]){0x40, 0x50, 0x60, 0x100}, 4);
	for (size_t i = 1; i < FUNCS; i++)
		funcs[i].pcln = put_run(w, (int32_t[]){(int32_t)i}, (uint32_t[]){0x40}, 1);
}

static void put_functab(struct writer *w, const struct func_spec funcs[FUNCS])
{
	uint64_t start = w->fake->functab = here(w);
	uint64_t rows[FUNCS];

	for (size_t i = 0; i < FUNCS; i++)
		put_u64(w, funcs[i].entry);
	put_u32(w, TEXT_SIZE);
	for (size_t i = 0; i < FUNCS; i++) {
		rows[i] = put_func(w, &funcs[i]);
		gofake_poke_u32(w->fake, start + 8 * i + 4, (uint32_t)(rows[i] - start));
	}
	w->fake->outer_record = rows[0];
}

struct tables {
	uint64_t start[5], functab_end, gofunc, end;
};

static void put_pclntab(struct writer *w, struct tables *t)
{
	struct func_spec funcs[FUNCS];
	struct inline_names inlined;
	struct gofake *fake = w->fake;

	put_align(w, 32);
	fake->pclntab = here(w);
	put_u32(w, w->spec->minor < 20 ? 0xfffffff0 : 0xfffffff1);
	put_u16(w, 0);
	put_u8(w, w->spec->arm64 ? 4 : 1);
	put_u8(w, 8);
	put_u64(w, FUNCS);
	put_u64(w, 2);
	put_ptr(w, w->spec->minor < 26 ? fake->text : 0);
	buf_pad(w->out, '\0', 5 * 8);
	put_align(w, w->spec->minor < 26 ? 32 : 8);
	put_names(w, funcs, &inlined);
	put_align(w, 8);
	t->start[0] = fake->names;
	t->start[1] = here(w);
	put_u32(w, 0);
	put_u32(w, (uint32_t)strlen("/src/main.go") + 1);
	t->start[2] = here(w);
	put_cstr(w, t->start[2], "/src/main.go");
	put_cstr(w, t->start[2], "/src/lib.go");
	put_align(w, 8);
	put_pctab(w, funcs);
	put_align(w, 8);
	put_functab(w, funcs);
	t->start[3] = fake->pctab;
	t->start[4] = fake->functab;
	t->functab_end = here(w);
	t->gofunc = put_gofunc(w, &inlined); /* inside the table since 1.26, after it before */
	t->end = here(w);
	for (size_t i = 0; i < 5; i++)
		gofake_poke_u64(fake, fake->pclntab + 32 + 8 * i, t->start[i] - fake->pclntab);
}

/* ---- data ---- */

static void put_moduledata(struct writer *w, const struct tables *t)
{
	struct gofake *fake = w->fake;
	unsigned minor = w->spec->minor;

	put_align(w, 32);
	fake->module = here(w);
	put_ptr(w, fake->pclntab);
	for (size_t i = 0; i < 4; i++)
		put_slice(w, t->start[i], t->start[i + 1] - t->start[i]);
	put_slice(w, fake->functab, t->functab_end - fake->functab);
	put_slice(w, fake->functab, FUNCS + 1);
	put_ptr(w, fake->types); /* findfunctab */
	put_ptr(w, fake->text);
	put_ptr(w, fake->text + TEXT_SIZE);
	put_ptr(w, fake->text);
	put_ptr(w, fake->text + TEXT_SIZE);
	/* noptrdata, data, bss, noptrbss, then covctrs since 1.20 */
	for (unsigned i = 0; i < (minor < 20 ? 8u : 10u); i++)
		put_ptr(w, fake->module + 8 * i);
	put_ptr(w, fake->module + PAGE); /* end, gcdata, gcbss */
	put_ptr(w, fake->types);
	put_ptr(w, fake->types);
	put_ptr(w, fake->types);
	if (minor >= 27)
		put_u64(w, fake->etypes - fake->types);
	put_ptr(w, fake->etypes);
	if (minor >= 27) {
		put_u64(w, 0);
		put_u64(w, 0);
	}
	put_ptr(w, fake->types);
	put_ptr(w, t->gofunc);
	if (minor >= 26)
		put_ptr(w, t->end);
	buf_pad(w->out, '\0', 256);
}

static void put_version(struct writer *w)
{
	char version[32];

	snprintf(version, sizeof(version), "go1.%u.5", w->spec->minor);
	if (w->spec->no_version)
		return;
	if (w->spec->no_buildinfo) {
		put_align(w, 8);
		put_ptr(w, here(w) + 16);
		put_u64(w, strlen(version));
		w->fake->version_text = here(w);
		buf_str(w->out, version);
		buf_str(w->out, "gopher");
		return;
	}
	put_align(w, 16);
	w->buildinfo = here(w);
	buf_put(w->out, "\xff Go buildinf:\x08\x02", 16);
	buf_pad(w->out, '\0', 16);
	put_u8(w, (uint8_t)strlen(version));
	w->fake->version_text = here(w);
	buf_str(w->out, version);
	put_u8(w, 0);
}

/* ---- ELF ---- */

static void segment_begin(struct writer *w, unsigned segment)
{
	put_align(w, PAGE);
	w->segment_start[segment] = here(w);
}

static void segment_end(struct writer *w, unsigned segment)
{
	w->segment_end[segment] = here(w);
}

/* Writes a symbol table with one symbol, at the beginning of the text. Returns its address. */
static uint64_t put_dynsym(struct writer *w)
{
	Elf64_Sym symbols[2] = {
		[1] = {.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
		       .st_shndx = 1,
		       .st_value = w->fake->text},
	};
	uint64_t table = here(w);

	buf_put(w->out, symbols, sizeof(symbols));
	w->fake->dynsym = table + sizeof(symbols[0]);
	return table;
}

/* Writes a RELA entry for the pointer at `at` to `value`. */
static void put_rela(struct writer *w, uint64_t at, uint64_t value)
{
	uint32_t relative = w->spec->arm64 ? R_AARCH64_RELATIVE : R_X86_64_RELATIVE;
	uint32_t absolute = w->spec->arm64 ? R_AARCH64_ABS64 : R_X86_64_64;

	put_u64(w, at);
	if (w->spec->symbolic) {
		put_u64(w, ELF64_R_INFO(1, absolute));
		put_u64(w, value - w->fake->text);
	} else {
		put_u64(w, relative);
		put_u64(w, value);
	}
}

/* Writes the relocations: RELA entries for every pointer, whose word becomes 0, and the dynamic
 * array that leads to them. */
static void put_relocations(struct writer *w)
{
	struct gofake *fake = w->fake;
	uint64_t size = w->pointers.len * sizeof(Elf64_Rela), symbols;

	segment_begin(w, 3);
	symbols = w->spec->symbolic ? put_dynsym(w) : 0;
	fake->rela = here(w);
	for (size_t i = 0; i < w->pointers.len; i++) {
		uint64_t at = w->pointers.data[i], value = 0;

		memcpy(&value, w->out->data + (at - fake->base), w->out->bad ? 0 : 8);
		put_rela(w, at, value);
		if (!w->out->bad)
			gofake_poke_u64(fake, at, 0);
	}
	w->dynamic = here(w);
	put_u64(w, DT_RELA);
	put_u64(w, fake->rela);
	put_u64(w, DT_RELASZ);
	put_u64(w, size);
	put_u64(w, symbols ? DT_SYMTAB : DT_DEBUG);
	put_u64(w, symbols);
	put_u64(w, DT_NULL);
	put_u64(w, 0);
	w->dynamic_size = here(w) - w->dynamic;
	segment_end(w, 3);
}

struct section_spec {
	const char *name;
	uint32_t type, link;
	uint64_t addr, offset, size;
};

static void put_sections(struct writer *w, const struct tables *t)
{
	struct gofake *fake = w->fake;
	struct section_spec specs[8] = {
		{"", SHT_NULL, 0, 0, 0, 0},
		{".text", SHT_PROGBITS, 0, fake->text, 0, TEXT_SIZE},
		{".gopclntab", SHT_PROGBITS, 0, fake->pclntab, 0, t->end - fake->pclntab},
		{w->spec->minor >= 26 ? ".go.module" : ".noptrdata", SHT_PROGBITS, 0, fake->module,
		 0, 512},
		{".go.buildinfo", SHT_PROGBITS, 0, w->buildinfo, 0, 64},
		{".symtab", SHT_SYMTAB, 6, 0, 0, 3 * sizeof(Elf64_Sym)},
		{".strtab", SHT_STRTAB, 0, 0, 0, 0},
		{".shstrtab", SHT_STRTAB, 0, 0, 0, 0},
	};
	uint32_t names[8];

	specs[5].offset = here(w) - fake->base;
	for (unsigned i = 0; i < 3; i++) {
		Elf64_Sym symbol = {
			.st_name = i == 1 ? 1 : 12,
			.st_shndx = i ? 1 : SHN_UNDEF,
			.st_value = fake->text + (i == 2 ? 0x100 : 0),
			.st_size = 0x100,
		};

		buf_put(w->out, &symbol, sizeof(symbol));
	}
	specs[6].offset = here(w) - fake->base;
	specs[6].size = sizeof("\0main.outer\0last");
	buf_put(w->out, "\0main.outer\0last", specs[6].size);
	specs[7].offset = here(w) - fake->base;
	for (unsigned i = 0; i < 8; i++)
		names[i] = put_cstr(w, specs[7].offset + fake->base, specs[i].name);
	specs[7].size = here(w) - fake->base - specs[7].offset;
	put_align(w, 8);
	w->section_offset = here(w) - fake->base;
	w->section_count = 8;
	for (unsigned i = 0; i < 8; i++) {
		Elf64_Shdr section = {
			.sh_name = names[i],
			.sh_type = specs[i].type,
			.sh_link = specs[i].link,
			.sh_addr = specs[i].addr,
			.sh_offset = specs[i].addr ? specs[i].addr - fake->base : specs[i].offset,
			.sh_size = specs[i].size,
		};

		buf_put(w->out, &section, sizeof(section));
	}
}

static void fill_headers(struct writer *w)
{
	static const uint32_t flags[SEGMENTS] = {PF_R | PF_X, PF_R, PF_R | PF_W, PF_R};
	struct gofake *fake = w->fake;
	unsigned n = w->spec->pie ? 5 : 3;
	Elf64_Ehdr ehdr = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = w->spec->pie ? ET_DYN : ET_EXEC,
		.e_machine = w->spec->arm64 ? EM_AARCH64 : EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(ehdr),
		.e_ehsize = sizeof(ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (Elf64_Half)(n + 1),
		.e_shoff = w->section_offset,
		.e_shentsize = w->section_count ? sizeof(Elf64_Shdr) : 0,
		.e_shnum = (Elf64_Half)w->section_count,
		.e_shstrndx = w->section_count ? 7 : 0,
	};
	uint64_t at = fake->base + sizeof(ehdr);
	Elf64_Phdr note = {.p_type = PT_NOTE, .p_offset = 0x200, .p_filesz = 20, .p_align = 4};

	gofake_poke(fake, fake->base, &ehdr, sizeof(ehdr));
	for (unsigned i = 0; i < n; i++, at += sizeof(Elf64_Phdr)) {
		bool dynamic = i == SEGMENTS;
		uint64_t addr = dynamic ? w->dynamic : w->segment_start[i];
		uint64_t size = dynamic ? w->dynamic_size : w->segment_end[i] - addr;
		Elf64_Phdr ph = {
			.p_type = dynamic ? PT_DYNAMIC : PT_LOAD,
			.p_flags = dynamic ? PF_R : flags[i],
			.p_offset = addr - fake->base,
			.p_vaddr = addr,
			.p_filesz = size,
			.p_memsz = size,
			.p_align = PAGE,
		};

		gofake_poke(fake, at, &ph, sizeof(ph));
	}
	gofake_poke(fake, at, &note, sizeof(note));
	gofake_poke(fake, fake->base + 0x200, "\4\0\0\0\4\0\0\0\3\0\0\0GNU\0\xde\xad\xbe\xef", 20);
}

bool gofake_build(const struct gofake_spec *spec, struct gofake *ret)
{
	struct writer w = {.spec = spec, .fake = ret, .out = &ret->file};
	struct tables tables;
	bool ok;

	*ret = (struct gofake){.base = spec->pie ? 0 : 0x400000};
	if (!buf_grow(&ret->file, 64 * 1024)) /* enough for all, so pokes need no check */
		return false;
	buf_pad(w.out, '\0', 0x300);
	segment_begin(&w, 0);
	ret->text = here(&w);
	buf_pad(w.out, '\xcc', TEXT_SIZE);
	segment_end(&w, 0);
	segment_begin(&w, 1);
	put_types(&w);
	put_pclntab(&w, &tables);
	segment_end(&w, 1);
	segment_begin(&w, 2);
	put_version(&w);
	put_moduledata(&w, &tables);
	segment_end(&w, 2);
	if (spec->pie)
		put_relocations(&w);
	if (spec->sections)
		put_sections(&w, &tables);
	fill_headers(&w);
	ok = !ret->file.bad;
	vec_fini(&w.pointers);
	return ok;
}

void gofake_fini(struct gofake *fake)
{
	buf_fini(&fake->file);
}

/* ---- use ---- */

int gofake_fd(const void *bytes, size_t size)
{
	int fd = memfd_create("gofake", MFD_CLOEXEC);

	if (fd >= 0 && write(fd, bytes, size) != (ssize_t)size) {
		close(fd);
		return -1;
	}
	return fd;
}

struct walk {
	const struct gotypes *types;
	size_t seen;
};

static bool walk_type(void *ctx, const struct gotype *type)
{
	struct walk *walk = ctx;
	struct gotype_field field;
	struct buf name = {0};

	assert(gotype_name(walk->types, type->addr, &name));
	assert(name.len > 0);
	for (uint64_t i = 0; i < 64 && gotype_field(walk->types, type, i, &field); i++)
		gotype_name(walk->types, field.type, &name);
	buf_fini(&name);
	return ++walk->seen < 10000;
}

static void walk_pc(const struct gopcln *tab, uint64_t pc)
{
	struct frame frames[GOPCLN_INLINE_MAX + 1];
	size_t n = gopcln_frames(tab, pc, frames, ARRAY_SIZE(frames));
	int32_t delta;

	assert(n <= ARRAY_SIZE(frames));
	for (size_t i = 0; i < n; i++) {
		assert(frames[i].func && frames[i].file);
		assert(strlen(frames[i].func) + strlen(frames[i].file) < SIZE_MAX);
	}
	gopcln_sp_delta(tab, pc, &delta);
}

static size_t walk_tab(const struct image *image, const struct gopcln *tab)
{
	static const char *const names[] = {"runtime.mapdelete", "main.generic[...]", "no such"};
	struct gotypes types = {.tab = tab, .image = image};
	struct walk walk = {.types = &types};
	struct gopcln_func func, found[ARRAY_SIZE(names)];
	size_t count = gopcln_func_count(tab);

	gopcln_find(tab, names, ARRAY_SIZE(names), found);
	for (uint32_t i = 0; i < count && i < 1000; i++) {
		if (!gopcln_func_get(tab, i, &func))
			continue;
		assert(func.end >= func.entry && func.name);
		assert(gopcln_inlined(tab, &func, "main.inl1") < SIZE_MAX);
		walk.seen++;
		for (uint64_t pc = func.entry; pc < func.end && pc < func.entry + 256; pc += 4)
			walk_pc(tab, pc);
		walk_pc(tab, func.end - 1);
	}
	gotype_scan(&types, UINT32_MAX, walk_type, &walk);
	return walk.seen;
}

/* Reads all sections and ELF symbols. Their names must end. A section or symbol that is found for
 * an address must hold it. */
static void walk_elf(const struct image *image)
{
	cleanup(elfsym_close) struct elfsym *symbols = NULL;
	struct image_section section, found;
	struct elfsym_hit hit;
	struct error *err = elfsym_open(image, &symbols);

	for (size_t i = 0; i < image_section_count(image) && i < 1000; i++) {
		assert(image_section_get(image, i, &section));
		assert(strlen(section.name) < SIZE_MAX / 2);
		if (section.loaded && section.size && image_section_at(image, section.addr, &found))
			assert(section.addr - found.addr < found.size);
		if (symbols && elfsym_at(symbols, section.addr, &hit))
			assert(hit.addr <= section.addr && strlen(hit.name));
	}
	error_free(err);
}

static bool count_name(void *ctx, const struct gopcln_func *func)
{
	assert(func->entry <= func->end);
	return ++*(size_t *)ctx < 1000;
}

static void walk_names(const struct gopcln *tab)
{
	static const char *const names[] = {"main.outer", "main.generic[...]", "panic", "", "["};
	cleanup(gonames_close) struct gonames *list = NULL;
	struct error *err = gonames_open(tab, &list);
	size_t seen = 0;

	for (size_t i = 0; !err && i < ARRAY_SIZE(names); i++)
		gonames_find(list, names[i], strlen(names[i]), count_name, &seen);
	error_free(err);
}

size_t gofake_walk(const struct image *image)
{
	cleanup(gopcln_close) struct gopcln *tab = NULL;
	struct error *err;
	uint64_t addr, size;

	image_symbol(image, "last", &addr, &size);
	image_section(image, ".none", &addr, &size);
	walk_elf(image);
	assert(strlen(image_build_id(image)) % 2 == 0);
	err = gopcln_open(image, &tab);
	if (err) {
		assert(err->text[0] && !strchr(err->text, '\n'));
		error_free(err);
		return 0;
	}
	walk_names(tab);
	return walk_tab(image, tab);
}
