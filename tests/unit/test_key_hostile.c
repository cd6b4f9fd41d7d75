/* Tests of read/layout/go_key.c with keys and types that no compiler wrote: too short, cut,
 * contradictory, endless, damaged. Every result is one value. */
#include "test.h"

#include "key_check.h"

TEST(a_key_that_is_too_short)
{
	struct goprog *p = *state;
	static const char longer[] = "<the key is longer than the part that is read>";
	uint64_t integer, string, eface, c128;

	integer = goprog_scalar(p, GOTYPE_INT);
	string = goprog_scalar(p, GOTYPE_STRING);
	eface = goprog_eface(p);
	c128 = goprog_scalar(p, GOTYPE_COMPLEX128);
	goprog_open(p);
	check_key(p, integer, "1234567", 7, longer);
	check_key(p, string, "12345678", 8, longer);
	check_key(p, eface, "123456789012345", 15, longer);
	check_key(p, c128, "123456789012345", 15, longer);
	check_key(p, integer, "", 0, "<the key's memory could not be read>");
	check_memory(p, integer, &(struct go_key_memory){0},
		     "<the key's memory could not be read>");
}

TEST(types_that_contradict_themselves)
{
	struct goprog *p = *state;
	static const uint8_t zeros[64];
	uint64_t outside, edge, wild, slice, lying;

	outside =
		STRUCT(p, "main.o", ((struct goprog_field[]){{"F", p->fake.type_int, 24}}), 16, 0);
	edge = STRUCT(p, "main.e", ((struct goprog_field[]){{"F", p->fake.type_int, 16}}), 16, 0);
	wild = STRUCT(p, "main.w", ((struct goprog_field[]){{"F", 0xdead0000, 0}}), 16, 0);
	slice = p->fake.type_slice;
	lying = goprog_array(p, "[9]int", p->fake.type_int, 8, 9, 0);
	gofake_poke_u64(&p->fake, lying, 8); /* its size is that of one element */
	goprog_open(p);
	check_key(p, outside, zeros, 16, "main.o{<the field's type could not be read>}");
	check_key(p, edge, zeros, 16, "main.e{F: <the key's memory could not be read>}");
	check_key(p, wild, zeros, 16, "main.w{F: <the key's type could not be read>}");
	check_key(p, slice, zeros, 24, "<a type that cannot be a key>");
	check_key(p, p->fake.type_map, zeros, 8, "<a type that cannot be a key>");
	check_key(p, lying, zeros, 8, "[9]int{0, <the key is longer than the part that is read>}");
	check_key(p, 0xdead0000, zeros, 8, "<the key's type could not be read>");
	check_key(p, 0, zeros, 8, "<the key's type could not be read>");
}

/* Decodes and returns the number of tokens, which must form one value. */
static size_t count_values(const struct goprog *p, uint64_t type, const void *bytes, size_t size)
{
	struct go_key_segment segment = {.type = type, .want = size, .len = size, .bytes = bytes};
	struct go_key_memory memory = {.segments = &segment, .n = 1};
	struct go_key_arena arena = {0};
	size_t n;

	assert_true(go_key_decode(&p->types, type, &memory, &arena));
	n = arena.values.len;
	assert_int_equal(value_skip(arena.values.data, n, 0), n);
	go_key_arena_fini(&arena);
	return n;
}

/* Checks that the first token says that it was cut, and the size of the whole. */
static void check_cut(const struct goprog *p, uint64_t type, const struct go_key_segment *segment,
		      uint32_t n, uint32_t whole)
{
	struct go_key_memory memory = {.segments = segment, .n = 1, .is_string = !type};
	struct go_key_arena arena = {0};

	assert_true(go_key_decode(&p->types, type, &memory, &arena));
	assert_int_equal(arena.values.data[0].cut, whole != 0);
	assert_int_equal(arena.values.data[0].whole, whole);
	assert_int_equal(arena.values.data[0].n, n);
	go_key_arena_fini(&arena);
}

TEST(a_value_that_was_cut_tells_its_whole_size)
{
	struct goprog *p = *state;
	static const uint64_t zeros[4];
	struct go_key_segment string = {.want = 4, .len = 4, .bytes = "user"};
	struct go_key_segment bytes = {.want = 32, .len = 8, .bytes = zeros};
	uint64_t four, ints, nothing, wild;

	four = STRUCT(p, "main.four",
		      ((struct goprog_field[]){{"A", p->fake.type_int, 0},
					       {"B", p->fake.type_int, 8},
					       {"C", p->fake.type_int, 16},
					       {"D", p->fake.type_int, 24}}),
		      32, 0);
	ints = goprog_array(p, "[4]int", p->fake.type_int, 8, 4, 0);
	nothing = goprog_type(p, &(struct goprog_type){.name = "struct {}", .kind = GOTYPE_STRUCT});
	nothing = goprog_array(p, "[99999999]struct {}", nothing, 0, 99999999, 0);
	wild = goprog_array(p, "[4]main.wild", 0xdead0000, 8, 4, 0);
	goprog_open(p);
	check_cut(p, 0, &string, 0, 0);
	string.want = 100;
	check_cut(p, 0, &string, 0, 100);
	string.want = 5ull << 32;
	check_cut(p, 0, &string, 0, UINT32_MAX);
	check_cut(p, ints, &bytes, 2, 4); /* one element, and that no more exist */
	check_key(p, ints, zeros, 8, "[4]int{0, <the key is longer than the part that is read>}");
	check_key(p, four, zeros, 8,
		  "main.four{A: 0, B: <the key's memory could not be read>, "
		  "C: <the key is longer than the part that is read>}");
	check_cut(p, four, &bytes, 3, 4);
	check_key(p, wild, zeros, 32, "[4]main.wild{<the elements' type could not be read>}");
	check_cut(p, wild, &bytes, 1, 4);
	check_cut(p, nothing, &bytes, 511, 99999999);
	bytes.len = 32;
	check_cut(p, ints, &bytes, 4, 0);
	check_cut(p, four, &bytes, 4, 0);
}

TEST(no_key_has_more_than_512_values)
{
	struct goprog *p = *state;
	static const uint8_t bytes[1000];
	uint64_t cycle, bomb, wide, nothing, deep;

	cycle = STRUCT(p, "main.cycle", ((struct goprog_field[]){{"Self", 0, 0}}), 8, 8);
	poke_field_type(p, cycle, 0, cycle);
	/* Two fields of its own type: 2^16 values without a bound. */
	bomb = STRUCT(p, "main.bomb", ((struct goprog_field[]){{"A", 0, 0}, {"B", 0, 0}}), 8, 8);
	poke_field_type(p, bomb, 0, bomb);
	poke_field_type(p, bomb, 1, bomb);
	wide = goprog_array(p, "[1000]int8", goprog_scalar(p, GOTYPE_INT8), 1, 1000, 0);
	nothing = goprog_type(p, &(struct goprog_type){.name = "struct {}", .kind = GOTYPE_STRUCT});
	nothing = goprog_array(p, "[99999999]struct {}", nothing, 0, 99999999, 0);
	deep = nest(p, 17);
	goprog_open(p);
	assert_int_equal(count_values(p, cycle, bytes, 8), 18);
	assert_in_range(count_values(p, bomb, bytes, 8), 500, 600);
	assert_int_equal(count_values(p, wide, bytes, 1000), 512);
	assert_int_equal(count_values(p, nothing, bytes, 0), 512);
	assert_int_equal(count_values(p, deep, bytes, 16), 18);
}

/* Type data in which each byte in turn is wrong. Every result must be one value. */
TEST(type_data_with_a_wrong_byte_gives_one_value)
{
	struct goprog *p = *state;
	static const uint8_t bytes[64] = {1, 2, 3};
	static const uint8_t masks[] = {0x01, 0x80, 0xff};
	struct interface_types t;
	uint64_t size;

	add_interfaces(p, &t);
	size = p->etypes - t.eface;
	for (uint64_t at = 0; at < size; at++) {
		uint8_t *byte = (uint8_t *)p->fake.file.data + (t.eface - p->fake.base) + at;
		uint8_t saved = *byte;

		for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
			cleanup_close int fd = -1;
			struct goprog broken = *p;

			*byte = saved ^ masks[i];
			fd = gofake_fd(p->fake.file.data, p->fake.file.len);
			assert_null(image_open(fd, "broken", &broken.image));
			broken.types.image = broken.image;
			count_values(&broken, t.pair, bytes, 32);
			count_values(&broken, t.eface, bytes, 16);
			image_close(broken.image);
		}
		*byte = saved;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_GO(26, a_key_that_is_too_short),
		WITH_GO(26, types_that_contradict_themselves),
		WITH_GO(26, a_value_that_was_cut_tells_its_whole_size),
		WITH_GO(26, no_key_has_more_than_512_values),
		WITH_GO(26, type_data_with_a_wrong_byte_gives_one_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
