/* Tests of read/place on builds with a profile (PGO). The functions in which elements leave are
 * inlined into their callers, and may be absent from the program. */
#include "gocode_inlined.h"

#include "gocode.h"
#include "pieces.h"

#define FAST64	       "runtime.mapdelete_fast64"
#define REFLECT_STRING "reflect.mapdelete_faststr"
#define REHASH	       "internal/runtime/maps.(*table).rehash"

#define ADD_INLINED(p, func, bytes)                                   \
	goprog_func((p), &(struct goprog_func){.name = (func),        \
					       .code = (bytes),       \
					       .size = sizeof(bytes), \
					       .sp = bytes##_sp,      \
					       .inlined = bytes##_inlined})

static const struct placement_options misses = {.misses = true};

static void check_removal(const struct spot *place, const char *func, uint64_t entry,
			  uint64_t offset, uint8_t key_arg)
{
	check_place(place, func, entry, offset, SPOT_REMOVAL);
	assert_int_equal(place->key, key_arg);
}

static void check_clear(const struct spot *place, const char *func, uint64_t entry, uint64_t offset)
{
	check_place(place, func, entry, offset, SPOT_CLEAR);
	assert_int_equal(place->key, GO_PASS_NONE);
	assert_int_equal(place->map_first, 0);
}

static void expect_error(const struct goprog *p, const char *func, const char *about)
{
	struct placements places;
	struct error *err = placement_find(p->image, p->tab, &misses, &places);

	assert_non_null(err);
	assert_int_equal(err->code, ERROR_TARGET);
	if (!strstr(err->text, func) || !strstr(err->text, about))
		fail_msg("\"%s\" does not speak of \"%s\" and \"%s\"", err->text, func, about);
	assert_int_equal(places.list.len, 0);
	error_free(err);
}

/* Turns decq (%rcx) or decq (%rdx) into nopl (%rax), so that no element leaves there. */
static void keep_count(uint8_t *decrement)
{
	static const uint8_t nop[] = {0x0f, 0x1f, 0x00};

	assert_int_equal(decrement[0], 0x48);
	assert_int_equal(decrement[1], 0xff);
	memcpy(decrement, nop, sizeof(nop));
}

/* Makes the call at `at` lead to target. */
static void poke_call(struct goprog *p, uint64_t at, uint64_t target)
{
	gofake_poke_u32(&p->fake, at + 1, (uint32_t)(target - (at + 5)));
}

/* ---- both functions that decrement, inlined into (*Map).Delete ---- */

TEST(test_small_inlined)
{
	struct goprog *p = *state;
	static const struct goprog_inline inlined[] = {
		{0x3f, NULL, 0},
		{0x6d, SMALL_DELETE, 0x38},
		{0xb8, NULL, 0},
		{0},
	};
	uint8_t code[sizeof(delete_126)];
	struct placements places;
	uint64_t map, table;

	memcpy(code, delete_126, sizeof(code));
	keep_count(&code[0x90]); /* (*table).Delete is called there */
	ADD(p, REHASH, clear_126);
	map = goprog_func(p, &(struct goprog_func){.name = MAP_DELETE,
						   .code = code,
						   .size = sizeof(code),
						   .sp = delete_126_sp,
						   .inlined = inlined});
	table = ADD_SP(p, TABLE_DELETE, table_127);
	goprog_open(p);
	find_ok(p, (struct placement_options){0}, &places);
	assert_int_equal(places.maps, GO_MAPS_SWISS);
	assert_int_equal(places.list.len, 2);
	check_removal(&places.list.data[0], MAP_DELETE, map, 0x64, GO_PASS_POINTER);
	check_slots(&places.list.data[0], 3, 2, 4); /* map, type, key */
	check_removal(&places.list.data[1], TABLE_DELETE, table, 0x5a, GO_PASS_POINTER);
	placements_fini(&places);
}

TEST(test_table_inlined)
{
	struct goprog *p = *state;
	static const struct goprog_inline inlined[] = {
		{0x6d, NULL, 0},
		{0xa8, TABLE_DELETE, 0x38},
		{0xb8, NULL, 0},
		{0},
	};
	uint8_t code[sizeof(delete_126)];
	struct placements places;
	uint64_t map, small;

	memcpy(code, delete_126, sizeof(code));
	keep_count(&code[0x55]); /* deleteSmall is called there */
	ADD(p, REHASH, clear_126);
	small = ADD_SP(p, SMALL_DELETE, small_124);
	map = goprog_func(p, &(struct goprog_func){.name = MAP_DELETE,
						   .code = code,
						   .size = sizeof(code),
						   .sp = delete_126_sp,
						   .inlined = inlined});
	goprog_open(p);
	find_ok(p, (struct placement_options){0}, &places);
	assert_int_equal(places.list.len, 2);
	check_removal(&places.list.data[0], MAP_DELETE, map, 0x9f, GO_PASS_POINTER);
	check_slots(&places.list.data[0], 3, 2, 4);
	check_removal(&places.list.data[1], SMALL_DELETE, small, 0x40, GO_PASS_POINTER);
	check_slots(&places.list.data[1], 3, 2, 5);
	placements_fini(&places);
}

/* Neither is in the program. The entries call (*Map).Delete as before. */
TEST(test_both_inlined)
{
	struct goprog *p = *state;
	struct placements places;
	const struct spot *place;
	uint64_t map, fast64;

	ADD(p, REHASH, clear_126);
	map = ADD_INLINED(p, MAP_DELETE, delete_126);
	fast64 = ADD(p, FAST64, fast64_127);
	goprog_open(p);
	find_ok(p, misses, &places);
	assert_int_equal(places.maps, GO_MAPS_SWISS);
	assert_int_equal(places.list.len, 7);
	place = places.list.data;
	check_removal(&place[0], MAP_DELETE, map, 0x64, GO_PASS_POINTER); /* jae */
	check_slots(&place[0], 3, 2, 4);
	assert_non_null(strstr(place[0].why, "decremented at +85"));
	check_removal(&place[1], MAP_DELETE, map, 0x9f, GO_PASS_POINTER); /* the nop before it */
	check_slots(&place[1], 3, 2, 4);
	assert_non_null(strstr(place[1].why, "decremented at +144"));
	check_entry(&place[2], FAST64, fast64, 0x16, 3, 0);
	check_exit(&place[3], FAST64, fast64, 0x30, 3);
	check_exit(&place[4], FAST64, fast64, 0x36, 3);
	check_entry(&place[5], MAP_DELETE, map, 0x1a, 9, 1);
	check_exit(&place[6], MAP_DELETE, map, 0xad, 9);
	placements_fini(&places);
}

/* ---- everything inlined into the entries: no method of the map is left ---- */

TEST(test_entry_holds_all)
{
	struct goprog *p = *state;
	struct placements places;
	const struct spot *place;
	uint64_t fast64;

	ADD(p, REHASH, clear_126);
	fast64 = ADD_INLINED(p, FAST64, fast64_126);
	goprog_open(p);
	find_ok(p, misses, &places);
	assert_int_equal(places.maps, GO_MAPS_SWISS); /* although none of its methods tells that */
	assert_int_equal(places.list.len, 4);
	place = places.list.data;
	check_removal(&place[0], FAST64, fast64, 0x5e, GO_PASS_64);
	check_slots(&place[0], 2, 3, 4); /* type, map, key */
	check_removal(&place[1], FAST64, fast64, 0x81, GO_PASS_64);
	check_slots(&place[1], 2, 3, 4);
	check_entry(&place[2], FAST64, fast64, 0x1d, 3, 0);
	assert_int_equal(place[2].key, GO_PASS_64);
	check_exit(&place[3], FAST64, fast64, 0x8d, 3);
	placements_fini(&places);
}

/* A classic map. The two words of the key are neighbours only where the inlined function has its
 * own, below the frame pointer. */
TEST(test_string_in_reflect)
{
	struct goprog *p = *state;
	struct placements places;
	const struct spot *place;
	uint64_t entry;

	entry = ADD_INLINED(p, REFLECT_STRING, reflect_faststr_123);
	goprog_open(p);
	find_ok(p, misses, &places);
	assert_int_equal(places.maps, GO_MAPS_CLASSIC);
	assert_int_equal(places.list.len, 3);
	place = places.list.data;
	check_removal(&place[0], REFLECT_STRING, entry, 0x45, GO_PASS_STRING);
	check_slots(&place[0], 2, 3, -4);
	check_entry(&place[1], REFLECT_STRING, entry, 0x23, 7, 0);
	assert_int_equal(place[1].key, GO_PASS_STRING);
	check_exit(&place[2], REFLECT_STRING, entry, 0x53, 7);
	placements_fini(&places);
}

/* A function of reflect that calls the probed one is not probed for misses as well. */
TEST(test_reflect_calls)
{
	struct goprog *p = *state;
	struct placements places;
	uint64_t faststr, reflect;

	faststr = ADD_SP(p, FASTSTR, faststr_123);
	reflect = ADD(p, REFLECT_STRING, fast64_127);
	poke_call(p, reflect + 0x26, faststr);
	goprog_open(p);
	find_ok(p, misses, &places);
	assert_int_equal(places.list.len, 3);
	check_removal(&places.list.data[0], FASTSTR, faststr, 0x44, GO_PASS_STRING);
	check_entry(&places.list.data[1], FASTSTR, faststr, 0x1b, 4, 0);
	check_exit(&places.list.data[2], FASTSTR, faststr, 0x58, 4);
	placements_fini(&places);
}

/* ---- clear ---- */

/* (*Map).Clear is gone, and runtime.mapclear was also inlined into reflect.mapclear. Each is a
 * separate path. A program that only clears has none of the functions that delete. */
TEST(test_clear_inlined)
{
	struct goprog *p = *state;
	struct placements places;
	uint64_t clear, reflect;

	ADD(p, REHASH, clear_126);
	reflect = ADD_INLINED(p, "reflect.mapclear", mapclear_126);
	clear = ADD_INLINED(p, "runtime.mapclear", mapclear_126);
	goprog_open(p);
	find_ok(p, (struct placement_options){0}, &places);
	assert_int_equal(places.maps, GO_MAPS_SWISS);
	assert_int_equal(places.list.len, 2);
	check_clear(&places.list.data[0], "runtime.mapclear", clear, 0x11);
	check_clear(&places.list.data[1], "reflect.mapclear", reflect, 0x11);
	placements_fini(&places);
}

/* It is inlined only into runtime.mapclear, which reflect calls. */
TEST(test_clear_called)
{
	struct goprog *p = *state;
	struct placements places;
	uint64_t clear, reflect;

	ADD_INLINED(p, FAST64, fast64_126);
	clear = ADD_INLINED(p, "runtime.mapclear", mapclear_126);
	reflect = ADD(p, "reflect.mapclear", fast64_127);
	poke_call(p, reflect + 0x26, clear);
	goprog_open(p);
	find_ok(p, (struct placement_options){0}, &places);
	assert_int_equal(places.list.len, 3);
	check_clear(&places.list.data[2], "runtime.mapclear", clear, 0x11);
	placements_fini(&places);
}

/* Only the method tells the layout of the maps. */
TEST(test_clear_only)
{
	struct goprog *p = *state;
	struct placements places;
	uint64_t clear;

	ADD(p, REHASH, clear_126);
	clear = ADD(p, MAP_CLEAR, clear_126);
	goprog_open(p);
	find_ok(p, (struct placement_options){0}, &places);
	assert_int_equal(places.maps, GO_MAPS_SWISS);
	assert_int_equal(places.list.len, 1);
	check_place(&places.list.data[0], MAP_CLEAR, clear, 0x11, SPOT_CLEAR);
	assert_int_equal(places.list.data[0].map_first, 1);
	placements_fini(&places);
}

/* ---- a copy without a spot must be an error ---- */

/* In one of two copies the decrement cannot be seen. */
TEST(test_copy_unaccounted)
{
	const struct {
		const char *func, *about;
		size_t decrement;
	} cases[] = {
		{FAST64, "nowhere in the inlined " SMALL_DELETE ")", 0x52},
		{FAST64, "nowhere in the inlined " TABLE_DELETE ")", 0x75},
	};
	uint8_t code[sizeof(fast64_126)];
	struct goprog p;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		memcpy(code, fast64_126, sizeof(code));
		keep_count(&code[cases[i].decrement]);
		goprog_begin(&p, 26);
		ADD_INLINED(&p, MAP_DELETE, delete_126); /* in this one both are seen */
		goprog_func(&p, &(struct goprog_func){.name = FAST64,
						      .code = code,
						      .size = sizeof(code),
						      .sp = fast64_126_sp,
						      .inlined = fast64_126_inlined});
		goprog_open(&p);
		expect_error(&p, cases[i].func, cases[i].about);
		goprog_close(&p);
	}
}

/* A classic map: reflect's copy of runtime.mapdelete_faststr. */
TEST(test_reflect_unaccounted)
{
	struct goprog *p = *state;
	uint8_t code[sizeof(reflect_faststr_123)];

	memcpy(code, reflect_faststr_123, sizeof(code));
	code[0x3d] = 0xff;
	code[0x3e] = 0xc2; /* inc %rdx */
	ADD_SP(p, FASTSTR, faststr_123);
	goprog_func(p, &(struct goprog_func){.name = REFLECT_STRING,
					     .code = code,
					     .size = sizeof(code),
					     .sp = reflect_faststr_123_sp,
					     .inlined = reflect_faststr_123_inlined});
	goprog_open(p);
	expect_error(p, REFLECT_STRING, "nowhere in the inlined runtime.mapdelete_faststr)");
}

/* The program uses Swiss tables. But it has no (*table).Delete, and no function that placement
 * looks at has an inlined copy of it. */
TEST(test_end_nowhere)
{
	struct goprog *p = *state;

	ADD(p, REHASH, clear_126);
	ADD_SP(p, SMALL_DELETE, small_124);
	ADD(p, MAP_DELETE, clear_126);
	goprog_open(p);
	expect_error(p, TABLE_DELETE, "(the count is not decremented where it should be)");
}

/* An argument is stored more often than is remembered. The stores of type and map come last. */
TEST(test_too_many_spills)
{
	struct goprog *p = *state;
	static const struct goprog_sp sp[] = {{1, 0}, {8, 8}, {256, 0x80}, {0}};

	add(p, SMALL_DELETE, too_many_spills, sizeof(too_many_spills), sp);
	goprog_open(p);
	expect_error(p, SMALL_DELETE, "(the arguments are not kept on the stack)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_GO(26, test_small_inlined),       WITH_GO(26, test_table_inlined),
		WITH_GO(26, test_both_inlined),	       WITH_GO(26, test_entry_holds_all),
		WITH_GO(23, test_string_in_reflect),   WITH_GO(23, test_reflect_calls),
		WITH_GO(26, test_clear_inlined),       WITH_GO(26, test_clear_called),
		WITH_GO(26, test_clear_only),	       cmocka_unit_test(test_copy_unaccounted),
		WITH_GO(23, test_reflect_unaccounted), WITH_GO(26, test_end_nowhere),
		WITH_GO(26, test_too_many_spills),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
