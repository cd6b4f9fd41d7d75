/* Tests of read/elf/image.c on synthesised executables. Some of the files are false on purpose. */
#include "test.h"

#include <elf.h>
#include <unistd.h>

#include "opened.h"

TEST(segments_sections_symbols_and_bytes)
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
TEST(relocated_words_survive_a_trim)
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

/* ---- relocations ---- */

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

/* ---- files that are refused ---- */

/* Every message about a machine ends in the same sentence. */
#define READ_AND_TRACED \
	"tophash reads programs for x86-64 and arm64, and traces those for x86-64 Linux"

TEST(files_that_are_not_elf_are_refused)
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
TEST(programs_of_other_systems_are_not_traced)
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

TEST(only_regular_files_are_read)
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
		cmocka_unit_test(segments_sections_symbols_and_bytes),
		cmocka_unit_test(relocated_words_survive_a_trim),
		cmocka_unit_test(pointers_through_symbols_are_known),
		cmocka_unit_test(pointers_to_other_files_are_left_out),
		cmocka_unit_test(files_that_are_not_elf_are_refused),
		cmocka_unit_test(programs_of_other_systems_are_not_traced),
		cmocka_unit_test(only_regular_files_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
