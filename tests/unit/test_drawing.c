/* Tests of the drawing of a map. The parts are literals, and the output is compared with tests/golden/drawing.*. */
#include "test.h"

#include <jansson.h>

#include "base/buf.h"
#include "show/drawing/drawing.h"
#include "golden.h"

static const struct drawing_style utf8 = {.width = 60}, ascii = {.width = 60, .ascii = true};

/* Adds a part whose slots are given by the letters of the drawing in ASCII. */
static void add(struct drawing *drawing, struct map_part part, const char *letters)
{
	static const char order[] = ".#ox<>?";

	for (unsigned i = 0; i < MAP_PART_SLOTS; i++)
		part.slots[i] = (enum map_slot)(strchr(order, letters[i]) - order);
	drawing_add_part(drawing, &part);
}

static void bucket(struct drawing *drawing, uint32_t array, uint64_t index, uint32_t depth,
		   const char *letters)
{
	struct map_part part = {.addr = 0xc000000000 + index * 144,
				.array = array,
				.index = index,
				.depth = depth,
				.moved = strpbrk(letters, "<>") != NULL};

	add(drawing, part, letters);
}

/* Compares the three forms with the golden files of a name. */
static void check_drawing(const struct drawing *drawing, const char *name, bool json)
{
	cleanup_buf struct buf file = {0}, out = {0};

	buf_printf(&file, "drawing.%s", name);
	drawing_text(drawing, &utf8, &out);
	buf_char(&out, '\n');
	drawing_text(drawing, &ascii, &out);
	buf_char(&out, '\n');
	if (json)
		drawing_json(drawing, &out);
	assert_false(out.bad);
	check_golden(buf_cstr(&file), buf_cstr(&out));
}

TEST(buckets_with_chains)
{
	cleanup(drawing_free) struct drawing *drawing = NULL;
	struct map_array array = {.parts = 16};

	assert_null(drawing_new(GO_MAPS_CLASSIC, &drawing));
	drawing_add_array(drawing, &array);
	for (uint64_t i = 0; i < 16; i++) {
		bucket(drawing, 0, i, 0, i == 3 ? "##o#...." : i == 5 ? "????????" : "########");
		for (uint32_t depth = 1; i == 7 && depth < 9; depth++)
			bucket(drawing, 0, i, depth, "##......");
	}
	check_drawing(drawing, "chains", true);
}

TEST(growth)
{
	cleanup(drawing_free) struct drawing *drawing = NULL;

	assert_null(drawing_new(GO_MAPS_CLASSIC, &drawing));
	for (uint64_t i = 0; i < 8; i++) {
		bucket(drawing, 0, i, 0, i % 4 < 2 ? "####...." : "........");
		if (i == 1)
			bucket(drawing, 0, i, 1, "#.......");
	}
	for (uint64_t i = 0; i < 4; i++) {
		bucket(drawing, 1, i, 0, i < 2 ? "<<>><>.." : "########");
		for (uint32_t depth = 1; i == 2 && depth < 6; depth++)
			bucket(drawing, 1, i, depth, "###.....");
	}
	check_drawing(drawing, "growth", true);
}

TEST(tables)
{
	cleanup(drawing_free) struct drawing *drawing = NULL;

	assert_null(drawing_new(GO_MAPS_SWISS, &drawing));
	for (uint32_t table = 0; table < 2; table++) {
		struct map_array array = {.number = table,
					  .parts = 2,
					  .table = 0xc000001000 + table * 32ull,
					  .used = 10,
					  .free = 2,
					  .tombstones = 2 - table,
					  .depth = 1,
					  .entries = 1 + table};

		drawing_add_array(drawing, &array);
		for (uint64_t i = 0; i < 2; i++)
			add(drawing, (struct map_part){.array = table, .index = i},
			    i ? "#.#.x##." : "########");
	}
	check_drawing(drawing, "tables", true);
}

/* Each character stands for a power of two of buckets, and an array has at most DRAWING_LINES lines. */
TEST(large)
{
	cleanup(drawing_free) struct drawing *drawing = NULL;

	assert_null(drawing_new(GO_MAPS_CLASSIC, &drawing));
	for (uint64_t i = 0; i < 1024; i++) {
		bucket(drawing, 0, i, 0,
		       i % 256 < 128 ? "####...."
		       : i < 512     ? "#......."
				     : "........");
		if (i % 256 == 5)
			bucket(drawing, 0, i, 1, "########");
	}
	for (uint64_t i = 0; i < 512; i++)
		bucket(drawing, 1, i, 0, i < 200 ? "<<>><>.." : "######..");
	check_drawing(drawing, "large", false);
}

TEST(very_large)
{
	cleanup(drawing_free) struct drawing *drawing = NULL;
	cleanup_buf struct buf out = {0};
	size_t lines = 0, used = 0;

	assert_null(drawing_new(GO_MAPS_CLASSIC, &drawing));
	for (uint64_t i = 0; i < 1000000; i++)
		bucket(drawing, 0, i, 0, "###.....");
	drawing_text(drawing, &ascii, &out);
	for (const char *at = buf_cstr(&out); *at; at++)
		lines += *at == '\n';
	assert_true(lines <= DRAWING_LINES + 2);
	buf_reset(&out);
	drawing_json(drawing, &out);
	for (const char *line = buf_cstr(&out); *line; line = strchr(line, '\n') + 1) {
		json_t *object = json_loadb(line, strcspn(line, "\n"), 0, NULL);

		used += (size_t)json_integer_value(json_object_get(object, "used"));
		json_decref(object);
	}
	assert_int_equal(used, 3000000);
}

TEST(nothing)
{
	cleanup(drawing_free) struct drawing *drawing = NULL;
	cleanup_buf struct buf out = {0};

	assert_null(drawing_new(GO_MAPS_SWISS, &drawing));
	drawing_text(drawing, &utf8, &out);
	drawing_json(drawing, &out);
	assert_int_equal(out.len, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets_with_chains),
		cmocka_unit_test(growth),
		cmocka_unit_test(tables),
		cmocka_unit_test(large),
		cmocka_unit_test(very_large),
		cmocka_unit_test(nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
