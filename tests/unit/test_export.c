/* Tests of files for other programs. A profile is written as pprof reads it, and is read again. */
#include "test.h"

#include <libdeflate.h>
#include <stdio.h>

#include "base/buf.h"
#include "show/export/export.h"
#include "show/export/profile.pb-c.h"

static const struct profile_value values[] = {{"maps", "count"}, {"bytes", "bytes"}};

static Pprof__Profile *read_again(const struct buf *file)
{
	struct libdeflate_decompressor *inflate = libdeflate_alloc_decompressor();
	static uint8_t bytes[1 << 20];
	size_t len = 0;
	Pprof__Profile *profile;

	assert_int_equal(libdeflate_gzip_decompress(inflate, file->data, file->len, bytes,
						    sizeof(bytes), &len),
			 LIBDEFLATE_SUCCESS);
	libdeflate_free_decompressor(inflate);
	profile = pprof__profile__unpack(NULL, len, bytes);
	assert_non_null(profile);
	return profile;
}

static void add(struct profile *profile, const char *const names[], size_t n, int64_t maps,
		int64_t bytes)
{
	const int64_t numbers[] = {maps, bytes};
	uint32_t frames[300];

	for (size_t i = 0; i < n; i++)
		assert_null(profile_name(profile, names[i], &frames[i]));
	assert_null(profile_add(profile, frames, n, numbers));
}

static const char *frame(const Pprof__Profile *profile, size_t sample, size_t i)
{
	uint64_t location = profile->sample[sample]->location_id[i];

	assert_in_range(location, 1, profile->n_location);
	assert_int_equal(profile->location[location - 1]->id, location);
	assert_int_equal(profile->location[location - 1]->line[0]->function_id, location);
	return profile->strings[profile->function[location - 1]->name];
}

TEST(a_profile_is_read_as_it_was_written)
{
	struct profile profile = {.values = values,
				  .values_n = 2,
				  .first = 1,
				  .wall_ns = 1796032800000000000ull,
				  .program = "/usr/bin/shop"};
	cleanup_buf struct buf file = {0};
	const struct export_format *format;
	const char *name;
	Pprof__Profile *again;

	add(&profile, (const char *[]){"map[int]int", "main.a.b", "main.root"}, 3, 1, 100);
	add(&profile, (const char *[]){"map[int]int", "main.a.b"}, 2, 1, 7);
	add(&profile, (const char *[]){"map[int]int", "main.a.b", "main.root"}, 3, 2, INT32_MAX);
	add(&profile, (const char *[]){"bad \033[1m\xff"}, 1, 1, 1);
	assert_int_equal(profile.stacks.len, 3);
	assert_int_equal(profile.names.len, 4);
	assert_null(export_read("pprof:a:b.pb.gz", &format, &name));
	assert_string_equal(name, "a:b.pb.gz");
	assert_null(format->put(&profile, &file));
	again = read_again(&file);
	assert_string_equal(again->strings[0], "");
	assert_int_equal(again->n_sample, 3);
	assert_int_equal(again->sample[0]->value[0], 3);
	assert_int_equal(again->sample[0]->value[1], 100l + INT32_MAX);
	assert_int_equal(again->sample[0]->n_location_id, 3);
	assert_string_equal(frame(again, 0, 0), "map[int]int");
	assert_string_equal(frame(again, 0, 2), "main.root");
	assert_string_equal(frame(again, 2, 0), "bad \\x1b[1m\\xff");
	assert_int_equal(again->n_sample_type, 2);
	assert_string_equal(again->strings[again->sample_type[0]->type], "maps");
	assert_string_equal(again->strings[again->default_sample_type], "bytes");
	assert_string_equal(again->strings[again->mapping[0]->filename], "/usr/bin/shop");
	assert_int_equal(again->time_nanos, 1796032800000000000ull);
	pprof__profile__free_unpacked(again, NULL);
	profile_fini(&profile);
}

TEST(deep_stacks_are_cut)
{
	struct profile profile = {.values = values, .values_n = 2};
	const char *names[300];
	char texts[300][8];

	for (size_t i = 0; i < 300; i++) {
		snprintf(texts[i], sizeof(texts[i]), "f%zu", i);
		names[i] = texts[i];
	}
	add(&profile, names, 300, 1, 1);
	assert_int_equal(profile.stacks.data[0].n, PROFILE_FRAMES_MAX);
	profile_fini(&profile);
}

TEST(unknown_formats_are_refused)
{
	static const char *const texts[] = {"",		"pprof", "pprof:", "ppro:x",
					    "pprofx:x", ":x",	 "csv:x"};
	const struct export_format *format;
	const char *file;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct error *err = export_read(texts[i], &format, &file);

		assert_non_null(err);
		assert_int_equal(err->code, ERROR_USAGE);
		assert_non_null(strstr(err->text, "pprof:FILE"));
		error_free(err);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_profile_is_read_as_it_was_written),
		cmocka_unit_test(deep_stacks_are_cut),
		cmocka_unit_test(unknown_formats_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
