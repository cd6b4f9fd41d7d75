/* Tests of read/gofile on synthesised executables of every release, with and without section
 * headers, position-independent or not. Some of the files are false on purpose. */
#include "test.h"
#include "base/frame.h"
#include "base/buf.h"

#include "gofake.h"

#include <elf.h>

#include <stdio.h>

/* ---- helpers ---- */

struct opened {
	struct gofake fake;
	struct image *image;
	struct gopcln *tab;
};

static struct error *open_bytes(const void *bytes, size_t size, struct image **ret)
{
	cleanup_close int fd = gofake_fd(bytes, size);

	assert_true(fd >= 0);
	return image_open(fd, "fake", ret);
}

static void expect_ok(struct error *err)
{
	if (err)
		print_error("%s\n", err->text);
	assert_null(err);
}

/* Opens o->fake, which the caller may have poked. */
static void open_fake(struct opened *o)
{
	expect_ok(open_bytes(o->fake.file.data, o->fake.file.len, &o->image));
	expect_ok(gopcln_open(o->image, &o->tab));
}

static void open_spec(const struct gofake_spec *spec, struct opened *o)
{
	*o = (struct opened){0};
	assert_true(gofake_build(spec, &o->fake));
	open_fake(o);
}

static void close_fake(struct opened *o)
{
	gopcln_close(o->tab);
	image_close(o->image);
	gofake_fini(&o->fake);
}

/* Checks that opening the bytes as a Go program fails with ERROR_TARGET and a text that mentions
 * `about`. */
static void expect_error(const struct buf *file, const char *about)
{
	cleanup(image_close) struct image *image = NULL;
	cleanup(gopcln_close) struct gopcln *tab = NULL;
	cleanup(error_free) struct error *err = open_bytes(file->data, file->len, &image);

	if (!err)
		err = gopcln_open(image, &tab);
	assert_non_null(err);
	assert_int_equal(err->code, ERROR_TARGET);
	assert_null(strchr(err->text, '\n'));
	if (!strstr(err->text, about))
		fail_msg("\"%s\" does not speak of \"%s\"", err->text, about);
}

/* ---- every shape ---- */

static void check_functions(const struct opened *o, const struct gofake_spec *spec)
{
	static const char *const names[] = {"main.outer",	 "runtime.mapdelete",
					    "main.generic[...]", "main.generic",
					    "runtime.mapdelet",	 "no.such"};
	struct gopcln_func f[ARRAY_SIZE(names)], at;
	uint64_t text = o->fake.text;

	gopcln_find(o->tab, names, ARRAY_SIZE(names), f);
	assert_int_equal(f[0].entry, text);
	assert_int_equal(f[0].end, text + 0x100);
	/* 0x100 has the same name, but is a wrapper */
	assert_int_equal(f[1].entry, text + 0x140);
	assert_int_equal(f[2].entry, text + 0x180);
	for (size_t i = 3; i < ARRAY_SIZE(names); i++)
		assert_int_equal(f[i].entry, 0);
	assert_int_equal(gopcln_func_count(o->tab), 5);
	assert_true(gopcln_func_at(o->tab, text + 0x1ff, &at));
	assert_int_equal(at.index, 4);
	assert_string_equal(at.name,
			    spec->minor < 20 ? "type..eq.main.pair" : "type:.eq.main.pair");
	assert_false(gopcln_func_at(o->tab, text - 1, &at));
	assert_false(gopcln_func_at(o->tab, text + 0x200, &at));
	assert_false(gopcln_func_get(o->tab, 5, &at));
}

static void check_frame(const struct frame *frame, const char *func, const char *file,
			uint32_t line, bool inlined)
{
	assert_string_equal(frame->func, func);
	assert_string_equal(frame->file, file);
	assert_int_equal(frame->line, line);
	assert_int_equal(frame->inlined, inlined);
	assert_false(frame->wrapper);
}

static void check_inlined(const struct opened *o)
{
	struct gopcln_func func;

	assert_true(gopcln_func_at(o->tab, o->fake.text, &func));
	assert_int_equal(gopcln_inlined(o->tab, &func, "main.inl1"), 1);
	assert_int_equal(gopcln_inlined(o->tab, &func, "main.inl2"), 1);
	assert_int_equal(gopcln_inlined(o->tab, &func, "main.inl"), 0);
	assert_int_equal(gopcln_inlined(o->tab, &func, "main.outer"), 0);
	assert_true(gopcln_func_at(o->tab, o->fake.text + 0x1c0, &func));
	assert_int_equal(gopcln_inlined(o->tab, &func, "main.inl1"), 0); /* no tree at all */
}

static void check_frames(const struct opened *o)
{
	struct frame frames[8];
	uint64_t text = o->fake.text;

	assert_int_equal(gopcln_frames(o->tab, text + 4, frames, 8), 1);
	check_frame(&frames[0], "main.outer", "/src/main.go", 10, false);

	assert_int_equal(gopcln_frames(o->tab, text + 0x44, frames, 8), 2);
	check_frame(&frames[0], "main.inl1", "/src/lib.go", 105, true);
	check_frame(&frames[1], "main.outer", "/src/main.go", 12, false);

	assert_int_equal(gopcln_frames(o->tab, text + 0x5c, frames, 8), 3);
	check_frame(&frames[0], "main.inl2", "/src/lib.go", 207, true);
	check_frame(&frames[1], "main.inl1", "/src/lib.go", 106, true);
	check_frame(&frames[2], "main.outer", "/src/main.go", 12, false);
	assert_int_equal(gopcln_frames(o->tab, text + 0x5c, frames, 2), 2);
	assert_int_equal(gopcln_frames(o->tab, text + 0x5c, frames, 0), 0);

	check_inlined(o);
	assert_int_equal(gopcln_frames(o->tab, text + 0x60, frames, 8), 1);
	check_frame(&frames[0], "main.outer", "/src/main.go", 20, false);
	assert_int_equal(gopcln_frames(o->tab, text + 0x1c0, frames, 8), 1);
	assert_true(frames[0].wrapper);
	assert_string_equal(frames[0].file, "");
	assert_int_equal(gopcln_frames(o->tab, text + 0x200, frames, 8), 0);
}

static void check_sp(const struct opened *o)
{
	static const struct {
		uint32_t offset;
		int32_t delta;
	} want[] = {{0, 0}, {0xc, 0}, {0x10, 8}, {0x14, 64}, {0xec, 64}, {0xf0, 0}, {0xfc, 0}};
	int32_t delta;

	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		assert_true(gopcln_sp_delta(o->tab, o->fake.text + want[i].offset, &delta));
		assert_int_equal(delta, want[i].delta);
	}
	assert_false(gopcln_sp_delta(o->tab, o->fake.text + 0x100, &delta)); /* has no pcsp table */
}

static void check_module(const struct opened *o, const struct gofake_spec *spec)
{
	const struct gopcln_module *m = gopcln_module(o->tab);
	const struct gofake *fake = &o->fake;

	assert_int_equal(m->moduledata, fake->module);
	assert_int_equal(m->pclntab, fake->pclntab);
	assert_int_equal(m->text, fake->text);
	assert_int_equal(m->etext, fake->text + 0x200);
	assert_int_equal(m->types, fake->types);
	assert_int_equal(m->etypes, fake->etypes);
	assert_int_equal(m->rodata, fake->types);
	assert_int_equal(m->gofunc, fake->inline_tree - 8);
	assert_int_equal(m->noptrdata, fake->module);
	assert_int_equal(m->ebss, fake->module + 7 * 8);
	assert_int_equal(image_is_pie(o->image), spec->pie);
	assert_int_equal(image_is_stripped(o->image), !spec->sections);
	assert_string_equal(image_machine(o->image)->name, spec->arm64 ? "arm64" : "x86_64");
	assert_string_equal(image_build_id(o->image), "deadbeef");
	assert_string_equal(image_name(o->image), "fake");
}

static void each_spec(void (*check)(const struct gofake_spec *spec))
{
	for (unsigned minor = 18; minor <= 27; minor++) {
		for (unsigned bits = 0; bits < 16; bits++) {
			struct gofake_spec spec = {
				.minor = minor,
				.arm64 = bits & 1,
				.pie = bits & 2,
				.sections = bits & 4,
				.no_buildinfo = bits & 8,
			};

			check(&spec);
		}
	}
}

static void check_spec(const struct gofake_spec *spec)
{
	struct opened o;
	char version[32];

	open_spec(spec, &o);
	snprintf(version, sizeof(version), "go1.%u.5", spec->minor);
	assert_string_equal(gopcln_version(o.tab), version);
	assert_int_equal(gopcln_minor(o.tab), spec->minor);
	check_functions(&o, spec);
	check_frames(&o);
	check_sp(&o);
	check_module(&o, spec);
	close_fake(&o);
}

TEST(test_shapes)
{
	each_spec(check_spec);
}

/* Without any version, the shapes and funcID_wrapper give a lower bound. */
TEST(test_no_version)
{
	static const unsigned bound[] = {19, 19, 20, 20, 22, 22, 22, 25, 26, 27};

	for (unsigned minor = 18; minor <= 27; minor++) {
		struct gofake_spec spec = {.minor = minor, .no_version = true};
		struct opened o;

		open_spec(&spec, &o);
		assert_string_equal(gopcln_version(o.tab), "");
		assert_int_equal(gopcln_minor(o.tab), bound[minor - 18]);
		check_functions(&o, &spec);
		check_frames(&o);
		close_fake(&o);
	}
}

/* ---- image ---- */

TEST(test_image)
{
	struct gofake_spec spec = {.minor = 26, .sections = true};
	const struct image_segment *segments;
	struct opened o;
	uint64_t addr, size, offset;
	uint32_t word;

	open_spec(&spec, &o);
	assert_int_equal(image_segments(o.image, &segments), 3);
	assert_true(segments[0].executable && !segments[0].writable);
	assert_true(segments[2].writable && !segments[2].executable);
	assert_true(image_section(o.image, ".go.module", &addr, &size));
	assert_int_equal(addr, o.fake.module);
	assert_false(image_section(o.image, ".go.modul", &addr, &size));
	assert_true(image_symbol(o.image, "last", &addr, &size));
	assert_int_equal(addr, o.fake.text + 0x100);
	assert_int_equal(size, 0x100);
	assert_false(image_symbol(o.image, "outer", &addr, &size));
	assert_true(image_file_offset(o.image, o.fake.text + 8, &offset));
	assert_int_equal(offset, o.fake.text + 8 - o.fake.base);
	assert_true(image_u32(o.image, o.fake.text, &word));
	assert_int_equal(word, 0xcccccccc);
	assert_non_null(image_at(o.image, o.fake.text, 0x200));
	assert_null(image_at(o.image, o.fake.text, 0x201));
	assert_null(image_at(o.image, o.fake.text + 8, UINT64_MAX));
	assert_null(image_at(o.image, 0, 1));
	assert_non_null(image_rest(o.image, o.fake.text + 0x1ff, &size));
	assert_int_equal(size, 1);
	assert_false(image_u64(o.image, o.fake.text + 0x1f9, &addr));
	close_fake(&o);
}

/* Relocated words survive when pages are given back. */
TEST(test_trim)
{
	struct gofake_spec spec = {.minor = 26, .pie = true};
	struct opened o;
	uint64_t word = 0;

	open_spec(&spec, &o);
	image_trim(o.image);
	assert_true(image_u64(o.image, o.fake.module, &word));
	assert_int_equal(word, o.fake.pclntab);
	check_frames(&o);
	close_fake(&o);
}

/* The pointers of a plugin refer to symbols. Those of symbols that the file has are known. */
TEST(pointers_through_symbols_are_known)
{
	for (int arm64 = 0; arm64 <= 1; arm64++) {
		struct gofake_spec spec = {
			.minor = 26, .pie = true, .symbolic = true, .arm64 = arm64};
		struct opened o;

		open_spec(&spec, &o);
		check_frames(&o);
		close_fake(&o);
	}
}

/* What the dynamic linker takes from another file stays as it is in this one. */
TEST(pointers_to_other_files_are_left_out)
{
	/* the first word of the symbol: its name, type and section */
	static const uint64_t left_out[] = {
		(uint64_t)SHN_UNDEF << 48,
		(uint64_t)SHN_ABS << 48,
		1ull << 48 | (uint64_t)STT_TLS << 32,
		1ull << 48 | (uint64_t)STT_GNU_IFUNC << 32,
	};

	for (size_t i = 0; i < ARRAY_SIZE(left_out); i++) {
		struct gofake_spec spec = {.minor = 26, .pie = true, .symbolic = true};
		struct gofake fake;
		struct image *image = NULL;
		uint64_t word;

		assert_true(gofake_build(&spec, &fake));
		gofake_poke_u64(&fake, fake.dynsym, left_out[i]);
		assert_null(open_bytes(fake.file.data, fake.file.len, &image));
		assert_true(image_u64(image, fake.module, &word));
		assert_int_equal(word, 0);
		image_close(image);
		gofake_fini(&fake);
	}
}

/* ---- types ---- */

static void expect_name(const struct gotypes *types, uint64_t addr, const char *want)
{
	struct buf name = {0};

	buf_str(&name, "+");
	assert_true(gotype_name(types, addr, &name));
	assert_string_equal(buf_cstr(&name) + 1, want);
	buf_fini(&name);
}

static bool count_type(void *ctx, const struct gotype *type)
{
	VEC(uint64_t) *seen = ctx;

	return vec_push(seen, type->addr);
}

static void check_type_reads(const struct gotypes *types, const struct gofake *fake)
{
	struct gotype t;

	assert_true(gotype_read(types, fake->type_map + types->bias, &t));
	assert_int_equal(t.kind, GOTYPE_MAP);
	assert_int_equal(t.key, fake->type_string + types->bias);
	assert_int_equal(t.elem, fake->type_int + types->bias);
	assert_true(t.direct_iface && !t.named && !t.comparable);
	assert_true(gotype_read(types, fake->type_pair + types->bias, &t));
	assert_int_equal(t.len, 2);
	assert_true(t.named && !t.direct_iface && t.comparable);
	assert_true(gotype_read(types, fake->type_array + types->bias, &t));
	assert_int_equal(t.len, 3);
	assert_true(gotype_read(types, fake->type_eface + types->bias, &t));
	assert_true(t.empty_interface);
	assert_false(gotype_read(types, fake->type_map + types->bias + 8, &t));
	assert_false(gotype_read(types, fake->type_map + types->bias + 1, &t));
	assert_false(gotype_read(types, 0, &t));
	assert_false(gotype_read(types, UINT64_MAX - 7, &t));
}

static void check_type_fields(const struct gotypes *types, const struct gofake *fake)
{
	struct gotype_field field;
	struct gotype t;

	assert_true(gotype_read(types, fake->type_pair + types->bias, &t));
	assert_true(gotype_field(types, &t, 0, &field));
	assert_int_equal(field.offset, 0);
	assert_int_equal(field.type, fake->type_int + types->bias);
	assert_true(gotype_field(types, &t, 1, &field));
	assert_int_equal(field.offset, 8);
	assert_int_equal(field.name_len, 1);
	assert_memory_equal(field.name, "b", 1);
	assert_false(gotype_field(types, &t, 2, &field));
	assert_true(gotype_read(types, fake->type_int + types->bias, &t));
	assert_false(gotype_field(types, &t, 0, &field));
}

static void check_types(const struct gofake_spec *spec)
{
	VEC(uint64_t) seen = {0};
	struct opened o;
	struct gotypes types;

	open_spec(spec, &o);
	types = (struct gotypes){
		.tab = o.tab, .image = o.image, .bias = spec->pie ? 0x5500000000 : 0};
	check_type_reads(&types, &o.fake);
	check_type_fields(&types, &o.fake);
	expect_name(&types, o.fake.type_map + types.bias, "map[string]int");
	expect_name(&types, o.fake.type_registry + types.bias, "main.registry");
	expect_name(&types, o.fake.type_string + types.bias, "string");
	expect_name(&types, o.fake.type_pair + types.bias, "main.pair");
	expect_name(&types, o.fake.type_pointer + types.bias, "*main.pair");
	gotype_scan(&types, 1u << GOTYPE_MAP, count_type, &seen);
	assert_int_equal(seen.len, 2);
	assert_int_equal(seen.data[0], o.fake.type_map + types.bias);
	assert_int_equal(seen.data[1], o.fake.type_registry + types.bias);
	seen.len = 0;
	gotype_scan(&types, UINT32_MAX, count_type, &seen);
	assert_int_equal(seen.len, 10);
	vec_fini(&seen);
	close_fake(&o);
}

TEST(test_types)
{
	each_spec(check_types);
}

/* The heap of a process at 0xc000000000, in which reflect made types. */
struct heap {
	uint64_t words[64];
};

#define HEAP_BASE 0xc000000000ull

static size_t read_heap(void *ctx, uint64_t addr, void *to, size_t size)
{
	const struct heap *heap = ctx;

	if (addr < HEAP_BASE || size > sizeof(heap->words) ||
	    addr - HEAP_BASE > sizeof(heap->words) - size)
		return 0;
	memcpy(to, (const char *)heap->words + (addr - HEAP_BASE), size);
	return size;
}

/* Writes a descriptor of 8 (or `size`) bytes at word `at`, with a name as reflect makes them. */
static uint64_t heap_type(struct heap *heap, size_t at, unsigned kind, uint64_t size,
			  uint64_t first, uint64_t second)
{
	heap->words[at] = size;
	heap->words[at + 2] = (uint64_t)kind << 56 | (uint64_t)8 << 48 | (uint64_t)8 << 40 | 7;
	heap->words[at + 5] = (uint32_t)-3;
	heap->words[at + 6] = first;
	heap->words[at + 7] = second;
	return HEAP_BASE + 8 * at;
}

TEST(test_reflect_types)
{
	struct gofake_spec spec = {.minor = 26, .pie = true};
	struct heap heap = {0};
	struct opened o;
	struct gotypes types;
	struct buf name = {0};
	struct gotype t;
	uint64_t bias = 0x7f0000000000, slice, array, map, loop;

	open_spec(&spec, &o);
	types = (struct gotypes){
		.tab = o.tab, .image = o.image, .bias = bias, .memory = {&heap, read_heap}};
	slice = heap_type(&heap, 0, GOTYPE_SLICE, 24, o.fake.type_pair + bias, 0);
	array = heap_type(&heap, 8, GOTYPE_ARRAY, 48, slice, 0);
	heap.words[8 + 8] = 2;
	map = heap_type(&heap, 18, GOTYPE_MAP, 8, o.fake.type_string + bias, array);
	expect_name(&types, map, "map[string][2][]main.pair");
	assert_true(gotype_read(&types, map, &t));
	assert_int_equal(t.elem, array);
	loop = heap_type(&heap, 30, GOTYPE_MAP, 8, HEAP_BASE + 30 * 8, HEAP_BASE + 30 * 8);
	assert_false(gotype_name(&types, loop, &name));
	assert_int_equal(name.len, 0);
	loop = heap_type(&heap, 42, GOTYPE_CHAN, 8, o.fake.type_chan + bias, 1);
	expect_name(&types, loop, "<-chan chan int");
	map = heap_type(&heap, 52, GOTYPE_CHAN, 8, loop, 3);
	expect_name(&types, map, "chan (<-chan chan int)");
	types.memory.read = NULL;
	assert_false(gotype_name(&types, map, &name));
	buf_fini(&name);
	close_fake(&o);
}

/* ---- files that are no Go program ---- */

TEST(test_not_go)
{
	struct gofake_spec spec = {.minor = 24, .sections = true};
	struct gofake fake;
	struct buf *file = &fake.file;
	uint32_t magic;

	assert_true(gofake_build(&spec, &fake));
	gofake_poke_u32(&fake, fake.pclntab, 0xfffffffb);
	expect_error(file, "older than 1.18");
	gofake_poke_u32(&fake, fake.pclntab, 0xfffffffa);
	expect_error(file, "older than 1.18");
	gofake_poke_u32(&fake, fake.pclntab, 0x12345678);
	expect_error(file, "magic 0x12345678");
	magic = 0xfffffff1;
	gofake_poke(&fake, fake.pclntab, &magic, 4);
	gofake_poke_u64(&fake, fake.module, 0);
	expect_error(file, "no moduledata");
	gofake_fini(&fake);

	spec.sections = false;
	assert_true(gofake_build(&spec, &fake));
	gofake_poke_u32(&fake, fake.pclntab, 0);
	expect_error(file, "not a Go program");
	gofake_poke(&fake, fake.base + 0x240, "UPX!", 4);
	expect_error(file, "packed by UPX");
	gofake_fini(&fake);
}

/* Every message about a machine ends in the same sentence. */
#define READ_AND_TRACED \
	"tophash reads programs for x86-64 and arm64, and traces those for x86-64 Linux"

TEST(test_not_elf)
{
	static const struct {
		uint16_t offset;
		uint8_t value;
		const char *about;
	} pokes[] = {
		{0, 'F', "not an ELF"},
		{4, 1, "fake: a 32-bit program; " READ_AND_TRACED},
		{5, 2, "fake: a big-endian program; " READ_AND_TRACED},
		{16, 1, "neither an executable"},
		{18, 40, "fake: a program for arm; " READ_AND_TRACED},
		{18, 243, "fake: a program for riscv64; " READ_AND_TRACED},
		{18, 99, "fake: a program for ELF machine 99; " READ_AND_TRACED},
		{33, 0xff, "program headers"},
		{54, 0, "program headers"},
		{56, 0, "no loadable segment"},
		{64 + 14, 0xff, "end of the file"},
		{64 + 38, 0xff, "contradict"},
	};
	struct gofake_spec spec = {.minor = 26};
	struct gofake fake;

	for (size_t i = 0; i < ARRAY_SIZE(pokes); i++) {
		assert_true(gofake_build(&spec, &fake));
		gofake_poke(&fake, fake.base + pokes[i].offset, &pokes[i].value, 1);
		expect_error(&fake.file, pokes[i].about);
		gofake_fini(&fake);
	}
	expect_error(&(struct buf){.data = (char[]){"#!/bin/sh\n"}, .len = 10}, "not an ELF");
	expect_error(&(struct buf){.data = (char[]){""}, .len = 0}, "not an ELF");
}

/* Programs that can be read but not traced. `error` is NULL if trace can place probes. */
TEST(test_traced)
{
	static const struct {
		bool arm64;
		uint8_t os_abi;
		const char *error;
	} cases[] = {
		{false, 0, NULL},
		{false, 3, NULL}, /* ELFOSABI_LINUX: C code with indirect functions has it */
		{true, 0, "fake: a program for arm64; " READ_AND_TRACED},
		{false, 9, "fake: a program for FreeBSD; " READ_AND_TRACED},
		{false, 2, "fake: a program for NetBSD; " READ_AND_TRACED},
		{false, 12, "fake: a program for OpenBSD; " READ_AND_TRACED},
		{false, 6, "fake: a program for Solaris; " READ_AND_TRACED},
		{true, 9, "fake: a program for arm64; " READ_AND_TRACED},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct gofake_spec spec = {.minor = 26, .arm64 = cases[i].arm64};
		struct image *image = NULL;
		struct gofake fake;
		struct error *err;

		assert_true(gofake_build(&spec, &fake));
		gofake_poke(&fake, fake.base + 7, &cases[i].os_abi, 1);
		assert_null(open_bytes(fake.file.data, fake.file.len, &image));
		err = image_check_traced(image);
		if (cases[i].error)
			assert_string_equal(err->text, cases[i].error);
		else
			assert_null(err);
		error_free(err);
		image_close(image);
		gofake_fini(&fake);
	}
}

TEST(test_not_a_file)
{
	struct image *image = NULL;
	struct error *err;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	err = image_open(fds[0], "pipe", &image);
	assert_non_null(err);
	assert_non_null(strstr(err->text, "not a regular file"));
	error_free(err);
	close(fds[0]);
	close(fds[1]);
	err = image_open(-1, "none", &image);
	assert_non_null(err);
	error_free(err);
	image_close(NULL);
	gopcln_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_no_version),
		cmocka_unit_test(test_image),
		cmocka_unit_test(test_trim),
		cmocka_unit_test(pointers_through_symbols_are_known),
		cmocka_unit_test(pointers_to_other_files_are_left_out),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_reflect_types),
		cmocka_unit_test(test_not_go),
		cmocka_unit_test(test_not_elf),
		cmocka_unit_test(test_not_a_file),
		cmocka_unit_test(test_traced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
