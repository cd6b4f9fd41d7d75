/* Tests of read/gofile/entries.h, the table of the runtime's functions that delete. */
#include "test.h"

#include "base/base.h"
#include "read/gofile/gofile.h"

/* Checks each row alone, for properties that readers of the table rely on. */
TEST(test_rows)
{
	for (size_t i = 0; i < GO_ENTRIES; i++) {
		const struct go_entry *e = &go_entries[i];
		bool clears = e->kind == GO_ENTRY_CLEAR;

		assert_non_null(e->name);
		assert_int_equal(e->is_site, e->variant != NULL);
		assert_int_equal(clears, e->key == GO_PASS_NONE);
		assert_int_equal(e->sync, go_entry_is_sync(e->name));
		assert_true(e->sync || (!e->trie && !e->ends));
		if (e->sync) {
			assert_int_equal(e->removes_in, GO_IN_NONE); /* nobody keeps a count */
			assert_true(clears || e->key == GO_PASS_ANY);
		} else {
			assert_int_not_equal(e->type_arg, e->map_arg);
		}
		if (!clears && !e->sync) {
			assert_int_not_equal(e->key_arg, e->type_arg);
			assert_int_not_equal(e->key_arg, e->map_arg);
		}
		assert_in_range(e->from, 19, 27);
		assert_int_not_equal(e->layouts, 0);
		assert_int_equal(e->removes_in & ~e->layouts, 0);
		assert_int_equal(e->reflect, !strncmp(e->name, "reflect.", 8));
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(go_entries[k].name, e->name);
	}
}

TEST(test_removes)
{
	unsigned classic = 0, swiss = 0;

	for (size_t i = 0; i < GO_ENTRIES; i++) {
		classic += (go_entries[i].removes_in & GO_IN_CLASSIC) != 0;
		swiss += (go_entries[i].removes_in & GO_IN_SWISS) != 0;
	}
	assert_int_equal(classic, 4); /* runtime.mapdelete and its three fast variants */
	assert_int_equal(swiss, 2);   /* deleteSmall, (*table).Delete */
}

TEST(test_key_size)
{
	static const unsigned sizes[] = {0, 4, 8, 16};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		assert_int_equal(go_entry_key_size(&go_entries[i]), sizes[i]);
}

TEST(test_inner)
{
	static const char *const inner[] = {
		"runtime.mapdelete",
		"runtime.mapdelete_faststr",
		"runtime.mapclear",
		"reflect.mapdelete",
		"reflect.mapdelete_faststr",
		"reflect.mapclear",
		"runtime.reflect_mapdelete",
		"runtime.reflect_mapdelete_faststr",
		"runtime.reflect_mapclear",
		"internal/runtime/maps.(*Map).Delete",
		"internal/runtime/maps.(*table).Delete",
		"internal/runtime/maps.(*Map).growToTable",
	};
	static const char *const outer[] = {
		"",
		"main.mapdelete",
		"runtime.mapassign",
		"runtime.mapdelete_fast",
		"runtime.reflect_mapdelete_fast64",
		"runtime.reflect_mapassign",
		"reflect.Value.SetMapIndex",
		"internal/runtime/maps",
	};

	for (size_t i = 0; i < ARRAY_SIZE(inner); i++)
		assert_true(go_entry_is_inner(inner[i]));
	for (size_t i = 0; i < ARRAY_SIZE(outer); i++)
		assert_false(go_entry_is_inner(outer[i]));
}

TEST(test_names)
{
	const char *names[GO_ENTRY_NAMES];

	go_entry_names(names);
	for (size_t i = 0; i < GO_ENTRY_NAMES; i++) {
		assert_non_null(names[i]);
		if (i < GO_ENTRIES)
			assert_string_equal(names[i], go_entries[i].name);
		else
			assert_true(go_entry_is_inner(names[i]));
	}
}

/* Each function that only Swiss maps have is enough to tell the layout. No other function is. */
TEST(test_layout)
{
	struct gopcln_func funcs[GO_ENTRY_NAMES] = {0};

	assert_int_equal(go_entry_maps(NULL, funcs), GO_MAPS_CLASSIC);
	for (size_t i = 0; i < GO_ENTRY_NAMES; i++) {
		if (i < GO_ENTRIES && go_entries[i].layouts != GO_IN_SWISS)
			continue;
		funcs[i].entry = 0x1000;
		assert_int_equal(go_entry_maps(NULL, funcs), GO_MAPS_SWISS);
		funcs[i].entry = 0;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),  cmocka_unit_test(test_removes),
		cmocka_unit_test(test_inner), cmocka_unit_test(test_key_size),
		cmocka_unit_test(test_names), cmocka_unit_test(test_layout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
