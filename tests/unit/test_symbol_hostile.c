/* Tests of read/gofile on hostile files: each header field changed, files truncated anywhere,
 * flipped bytes, random bytes, and loops. The result is an error or a wrong name, never a crash.
 * Run them under the sanitizers. */
#include "test.h"
#include "base/frame.h"
#include "base/buf.h"

#include "gofake.h"
#include "base/table.h"

#include <time.h>

/* Opens and walks any bytes. */
static void survive(const void *bytes, size_t size)
{
	cleanup_close int fd = gofake_fd(bytes, size);
	cleanup(image_close) struct image *image = NULL;
	struct error *err;

	assert_true(fd >= 0);
	err = image_open(fd, "fake", &image);
	if (!err) {
		gofake_walk(image);
		return;
	}
	assert_non_null(strstr(err->text, "fake"));
	assert_null(strchr(err->text, '\n'));
	error_free(err);
}

static void survive_fake(const struct gofake *fake)
{
	survive(fake->file.data, fake->file.len);
}

static const struct gofake_spec specs[] = {
	{.minor = 19, .sections = true},
	{.minor = 22, .pie = true},
	{.minor = 26, .arm64 = true, .no_buildinfo = true},
	{.minor = 27, .pie = true, .sections = true},
	{.minor = 26, .pie = true, .symbolic = true},
};

static const uint64_t wild[] = {
	0,	    1,		7,	     0x7f,	0xffff,		0x400000,  0x7fffffff,
	0x80000000, 0xffffffff, 0x100000000, INT64_MAX, UINT64_MAX - 7, UINT64_MAX};

/* Sets each aligned word of [addr, addr + size) in turn to each wild value. */
static void wild_words(struct gofake *fake, uint64_t addr, uint64_t size)
{
	for (uint64_t at = addr & ~(uint64_t)7; at + 8 <= addr + size; at += 8) {
		uint64_t saved;

		memcpy(&saved, fake->file.data + (at - fake->base), 8);
		for (size_t i = 0; i < ARRAY_SIZE(wild); i++) {
			gofake_poke_u64(fake, at, wild[i]);
			survive_fake(fake);
		}
		gofake_poke_u64(fake, at, saved);
	}
}

TEST(test_wild_headers)
{
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct gofake fake;

		assert_true(gofake_build(&specs[i], &fake));
		wild_words(&fake, fake.base, 64 + 6 * 56 + 8);
		wild_words(&fake, fake.pclntab, 72);
		wild_words(&fake, fake.module, 384);
		if (specs[i].pie)
			wild_words(&fake, fake.rela, 64);
		gofake_fini(&fake);
	}
}

/* Inverts, zeroes, and sets to 0xff each byte of the tables and of the type data. */
TEST(test_flipped_bytes)
{
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct gofake fake;
		uint64_t end;

		assert_true(gofake_build(&specs[i], &fake));
		end = (fake.module & ~(uint64_t)0xfff) - fake.base;
		for (uint64_t at = fake.types - fake.base; at < end; at++) {
			char saved = fake.file.data[at];
			const char values[] = {(char)~saved, 0, (char)0xff};

			for (size_t k = saved ? 0 : 2; k < sizeof(values); k++) {
				fake.file.data[at] = values[k];
				survive_fake(&fake);
			}
			fake.file.data[at] = saved;
			if (at - (fake.types - fake.base) > 2600)
				break;
		}
		gofake_fini(&fake);
	}
}

TEST(test_cut_short)
{
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct gofake fake;

		assert_true(gofake_build(&specs[i], &fake));
		for (size_t size = 0; size < fake.file.len; size += size < 1024 ? 1 : 61)
			survive(fake.file.data, size);
		gofake_fini(&fake);
	}
}

static uint64_t random_next(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15ull;
	return table_mix(*state);
}

TEST(test_noise)
{
	uint64_t seed = 1, words[512];

	for (unsigned round = 0; round < 2000; round++) {
		size_t size = random_next(&seed) % sizeof(words);

		for (size_t i = 0; i < ARRAY_SIZE(words); i++)
			words[i] = random_next(&seed);
		if (round % 2)
			memcpy(words,
			       "\x7f"
			       "ELF\2\1\1",
			       7);
		survive(words, size);
	}
}

/* Random bytes inside a file whose headers are right. */
TEST(test_noise_inside)
{
	uint64_t seed = 2;

	for (unsigned round = 0; round < 2000; round++) {
		struct gofake fake;

		assert_true(gofake_build(&specs[round % ARRAY_SIZE(specs)], &fake));
		for (unsigned i = 0; i < 1 + round % 16; i++) {
			uint64_t from = fake.types - fake.base;
			uint64_t at = from + random_next(&seed) % (fake.file.len - from);

			fake.file.data[at] = (char)random_next(&seed);
		}
		survive_fake(&fake);
		gofake_fini(&fake);
	}
}

/* ---- loops ---- */

struct opened {
	struct image *image;
	struct gopcln *tab;
};

static void open_fake(const struct gofake *fake, struct opened *o)
{
	cleanup_close int fd = gofake_fd(fake->file.data, fake->file.len);

	*o = (struct opened){0};
	assert_null(image_open(fd, "fake", &o->image));
	assert_null(gopcln_open(o->image, &o->tab));
}

static void close_opened(struct opened *o)
{
	gopcln_close(o->tab);
	image_close(o->image);
}

/* An inlined call is its own caller. The chain ends there, and the line of the call is unknown. */
TEST(test_inline_cycle)
{
	static const unsigned minors[] = {19, 26};

	for (size_t i = 0; i < ARRAY_SIZE(minors); i++) {
		struct gofake_spec spec = {.minor = minors[i]};
		struct frame frames[GOPCLN_INLINE_MAX];
		struct gofake fake;
		struct opened o;

		assert_true(gofake_build(&spec, &fake));
		if (spec.minor < 20)
			gofake_poke(&fake, fake.inline_tree + 20, &(uint16_t){1}, 2);
		else
			gofake_poke_u32(&fake, fake.inline_tree + 16 + 8, 0x54);
		open_fake(&fake, &o);
		assert_int_equal(gopcln_frames(o.tab, fake.text + 0x5c, frames, ARRAY_SIZE(frames)),
				 2);
		assert_string_equal(frames[0].func, "main.inl2");
		assert_int_equal(frames[0].line, 207);
		assert_string_equal(frames[1].func, "main.outer");
		assert_string_equal(frames[1].file, "");
		assert_int_equal(frames[1].line, 0);
		assert_int_equal(gopcln_frames(o.tab, fake.text + 0x5c, frames, 1), 1);
		close_opened(&o);
		gofake_fini(&fake);
	}
}

/* Reads a run of pctab that neither ends nor advances. */
TEST(test_endless_run)
{
	struct gofake_spec spec = {.minor = 26};
	struct gofake fake;
	struct opened o;
	int32_t delta;

	assert_true(gofake_build(&spec, &fake));
	for (uint64_t at = fake.pctab + 1; at + 2 <= fake.functab; at += 2)
		gofake_poke(&fake, at, "\2\0", 2);
	open_fake(&fake, &o);
	assert_false(gopcln_sp_delta(o.tab, fake.text + 0x20, &delta));
	close_opened(&o);
	gofake_fini(&fake);
}

/* More functions are claimed than the file has bytes: refused. A huge number of fields gives no
 * field. */
TEST(test_huge_counts)
{
	struct gofake_spec spec = {.minor = 26, .sections = true};
	struct gotypes types;
	struct gofake_spec pie = {.minor = 22, .pie = true};
	struct gotype_field field;
	struct gotype type;
	struct gofake fake;
	struct opened o;

	assert_true(gofake_build(&spec, &fake));
	gofake_poke_u64(&fake, fake.type_pair + 64, UINT64_MAX);
	open_fake(&fake, &o);
	types = (struct gotypes){.tab = o.tab, .image = o.image};
	assert_true(gotype_read(&types, fake.type_pair, &type));
	assert_false(gotype_field(&types, &type, 0, &field));
	close_opened(&o);
	gofake_poke_u64(&fake, fake.pclntab + 8, 0xffffffff);
	survive_fake(&fake);
	gofake_fini(&fake);

	assert_true(gofake_build(&pie, &fake));
	wild_words(&fake, fake.rela, fake.base + fake.file.len - fake.rela);
	gofake_fini(&fake);
}

/* A file that consists of table headers must not cause a search of the file for each of them. */
TEST(test_many_headers)
{
	struct gofake_spec spec = {.minor = 26};
	struct timespec from, to;
	struct gofake fake;
	struct buf file = {0};

	assert_true(gofake_build(&spec, &fake));
	gofake_poke_u64(&fake, fake.module, 1);
	buf_put(&file, fake.file.data, fake.file.len);
	while (file.len < 4u << 20)
		buf_put(&file, fake.file.data + (fake.pclntab - fake.base), 72);
	/* extends the data segment over all copies */
	for (unsigned field = 32; field <= 40; field += 8) {
		uint64_t size = file.len - (fake.module - fake.base) / 0x1000 * 0x1000;

		memcpy(file.data + 64 + 2 * 56 + field, &size, 8);
	}
	clock_gettime(CLOCK_MONOTONIC, &from);
	survive(file.data, file.len);
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_true(to.tv_sec - from.tv_sec < 5);
	buf_fini(&file);
	gofake_fini(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wild_headers), cmocka_unit_test(test_flipped_bytes),
		cmocka_unit_test(test_cut_short),    cmocka_unit_test(test_noise),
		cmocka_unit_test(test_noise_inside), cmocka_unit_test(test_inline_cycle),
		cmocka_unit_test(test_endless_run),  cmocka_unit_test(test_huge_counts),
		cmocka_unit_test(test_many_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
