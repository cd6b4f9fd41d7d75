/* Tests of live/cgroup: the hierarchies of /proc/self/mountinfo, and their numbers. */
#include "test.h"

#include "live/cgroup/cgroup.h"
#include "live/cgroup/hierarchy.h"

#include <string.h>

#define V1(options, mount, root) \
	"35 32 0:30 " root " " mount " rw,nosuid shared:9 master:2 - cgroup cgroup rw," options "\n"
#define V2(mount, root) \
	"34 25 0:29 " root " " mount " rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n"

TEST(hierarchies_of_v2_come_first)
{
	cleanup(hierarchies_fini) struct hierarchies all = {0};

	assert_null(
		hierarchies_parse("21 26 0:19 / /sys rw - sysfs sysfs rw\n" V1("memory", "/m", "/")
					  V1("cpu,cpuacct", "/c", "/a\\040b") V2("/u", "/x"),
				  &all));
	assert_int_equal(all.list.len, 3);
	assert_true(all.list.data[0].v2);
	assert_string_equal(all.list.data[0].mount, "/u");
	assert_string_equal(all.list.data[0].root, "/x");
	hierarchies_number(&all, "5:cpu,cpuacct:/\n4:memory:/process\nx\n0::/\n");
	for (size_t i = 1; i < 3; i++) {
		const struct hierarchy *at = &all.list.data[i];
		bool memory = !strcmp(at->mount, "/m");

		assert_false(at->v2);
		assert_int_equal(at->number, memory ? 4 : 5);
		assert_string_equal(at->root, memory ? "/" : "/a b");
	}
	assert_int_equal(all.list.data[0].number, 0);
}

TEST(a_controller_is_a_whole_word)
{
	cleanup(hierarchies_fini) struct hierarchies all = {0};

	assert_null(hierarchies_parse(V1("cpuset", "/s", "/") V1("name=systemd", "/n", "/"), &all));
	hierarchies_number(&all, "7:cpu:/\n6:cpuset:/\n3:name=systemd:/\n");
	assert_int_equal(all.list.len, 2);
	assert_int_equal(all.list.data[0].number, 6);
	assert_int_equal(all.list.data[1].number, 3);
}

TEST(lines_that_are_none)
{
	static const char *const texts[] = {
		"",
		"\n\n\n",
		"cgroup2",
		"1 2 3 4 5 6 - ",
		"1 2 3 4 5 6 -",
		"1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 - cgroup2 x y",
		"1 2 3 4 5 cgroup2",
		"1 2 3 / /x rw cgroup2 cgroup2 rw"};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		cleanup(hierarchies_fini) struct hierarchies all = {0};

		assert_null(hierarchies_parse(texts[i], &all));
		assert_int_equal(all.list.len, 0);
		hierarchies_number(&all, texts[i]);
	}
}

TEST(short_lines_and_bad_escapes)
{
	cleanup(hierarchies_fini) struct hierarchies all = {0};

	assert_null(hierarchies_parse("1 2 3 \\ \\777\\000\\04 rw - cgroup2\n", &all));
	assert_int_equal(all.list.len, 1);
	assert_string_equal(all.list.data[0].root, "\\");
	assert_string_equal(all.list.data[0].mount, "\\777\\000\\04");
	assert_string_equal(all.list.data[0].options, "");
}

TEST(no_such_group)
{
	struct cgroup *cgroup = NULL;
	struct error *err = cgroup_open("/tophash/no/such/group", &cgroup);

	assert_null(cgroup);
	assert_non_null(err);
	assert_non_null(strstr(err->text, "control group"));
	error_free(err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hierarchies_of_v2_come_first),
		cmocka_unit_test(a_controller_is_a_whole_word),
		cmocka_unit_test(lines_that_are_none),
		cmocka_unit_test(short_lines_and_bad_escapes),
		cmocka_unit_test(no_such_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
