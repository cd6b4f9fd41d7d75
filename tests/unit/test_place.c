/* watch/place/place.c: where probes go, found in machine code that stands in a
 * synthesised program under the runtime's names. */
#include "placed.h"

#include <stdio.h>

#include "gocode.h"

#define BYTES(...)          \
	(const uint8_t[])   \
	{                   \
		__VA_ARGS__ \
	}
#define COUNT(...) sizeof((const uint8_t[]){__VA_ARGS__})
#define CODE(...)  BYTES(__VA_ARGS__), COUNT(__VA_ARGS__)

/* ---- whole programs ---- */

/* The arguments stand in the caller's area: above the frame pointer are the saved one, the return
 * address, then type, map, key. */
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
	assert_false(places.swiss);
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
	assert_false(places.swiss);
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

/* With a nop in front of jae (1.24) the nop is the spot, without (1.27) the jump. */
TEST(test_swiss)
{
	struct goprog *p = *state;
	struct placements places;
	uint64_t small, table, clear;

	small = ADD_SP(p, SMALL_DELETE, small_124);
	ADD(p, MAP_DELETE, clear_126);
	clear = ADD(p, MAP_CLEAR, clear_126);
	table = ADD_SP(p, TABLE_DELETE, table_127);
	ADD(p, "runtime.mapdelete_fast64", fast64_127); /* a wrapper: no removal probe there */
	goprog_open(p);
	find_ok(p, (struct placement_options){0}, &places);
	assert_true(places.swiss);
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

/* Entry and exits of one function carry one number. */
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

/* deleteSmall in pieces. */
#define FRAME	   0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x38 /* push; mov; sub $0x38,%rsp */
#define SPILL_MAP  0x48, 0x89, 0x44, 0x24, 0x48			  /* mov %rax,0x48(%rsp) */
#define SPILL_TYPE 0x48, 0x89, 0x5c, 0x24, 0x50			  /* mov %rbx,0x50(%rsp) */
#define SPILL_KEY  0x48, 0x89, 0x7c, 0x24, 0x60			  /* mov %rdi,0x60(%rsp) */
#define SPILL	   SPILL_MAP, SPILL_TYPE, SPILL_KEY
#define LOAD_MAP   0x48, 0x8b, 0x4c, 0x24, 0x48 /* mov 0x48(%rsp),%rcx */
#define LESS	   0x48, 0xff, 0x09		/* decq (%rcx) */
#define NOP	   0x90
#define END	   0x48, 0x83, 0xc4, 0x38, 0x5d, 0xc3 /* add $0x38,%rsp; pop; ret */

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
		assert_int_equal(places.list.len, 0); /* nothing is placed then */
	} else {
		assert_null(err);
		assert_int_equal(places.list.len, places_wanted);
	}
	error_free(err);
	placements_fini(&places);
	goprog_close(&p);
}

#define CHECK(why, ...) check_pieces(BYTES(__VA_ARGS__), COUNT(__VA_ARGS__), pieces_sp, (why))

TEST(test_pieces_good)
{
	CHECK(NULL, FRAME, SPILL, LOAD_MAP, LESS, NOP, END);
	/* The map in its own register, never loaded. */
	CHECK(NULL, FRAME, SPILL, 0x48, 0xff, 0x08 /* decq (%rax) */, NOP, END);
	/* A direct call is emulated. */
	CHECK(NULL, FRAME, SPILL, LOAD_MAP, LESS, 0xe8, 0, 0, 0, 0, END);
	/* Spilled relative to the frame pointer: mov %rdi,0x28(%rbp) */
	CHECK(NULL, FRAME, SPILL_MAP, SPILL_TYPE, 0x48, 0x89, 0x7d, 0x28, LOAD_MAP, LESS, NOP, END);
	/* Spilled twice: the first place holds. */
	CHECK(NULL, FRAME, SPILL, 0x48, 0x89, 0x7c, 0x24, 0x20, LOAD_MAP, LESS, NOP, END);
	/* The first place got another use: the second holds. mov %rdx,0x60(%rsp) */
	CHECK(NULL, FRAME, SPILL, 0x48, 0x89, 0x7c, 0x24, 0x20, 0x48, 0x89, 0x54, 0x24, 0x60,
	      LOAD_MAP, LESS, NOP, END);
}

TEST(test_count_not_once)
{
	places_wanted = 2; /* inlined twice: two places */
	CHECK(NULL, FRAME, SPILL, LOAD_MAP, LESS, NOP, LOAD_MAP, LESS, NOP, END);
	places_wanted = 1;
	CHECK(NOT_ONCE, FRAME, SPILL, LOAD_MAP, NOP, END);	       /* never */
	CHECK(NOT_ONCE, FRAME, SPILL, LOAD_MAP, 0xff, 0x09, NOP, END); /* decl (%rcx) */
	CHECK(NOT_ONCE, FRAME, SPILL, LOAD_MAP, 0x48, 0xff, 0x49, 0x08, NOP,
	      END);						   /* decq 8(%rcx) */
	CHECK(NOT_ONCE, FRAME, SPILL, 0x48, 0xff, 0x0b, NOP, END); /* decq (%rbx): type */
	/* The register was changed in between: xor %ecx,%ecx */
	CHECK(NOT_ONCE, FRAME, SPILL, LOAD_MAP, 0x31, 0xc9, LESS, NOP, END);
	/* A call in between leaves nothing in registers. */
	CHECK(NOT_ONCE, FRAME, SPILL, LOAD_MAP, 0xe8, 0, 0, 0, 0, LESS, NOP, END);
	/* A path joins after the load: je over it. */
	CHECK(NOT_ONCE, FRAME, SPILL, 0x74, 0x05, LOAD_MAP, LESS, NOP, END);
}

/* Loaded, changed, stored: only length - 1 counts. */
TEST(test_count_other_values)
{
	/* mov (%rcx),%rdx; lea -1(%rdx),%rsi; mov %rsi,(%rcx) */
	CHECK(NULL, FRAME, SPILL, LOAD_MAP, 0x48, 0x8b, 0x11, 0x48, 0x8d, 0x72, 0xff, 0x48, 0x89,
	      0x31, NOP, END);
	/* lea -2 */
	CHECK(NOT_ONCE, FRAME, SPILL, LOAD_MAP, 0x48, 0x8b, 0x11, 0x48, 0x8d, 0x72, 0xfe, 0x48,
	      0x89, 0x31, NOP, END);
	/* the length itself is stored: mov %rdx,(%rcx) */
	CHECK(NOT_ONCE, FRAME, SPILL, LOAD_MAP, 0x48, 0x8b, 0x11, 0x48, 0x8d, 0x72, 0xff, 0x48,
	      0x89, 0x11, NOP, END);
	/* four bytes of it: mov %esi,(%rcx) */
	CHECK(NOT_ONCE, FRAME, SPILL, LOAD_MAP, 0x48, 0x8b, 0x11, 0x48, 0x8d, 0x72, 0xff, 0x89,
	      0x31, NOP, END);
}

TEST(test_no_spot)
{
	CHECK(NO_EMULATED, FRAME, SPILL, LOAD_MAP, LESS, END);
	CHECK(NO_EMULATED, FRAME, SPILL, LOAD_MAP, LESS); /* the code ends here; int3 follows */
	CHECK(NO_EMULATED, FRAME, SPILL, LOAD_MAP, LESS, 0x06, NOP, END); /* no instruction */
	/* An indirect call is not emulated, and what follows it is not reached on its own. */
	CHECK(NO_EMULATED, FRAME, SPILL, LOAD_MAP, LESS, 0xff, 0xd1, NOP, END);
	/* je over the decrement to the nop: misses pass there too */
	CHECK(NO_EMULATED, FRAME, SPILL, 0x74, 0x08, LOAD_MAP, LESS, NOP, END);
	/* and into the instructions in between */
	CHECK(NO_EMULATED, FRAME, SPILL, 0x74, 0x08, LOAD_MAP, LESS, 0x31, 0xc9, NOP, END);
	/* a jump backwards to it: jne -3 */
	CHECK(NO_EMULATED, FRAME, SPILL, LOAD_MAP, LESS, 0x31, 0xc9, NOP, 0x75, 0xfd, END);
}

TEST(test_arguments_not_kept)
{
	static const uint8_t whole[] = {FRAME, SPILL, LOAD_MAP, LESS, NOP, END};

	CHECK(NOT_KEPT, FRAME, SPILL_MAP, SPILL_TYPE, LOAD_MAP, LESS, NOP, END);
	CHECK(NOT_KEPT, FRAME, SPILL_MAP, SPILL_KEY, LOAD_MAP, LESS, NOP, END);
	/* The key's slot gets another use: mov %rdx,0x60(%rsp) */
	CHECK(NOT_KEPT, FRAME, SPILL, 0x48, 0x89, 0x54, 0x24, 0x60, LOAD_MAP, LESS, NOP, END);
	/* even on the way to the spot */
	CHECK(NOT_KEPT, FRAME, SPILL, LOAD_MAP, LESS, 0x48, 0x89, 0x54, 0x24, 0x60, NOP, END);
	/* or a constant: movq $0,0x60(%rsp) */
	CHECK(NOT_KEPT, FRAME, SPILL, 0x48, 0xc7, 0x44, 0x24, 0x60, 0, 0, 0, 0, LOAD_MAP, LESS, NOP,
	      END);
	/* Too far apart for one window: mov %rdi,0x100(%rsp) */
	CHECK(NOT_KEPT, FRAME, SPILL_MAP, SPILL_TYPE, 0x48, 0x89, 0xbc, 0x24, 0, 1, 0, 0, LOAD_MAP,
	      LESS, NOP, END);
	/* Not at a word's boundary: mov %rdi,0x61(%rsp) */
	CHECK(NOT_KEPT, FRAME, SPILL_MAP, SPILL_TYPE, 0x48, 0x89, 0x7c, 0x24, 0x61, LOAD_MAP, LESS,
	      NOP, END);
	/* Without the table of stack deltas nobody knows where 0x48(%rsp) is. */
	check_pieces(whole, sizeof(whole), NULL, NOT_ONCE);
}

/* A string key whose two words do not stand side by side. */
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

/* Beginnings where the arguments are gone, or calls pass not exactly once, before the spot. */
TEST(test_no_entry_spot)
{
	const struct {
		const uint8_t *code;
		size_t size;
	} cases[] = {
		{CODE(0xc3)},					  /* ret */
		{CODE(0x06)},					  /* no instruction */
		{CODE(FRAME, 0x48, 0x89, 0xc8, 0x74, 0x00, END)}, /* mov %rcx,%rax */
		{CODE(FRAME, 0xff, 0xd1, NOP, END)},		  /* call *%rcx */
		{CODE(0xe8, 0, 0, 0, 0, FRAME, NOP, END)},	  /* call before the frame */
		{CODE(FRAME, 0x31, 0xd2, 0x74, 0xfc, END)},	  /* je back to the xor */
		{CODE(0x48, 0x85, 0xc0, 0x74, 0x00, 0x90, 0xc3)}, /* no frame at all */
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

/* Every return is a probe: a function of more returns than there are probes. */
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
	assert_non_null(strstr(err->text, "more than 64 places to probe"));
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

/* Code of noise under the runtime's names: an error or a place inside the function. */
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
