/* Tests of watch/resolve: map types get names, and bytes of keys become values. */
#include "test.h"

#include "resolver_prog.h"
#include "show/event/event.h"
#include "read/layout/layout.h"

TEST(map_types_have_names_and_ids)
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

TEST(types_that_reflect_made_belong_to_a_process)
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
TEST(types_without_end_keep_their_names)
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

TEST(keys_within_the_record)
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

TEST(a_key_that_was_not_read_says_why)
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

TEST(a_struct_with_a_string)
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

TEST(an_interface)
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SWISS(map_types_have_names_and_ids),
		WITH_SWISS(types_that_reflect_made_belong_to_a_process),
		WITH_SWISS(types_without_end_keep_their_names),
		WITH_SWISS(keys_within_the_record),
		WITH_SWISS(a_key_that_was_not_read_says_why),
		WITH_SWISS(a_struct_with_a_string),
		WITH_SWISS(an_interface),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
