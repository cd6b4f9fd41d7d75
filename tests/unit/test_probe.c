/* Tests of the kernel program's tables of probes and key filters, which are made from spots and
 * filters. */
#include "test.h"

#include "watch/engine/key_match.h"
#include "watch/engine/probe.h"

static const struct window_case {
	int type, map, key; /* slots, in words from the frame pointer */
	enum go_key_pass kind;
	bool fits;
	int window; /* in words */
	unsigned words;
} window_cases[] = {
	{2, 3, 4, GO_PASS_64, true, 0, 5},	 /* runtime.mapdelete_fast64 */
	{2, 3, 4, GO_PASS_STRING, true, 0, 6},	 /* a string takes two words */
	{3, 4, 6, GO_PASS_POINTER, true, 0, 7},	 /* (*table).Delete */
	{2, 3, -4, GO_PASS_STRING, true, -4, 8}, /* the string lies below the frame pointer */
	{2, 3, -4, GO_PASS_POINTER, true, -4, 8},
	{-8, -7, -6, GO_PASS_POINTER, true, -8, 3},
	{2, 3, 7, GO_PASS_POINTER, true, 0, 8},
	{2, 3, 7, GO_PASS_STRING, false, 0, 0}, /* one word too far */
	{2, 8, 4, GO_PASS_64, false, 0, 0},
	{-500, 3, 4, GO_PASS_64, false, 0, 0},
};

TEST(test_window)
{
	for (size_t i = 0; i < ARRAY_SIZE(window_cases); i++) {
		const struct window_case *c = &window_cases[i];
		struct spot spot = {
			.addr = 0x401234,
			.role = SPOT_REMOVAL,
			.key = c->kind,
			.type_slot = (int16_t)(c->type * 8),
			.map_slot = (int16_t)(c->map * 8),
			.key_slot = (int16_t)(c->key * 8),
		};
		struct wire_probe probe;

		assert_int_equal(probe_from_spot(&spot, &probe), c->fits);
		assert_int_equal(probe.addr, 0x401234);
		assert_int_equal(probe.key_arg, (int)c->kind);
		if (!c->fits)
			continue;
		assert_int_equal(probe.window, c->window * 8);
		assert_int_equal(probe.words, c->words);
		assert_int_equal(probe.filter_bytes, c->words * 8);
		assert_int_equal(probe.type_word, c->type - c->window);
		assert_int_equal(probe.map_word, c->map - c->window);
		assert_int_equal(probe.key_word, c->key - c->window);
	}
}

/* Other roles read registers, so nothing has to fit. */
TEST(test_entry)
{
	struct spot spot = {.addr = 1, .role = SPOT_ENTRY, .key = GO_PASS_32, .number = 7};
	struct wire_probe probe;

	spot.map_first = true;
	spot.key_slot = 4000;
	assert_true(probe_from_spot(&spot, &probe));
	assert_int_equal(probe.func, 7);
	assert_int_equal(probe.map_first, 1);
	assert_int_equal(probe.key_arg, WIRE_ARG_32);
}

static void check_words(const char *text, bool prefix, size_t len)
{
	struct filter filter = {0};
	struct key_words words;

	assert_null(filter_set_key(&filter, text, prefix));
	key_match_words(&filter, &words);
	assert_int_equal(words.len, len);
	assert_int_equal(words.prefix, prefix);
	assert_memory_equal(words.words, text, len);
	for (size_t i = 0; i < sizeof(words.masks); i++) {
		assert_int_equal(((uint8_t *)words.masks)[i], i < len ? 0xff : 0);
		if (i >= len)
			assert_int_equal(((uint8_t *)words.words)[i], 0);
	}
	filter_fini(&filter);
}

TEST(test_words)
{
	char longest[FILTER_TEXT_MAX + 1] = {0};

	memset(longest, 'x', FILTER_TEXT_MAX);
	check_words("", false, 0);
	check_words("user:42", false, 7);
	check_words("user:", true, 5);
	check_words("12345678", false, 8);
	check_words(longest, false, FILTER_TEXT_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_entry),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
