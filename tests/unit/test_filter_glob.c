/* Tests of watch/filter/pattern.c: the globs of --type and --site. */
#include "test.h"
#include "base/frame.h"

#include "filter_check.h"

TEST(a_glob_has_stars_and_question_marks_only)
{
	static const struct {
		const char *glob, *text;
		bool matches;
	} cases[] = {
		{"map[string]*", "map[string]int", true},
		{"map[string]*", "maps", false}, /* brackets are literal */
		{"map[string]*", "mapsint", false},
		{"map[*]int", "map[string]int", true},
		{"map[*]int", "map[string]int64", false},
		{"*main.session", "map[string]*main.session", true},
		{"map[string]\\*main.session", "map[string]*main.session", true},
		{"map[string]\\*main.session", "map[string]Xmain.session", false},
		{"map[\\[4]int]bool", "map[[4]int]bool", true},
		{"[a-z]", "b", false},
		{"[a-z]", "[a-z]", true},
		{"[!a]", "b", false},
		{"int?", "int8", true},
		{"int?", "int", false},
		{"int?", "int16", false},
		{"a\\?b", "a?b", true},
		{"a\\?b", "axb", false},
		{"a\\\\b", "a\\b", true},
		{"*", "", true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct filter filter = {0};

		assert_null(filter_set_glob("--type", cases[i].glob, &filter.type_glob));
		if (filter_type_matches(&filter, cases[i].text) != cases[i].matches)
			fail_msg("\"%s\" and \"%s\"", cases[i].glob, cases[i].text);
		filter_fini(&filter);
	}
}

TEST(globs_that_are_refused)
{
	struct filter filter = {0};
	char text[1026];

	memset(text, 'x', 1025);
	text[1025] = '\0';
	expect_usage(filter_set_glob("--type", "", &filter.type_glob),
		     "--type: the pattern is empty");
	expect_usage(filter_set_glob("--site", text, &filter.site_glob),
		     "--site: the pattern is longer than 1024 bytes");
	expect_usage(filter_set_glob("--type", "a*\\", &filter.type_glob),
		     "--type a*\\: the pattern ends in a lone backslash");
	assert_null(filter.type_glob);
	text[1024] = '\0';
	assert_null(filter_set_glob("--type", text, &filter.type_glob));
	expect_usage(filter_set_glob("--type", "b", &filter.type_glob),
		     "--type can be given only once");
	assert_true(filter_type_matches(&filter, text)); /* the first one stays in effect */
	filter_fini(&filter);
	assert_true(filter_type_matches(&filter, "anything"));
}

/* ---- --site ---- */

TEST(a_site_is_a_function_or_a_line)
{
	static const struct frame frame = {
		.func = "maps.DeleteFunc[...]", .file = "/usr/lib/go/src/maps/maps.go", .line = 60};
	static const struct frame unknown = {.func = "", .file = ""};
	static const struct {
		const char *glob;
		bool matches;
	} cases[] = {
		{"maps.DeleteFunc[...]", true},
		{"maps.*", true},
		{"maps.go:60", true},
		{"maps.go:6", false},
		{"maps.go:*", true},
		{"/usr/lib/go/src/maps/maps.go:60", true},
		{"*/maps.go:60", true},
		{"maps/maps.go:60", false},
		{"maps.go", false},
		{"DeleteFunc", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct filter filter = {0};

		assert_null(filter_set_glob("--site", cases[i].glob, &filter.site_glob));
		if (filter_site_matches(&filter, &frame, 1) != cases[i].matches)
			fail_msg("%s", cases[i].glob);
		assert_false(filter_site_matches(&filter, &unknown, 1));
		filter_fini(&filter);
	}
	assert_true(filter_site_matches(&(struct filter){0}, &unknown, 1));
}

/* Frames of one call, whose last is the function that is not inlined; then the frame of its
 * caller. */
TEST(a_site_matches_every_function_of_the_call)
{
	static const struct frame stack[] = {
		{.pc = 9,
		 .func = "maps.DeleteFunc[...]",
		 .file = "maps.go",
		 .line = 60,
		 .inlined = true},
		{.pc = 9,
		 .func = "main.(*store).sweep",
		 .file = "store.go",
		 .line = 61,
		 .inlined = true},
		{.pc = 9, .func = "main.tick", .file = "main.go", .line = 12},
		{.pc = 17, .func = "main.main", .file = "main.go", .line = 30},
	};
	static const struct {
		const char *glob;
		size_t n;
		bool matches;
	} cases[] = {
		{"maps.DeleteFunc*", 4, true}, {"store.go:61", 4, true}, {"main.tick", 4, true},
		{"main.main", 4, false},       {"main.go:12", 3, true},	 {"main.tick", 2, false},
		{"main.tick", 1, false},       {"*", 4, true},		 {"*", 0, false},
	};
	struct frame hidden[2] = {stack[0], stack[3]}; /* inlined into a wrapper */

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct filter filter = {0};

		assert_null(filter_set_glob("--site", cases[i].glob, &filter.site_glob));
		if (filter_site_matches(&filter, stack, cases[i].n) != cases[i].matches)
			fail_msg("%s of %zu", cases[i].glob, cases[i].n);
		assert_int_equal(filter_site_matches(&filter, hidden, 2),
				 !strcmp(cases[i].glob, "*") || i == 0);
		filter_fini(&filter);
	}
	assert_true(filter_site_matches(&(struct filter){0}, NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_glob_has_stars_and_question_marks_only),
		cmocka_unit_test(globs_that_are_refused),
		cmocka_unit_test(a_site_is_a_function_or_a_line),
		cmocka_unit_test(a_site_matches_every_function_of_the_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
