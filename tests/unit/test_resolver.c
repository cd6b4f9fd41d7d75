/* Tests of watch/resolve: raw records, as the kernel program writes them, become events. The
 * program is synthesised, and the tests make up the addresses of its stacks. */
#include "test.h"
#include "base/frame.h"

#include "resolver_prog.h"
#include "show/event/event.h"
#include "read/layout/layout.h"

/* ---- the members of an event ---- */

TEST(test_ordinary)
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

TEST(test_flags)
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
	assert_non_null(e.stack_error);
	r.event.gc = EVENT_GC_MARKTERMINATION;
	assert_int_equal(resolve(p, &r).gc, EVENT_GC_MARKTERMINATION);
	r.event.gc = 3; /* there is no such phase */
	assert_int_equal(resolve(p, &r).gc, EVENT_GC_UNKNOWN);
	r.event.gc = EVENT_GC_MARK;
	r.event.flags = WIRE_GC_UNKNOWN;
	assert_int_equal(resolve(p, &r).gc, EVENT_GC_UNKNOWN);
}

TEST(test_clear)
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

TEST(test_start)
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
TEST(test_exec)
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

/* ---- stacks ---- */

/* main.inl1 is inlined into main.outer, and main.inl2 into main.inl1 (see gofake.h). */
TEST(test_inlined)
{
	struct program *p = *state;
	struct event_removal e;
	struct record r;
	uint64_t pc;

	pc = p->go.fake.text + 0x5d + BIAS; /* the call is one byte before */
	r = ordinary(p);
	r.stack[0] = pc;
	e = resolve(p, &r);
	assert_int_equal(e.stack_n, 4);
	check_frame(&e.stack[0], "main.inl2", "/src/lib.go", 207, pc);
	check_frame(&e.stack[1], "main.inl1", "/src/lib.go", 106, pc);
	check_frame(&e.stack[2], "main.outer", "/src/main.go", 12, pc);
	check_frame(&e.stack[3], "main.main", "/src/main.go", 12, r.stack[1]);
	assert_true(e.stack[0].inlined && e.stack[1].inlined);
	assert_false(e.stack[2].inlined || e.stack[3].inlined);
	/* A return address is looked up one byte before itself. */
	r.stack[0] = p->go.fake.text + 0x60 + BIAS;
	assert_int_equal(resolve(p, &r).stack_n, 4);
	r.stack[0]++;
	assert_int_equal(resolve(p, &r).stack_n, 2);
}

/* All entries of the runtime at the start are left out. The outermost is named. */
TEST(test_entries_stripped)
{
	struct program *p = *state;
	struct event_removal e;
	struct record r = ordinary(p);

	r.event.nstack = 5;
	memmove(r.stack + 2, r.stack, 3 * sizeof(*r.stack));
	r.stack[0] = p->swiss + BIAS + 5;
	r.stack[1] = p->reflect + BIAS + 5;
	e = resolve(p, &r);
	assert_string_equal(e.func, "reflect.mapdelete");
	assert_int_equal(e.stack_n, 2);
	assert_string_equal(e.stack[0].func, "main.(*store).drop");
	/* Further out it is an ordinary frame. */
	r.stack[3] = p->swiss + BIAS + 5;
	e = resolve(p, &r);
	assert_int_equal(e.stack_n, 2);
	assert_string_equal(e.stack[1].func, "internal/runtime/maps.(*Map).Delete");
}

TEST(test_wrappers)
{
	struct program *p = *state;
	struct event_removal e;
	struct record r = ordinary(p);

	r.stack[1] = p->wrapper + BIAS + 5;
	e = resolve(p, &r);
	assert_int_equal(e.stack_n, 1); /* hidden, because there is another frame */
	r.stack[0] = p->wrapper + BIAS + 5;
	r.stack[1] = p->goexit + BIAS + 1;
	r.event.nstack = 2;
	e = resolve(p, &r);
	assert_int_equal(e.stack_n, 1); /* go delete(m, k): it is the only frame */
	assert_string_equal(e.stack[0].func, "main.wrap");
}

TEST(test_unknown_frames)
{
	struct program *p = *state;
	struct event_removal e;
	struct record r = ordinary(p);

	r.stack[0] = 0x7fff00001234;
	r.stack[1] = 0;
	e = resolve(p, &r);
	assert_int_equal(e.stack_n, 2);
	check_frame(&e.stack[0], "", "", 0, 0x7fff00001234);
	check_frame(&e.stack[1], "", "", 0, 0);
	r.event.nstack = 0; /* only the place of the probe is known */
	e = resolve(p, &r);
	assert_int_equal(e.stack_n, 0);
	assert_string_equal(e.func, "runtime.mapdelete_faststr");
}

/* A stack that goes on into another module has its names, and a type of that module, too. Another
 * process may have something else at these addresses. */
TEST(other_modules_have_names)
{
	struct program *p = *state;
	struct record r = ordinary(p);
	struct event_removal e;
	uint64_t id;

	r.stack[1] = p->caller + 8 + OTHER_BIAS;
	e = resolve(p, &r);
	assert_int_equal(e.stack_n, 2);
	check_frame(&e.stack[0], "main.(*store).drop", "/src/main.go", 61, r.stack[0]);
	check_frame(&e.stack[1], "main.main", "/src/main.go", 12, r.stack[1]);
	id = e.stack_id;
	assert_int_equal(resolve(p, &r).stack_id, id); /* the stack is remembered */

	r.event.pid = 4343;
	e = resolve(p, &r);
	assert_int_equal(e.stack_n, 2);
	assert_string_equal(e.stack[1].func, "");
	assert_int_not_equal(e.stack_id, id);
	r.event.pid = 4242;
	assert_int_equal(resolve(p, &r).stack_id, id);

	r.event.type = p->map_int + OTHER_BIAS;
	assert_string_equal(resolve(p, &r).map_type, "map[int]int");
	r.event.pid = 4343;
	assert_string_equal(resolve(p, &r).map_type, "");
}

TEST(test_stack_ids)
{
	struct program *p = *state;
	struct record r, other, shorter, cut, moved;
	uint32_t id;

	r = other = shorter = cut = ordinary(p);
	other.stack[1]++;
	shorter.event.nstack = 2;
	cut.event.flags |= WIRE_STACK_CUT;
	moved = r; /* another process, at other addresses */
	moved.event.ip += 0x1000;
	moved.event.type += 0x1000;
	for (int i = 0; i < 3; i++)
		moved.stack[i] += 0x1000;
	id = resolve(p, &r).stack_id;
	assert_int_equal(resolve(p, &r).stack_id, id);
	assert_int_not_equal(resolve(p, &other).stack_id, id);
	assert_int_not_equal(resolve(p, &shorter).stack_id, id);
	assert_int_not_equal(resolve(p, &cut).stack_id, id);
	assert_int_not_equal(resolve(p, &moved).stack_id, id);
	assert_string_equal(resolve(p, &moved).stack[0].func, "main.(*store).drop");
	assert_int_equal(resolve(p, &moved).type_id, resolve(p, &r).type_id);
	assert_int_equal(resolve(p, &r).stack_id, id); /* still */
	r.event.map++; /* data that do not belong to the stack change nothing */
	r.event.goid++;
	assert_int_equal(resolve(p, &r).stack_id, id);
}

/* More stacks than are kept. Ids continue, and none is given twice. */
TEST(test_many_stacks)
{
	struct program *p = *state;
	struct record r = ordinary(p);
	struct event_removal e;
	uint32_t first, last = 0;

	r.event.nstack = 1;
	first = resolve(p, &r).stack_id;
	for (uint64_t i = 0; i < (1 << 17) + 10; i++) {
		r.stack[0] = 0x7fff00000000 + i;
		e = resolve(p, &r);
		assert_true(e.stack_id > last || i == 0);
		last = e.stack_id;
	}
	r = ordinary(p);
	r.event.nstack = 1;
	e = resolve(p, &r);
	assert_true(e.stack_id != first);
	assert_string_equal(e.stack[0].func, "main.(*store).drop");
}

/* The cache of stacks is limited by memory. It keeps 3000 deep stacks, but not deep stacks of 64
 * MiB. */
TEST(test_deep_stacks)
{
	struct program *p = *state;
	enum { DEPTH = 500 };
	size_t size = sizeof(struct wire_event) + DEPTH * sizeof(uint64_t);
	struct wire_event *event = calloc(1, size);
	uint64_t *stack = (uint64_t *)(event + 1);
	uint32_t first, id;
	enum event_kind kind;

	assert_non_null(event);
	*event = ordinary(p).event;
	event->nstack = DEPTH;
	for (uint64_t i = 0; i < DEPTH; i++)
		stack[i] = 0x7fff00000000 + i;
	first = resolve_as(p, event, size, RESOLVED_EVENT, &kind).stack_id;
	for (uint64_t i = 1; i < 5000; i++) {
		stack[0] = 0x7ffe00000000 + i;
		id = resolve_as(p, event, size, RESOLVED_EVENT, &kind).stack_id;
		assert_int_equal(id, first + i);
		if (i != 3000)
			continue;
		stack[0] = 0x7fff00000000; /* still known */
		assert_int_equal(resolve_as(p, event, size, RESOLVED_EVENT, &kind).stack_id, first);
	}
	stack[0] = 0x7fff00000000; /* forgotten */
	assert_int_equal(resolve_as(p, event, size, RESOLVED_EVENT, &kind).stack_id, first + 5000);
	free(event);
}

/* ---- map types ---- */

TEST(test_types)
{
	struct program *p = *state;
	struct event_removal e;
	struct record r = ordinary(p);
	uint32_t id;

	id = resolve(p, &r).type_id;
	r.event.type = p->map_pair + BIAS;
	e = resolve(p, &r);
	assert_string_equal(e.map_type, "main.pairs");
	assert_int_not_equal(e.type_id, id);
	r.event.type = 0; /* could not be read */
	assert_string_equal(resolve(p, &r).map_type, "");
	r.event.type = p->string + BIAS; /* no map */
	assert_string_equal(resolve(p, &r).map_type, "");
	r.event.type = p->map_string + BIAS;
	assert_int_equal(resolve(p, &r).type_id, id);
}

TEST(test_types_on_heap)
{
	struct program *p = *state;
	struct event_removal e;
	struct record r = ordinary(p);
	uint32_t id;

	r.event.type = HEAP;
	r.event.key_kind = WIRE_KEY_RAW;
	r.event.key_len = 8;
	memcpy(r.event.key, &(int64_t){-5}, 8);
	e = check_record_key(p, &r, "-5");
	assert_string_equal(e.map_type, "map[int]int");
	id = e.type_id;
	assert_int_equal(resolve(p, &r).type_id, id);
	r.event.pid = 1; /* the same address in another process is another type */
	e = resolve(p, &r);
	assert_int_not_equal(e.type_id, id);
	assert_string_equal(e.map_type, "");
}

/* A program may have reflect make types without end. Each has its own name and id, even after the
 * first ones were forgotten. */
TEST(test_types_without_end)
{
	struct program *p = *state;
	struct record r = ordinary(p), made = ordinary(p);
	uint64_t id = resolve(p, &r).type_id, last = id;

	for (uint64_t i = 0; i < (1 << 17) + 10; i++) {
		struct event_removal e;

		made.event.type = HEAP + 0x100000 + 8 * i;
		e = resolve(p, &made);
		assert_string_equal(e.map_type, "");
		assert_true(e.type_id > last);
		last = e.type_id;
		assert_int_equal(resolve(p, &made).type_id, last);
	}
	assert_string_equal(resolve(p, &r).map_type, "map[string]int");
	assert_true(resolve(p, &r).type_id > last);
}

/* ---- keys ---- */

TEST(test_inline_keys)
{
	struct program *p = *state;
	struct record r = ordinary(p);

	r.event.key_total = 700; /* of which 7 bytes came */
	check_record_key(p, &r, "\"user:42\"…");
	r.event.key_total = r.event.key_len = 0;
	check_record_key(p, &r, "\"\"");
	r.event.type = p->map_int + BIAS;
	r.event.key_kind = WIRE_KEY_RAW;
	r.event.key_len = 8;
	memcpy(r.event.key, &(int64_t){INT64_MIN}, 8);
	check_record_key(p, &r, "-9223372036854775808");
}

TEST(test_key_errors)
{
	struct program *p = *state;
	struct event_removal e;
	struct record r = ordinary(p);

	r.event.key_kind = WIRE_KEY_NONE;
	r.event.key_error = WIRE_KEY_FAULT;
	e = resolve(p, &r);
	assert_int_equal(e.key_n, 0);
	assert_string_equal(e.key_error, "the key's memory could not be read");
	r.event.key_error = WIRE_KEY_NO_PLAN;
	assert_string_equal(resolve(p, &r).key_error,
			    "the map's type was made at run time and is not known");
	r.event.key_error = WIRE_KEY_OK;
	r.event.key_kind = WIRE_KEY_RAW; /* 7 of 16 bytes are here */
	e = check_record_key(p, &r, "<the key is longer than the part that is read>");
	assert_memory_equal(e.key_error, "the key is longer", 17);
	r.event.type = 0;
	e = check_record_key(p, &r, "<the key's type could not be read>");
}

TEST(test_big_struct)
{
	struct program *p = *state;
	struct big_record *r = big(p);
	struct event_removal e;
	enum event_kind kind;

	r->event.type = p->map_pair + BIAS;
	set_segment(r, 0, 0xc000001000, p->pair + BIAS, (uint64_t[]){0xc000002000, 3, 42}, 24);
	set_segment(r, 1, 0xc000002000, 0, "abc", 3);
	e = resolve_as(p, r, sizeof(*r), RESOLVED_EVENT, &kind);
	check_key(&e, "main.pair{S: \"abc\", N: 42}");
	assert_null(e.key_error);
	assert_int_equal(e.stack_n, 2); /* it is after the key */
	assert_string_equal(e.stack[0].func, "main.(*store).drop");
	r->key.nsegments = 1;
	e = resolve_as(p, r, sizeof(*r), RESOLVED_EVENT, &kind);
	check_key(&e, "main.pair{S: <the key has more parts than are read>, N: 42}");
	assert_non_null(e.key_error);
	free(r);
}

TEST(test_big_interface)
{
	struct program *p = *state;
	struct big_record *r = big(p);
	struct event_removal e;
	enum event_kind kind;

	r->event.type = p->map_any + BIAS;
	set_segment(r, 0, 0xc000001000, p->eface + BIAS,
		    (uint64_t[]){p->integer + BIAS, 0xc000003000}, 16);
	set_segment(r, 1, 0xc000003000, p->integer + BIAS, &(int64_t){-7}, 8);
	e = resolve_as(p, r, sizeof(*r), RESOLVED_EVENT, &kind);
	check_key(&e, "int(-7)");
	r->key.nsegments = 0;
	e = resolve_as(p, r, sizeof(*r), RESOLVED_EVENT, &kind);
	check_key(&e, "<the key's memory could not be read>");
	free(r);
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

TEST(test_malformed)
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
TEST(test_big_lies)
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
TEST(test_noise)
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
		WITH_SWISS(test_ordinary),
		WITH_SWISS(test_flags),
		WITH_CLASSIC(test_clear),
		WITH_SWISS(test_start),
		WITH_SWISS(test_exec),
		WITH_SWISS(test_inlined),
		WITH_SWISS(test_entries_stripped),
		WITH_SWISS(test_wrappers),
		WITH_SWISS(test_unknown_frames),
		WITH_SWISS(other_modules_have_names),
		WITH_SWISS(test_stack_ids),
		WITH_SWISS(test_many_stacks),
		WITH_DEEP_STACKS(test_deep_stacks),
		WITH_SWISS(test_types),
		WITH_SWISS(test_types_on_heap),
		WITH_SWISS(test_types_without_end),
		WITH_SWISS(test_inline_keys),
		WITH_SWISS(test_key_errors),
		WITH_SWISS(test_big_struct),
		WITH_SWISS(test_big_interface),
		WITH_SWISS(test_malformed),
		WITH_SWISS(test_big_lies),
		WITH_SWISS(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
