/* Tests of one map in full: its facts and its entries. They are literals, and the output is compared with
 * tests/golden/map_facts.golden, map_entries.golden and map_lookups.golden. */
#include "test.h"

#include <jansson.h>

#include "base/text/text.h"
#include "base/buf.h"
#include "show/report/report.h"
#include "golden.h"

static const uint64_t classic[GO_MAP_HEADER_WORDS] = {
	102, 0x1122334400020609, 0xc000100000, 0xc000200000, 5, 0};
static const uint64_t swiss[GO_MAP_HEADER_WORDS] = {5, 0xabcdef, 0xc000100000, 0, 1ull << 24, 2};

static const struct map_counts counts = {.parts = 70,
					 .used = 102,
					 .fill = {30, 10, 10, 0, 18},
					 .chains = {0, 60, 3, 1},
					 .longest = 3,
					 .collisions = 2};
static const struct map_counts damaged = {
	.parts = 1, .fill = {1}, .faults = 1, .fault = "it cannot be read"};

static const struct map_probes probes = {.counts = {1, 80, 20}, .longest = 17, .misplaced = 1};

static const struct map_facts facts[] = {
	{.row = {.map = 0xc000012340,
		 .type = "map[string]*main.session",
		 .len = 102,
		 .capacity = 512,
		 .bytes = 8196,
		 .waste = 4096,
		 .overflow = 5,
		 .old = 32,
		 .evacuated = 7,
		 .growing = true},
	 .layout = &layout_classic,
	 .header = classic,
	 .counts = &counts,
	 .probes = &probes,
	 .listed = true,
	 .drawn = true},
	{.row = {.map = 0xc000012380,
		 .len = 5,
		 .capacity = 8,
		 .bytes = 256,
		 .swiss = true,
		 .changing = true,
		 .by_stack = true},
	 .layout = &layout_swiss,
	 .header = swiss,
	 .counts = &damaged,
	 .drawn = true},
};

/* Parses each line of JSON. */
static void check_json(const char *text)
{
	for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
		json_t *object = json_loadb(line, strcspn(line, "\n"), 0, NULL);

		assert_non_null(object);
		assert_non_null(json_object_get(object, "event"));
		json_decref(object);
	}
}

TEST(facts_of_maps)
{
	cleanup_buf struct buf out = {0};

	for (size_t i = 0; i < ARRAY_SIZE(facts); i++)
		map_facts_json(&out, &facts[i]);
	check_json(buf_cstr(&out));
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		buf_char(&out, '\n');
		map_facts_text(&out, &facts[i], false);
	}
	check_golden("map_facts", buf_cstr(&out));
}

TEST(entries)
{
	static const struct map_entry rows[] = {
		{.key = {0, 8}, .value = {8, 1}, .part = {.index = 12, .depth = 1}, .slot = 3},
		{.key = {0, 8},
		 .value = {8, 1},
		 .part = {.array = 1, .index = 2},
		 .cut = true,
		 .key_error = "why",
		 .uncertain = true},
	};
	cleanup_buf struct buf texts = {0}, out = {0};
	struct map_entries entries = {
		.rows = rows, .rows_n = 2, .texts = &texts, .width = TEXT_UNLIMITED};

	buf_str(&texts, "\"user:1\"7");
	map_entries_json(&out, &entries);
	entries.swiss = true;
	map_entries_json(&out, &entries);
	check_json(buf_cstr(&out));
	map_entries_text(&out, &entries);
	entries.swiss = false;
	map_entries_text(&out, &entries);
	check_golden("map_entries", buf_cstr(&out));
}

TEST(lookups)
{
	static const struct map_lookup rows[] = {
		{.hashed = true, .hash = 0xabc, .found = true, .visits = 2},
		{.hashed = true, .hash = 0xabc, .found = true, .visits = 1, .uncertain = true},
		{.hashed = true, .hash = 0xabc, .found = true, .swiss = true},
		{.hashed = true, .hash = 0xabc, .found = true, .uncertain = true},
		{.hashed = true, .hash = 0xabc, .uncertain = true},
		{.found = true},
	};
	cleanup_buf struct buf out = {0};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		map_lookup_json(&out, &rows[i]);
	check_json(buf_cstr(&out));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		map_lookup_text(&out, &rows[i]);
	check_golden("map_lookups", buf_cstr(&out));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts_of_maps),
		cmocka_unit_test(entries),
		cmocka_unit_test(lookups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
