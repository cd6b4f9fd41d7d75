/* Tests of the list of live maps. The rows are literals, and the output is compared with tests/golden/maps.*. No
 * control character of a type's name comes through. */
#include "test.h"

#include <jansson.h>
#include <locale.h>

#include "base/text/text.h"
#include "base/buf.h"
#include "show/report/report.h"
#include "golden.h"

static const struct holder_hop root = {
	.kind = HOLDER_GLOBAL, .addr = 0x5b1e40, .users = {"main.load", "main.\033find"}};
static const struct holder_hop hops[] = {
	{.kind = HOLDER_FIELD, .type = "main.session", .name = "tags", .next = &hops[1]},
	{.kind = HOLDER_VALUE, .type = "map[string]*main.session", .next = &hops[2]},
	{.kind = HOLDER_FIELD,
	 .type = "struct { n int }",
	 .name = "next",
	 .interface = true,
	 .repeated = true,
	 .next = &root},
};
static const struct holder_hop stack = {.kind = HOLDER_STACK, .name = "main.worker"};

static const struct map_row rows[] = {
	{.map = 0xc000012340,
	 .type = "map[string]*main.session",
	 .package = "example.com/shop",
	 .len = 102,
	 .capacity = 2048,
	 .bytes = 81968,
	 .waste = 65536,
	 .tombstones = 7,
	 .tables = 2,
	 .held_by = hops,
	 .swiss = true},
	{.map = 0xc000012380,
	 .type = "map[struct { \033x int }]\nbool",
	 .len = 8,
	 .capacity = 8,
	 .bytes = 192,
	 .by_stack = true,
	 .held_by = &stack,
	 .goid = 7,
	 .swiss = true},
	{.map = 0x7f00000123c0,
	 .candidates = {"map[int]\033bool", "map[uint]int8"},
	 .candidates_n = 2,
	 .len = 1000,
	 .capacity = 2048,
	 .bytes = 9007199254740991,
	 .waste = 1,
	 .overflow = 3,
	 .growing = true,
	 .changing = true,
	 .old = 128,
	 .evacuated = 5},
	{.map = 0xc000012400,
	 .type = "map[int]int",
	 .bytes = 48,
	 .marks = MAP_MARK_POOL | MAP_MARK_RUNTIME},
	{.map = 0xc000012440,
	 .len = 9,
	 .capacity = 32,
	 .bytes = 900,
	 .growing = true,
	 .old = 2,
	 .moved_unknown = true},
	{.map = 0xc000012480,
	 .len = 9,
	 .capacity = 8,
	 .bytes = 192,
	 .changing = true,
	 .standing = true},
};

static struct map_report report = {
	.rows = rows,
	.rows_n = ARRAY_SIZE(rows),
	.maps = 5,
	.bytes = 90000,
	.waste = 65537,
	.typed = 4,
	.typed_bytes = 82208,
	.possible_empty = 2,
	.pid = 4711,
	.heap_bytes = 1 << 20,
	.objects = 5000,
	.live = 4000,
	.goroutines = 9,
	.watched = true,
	.spans = 300,
	.cycles = 2,
	.spans_after = 310,
	.heap_bytes_after = 1100000,
	.width = TEXT_UNLIMITED,
};

TEST(text)
{
	cleanup_buf struct buf out = {0};

	maps_text(&out, &report);
	for (const char *text = buf_cstr(&out); *text; text++)
		assert_true((unsigned char)*text >= ' ' || *text == '\n');
	check_golden("maps.text", buf_cstr(&out));
}

TEST(json)
{
	cleanup_buf struct buf out = {0};

	maps_json(&out, &report);
	for (const char *line = buf_cstr(&out); *line; line = strchr(line, '\n') + 1) {
		json_t *object = json_loadb(line, strcspn(line, "\n"), 0, NULL);

		assert_non_null(object);
		assert_non_null(json_object_get(object, "event"));
		json_decref(object);
	}
	check_golden("maps.json", buf_cstr(&out));
}

static const struct map_group groups[] = {
	{.text = "map[string]*v1.Pod",
	 .package = "k8s.io/api/core/v1",
	 .maps = 12,
	 .bytes = 983616,
	 .waste = 786432,
	 .len = 1224,
	 .capacity = 24576},
	{.text = "map[struct { \033x int }]\nbool", .maps = 1, .bytes = 48},
	{.maps = 3, .bytes = 576, .waste = 8, .len = 24, .capacity = 24},
};

TEST(in_groups)
{
	cleanup_buf struct buf text = {0}, json = {0};

	map_groups_text(&text, &report, MAPS_OF_TYPE, groups, ARRAY_SIZE(groups));
	map_groups_text(&text, &report, MAPS_OF_PACKAGE, groups, ARRAY_SIZE(groups));
	map_groups_text(&text, &report, MAPS_OF_PACKAGE, groups, 0);
	check_golden("map_groups.text", buf_cstr(&text));
	map_groups_json(&json, &report, MAPS_OF_TYPE, groups, ARRAY_SIZE(groups));
	map_groups_json(&json, &report, MAPS_OF_PACKAGE, groups, ARRAY_SIZE(groups));
	check_golden("map_groups.json", buf_cstr(&json));
}

TEST(holders)
{
	cleanup_buf struct buf out = {0};

	report.holders = true;
	maps_text(&out, &report);
	maps_json(&out, &report);
	report.holders = false;
	check_golden("maps.holders", buf_cstr(&out));
}

static const struct held_way ways[] = {
	{.holder = 0xc0000a2000, .slot = 0xc0000a2090, .held_by = hops, .alike = 3},
	{.holder = 0xc0000a3000, .slot = 0xc0000a3000, .held_by = &stack, .goid = 7},
};

static const struct held_report objects[] = {
	{.addr = 0xc000012350,
	 .object = 0xc000012340,
	 .size = 48,
	 .type = "main.\033session",
	 .field = "inner.tags",
	 .pointers = 5,
	 .ways = 3,
	 .rows = ways,
	 .rows_n = 2},
	{.addr = 0xc000012340, .object = 0xc000012340, .size = 16},
	{.addr = 0x5b1e40, .rows = &ways[1], .rows_n = 1},
	{.addr = 0x10, .why_not = "it is in no object"},
};

TEST(one_object)
{
	cleanup_buf struct buf out = {0};

	for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
		held_text(&out, &objects[i], &report);
		held_json(&out, &objects[i], &report);
	}
	check_golden("maps.held", buf_cstr(&out));
}

TEST(no_maps)
{
	struct map_report none = {.width = 80};
	cleanup_buf struct buf out = {0};

	maps_text(&out, &none);
	assert_int_equal(out.len, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(text),	      cmocka_unit_test(json),
		cmocka_unit_test(in_groups),  cmocka_unit_test(holders),
		cmocka_unit_test(one_object), cmocka_unit_test(no_maps),
	};

	setlocale(LC_ALL, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
