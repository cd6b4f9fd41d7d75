/* Tests of read/place, which finds the spots of probes. The machine code (asm/) is in a synthesised
 * program, under the runtime's names. */
#include "placed.h"

#include <stdio.h>

#include "gocode.h"
#include "pieces.h"

/* ---- whole programs ---- */

/* The arguments are in the caller's area. Above the frame pointer are the saved one and the return
 * address, then type, map and key. */
TEST(test_classic_119)
{
	struct goprog *p = *state;
	struct placements places;
	uint64_t fast32, fast64, clear;

	fast32 = ADD_SP(p, "runtime.mapdelete_fast32", fast32_119);
	fast64 = ADD_SP(p, "runtime.mapdelete_fast64", fast64_119);
	clear = ADD(p, "runtime.mapclear", mapclear_119);
	goprog_open(p);
	find_ok(p, (struct placement_options){0}, &places);
	assert_int_equal(places.maps, GO_MAPS_CLASSIC);
	assert_int_equal(places.gcphase, 0);
	assert_int_equal(places.list.len, 3);
	check_place(&places.list.data[0], "runtime.mapdelete_fast32", fast32, 0x38,
		    SPOT_REMOVAL); /* jne */
	assert_int_equal(places.list.data[0].key, GO_PASS_32);
	check_slots(&places.list.data[0], 2, 3, 4);
	check_place(&places.list.data[1], "runtime.mapdelete_fast64", fast64, 0x71, SPOT_REMOVAL);
	assert_int_equal(places.list.data[1].key, GO_PASS_64);
	check_slots(&places.list.data[1], 2, 3, 4);
	assert_non_null(strstr(places.list.data[1].why, "decremented at +106"));
	check_place(&places.list.data[2], "runtime.mapclear", clear, 0x1b, SPOT_CLEAR);
	assert_int_equal(places.list.data[2].map_first, 0);
	assert_int_equal(places.list.data[2].key, GO_PASS_NONE);
	placements_fini(&places);
}

TEST(test_classic_123)
{
	struct goprog *p = *state;
	struct placements places;
	uint64_t mapdelete, faststr;

	faststr = ADD_SP(p, FASTSTR, faststr_123);
	mapdelete = ADD_SP(p, "runtime.mapdelete", mapdelete_121);
	goprog_open(p);
	find_ok(p, (struct placement_options){0}, &places);
	assert_int_equal(places.maps, GO_MAPS_CLASSIC);
	assert_int_equal(places.list.len, 2);
	check_place(&places.list.data[0], "runtime.mapdelete", mapdelete, 0x34, SPOT_REMOVAL);
	assert_int_equal(places.list.data[0].key, GO_PASS_POINTER);
	check_slots(&places.list.data[0], 2, 3, 4);
	/* A string is two words. */
	check_place(&places.list.data[1], FASTSTR, faststr, 0x44, SPOT_REMOVAL);
	assert_int_equal(places.list.data[1].key, GO_PASS_STRING);
	check_slots(&places.list.data[1], 2, 3, 4);
	placements_fini(&places);
}

/* With a nop before jae (1.24) the nop is the spot. Without one (1.27) the jump is. */
TEST(test_swiss)
{
	struct goprog *p = *state;
	struct placements places;
	uint64_t small, table, clear;

	small = ADD_SP(p, SMALL_DELETE, small_124);
	ADD(p, MAP_DELETE, clear_126);
	clear = ADD(p, MAP_CLEAR, clear_126);
	table = ADD_SP(p, TABLE_DELETE, table_127);
	ADD(p, "runtime.mapdelete_fast64", fast64_127); /* a wrapper: no probe there */
	goprog_open(p);
	find_ok(p, (struct placement_options){0}, &places);
	assert_int_equal(places.maps, GO_MAPS_SWISS);
	assert_int_equal(places.list.len, 3);
	check_place(&places.list.data[0], SMALL_DELETE, small, 0x40, SPOT_REMOVAL);
	assert_int_equal(places.list.data[0].key, GO_PASS_POINTER);
	check_slots(&places.list.data[0], 3, 2, 5); /* map, type, hash, key */
	check_place(&places.list.data[1], TABLE_DELETE, table, 0x5a, SPOT_REMOVAL);
	check_slots(&places.list.data[1], 3, 4, 6); /* type, map, hash, key */
	check_place(&places.list.data[2], MAP_CLEAR, clear, 0x11, SPOT_CLEAR);
	assert_int_equal(places.list.data[2].map_first, 1);
	placements_fini(&places);
}

/* Entry and exits of a function have the same number. */
TEST(test_misses)
{
	struct goprog *p = *state;
	struct placements places;
	const struct spot *place;
	uint64_t map, fast64, panic;

	ADD_SP(p, SMALL_DELETE, small_124);
	map = ADD(p, MAP_DELETE, clear_126);
	fast64 = ADD(p, "runtime.mapdelete_fast64", fast64_127);
	panic = ADD(p, "runtime.gopanic", gopanic_126);
	goprog_open(p);
	find_ok(p, (struct placement_options){.misses = true}, &places);
	assert_int_equal(places.list.len, 7);
	place = places.list.data;
	check_entry(&place[1], "runtime.mapdelete_fast64", fast64, 0x16, 3, 0);
	assert_int_equal(place[1].key, GO_PASS_64);
	check_exit(&place[2], "runtime.mapdelete_fast64", fast64, 0x30, 3);
	check_exit(&place[3], "runtime.mapdelete_fast64", fast64, 0x36, 3);
	check_entry(&place[4], MAP_DELETE, map, 0x11, 9, 1);
	assert_int_equal(place[4].key, GO_PASS_POINTER);
	check_exit(&place[5], MAP_DELETE, map, 0x1d, 9);
	check_place(&place[6], "runtime.gopanic", panic, 0x21, SPOT_PANIC);
	placements_fini(&places);
}

TEST(test_misses_classic)
{
	struct goprog *p = *state;
	struct placements places;
	uint64_t entry;

	entry = ADD_SP(p, "runtime.mapdelete_fast64", fast64_119);
	goprog_open(p);
	find_ok(p, (struct placement_options){.misses = true}, &places);
	assert_int_equal(places.list.len, 3);
	check_entry(&places.list.data[1], "runtime.mapdelete_fast64", entry, 0x23, 3, 0);
	check_exit(&places.list.data[2], "runtime.mapdelete_fast64", entry, 0x83, 3);
	placements_fini(&places);
}

TEST(test_start_and_gcphase)
{
	struct goprog *p = *state;
	struct placements places;
	uint64_t start, mark;

	ADD_SP(p, SMALL_DELETE, small_124);
	ADD(p, MAP_DELETE, clear_126);
	start = ADD(p, "runtime.main", gopanic_126);
	mark = ADD(p, "runtime.gcMark", gcmark_126);
	goprog_open(p);
	find_ok(p, (struct placement_options){.start = true}, &places);
	assert_int_equal(places.list.len, 2);
	check_place(&places.list.data[1], "runtime.main", start, 0x21, SPOT_START);
	assert_int_equal(places.gcphase, mark + 0x15 + 0x1000); /* the first compare with 2 */
	placements_fini(&places);
}

TEST(test_role_names)
{
	assert_string_equal(spot_role_name(SPOT_REMOVAL), "removal");
	assert_string_equal(spot_role_name(SPOT_CLEAR), "clear");
	assert_string_equal(spot_role_name(SPOT_ENTRY), "entry");
	assert_string_equal(spot_role_name(SPOT_EXIT), "exit");
	assert_string_equal(spot_role_name(SPOT_PANIC), "panic");
	assert_string_equal(spot_role_name(SPOT_START), "start");
	assert_string_equal(spot_role_name(0), "unknown");
	assert_string_equal(spot_role_name(255), "unknown");
}

/* ---- code that must not be probed ---- */

static const struct goprog_sp pieces_sp[] = {{1, 0}, {8, 8}, {0x100, 0x40}, {0}};

#define NOT_ONCE    "decremented nowhere"
#define NO_EMULATED "(no emulated instruction follows)"
#define NOT_KEPT    "(the arguments are not kept on the stack)"

static size_t places_wanted = 1;

static void check_pieces(const uint8_t *code, size_t size, const struct goprog_sp *sp,
			 const char *why)
{
	struct placement_options options = {0};
	struct placements places;
	struct error *err;
	struct goprog p;

	goprog_begin(&p, 26);
	ADD(&p, MAP_DELETE, clear_126);
	add(&p, SMALL_DELETE, code, size, sp);
	goprog_open(&p);
	err = placement_find(p.image, p.tab, &options, &places);
	if (why) {
		assert_non_null(err);
		assert_int_equal(err->code, ERROR_TARGET);
		assert_non_null(strstr(err->text, SMALL_DELETE));
		if (!strstr(err->text, why))
			fail_msg("\"%s\" does not speak of \"%s\"", err->text, why);
		assert_int_equal(places.list.len, 0); /* then nothing is placed */
	} else {
		assert_null(err);
		assert_int_equal(places.list.len, places_wanted);
	}
	error_free(err);
	placements_fini(&places);
	goprog_close(&p);
}

#define CHECK(why, code) check_pieces((code), sizeof(code), pieces_sp, (why))

TEST(test_pieces_good)
{
	CHECK(NULL, map_loaded);
	CHECK(NULL, map_in_its_register);
	CHECK(NULL, call_follows);
	CHECK(NULL, spilled_from_frame_pointer);
	CHECK(NULL, spilled_twice);
	CHECK(NULL, spilled_twice_then_reused);
}

TEST(test_count_not_once)
{
	places_wanted = 2; /* inlined twice, and there are two spots */
	CHECK(NULL, less_twice);
	places_wanted = 1;
	CHECK(NOT_ONCE, never_less);
	CHECK(NOT_ONCE, less_in_four_bytes);
	CHECK(NOT_ONCE, less_elsewhere_in_the_map);
	CHECK(NOT_ONCE, less_in_the_type);
	CHECK(NOT_ONCE, register_changed);
	CHECK(NOT_ONCE, call_between);
	CHECK(NOT_ONCE, path_joins_after_the_load);
}

/* The count is loaded, changed and stored. Only length - 1 counts. */
TEST(test_count_other_values)
{
	CHECK(NULL, length_less_one);
	CHECK(NOT_ONCE, length_less_two);
	CHECK(NOT_ONCE, length_itself);
	CHECK(NOT_ONCE, length_in_four_bytes);
}

TEST(test_no_spot)
{
	CHECK(NO_EMULATED, nothing_emulated);
	CHECK(NO_EMULATED, code_ends);
	CHECK(NO_EMULATED, no_instruction);
	CHECK(NO_EMULATED, indirect_call);
	CHECK(NO_EMULATED, jump_over_less);
	CHECK(NO_EMULATED, jump_between);
	CHECK(NO_EMULATED, jump_back_to_it);
}

TEST(test_arguments_not_kept)
{
	CHECK(NOT_KEPT, no_key);
	CHECK(NOT_KEPT, no_type);
	CHECK(NOT_KEPT, key_overwritten);
	CHECK(NOT_KEPT, key_overwritten_on_the_way);
	CHECK(NOT_KEPT, key_overwritten_by_a_constant);
	CHECK(NOT_KEPT, too_far_for_one_window);
	CHECK(NOT_KEPT, not_at_a_words_boundary);
	/* Without the table of stack deltas, the position of 0x48(%rsp) is unknown. */
	check_pieces(map_loaded, sizeof(map_loaded), NULL, NOT_ONCE);
}

/* A string key whose two words are not neighbours. */
TEST(test_string_halves_apart)
{
	struct goprog *p = *state;
	uint8_t code[sizeof(faststr_123)];
	struct placements places;
	struct error *err;

	memcpy(code, faststr_123, sizeof(code));
	code[0x17] = 0x40; /* mov %rdi,0x40(%rsp) */
	add(p, FASTSTR, code, sizeof(code), faststr_123_sp);
	goprog_open(p);
	err = placement_find(p->image, p->tab, &(struct placement_options){0}, &places);
	assert_non_null(err);
	assert_non_null(strstr(err->text, NOT_KEPT));
	assert_int_equal(places.list.len, 0);
	error_free(err);
}

#define CODE(array) (array), sizeof(array)

/* Functions in which the arguments are gone before the spot, or not every call passes it exactly
 * once. */
TEST(test_no_entry_spot)
{
	const struct {
		const uint8_t *code;
		size_t size;
	} cases[] = {
		{CODE(only_ret)},
		{CODE(only_noise)},
		{CODE(map_overwritten)},
		{CODE(indirect_call_first)},
		{CODE(call_before_the_frame)},
		{CODE(jump_back_to_the_beginning)},
		{CODE(no_frame)},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct placements places;
		struct error *err;
		struct goprog p;

		goprog_begin(&p, 26);
		ADD_SP(&p, SMALL_DELETE, small_124);
		ADD(&p, MAP_DELETE, clear_126);
		add(&p, MAP_CLEAR, cases[i].code, cases[i].size, NULL);
		goprog_open(&p);
		err = placement_find(p.image, p.tab, &(struct placement_options){0}, &places);
		assert_non_null(err);
		assert_int_equal(err->code, ERROR_TARGET);
		assert_non_null(strstr(err->text, "no place at the beginning of " MAP_CLEAR));
		assert_int_equal(places.list.len, 0);
		error_free(err);
		goprog_close(&p);
	}
}

static void expect_error(const struct goprog *p, const char *about)
{
	struct placements places;
	struct error *err =
		placement_find(p->image, p->tab, &(struct placement_options){0}, &places);

	assert_non_null(err);
	assert_int_equal(err->code, ERROR_TARGET);
	assert_non_null(strstr(err->text, about));
	assert_int_equal(places.list.len, 0);
	error_free(err);
}

TEST(test_no_deletes)
{
	struct goprog *p = *state;

	goprog_open(p);
	expect_error(p, "the program never deletes from a map");
}

/* Every return needs a probe, and the function has more returns than there are probes. */
TEST(test_too_many_places)
{
	struct goprog *p = *state;
	uint8_t code[sizeof(clear_126) + PLACEMENTS_MAX];
	struct placements places;
	struct error *err;

	memcpy(code, clear_126, sizeof(clear_126));
	memset(code + sizeof(clear_126), 0xc3, PLACEMENTS_MAX);
	ADD_SP(p, SMALL_DELETE, small_124);
	ADD(p, MAP_DELETE, code);
	goprog_open(p);
	err = placement_find(p->image, p->tab, &(struct placement_options){.misses = true},
			     &places);
	assert_non_null(err);
	assert_non_null(strstr(err->text, "more than 256 places to probe"));
	assert_int_equal(places.list.len, 0);
	error_free(err);
}

TEST(test_arm64)
{
	struct gofake_spec spec = {.minor = 26, .arm64 = true};
	struct placements places;
	struct gofake fake;
	struct image *image = NULL;
	struct gopcln *tab = NULL;
	struct error *err;
	int fd;

	assert_true(gofake_build(&spec, &fake));
	fd = gofake_fd(fake.file.data, fake.file.len);
	assert_null(image_open(fd, "fake", &image));
	assert_null(gopcln_open(image, &tab));
	err = placement_find(image, tab, &(struct placement_options){0}, &places);
	assert_non_null(err);
	assert_string_equal(err->text,
			    "fake: a program for arm64; tophash reads programs for x86-64 and "
			    "arm64, and traces those for x86-64 Linux");
	error_free(err);
	gopcln_close(tab);
	image_close(image);
	close(fd);
	gofake_fini(&fake);
}

/* Random code under the runtime's names gives an error, or a spot inside the function. */
TEST(test_noise)
{
	uint64_t noise = 7;

	for (int i = 0; i < 300; i++) {
		uint8_t code[sizeof(small_124)];
		struct placements places;
		struct error *err;
		struct goprog p;

		memcpy(code, small_124, sizeof(code));
		for (int k = 0; k < 1 + i % 6; k++) {
			noise = noise * 6364136223846793005u + 1442695040888963407u;
			code[(noise >> 40) % sizeof(code)] = (uint8_t)(noise >> 56);
		}
		goprog_begin(&p, 26);
		add(&p, SMALL_DELETE, code, sizeof(code), small_124_sp);
		ADD(&p, MAP_DELETE, clear_126);
		goprog_open(&p);
		err = placement_find(p.image, p.tab, &(struct placement_options){0}, &places);
		if (err)
			assert_int_equal(places.list.len, 0);
		else
			assert_in_range(spot_offset(&places.list.data[0]), 1, sizeof(code));
		error_free(err);
		placements_fini(&places);
		goprog_close(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_GO(19, test_classic_119),
		WITH_GO(23, test_classic_123),
		WITH_GO(27, test_swiss),
		WITH_GO(26, test_misses),
		WITH_GO(19, test_misses_classic),
		WITH_GO(26, test_start_and_gcphase),
		cmocka_unit_test(test_role_names),
		cmocka_unit_test(test_pieces_good),
		cmocka_unit_test(test_count_not_once),
		cmocka_unit_test(test_count_other_values),
		cmocka_unit_test(test_no_spot),
		cmocka_unit_test(test_arguments_not_kept),
		WITH_GO(23, test_string_halves_apart),
		cmocka_unit_test(test_no_entry_spot),
		WITH_GO(26, test_no_deletes),
		WITH_GO(26, test_too_many_places),
		cmocka_unit_test(test_arm64),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
