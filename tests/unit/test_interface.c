/* Tests of read/layout/go_key.c with keys that are interfaces, or hold some. */
#include "key_check.h"

static void check_interface(const struct goprog *p, uint64_t type, uint64_t tab, uint64_t data,
			    const struct go_key_segment *value, const char *expected)
{
	uint64_t words[2] = {tab, data};
	struct go_key_segment segments[2] = {{.want = 16, .len = 16, .bytes = words}};
	struct go_key_memory memory = {.segments = segments, .n = value ? 2 : 1};

	if (value)
		segments[1] = *value;
	check_memory(p, type, &memory, expected);
}

/* Up to 1.25, Kind tells whether an interface holds a type directly; since then TFlag does. */
TEST(test_decode_interface)
{
	static const unsigned minors[] = {19, 25, 26, 27};
	static const int64_t number = -42;

	for (size_t i = 0; i < ARRAY_SIZE(minors); i++) {
		struct interface_types t;
		struct goprog p;

		goprog_begin(&p, minors[i]);
		add_interfaces(&p, &t);
		check_interface(&p, t.eface, 0, 0, NULL, "nil");
		check_interface(&p, t.iface, 0, 0, NULL, "nil");
		check_interface(&p, t.eface, t.integer, 0xc000000000,
				&(struct go_key_segment){.addr = 0xc000000000,
							 .type = t.integer,
							 .tab = t.integer,
							 .want = 8,
							 .len = 8,
							 .bytes = &number},
				"int(-42)");
		check_interface(&p, t.iface, 0x5000, 0xc000000010,
				&(struct go_key_segment){.addr = 0xc000000010,
							 .type = t.integer,
							 .tab = 0x5000,
							 .want = 8,
							 .len = 8,
							 .bytes = &number},
				"int(-42)");
		/* The data word is the pointer, so nothing was read for it. */
		check_interface(&p, t.eface, t.pointer, 0xc000000020,
				&(struct go_key_segment){.addr = 0xc000000020,
							 .type = t.pointer,
							 .tab = t.pointer,
							 .want = 8},
				"(*int)(0xc000000020)");
		goprog_close(&p);
	}
}

TEST(test_decode_interface_unread)
{
	struct goprog *p = *state;
	static const char unfollowed[] = "(<the key has more parts than are read>)";
	struct go_key_segment segment = {.addr = 0x1000, .want = 8};
	struct interface_types t;
	struct go_key_arena arena = {0};
	uint64_t words[2];

	add_interfaces(p, &t);
	words[0] = t.integer;
	words[1] = 0x1000;
	segment.type = segment.tab = t.integer;
	check_interface(p, t.eface, t.integer, 0x1000, &segment,
			"int(<the key's memory could not be read>)");
	segment.type = 0xdead0000;
	check_interface(p, t.eface, t.integer, 0x1000, &segment,
			"(<the interface's type could not be read>)");
	check_interface(p, t.eface, t.integer, 0x1000, NULL, unfollowed);
	segment.type = 0; /* the bytes of a string are not the value */
	check_interface(p, t.eface, t.integer, 0x1000, &segment, unfollowed);
	/* The reason is in the result. */
	assert_true(go_key_decode(
		&p->types, t.eface,
		&(struct go_key_memory){
			.segments = &(struct go_key_segment){.want = 16, .len = 16, .bytes = words},
			.n = 1},
		&arena));
	assert_int_equal(arena.values.len, 2);
	assert_int_equal(arena.values.data[0].kind, VALUE_INTERFACE);
	assert_int_equal(arena.values.data[1].kind, VALUE_UNREAD);
	go_key_arena_fini(&arena);
}

/* any(main.pair{K: "k", V: any("v")}): a value inside a value, both with strings. */
TEST(test_decode_interface_nested)
{
	struct goprog *p = *state;
	static uint64_t words[2], pair[4], inner[2];
	struct interface_types t;
	struct go_key_segment segments[] = {
		{.want = 16, .len = 16, .bytes = words},
		{.addr = 0x1000, .want = 32, .len = 32, .bytes = pair},
		{.addr = 0x2000, .want = 1, .len = 1, .bytes = "k"},
		{.addr = 0x3000, .want = 16, .len = 16, .bytes = inner},
		{.addr = 0x4000, .want = 1, .len = 1, .bytes = "v"},
	};

	add_interfaces(p, &t);
	memcpy(words, (uint64_t[]){t.pair, 0x1000}, sizeof(words));
	memcpy(pair, (uint64_t[]){0x2000, 1, t.string, 0x3000}, sizeof(pair));
	memcpy(inner, (uint64_t[]){0x4000, 1}, sizeof(inner));
	segments[1].type = segments[1].tab = t.pair;
	segments[3].type = segments[3].tab = t.string;
	check_memory(p, t.eface,
		     &(struct go_key_memory){.segments = segments, .n = ARRAY_SIZE(segments)},
		     "main.pair{K: \"k\", V: string(\"v\")}");
}

/* Go keeps all values of one byte in one array (runtime.staticuint64s). Interfaces of different
 * types may therefore share a data word. [2]any{string("v"), int(2)} is made to share one. */
TEST(test_decode_interface_shared)
{
	struct goprog *p = *state;
	static uint64_t words[4], string[2], integer = 2;
	struct interface_types t;
	struct go_key_segment segments[] = {
		{.want = 32, .len = 32, .bytes = words},
		{.addr = 0x1000, .want = 16, .len = 16, .bytes = string},
		{.addr = 0x1000, .want = 8, .len = 8, .bytes = &integer},
		{.addr = 0x4000, .want = 1, .len = 1, .bytes = "v"},
	};

	add_interfaces(p, &t);
	memcpy(words, (uint64_t[]){t.string, 0x1000, t.integer, 0x1000}, sizeof(words));
	memcpy(string, (uint64_t[]){0x4000, 1}, sizeof(string));
	segments[1].type = segments[1].tab = t.string;
	segments[2].type = segments[2].tab = t.integer;
	check_memory(p, t.two,
		     &(struct go_key_memory){.segments = segments, .n = ARRAY_SIZE(segments)},
		     "[2]interface {}{string(\"v\"), int(2)}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decode_interface),
		WITH_GO(26, test_decode_interface_unread),
		WITH_GO(26, test_decode_interface_nested),
		WITH_GO(26, test_decode_interface_shared),
	};

	return cmocka_run_group_tests_name("interface", tests, NULL, NULL);
}
