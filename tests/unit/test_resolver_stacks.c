/* Tests of watch/resolve: the addresses of a stack become frames, and equal stacks have one id. The
 * tests make up the addresses. */
#include "test.h"
#include "base/frame.h"

#include "resolver_prog.h"
#include "show/event/event.h"

/* main.inl1 is inlined into main.outer, and main.inl2 into main.inl1 (see gofake.h). */
TEST(inlined_calls_have_frames)
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
TEST(entries_of_the_runtime_are_left_out)
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

TEST(a_wrapper_is_shown_if_it_is_the_only_frame)
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

TEST(unknown_addresses_stay_without_a_name)
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

/* ---- ids ---- */

TEST(equal_stacks_have_one_id)
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
TEST(forgotten_stacks_get_new_ids)
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
TEST(deep_stacks_are_kept_up_to_a_limit)
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SWISS(inlined_calls_have_frames),
		WITH_SWISS(entries_of_the_runtime_are_left_out),
		WITH_SWISS(a_wrapper_is_shown_if_it_is_the_only_frame),
		WITH_SWISS(unknown_addresses_stay_without_a_name),
		WITH_SWISS(other_modules_have_names),
		WITH_SWISS(equal_stacks_have_one_id),
		WITH_SWISS(forgotten_stacks_get_new_ids),
		WITH_DEEP_STACKS(deep_stacks_are_kept_up_to_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
