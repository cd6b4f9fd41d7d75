/* Tests of watch/resolve: the events that are filtered after the kernel program. */
#include "test.h"
#include "base/buf.h"

#include "resolver_prog.h"
#include "show/event/event.h"

static void check_filter(struct program *p, const struct record *r, enum resolved expected)
{
	enum event_kind kind;

	resolve_as(p, r, sizeof(*r), expected, &kind);
}

TEST(test_filter_site)
{
	struct program *p = *state;
	struct record r;

	assert_null(filter_set_glob("--site", "main.(\\*store).*", &p->filter.site_glob));
	r = ordinary(p);
	check_filter(p, &r, RESOLVED_EVENT);
	r.stack[0] = p->caller + BIAS + 5;
	check_filter(p, &r, RESOLVED_FILTERED);
	r.event.nstack = 0;
	check_filter(p, &r, RESOLVED_FILTERED);
	r.event.flags |= WIRE_STACK_LOST; /* nobody knows where it was */
	check_filter(p, &r, RESOLVED_EVENT);
	r.event.nstack = 1;
	check_filter(p, &r, RESOLVED_FILTERED);
}

/* main.inl2 deletes. It is inlined into main.inl1, and that into main.outer (see gofake.h). --stack
 * 1 shows only the first. */
TEST(test_filter_site_inlined)
{
	static const struct {
		const char *glob;
		enum resolved expected;
	} cases[] = {
		{"main.inl2", RESOLVED_EVENT},	  {"main.inl1", RESOLVED_EVENT},
		{"lib.go:106", RESOLVED_EVENT},	  {"main.outer", RESOLVED_EVENT},
		{"main.main", RESOLVED_FILTERED}, {"main.inl", RESOLVED_FILTERED},
	};

	for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		struct program p;
		struct record r;

		open_program_deep(&p, true, i % 2 ? 1 : 64);
		assert_null(filter_set_glob("--site", cases[i / 2].glob, &p.filter.site_glob));
		r = ordinary(&p);
		r.stack[0] = p.go.fake.text + 0x5d + BIAS;
		check_filter(&p, &r, cases[i / 2].expected);
		check_filter(&p, &r, cases[i / 2].expected); /* known */
		r.stack[0] = p.caller + BIAS + 5;
		check_filter(&p, &r,
			     !strcmp(cases[i / 2].glob, "main.main") ? RESOLVED_EVENT
								     : RESOLVED_FILTERED);
		close_program(&p);
	}
}

TEST(test_filter_type)
{
	struct program *p = *state;
	struct record r;

	assert_null(filter_set_glob("--type", "map[string]*", &p->filter.type_glob));
	r = ordinary(p);
	check_filter(p, &r, RESOLVED_EVENT);
	r.event.type = p->map_pair + BIAS;
	check_filter(p, &r, RESOLVED_FILTERED);
}

/* A map type that cannot be read at all may be the wanted one. */
TEST(test_filter_type_unknown)
{
	struct program *p = *state;
	struct event_removal e;
	struct record r;
	enum event_kind kind;

	assert_null(filter_set_glob("--type", "map[string]*", &p->filter.type_glob));
	r = ordinary(p);
	r.event.type = HEAP; /* reflect made it: map[int]int */
	check_filter(p, &r, RESOLVED_FILTERED);
	r.event.pid = 1; /* the process has ended */
	e = resolve_as(p, &r, sizeof(r), RESOLVED_EVENT, &kind);
	assert_string_equal(e.map_type, "");
	r.event.kind = WIRE_CLEAR;
	check_filter(p, &r, RESOLVED_EVENT);
	r.event.type = 0;
	check_filter(p, &r, RESOLVED_EVENT);
	r.event.type = p->string + BIAS; /* no map */
	check_filter(p, &r, RESOLVED_EVENT);
}

/* User space compares the key only if the kernel program left that to it. */
TEST(test_filter_key)
{
	struct program *p = *state;
	struct record r;

	assert_null(filter_set_key(&p->filter, "user:43", false));
	r = ordinary(p);
	check_filter(p, &r, RESOLVED_EVENT);
	r.event.flags |= WIRE_CHECK;
	check_filter(p, &r, RESOLVED_FILTERED);
	r.event.key[6] = '3';
	check_filter(p, &r, RESOLVED_EVENT);
	r.event.kind = WIRE_CLEAR; /* a clear removes every key */
	r.event.key_kind = WIRE_KEY_NONE;
	check_filter(p, &r, RESOLVED_EVENT);
}

/* For a map whose type reflect made, the key's type may exclude the key, if it is known. Nothing
 * else may. */
TEST(test_filter_key_unknown_map)
{
	struct program *p = *state;
	struct record r;

	assert_null(filter_set_key(&p->filter, "user:42", false));
	r = ordinary(p);
	r.event.type = HEAP; /* map[int]int */
	r.event.flags |= WIRE_CHECK;
	r.event.key_kind = WIRE_KEY_NONE;
	r.event.key_error = WIRE_KEY_NO_PLAN;
	check_filter(p, &r, RESOLVED_FILTERED);
	r.event.pid = 1; /* nothing of it can be read */
	check_filter(p, &r, RESOLVED_EVENT);
	r.event.kind = WIRE_CLEAR;
	check_filter(p, &r, RESOLVED_EVENT);
	r.event.pid = 2;
	check_filter(p, &r, RESOLVED_FILTERED); /* it held no such key */
}

/* Checks any(string) of 100 bytes, of which 64 were read. */
static void check_cut_key(const char *filter, size_t n, bool prefix, enum resolved expected)
{
	struct buf text = {0};
	struct big_record *r;
	struct program p;
	enum event_kind kind;
	char bytes[64];

	open_program(&p, true);
	buf_str(&text, filter);
	buf_pad(&text, 'k', n);
	assert_null(filter_set_key(&p.filter, buf_cstr(&text), prefix));
	memset(bytes, 'k', sizeof(bytes));
	r = big(&p);
	r->event.flags |= WIRE_CHECK;
	r->event.type = p.map_any + BIAS;
	set_segment(r, 0, 0xc000001000, p.eface + BIAS, (uint64_t[]){p.string + BIAS, 0xc000003000},
		    16);
	set_segment(r, 1, 0xc000003000, p.string + BIAS, (uint64_t[]){0xc000004000, 100}, 16);
	set_segment(r, 2, 0xc000004000, 0, bytes, sizeof(bytes));
	r->key.segment[2].want = 100;
	resolve_as(&p, r, sizeof(*r), expected, &kind);
	free(r);
	buf_fini(&text);
	close_program(&p);
}

TEST(test_filter_key_cut)
{
	check_cut_key("", 100, false, RESOLVED_EVENT);
	check_cut_key("", 99, false, RESOLVED_FILTERED);
	check_cut_key("", 64, false, RESOLVED_FILTERED);
	check_cut_key("x", 99, false, RESOLVED_FILTERED);
	check_cut_key("", 70, true, RESOLVED_EVENT);
	check_cut_key("", 101, true, RESOLVED_FILTERED);
	check_cut_key("x", 69, true, RESOLVED_FILTERED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SWISS(test_filter_site),	       cmocka_unit_test(test_filter_site_inlined),
		WITH_SWISS(test_filter_type),	       WITH_SWISS(test_filter_type_unknown),
		WITH_SWISS(test_filter_key),	       WITH_SWISS(test_filter_key_unknown_map),
		cmocka_unit_test(test_filter_key_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
