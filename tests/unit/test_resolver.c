/* Tests of watch/resolve: raw records, as the kernel program writes them, become events. The
 * program is synthesised. The last tests have records that no program of ours wrote. */
#include "test.h"
#include "base/frame.h"
#include "base/buf.h"

#include "resolver_prog.h"
#include "show/event/event.h"
#include "read/layout/layout.h"

TEST(a_removal_has_all_members)
{
	struct program *p = *state;
	struct event_removal e;
	struct record r = ordinary(p);

	e = check_record_key(p, &r, "\"user:42\"");
	assert_int_equal(p->time_ns, 1000);
	assert_int_equal(e.pid, 4242);
	assert_int_equal(e.tid, 4243);
	assert_int_equal(e.goid, 37);
	assert_int_equal(e.map, 0xc000012000);
	assert_string_equal(e.map_type, MAP_TYPE);
	assert_string_equal(e.func, "runtime.mapdelete_faststr");
	assert_int_equal(e.gc, EVENT_GC_OFF);
	assert_true(e.removed);
	assert_false(e.panicked || e.on_stack || e.stack_cut);
	assert_int_equal(e.len_before, 812);
	assert_int_equal(e.len_after, 811);
	assert_null(e.key_error);
	assert_null(e.stack_error);
	assert_int_equal(e.bias, BIAS);
	/* The stack has neither the runtime's entry nor the end of the goroutine. */
	assert_int_equal(e.stack_n, 2);
	check_frame(&e.stack[0], "main.(*store).drop", "/src/main.go", 61, r.stack[0]);
	check_frame(&e.stack[1], "main.main", "/src/main.go", 12, r.stack[1]);
}

TEST(flags_become_members)
{
	struct program *p = *state;
	struct event_removal e;
	struct record r = ordinary(p);

	r.event.flags = WIRE_ON_STACK | WIRE_PANICKED | WIRE_STACK_CUT | WIRE_STACK_LOST;
	r.event.gc = EVENT_GC_MARK;
	e = resolve(p, &r);
	assert_false(e.removed);
	assert_true(e.on_stack && e.panicked && e.stack_cut);
	assert_int_equal(e.len_before, 811); /* nothing is left */
	assert_int_equal(e.len_after, 811);
	assert_int_equal(e.gc, EVENT_GC_MARK);
	assert_string_equal(e.stack_error, "the frame pointers lead out of the goroutine's stack");
	r.event.goid = 0;
	assert_string_equal(resolve(p, &r).stack_error, "the goroutine could not be read");
	r.event.goid = 37;
	r.event.unread = WIRE_UNREAD_STACK;
	assert_string_equal(resolve(p, &r).stack_error, "the stack could not be read");
	r.event.gc = EVENT_GC_MARKTERMINATION;
	assert_int_equal(resolve(p, &r).gc, EVENT_GC_MARKTERMINATION);
	r.event.gc = 3; /* there is no such phase */
	assert_int_equal(resolve(p, &r).gc, EVENT_GC_UNKNOWN);
	r.event.gc = EVENT_GC_MARK;
	r.event.flags = WIRE_GC_UNKNOWN;
	assert_int_equal(resolve(p, &r).gc, EVENT_GC_UNKNOWN);
}

TEST(what_was_not_read_is_not_told)
{
	struct program *p = *state;
	struct event_removal e;
	struct record r = ordinary(p);

	r.event.unread = WIRE_UNREAD_HEADER;
	e = check_record_key(p, &r, "\"user:42\"");
	assert_true(e.removed && e.uncounted);
	assert_int_equal(e.len_before, 0);
	assert_int_equal(e.state_n, 0);
	assert_string_equal(e.map_type, MAP_TYPE);
	r.event.unread = WIRE_UNREAD_STATE;
	e = resolve(p, &r);
	assert_false(e.uncounted);
	assert_int_equal(e.len_before, 812);
	assert_int_equal(e.state_n, 0);
	r.event.unread = WIRE_UNREAD_CALL;
	r.event.map = r.event.type = 0;
	r.event.key_kind = WIRE_KEY_NONE;
	r.event.key_error = WIRE_KEY_FAULT;
	e = resolve(p, &r);
	assert_true(e.removed && e.uncounted);
	assert_string_equal(e.map_type, "");
	assert_string_equal(e.key_error, "the key's memory could not be read");
	assert_int_equal(e.stack_n, 2);
	r.event.unread = 0;
	r.event.type = p->map_string + BIAS;
	assert_false(resolve(p, &r).uncounted);
}

TEST(a_clear_has_no_key)
{
	struct program *p = *state;
	struct event_removal e;
	struct record r = ordinary(p);

	r.event.kind = WIRE_CLEAR;
	r.event.key_kind = WIRE_KEY_NONE;
	r.event.key_len = 0;
	r.event.header[1] = 7 << 8; /* B */
	r.event.header[2] = 0xc000100000;
	e = resolve(p, &r);
	assert_int_equal(e.len_before, 811);
	assert_int_equal(e.len_after, 0);
	assert_int_equal(e.key_n, 0);
	assert_null(e.key_error);
	assert_int_equal(e.state_n, 6); /* the classic layout */
	assert_string_equal(e.state[1].name, "buckets");
	assert_int_equal(e.state[1].value, 128);
}

TEST(a_start_tells_the_process)
{
	struct program *p = *state;
	struct record r = {.event = {.kind = WIRE_START,
				     .probe = 1,
				     .pid = 7,
				     .tid = 8,
				     .time_ns = 99,
				     .ip = p->start + 8 + BIAS}};
	struct event_removal e;
	enum event_kind kind;

	e = resolve_as(p, &r, sizeof(r.event), RESOLVED_START, &kind);
	assert_int_equal(e.pid, 7);
	assert_int_equal(e.tid, 8);
	assert_int_equal(p->time_ns, 99);
	assert_int_equal(e.bias, BIAS);
}

/* It belongs to no probe. */
TEST(an_exec_belongs_to_no_probe)
{
	struct program *p = *state;
	struct record r = {
		.event = {.kind = WIRE_EXEC, .pid = 7, .tid = 8, .time_ns = 99, .key = "server"}};
	struct event_removal e;
	enum event_kind kind;

	e = resolve_as(p, &r, sizeof(r.event), RESOLVED_EXEC, &kind);
	assert_int_equal(e.pid, 7);
	assert_int_equal(e.tid, 8);
	assert_int_equal(p->time_ns, 99);
	assert_string_equal(e.func, "server");
	memset(r.event.key, 'x', sizeof(r.event.key)); /* a name without an end */
	e = resolve_as(p, &r, sizeof(r.event), RESOLVED_EXEC, &kind);
	assert_string_equal(e.func, "");
}

/* ---- records that no program of ours wrote ---- */

static void expect_bad(struct program *p, const void *record, size_t size, const char *text)
{
	cleanup_free void *exact = malloc(size ? size : 1);
	struct event event;
	enum resolved what;
	struct error *err;

	memcpy(exact, record, size);
	err = resolver_resolve(p->resolver, exact, size, &what, &event);
	assert_non_null(err);
	assert_int_equal(err->code, ERROR_FAILED);
	assert_string_equal(err->text, text);
	error_free(err);
}

TEST(malformed_records_are_errors)
{
	struct program *p = *state;
	static const char malformed[] = "a malformed record in the ring buffer";
	struct record r = ordinary(p);
	struct big_record *b;

	expect_bad(p, &r, 0, "a record of 0 bytes in the ring buffer");
	expect_bad(p, &r, sizeof(r.event) - 1, "a record of 183 bytes in the ring buffer");
	expect_bad(p, &r, sizeof(r.event) + 3 * 8 - 1, malformed);
	r.event.nstack = 33; /* one more than the record has */
	expect_bad(p, &r, sizeof(r), malformed);
	r.event.nstack = UINT16_MAX;
	expect_bad(p, &r, sizeof(r), malformed);
	r = ordinary(p);
	r.event.probe = 2;
	expect_bad(p, &r, sizeof(r), malformed);
	r = ordinary(p);
	r.event.key_len = WIRE_KEY_INLINE + 1;
	expect_bad(p, &r, sizeof(r), malformed);
	r = ordinary(p);
	r.event.flags |= WIRE_BIG; /* without a struct wire_key */
	expect_bad(p, &r, sizeof(r), malformed);
	b = big(p);
	expect_bad(p, b, sizeof(b->event) + sizeof(b->key) + 3 * 8 - 1, malformed);
	free(b);
}

/* Sizes inside the key are checked against bounds. */
TEST(sizes_inside_a_key_are_checked)
{
	struct program *p = *state;
	struct big_record *r = big(p);
	struct event_removal e;
	enum event_kind kind;

	r->event.type = p->map_pair + BIAS;
	set_segment(r, 0, 0xc000001000, p->pair + BIAS, (uint64_t[]){0xc000002000, 9999, 42}, 24);
	set_segment(r, 1, 0xc000002000, 0, "abc", 3);
	memset(r->key.bytes[1], 'x', WIRE_KEY_SEGMENT);
	r->key.segment[1].want = 9999;
	r->key.segment[1].len = UINT32_MAX;
	r->key.nsegments = UINT32_MAX;
	e = resolve_as(p, r, sizeof(*r), RESOLVED_EVENT, &kind);
	assert_int_equal(e.key_n, 3);
	assert_int_equal(e.key[1].kind, VALUE_STRING);
	assert_true(e.key[1].cut);
	assert_int_equal(e.key[1].bytes_len, WIRE_KEY_SEGMENT);
	free(r);
}

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 16;
}

/* Random bytes, in a good record or in its place, give an error or an event that can be printed.
 * The sanitizers check the rest. */
TEST(random_bytes_do_no_harm)
{
	struct program *p = *state;
	uint64_t seed = 20;

	for (int i = 0; i < 20000; i++) {
		size_t size = i % 3 ? sizeof(struct record) : sizeof(struct big_record);
		cleanup_free struct big_record *b = big(p);
		struct record small = ordinary(p);
		uint8_t *bytes = i % 3 ? (uint8_t *)&small : (uint8_t *)b;
		struct event event;
		enum resolved what;
		struct error *err;

		set_segment(b, 0, 0xc000001000, p->pair + BIAS, (uint64_t[]){0xc000002000, 3, 4},
			    24);
		for (int k = i % 40; k >= 0; k--)
			bytes[next_random(&seed) % (i % 2 ? sizeof(struct wire_event) : size)] =
				(uint8_t)next_random(&seed);
		err = resolver_resolve(p->resolver, bytes, size, &what, &event);
		if (!err && what != RESOLVED_START) {
			struct buf text = {0};

			value_text(&text, event.removal.key, event.removal.key_n);
			buf_str(&text, event.removal.func);
			buf_str(&text, event.removal.map_type);
			for (size_t k = 0; k < event.removal.stack_n; k++)
				buf_str(&text, event.removal.stack[k].func);
			buf_fini(&text);
		}
		error_free(err);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SWISS(a_removal_has_all_members),
		WITH_SWISS(flags_become_members),
		WITH_SWISS(what_was_not_read_is_not_told),
		WITH_CLASSIC(a_clear_has_no_key),
		WITH_SWISS(a_start_tells_the_process),
		WITH_SWISS(an_exec_belongs_to_no_probe),
		WITH_SWISS(malformed_records_are_errors),
		WITH_SWISS(sizes_inside_a_key_are_checked),
		WITH_SWISS(random_bytes_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
