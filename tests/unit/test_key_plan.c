/* Tests of read/layout/go_key.c: the plan of a key type, which tells the kernel program which bytes to
 * read. The types belong to a synthesised program. */
#include "test.h"

#include <unistd.h>

#include "key_check.h"

static void check_step(const struct go_key_plan *plan, unsigned i, unsigned offset,
		       enum go_key_reference reference)
{
	assert_true(i < plan->nsteps);
	assert_int_equal(plan->step[i].offset, offset);
	assert_int_equal(plan->step[i].reference, reference);
}

static const struct {
	enum gotype_kind kind;
	uint32_t size;
} scalars[] = {
	{GOTYPE_BOOL, 1},	    {GOTYPE_INT, 8},	 {GOTYPE_INT8, 1},
	{GOTYPE_INT16, 2},	    {GOTYPE_INT32, 4},	 {GOTYPE_INT64, 8},
	{GOTYPE_UINT, 8},	    {GOTYPE_UINT8, 1},	 {GOTYPE_UINT16, 2},
	{GOTYPE_UINT32, 4},	    {GOTYPE_UINT64, 8},	 {GOTYPE_UINTPTR, 8},
	{GOTYPE_FLOAT32, 4},	    {GOTYPE_FLOAT64, 8}, {GOTYPE_COMPLEX64, 8},
	{GOTYPE_COMPLEX128, 16},    {GOTYPE_CHAN, 8},	 {GOTYPE_POINTER, 8},
	{GOTYPE_UNSAFE_POINTER, 8},
};

TEST(a_scalar_is_copied)
{
	struct goprog *p = *state;
	uint64_t at[ARRAY_SIZE(scalars)];

	for (size_t i = 0; i < ARRAY_SIZE(scalars); i++)
		at[i] = goprog_scalar(p, scalars[i].kind);
	goprog_open(p);
	for (size_t i = 0; i < ARRAY_SIZE(scalars); i++) {
		struct go_key_plan plan = plan_of(p, at[i]);

		assert_int_equal(plan.shape, GO_KEY_RAW);
		assert_int_equal(plan.size, scalars[i].size);
		assert_int_equal(plan.nsteps, 0);
		assert_false(plan.truncated);
	}
}

TEST(references_are_followed)
{
	struct goprog *p = *state;
	struct go_key_plan plan;
	uint64_t string, eface, iface;

	string = goprog_scalar(p, GOTYPE_STRING);
	eface = goprog_eface(p);
	iface = goprog_iface(p);
	goprog_open(p);
	plan = plan_of(p, string);
	assert_int_equal(plan.shape, GO_KEY_STRING);
	assert_int_equal(plan.size, 16);
	plan = plan_of(p, eface);
	assert_int_equal(plan.shape, GO_KEY_PARTS);
	assert_int_equal(plan.size, 16);
	assert_int_equal(plan.nsteps, 1);
	check_step(&plan, 0, 0, GO_KEY_REF_EFACE);
	plan = plan_of(p, iface);
	check_step(&plan, 0, 0, GO_KEY_REF_IFACE);
}

/* struct { A int32; Name string; In struct { Tags [2]string; V any }; S fmt.Stringer } */
TEST(references_inside_are_found_at_their_offsets)
{
	struct goprog *p = *state;
	static const unsigned offsets[] = {8, 24, 40, 56, 72};
	struct go_key_plan plan;
	uint64_t string, inner, outer;

	string = goprog_scalar(p, GOTYPE_STRING);
	inner = STRUCT(p, "main.inner",
		       ((struct goprog_field[]){
			       {"Tags", goprog_array(p, "[2]string", string, 16, 2, 24), 0},
			       {"V", goprog_eface(p), 32},
		       }),
		       48, 48);
	outer = STRUCT(p, "main.outer",
		       ((struct goprog_field[]){{"A", goprog_scalar(p, GOTYPE_INT32), 0},
						{"Name", string, 8},
						{"In", inner, 24},
						{"S", goprog_iface(p), 72}}),
		       88, 88);
	goprog_open(p);
	plan = plan_of(p, outer);
	assert_int_equal(plan.shape, GO_KEY_PARTS);
	assert_int_equal(plan.size, 88);
	assert_int_equal(plan.nsteps, ARRAY_SIZE(offsets));
	for (unsigned i = 0; i < ARRAY_SIZE(offsets); i++)
		check_step(&plan, i, offsets[i],
			   i == 3   ? GO_KEY_REF_EFACE
			   : i == 4 ? GO_KEY_REF_IFACE
				    : GO_KEY_REF_STRING);
	assert_false(plan.truncated);
}

/* Without pointers there is nothing to follow. */
TEST(without_pointers_nothing_is_followed)
{
	struct goprog *p = *state;
	uint64_t array, pair;

	array = goprog_array(p, "[1000000]int", p->fake.type_int, 8, 1000000, 0);
	pair = STRUCT(p, "main.p", ((struct goprog_field[]){{"A", array, 0}}), 8000000, 0);
	goprog_open(p);
	assert_int_equal(plan_of(p, array).shape, GO_KEY_RAW);
	assert_int_equal(plan_of(p, array).size, 8000000);
	assert_int_equal(plan_of(p, pair).shape, GO_KEY_RAW);
}

/* ---- limits ---- */

TEST(a_plan_with_too_many_references_is_truncated)
{
	struct goprog *p = *state;
	struct go_key_plan plan;
	uint64_t string, eight, nine, far;

	string = goprog_scalar(p, GOTYPE_STRING);
	eight = goprog_array(p, "[8]string", string, 16, 8, 120);
	nine = goprog_array(p, "[9]string", string, 16, 9, 136);
	far = STRUCT(p, "main.far", ((struct goprog_field[]){{"S", string, 65536}}), 65552, 65544);
	goprog_open(p);
	plan = plan_of(p, eight);
	assert_int_equal(plan.nsteps, 8);
	assert_false(plan.truncated);
	plan = plan_of(p, nine);
	assert_int_equal(plan.nsteps, 8);
	assert_true(plan.truncated);
	check_step(&plan, 7, 7 * 16, GO_KEY_REF_STRING);
	plan = plan_of(p, far); /* past the largest offset in a step */
	assert_int_equal(plan.shape, GO_KEY_PARTS);
	assert_int_equal(plan.nsteps, 0);
	assert_true(plan.truncated);
}

TEST(types_are_nested_sixteen_deep_at_most)
{
	struct goprog *p = *state;
	struct go_key_plan plan;
	uint64_t deep, deeper;

	deep = nest(p, 16);
	deeper = nest(p, 17);
	goprog_open(p);
	plan = plan_of(p, deep);
	assert_int_equal(plan.nsteps, 1);
	assert_false(go_key_plan(&p->types, deeper, &plan));
}

/* An array that claims 2^40 pointers, and an array of 2^20 such arrays. One element without
 * references stands for all. */
TEST(one_element_stands_for_an_array_without_references)
{
	struct goprog *p = *state;
	struct go_key_plan plan;
	uint64_t inner, outer;

	inner = goprog_array(p, "[N]*int", goprog_scalar(p, GOTYPE_POINTER), 8, 1ull << 40, 8);
	gofake_poke_u64(&p->fake, inner, 8); /* its size */
	outer = goprog_array(p, "[N][N]*int", inner, 8, 1ull << 20, 8);
	goprog_open(p);
	plan = plan_of(p, inner);
	assert_int_equal(plan.shape, GO_KEY_RAW);
	assert_int_equal(plan.visits, 2);
	assert_false(plan.truncated);
	plan = plan_of(p, outer);
	assert_int_equal(plan.shape, GO_KEY_RAW);
	assert_int_equal(plan.visits, 3);
}

/* Structs of eight structs of eight ..., eleven levels deep, with pointers at the end: 2^33 of
 * them, and never more steps than the limit that would end the walk. */
TEST(a_type_that_grows_without_end_is_truncated)
{
	struct goprog *p = *state;
	struct go_key_plan plan;
	uint64_t type;

	type = goprog_scalar(p, GOTYPE_POINTER);
	for (unsigned level = 0; level < 11; level++)
		type = STRUCT(p, "main.wide",
			      ((struct goprog_field[]){{"A", type, 0},
						       {"B", type, 0},
						       {"C", type, 0},
						       {"D", type, 0},
						       {"E", type, 0},
						       {"F", type, 0},
						       {"G", type, 0},
						       {"H", type, 0}}),
			      8, 8);
	goprog_open(p);
	alarm(10);
	plan = plan_of(p, type);
	alarm(0);
	assert_true(plan.truncated);
	assert_int_equal(plan.shape, GO_KEY_PARTS);
	assert_int_equal(plan.nsteps, 0);
	assert_in_range(plan.visits, 4096, 4200);
}

TEST(a_type_that_is_no_type_has_no_plan)
{
	struct goprog *p = *state;
	struct go_key_plan plan;
	uint64_t cycle, missing, outside;

	cycle = STRUCT(p, "main.cycle", ((struct goprog_field[]){{"Self", 0, 0}}), 8, 8);
	poke_field_type(p, cycle, 0, cycle);
	missing = STRUCT(p, "main.m", ((struct goprog_field[]){{"F", 0xdead0000, 0}}), 8, 8);
	outside =
		STRUCT(p, "main.o", ((struct goprog_field[]){{"F", p->fake.type_int, 24}}), 16, 8);
	goprog_open(p);
	assert_false(go_key_plan(&p->types, cycle, &plan));
	assert_false(go_key_plan(&p->types, missing, &plan));
	assert_false(go_key_plan(&p->types, outside, &plan));
	assert_false(go_key_plan(&p->types, 0, &plan));
	assert_false(go_key_plan(&p->types, p->fake.type_int + 4, &plan));
	assert_false(go_key_plan(&p->types, UINT64_MAX - 7, &plan));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_GO(26, a_scalar_is_copied),
		WITH_GO(26, references_are_followed),
		WITH_GO(22, references_inside_are_found_at_their_offsets),
		WITH_GO(19, without_pointers_nothing_is_followed),
		WITH_GO(26, a_plan_with_too_many_references_is_truncated),
		WITH_GO(26, types_are_nested_sixteen_deep_at_most),
		WITH_GO(26, one_element_stands_for_an_array_without_references),
		WITH_GO(26, a_type_that_grows_without_end_is_truncated),
		WITH_GO(26, a_type_that_is_no_type_has_no_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
