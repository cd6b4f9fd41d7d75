/* Tests of read/site: the lists of two binaries are compared. */
#include "test.h"
#include "base/frame.h"

#include "read/site/site.h"

enum { GENERIC, FAST32, FAST64, FASTSTR, CLEAR };

static struct site_type type_a = {.name = "map[int]int"}, type_b = {.name = "map[string]int"};

static struct site_row row(uint64_t pc, uint32_t entry, const struct site_type *type,
			   struct frame *frames, size_t n)
{
	return (struct site_row){
		.pc = pc, .entry = entry, .type = type, .frames = frames, .frames_n = n};
}

TEST(sites_are_paired_by_what_people_know)
{
	struct frame f = {.func = "main.f", .line = 1};
	struct frame f_moved = {.func = "main.f", .line = 9};
	struct frame g = {.func = "main.g"}, h = {.func = "main.h[go.shape.int]"};
	struct frame h_old = {.func = "main.h[...]"}, gone = {.func = "main.gone"};
	struct frame g_in_f[] = {g, f}, came = {.func = "main.came"}, k = {.func = "main.k"};
	struct site_row before[] = {
		row(1, FAST64, &type_a, &f, 1),	    row(2, FAST64, &type_a, &f, 1),
		row(3, FAST64, &type_a, g_in_f, 2), row(4, CLEAR, &type_a, &h_old, 1),
		row(5, FAST64, &type_a, &gone, 1),  row(6, FAST64, &type_a, &k, 1),
	};
	struct site_row after[] = {
		row(11, FASTSTR, &type_b, &k, 1),      row(12, FAST64, &type_a, &f_moved, 1),
		row(13, FAST64, &type_a, &f_moved, 1), row(14, FAST64, &type_a, &g, 1),
		row(15, FAST64, &type_a, &h, 1),       row(16, FAST64, &type_a, &came, 1),
	};
	struct sites a = {.list = {before, ARRAY_SIZE(before), 0}};
	struct sites b = {.list = {after, ARRAY_SIZE(after), 0}};
	static const struct {
		int from, to;
		bool variant, type, inlining;
	} expected[] = {
		{6, 11, true, true, false},   /* another type, and with it another variant */
		{1, 12, false, false, false}, /* lines that only moved are no change */
		{2, 13, false, false, false}, {3, 14, false, false, true},
		{4, 15, true, false, false},  {0, 16, false, false, false},
		{5, 0, false, false, false},
	};
	struct site_changes changes;

	assert_null(site_compare(&a, &b, &changes));
	assert_int_equal(changes.list.len, ARRAY_SIZE(expected));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		const struct site_change *change = &changes.list.data[i];

		assert_int_equal(change->from ? change->from->pc : 0, expected[i].from);
		assert_int_equal(change->to ? change->to->pc : 0, expected[i].to);
		assert_int_equal(change->variant, expected[i].variant);
		assert_int_equal(change->type, expected[i].type);
		assert_int_equal(change->inlining, expected[i].inlining);
	}
	site_changes_fini(&changes);
}

TEST(no_site_pairs_with_nothing)
{
	struct frame f = {.func = "main.f"};
	struct site_row one[] = {row(1, FAST64, &type_a, &f, 1)};
	struct sites a = {.list = {one, 1, 0}}, none = {0};
	struct site_changes changes;

	assert_null(site_compare(&a, &none, &changes));
	assert_int_equal(changes.list.len, 1);
	assert_null(changes.list.data[0].to);
	site_changes_fini(&changes);
	assert_null(site_compare(&none, &none, &changes));
	assert_int_equal(changes.list.len, 0);
	site_changes_fini(&changes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sites_are_paired_by_what_people_know),
		cmocka_unit_test(no_site_pairs_with_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
