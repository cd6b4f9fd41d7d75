/* Tests of show/aggr. Rows by site, map, type, key, container and pod have exact sums. All rows past the limit are
 * in the row "(others)". */
#include "test.h"
#include "base/frame.h"

#include <stdio.h>

#include "show/aggr/aggr.h"
#include "show/event/event.h"
#include "read/layout/layout.h"

#define FRAME(func_, file_, line_)                                                          \
	{                                                                                   \
		.pc = 0x400000 + (line_), .func = (func_), .file = (file_), .line = (line_) \
	}

static const struct frame sweep_from_run[] = {
	FRAME("main.(*store).sweep", "/src/store.go", 61),
	FRAME("main.(*store).run", "/src/store.go", 40),
	FRAME("runtime.goexit", "/go/asm.s", 1),
};
static const struct frame sweep_from_main[] = {
	FRAME("main.(*store).sweep", "/src/store.go", 61),
	FRAME("main.main", "/src/main.go", 12),
};
static const struct frame sweep_elsewhere[] = {
	FRAME("main.(*store).sweep", "/other/store.go", 61),
	FRAME("runtime.main", "/go/proc.go", 250),
};
static const struct frame helper_from_run[] = {
	FRAME("maps.DeleteFunc[...]", "/go/maps.go", 60),
	FRAME("slices.Each", "/go/slices.go", 7),
	FRAME("main.(*store).run", "/src/store.go", 41),
};
static const struct frame helper_from_main[] = {
	FRAME("maps.DeleteFunc[...]", "/go/maps.go", 60),
	FRAME("main.main", "/src/main.go", 13),
};

static struct event removal(const struct frame *stack, size_t n, uint32_t id)
{
	return (struct event){.kind = EVENT_DELETE,
			      .removal = {
				      .pid = 1,
				      .goid = 1,
				      .map = 0xc000010000,
				      .map_type = "map[string]int",
				      .func = "runtime.mapdelete",
				      .removed = true,
				      .len_before = 2,
				      .len_after = 1,
				      .stack = stack,
				      .stack_n = n,
				      .stack_id = id,
			      }};
}

/* The fixture: an aggregation, and its rows when they were last asked for. */
struct counts {
	enum aggr_by by;
	size_t max_rows;
	struct aggr *aggr;
	const struct aggr_row *rows;
};

static int counts_open(void **state)
{
	struct counts *c = *state;

	assert_null(aggr_new(c->by, c->max_rows, &c->aggr));
	assert_int_equal(aggr_by(c->aggr), c->by);
	return 0;
}

static int counts_close(void **state)
{
	struct counts *c = *state;

	aggr_free(c->aggr);
	return 0;
}

static size_t count_rows(struct counts *c)
{
	return aggr_rows(c->aggr, &c->rows);
}

static void add(struct aggr *aggr, const struct event *event)
{
	struct error *err = aggr_add(aggr, event);

	if (err)
		fail_msg("%s", err->text);
}

TEST(without_an_event_there_is_no_row)
{
	struct counts *c = *state;

	assert_int_equal(count_rows(c), 0);
	aggr_free(NULL);
}

TEST(a_site_has_its_sums_and_its_caller)
{
	struct counts *c = *state;
	struct event a = removal(sweep_from_run, 3, 1);
	struct event b = removal(sweep_elsewhere, 2, 2);

	for (int i = 0; i < 3; i++)
		add(c->aggr, &a);
	a.removal.removed = false;
	add(c->aggr, &a);
	b.removal.len_before = 10;
	b.removal.len_after = 0;
	b.kind = EVENT_CLEAR;
	add(c->aggr, &b);
	assert_int_equal(count_rows(c), 2);
	assert_string_equal(c->rows[0].name, "main.(*store).sweep");
	assert_string_equal(c->rows[0].file, "/other/store.go");
	assert_string_equal(c->rows[0].caller, ""); /* the runtime does not count as a caller */
	assert_int_equal(c->rows[0].elements, 10);
	assert_int_equal(c->rows[0].clears, 1);
	assert_int_equal(c->rows[0].deletes, 0);
	assert_string_equal(c->rows[1].detail, "store.go:61");
	assert_string_equal(c->rows[1].caller, "main.(*store).run store.go:40");
	assert_string_equal(c->rows[1].json, "");
	assert_int_equal(c->rows[1].line, 61);
	assert_int_equal(c->rows[1].elements, 3);
	assert_int_equal(c->rows[1].deletes, 3);
	assert_int_equal(c->rows[1].misses, 1);
	assert_int_equal(c->rows[1].clears, 0);
	assert_int_equal(c->rows[1].goroutines, 1);
}

/* Deletes at one site from two callers are one row, which names neither. Their order does not
 * matter. */
TEST(two_callers_of_one_site_are_one_row)
{
	struct counts *c = *state;
	struct event a = removal(sweep_from_run, 3, 1);
	struct event b = removal(sweep_from_main, 2, 2);

	for (int i = 0; i < 2; i++) {
		add(c->aggr, &a);
		add(c->aggr, &b);
	}
	assert_int_equal(count_rows(c), 1);
	assert_int_equal(c->rows[0].elements, 4);
	assert_string_equal(c->rows[0].caller, "(several)");
}

/* maps.DeleteFunc itself tells nothing, and its callers are the sites. */
TEST(callers_of_a_helper_are_the_sites)
{
	struct counts *c = *state;
	struct event a = removal(helper_from_run, 3, 1);
	struct event b = removal(helper_from_main, 2, 2);

	add(c->aggr, &a);
	add(c->aggr, &a);
	add(c->aggr, &b);
	assert_int_equal(count_rows(c), 2);
	assert_string_equal(c->rows[0].name, "maps.DeleteFunc[...]");
	assert_string_equal(c->rows[0].caller, "main.(*store).run store.go:41");
	assert_int_equal(c->rows[0].elements, 2);
	assert_string_equal(c->rows[1].caller, "main.main main.go:13");
	assert_int_equal(c->rows[1].elements, 1);
}

TEST(frames_without_a_name_are_rows_by_address)
{
	static const struct frame nameless[] = {FRAME("", "", 0)};
	static const struct frame another[] = {{.pc = 0x500000, .func = "", .file = ""}};
	struct counts *c = *state;
	struct event a = removal(NULL, 0, 1);
	struct event b = removal(nameless, 1, 2);
	struct event d = removal(another, 1, 3);

	add(c->aggr, &a);
	add(c->aggr, &b);
	add(c->aggr, &d);
	assert_int_equal(count_rows(c), 3);
	assert_string_equal(c->rows[0].name, "(no stack)");
	assert_string_equal(c->rows[0].detail, "");
	assert_string_equal(c->rows[1].name, "0x400000");
	assert_string_equal(c->rows[2].name, "0x500000");
}

TEST(equal_addresses_in_two_processes_are_two_maps)
{
	struct counts *c = *state;
	struct event event = removal(sweep_from_run, 3, 1);

	add(c->aggr, &event);
	add(c->aggr, &event);
	event.removal.pid = 2; /* the same address in another process is another map */
	add(c->aggr, &event);
	assert_int_equal(count_rows(c), 2);
	assert_string_equal(c->rows[0].name, "0xc000010000");
	assert_string_equal(c->rows[0].detail, "map[string]int");
	assert_int_equal(c->rows[0].pid, 1);
	assert_int_equal(c->rows[0].elements, 2);
	assert_int_equal(c->rows[1].pid, 2);
}

/* What the last look has told that knew the map stays, with its time. The type of a shape gives way to the exact one. */
TEST(a_map_keeps_what_looks_have_told)
{
	struct counts *c = *state;
	struct event_look look = {.holders = true};
	struct event event = removal(sweep_from_run, 3, 1);

	event.removal.map_type = "map[go.shape.string]int";
	event.removal.look = &look;
	add(c->aggr, &event);
	assert_int_equal(count_rows(c), 1);
	assert_true(c->rows[0].looks && c->rows[0].holders);
	assert_int_equal(c->rows[0].looked_ns, 0);
	assert_null(c->rows[0].held_json);
	look = (struct event_look){7, "map[go.shape.string]int", true, "main.a", "[1]", 1};
	event.removal.map_type = "map[string]int";
	add(c->aggr, &event);
	look = (struct event_look){.holders = true}; /* it is not known to be the same map */
	event.removal.map_type = "map[go.shape.string]int";
	add(c->aggr, &event);
	assert_int_equal(count_rows(c), 1);
	assert_int_equal(c->rows[0].looked_ns, 7);
	assert_string_equal(c->rows[0].detail, "map[string]int");
	assert_string_equal(c->rows[0].held_text, "main.a");
	assert_string_equal(c->rows[0].held_json, "[1]");
	look = (struct event_look){8, NULL, true, "main.b", "[2]", 2};
	add(c->aggr, &event);
	look = (struct event_look){9, NULL, true, NULL, NULL, 0};
	event.removal.map = 0xc000020000;
	add(c->aggr, &event);
	assert_int_equal(count_rows(c), 2);
	assert_int_equal(c->rows[0].looked_ns, 8);
	assert_string_equal(c->rows[0].held_text, "main.b");
	assert_int_equal(c->rows[1].looked_ns, 9);
	assert_null(c->rows[1].held_text);
}

/* Processes of one container and of others, and one in none. */
static void add_places(struct counts *c)
{
	static const struct {
		const char *container, *pod;
	} places[] = {{"prod/shop/api", "prod/shop"},
		      {"prod/shop/api", "prod/shop"},
		      {"prod/shop/api", "prod/shop"},
		      {"prod/shop/cache", "prod/shop"},
		      {"web", NULL},
		      {NULL, NULL}};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct event event = removal(sweep_from_run, 3, 1);

		event.removal.pid = (uint32_t)i;
		event.removal.container = places[i].container;
		event.removal.pod = places[i].pod;
		add(c->aggr, &event);
	}
}

TEST(processes_of_one_container_are_one_row)
{
	struct counts *c = *state;

	add_places(c);
	assert_int_equal(count_rows(c), 4);
	assert_string_equal(c->rows[0].name, "prod/shop/api");
	assert_int_equal(c->rows[0].elements, 3);
	assert_string_equal(c->rows[1].name, ""); /* in none */
	assert_string_equal(c->rows[2].name, "prod/shop/cache");
	assert_string_equal(c->rows[3].name, "web");
	assert_string_equal(c->rows[0].detail, "");
}

TEST(containers_of_one_pod_are_one_row)
{
	struct counts *c = *state;

	add_places(c);
	assert_int_equal(count_rows(c), 2);
	assert_string_equal(c->rows[0].name, "prod/shop");
	assert_int_equal(c->rows[0].elements, 4);
	assert_string_equal(c->rows[1].name, "");
	assert_int_equal(c->rows[1].elements, 2);
}

TEST(one_type_with_two_ids_is_one_row)
{
	struct counts *c = *state;
	struct event event = removal(sweep_from_run, 3, 1);

	add(c->aggr, &event);
	event.removal.type_id = 7; /* the same type has another id in another process */
	add(c->aggr, &event);
	event.removal.type_id = 8;
	event.removal.map_type = "";
	add(c->aggr, &event);
	assert_int_equal(count_rows(c), 2);
	assert_string_equal(c->rows[0].name, "map[string]int");
	assert_int_equal(c->rows[0].elements, 2);
	assert_string_equal(c->rows[1].name, "(unknown)");
}

TEST(equal_keys_of_two_types_are_two_rows)
{
	static const struct value text = {.kind = VALUE_STRING, .bytes = "4\n2", .bytes_len = 3};
	static const struct value number = {.kind = VALUE_INT, .i = 42};
	struct counts *c = *state;
	struct event event = removal(sweep_from_run, 3, 1);

	event.removal.key = &text;
	event.removal.key_n = 1;
	for (int i = 0; i < 3; i++)
		add(c->aggr, &event);
	event.removal.key = &number;
	event.removal.map_type = "map[int]int";
	add(c->aggr, &event);
	add(c->aggr, &event);
	event.removal.map_type = "map[int8]int"; /* an equal key of another type */
	add(c->aggr, &event);
	event.removal.key_n = 0;
	event.removal.key_error = "page fault";
	event.removal.removed = false;
	add(c->aggr, &event);
	event.removal.len_before = 9;
	event.removal.len_after = 0;
	event.removal.removed = true;
	event.kind = EVENT_CLEAR;
	add(c->aggr, &event);
	assert_int_equal(count_rows(c), 5);
	assert_string_equal(c->rows[0].name, "(clear)");
	assert_string_equal(c->rows[0].json, "null");
	assert_int_equal(c->rows[0].elements, 9);
	assert_string_equal(c->rows[1].name, "\"4\\n2\"");
	assert_string_equal(c->rows[1].json, "\"4\\n2\"");
	assert_string_equal(c->rows[1].detail, "map[string]int");
	assert_int_equal(c->rows[1].elements, 3);
	assert_string_equal(c->rows[2].detail, "map[int]int");
	assert_string_equal(c->rows[2].json, "42");
	assert_string_equal(c->rows[3].detail, "map[int8]int");
	assert_string_equal(c->rows[4].name, "<page fault>");
}

/* Strings of which only the beginning is known count as one key only if their lengths are equal. */
TEST(cut_keys_are_equal_only_if_their_lengths_are)
{
	struct value key[] = {
		{.kind = VALUE_STRUCT, .n = 2, .type = "main.k"},
		{.kind = VALUE_STRING, .bytes = "abc", .bytes_len = 3},
		{.kind = VALUE_STRING, .cut = true, .bytes = "/very/lo", .bytes_len = 8},
	};
	static const uint32_t lengths[] = {100, 101, 100, 101, 100, UINT32_MAX};
	struct counts *c = *state;
	struct event event = removal(sweep_from_run, 3, 1);

	event.removal.key = key;
	event.removal.key_n = ARRAY_SIZE(key);
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		key[2].whole = lengths[i];
		add(c->aggr, &event);
	}
	event.removal.key = &key[1];
	event.removal.key_n = 1;
	for (int i = 0; i < 4; i++)
		add(c->aggr, &event);
	assert_int_equal(count_rows(c), 4);
	assert_string_equal(c->rows[0].name, "\"abc\"");
	assert_false(c->rows[0].key_cut);
	for (uint64_t i = 1; i < 4; i++) {
		assert_string_equal(c->rows[i].name, "main.k{\"abc\", \"/very/lo\"…}");
		assert_true(c->rows[i].key_cut);
		assert_int_equal(c->rows[i].elements, 4 - i);
	}
}

TEST(rows_go_down_by_elements_then_up_by_name)
{
	static const char *const types[] = {"b", "c", "a"};
	struct counts *c = *state;
	struct event event = removal(NULL, 0, 0);

	for (uint32_t i = 0; i < ARRAY_SIZE(types); i++) {
		event.removal.map_type = types[i];
		event.removal.type_id = i;
		add(c->aggr, &event);
	}
	add(c->aggr, &event); /* "a" has one more; then they are sorted by name */
	event.removal.type_id = 0;
	assert_int_equal(count_rows(c), 3);
	assert_string_equal(c->rows[0].name, "a");
	assert_string_equal(c->rows[1].name, "b");
	assert_string_equal(c->rows[2].name, "c");
	for (int i = 0; i < 5; i++)
		add(c->aggr, &event);
	assert_int_equal(count_rows(c), 3); /* asked again after more events */
	assert_string_equal(c->rows[0].name, "b");
}

TEST(goroutines_are_exact_up_to_64)
{
	struct counts *c = *state;
	struct event event = removal(NULL, 0, 0);

	for (uint64_t i = 0; i < 126; i++) {
		event.removal.goid = 1 + i / 2;
		add(c->aggr, &event);
	}
	assert_int_equal(count_rows(c), 1);
	assert_int_equal(c->rows[0].goroutines, 63);
	event.removal.pid = 2; /* goroutine 1 of another process */
	event.removal.goid = 1;
	add(c->aggr, &event);
	count_rows(c);
	assert_int_equal(c->rows[0].goroutines, 64);
	event.removal.goid = 1000;
	add(c->aggr, &event);
	count_rows(c);
	assert_int_equal(c->rows[0].goroutines, 64);
	assert_int_equal(c->rows[0].elements, 128);
}

TEST(past_the_limit_all_are_others)
{
	struct counts *c = *state;
	struct event event = removal(NULL, 0, 0);
	uint64_t elements = 0;
	size_t n;

	for (int round = 0; round < 3; round++) {
		for (uint64_t i = 0; i < 1000; i++) {
			event.removal.map = 0xc000000000 + i * 64;
			add(c->aggr, &event);
		}
	}
	n = count_rows(c);
	assert_int_equal(n, 11);
	for (size_t i = 0; i < n; i++)
		elements += c->rows[i].elements;
	assert_int_equal(elements, 3000);
	assert_string_equal(c->rows[10].name, "(others)"); /* last, although it has the most */
	assert_true(c->rows[10].others);
	assert_int_equal(c->rows[10].elements, 2970);
	assert_false(c->rows[0].others);
	assert_int_equal(c->rows[0].elements, 3);
}

/* With many stacks and few sites, the table of ids must not be taken for the table of rows. */
TEST(many_stacks_of_few_sites_fill_no_limit)
{
	struct counts *c = *state;
	char func[32];

	for (uint32_t id = 0; id < 1000; id++) {
		struct frame frame = {.func = func, .file = "/f.go", .line = 1};
		struct event event = removal(&frame, 1, id);

		snprintf(func, sizeof(func), "main.f%u", id % 4);
		add(c->aggr, &event);
	}
	assert_int_equal(count_rows(c), 3);
	assert_string_equal(c->rows[0].name, "main.f0");
	assert_int_equal(c->rows[0].elements, 250);
	assert_int_equal(c->rows[1].elements, 250);
	assert_int_equal(c->rows[2].elements, 500);
}

/* Many deletes added at once give the same row as the same deletes one by one. */
TEST(many_at_once_are_as_many_one_by_one)
{
	struct event event = removal(sweep_from_run, 3, 1);
	uint64_t ids[70];
	struct counts *c = *state;
	struct aggr *one = c->aggr, *many = NULL;
	const struct aggr_row *a, *b;

	assert_null(aggr_new(c->by, c->max_rows, &many));
	for (uint64_t i = 0; i < 63; i++) {
		event.removal.goid = i + 1;
		add(one, &event);
		add(one, &event);
		ids[i] = aggr_goroutine(i + 1, event.removal.pid);
	}
	assert_null(aggr_add_many(many, &event, 100, 100, ids, 60));
	assert_null(aggr_add_many(many, &event, 26, 26, ids + 50, 13)); /* ten were there before */
	assert_int_equal(aggr_rows(one, &a), 1);
	assert_int_equal(aggr_rows(many, &b), 1);
	assert_int_equal(b->deletes, 126);
	assert_int_equal(b->deletes, a->deletes);
	assert_int_equal(b->elements, a->elements);
	assert_int_equal(b->goroutines, 63);
	assert_int_equal(b->goroutines, a->goroutines);
	assert_string_equal(b->caller, a->caller);
	for (uint64_t i = 0; i < 70; i++)
		ids[i] = aggr_goroutine(i + 1, 2); /* in another process */
	assert_null(aggr_add_many(many, &event, 70, 70, ids, 64));
	aggr_rows(many, &b);
	assert_int_equal(b->goroutines, 64);
	assert_int_equal(b->deletes, 196);
	event.removal.removed = false;
	assert_null(aggr_add_many(many, &event, 5, 0, ids, 1));
	event.removal.removed = true;
	event.kind = EVENT_CLEAR;
	assert_null(aggr_add_many(many, &event, 3, 1000, ids, 1));
	aggr_rows(many, &b);
	assert_int_equal(b->deletes, 196);
	assert_int_equal(b->misses, 5);
	assert_int_equal(b->clears, 3);
	assert_int_equal(b->elements, 1196);
	aggr_free(many);
}

/* A test with a fixture of its own. */
#define COUNTS(test, by_, max_)                   \
	cmocka_unit_test_prestate_setup_teardown( \
		test, counts_open, counts_close,  \
		(&(struct counts){.by = (by_), .max_rows = (max_)}))

int main(void)
{
	const struct CMUnitTest tests[] = {
		COUNTS(without_an_event_there_is_no_row, AGGR_BY_SITE, 0),
		COUNTS(a_site_has_its_sums_and_its_caller, AGGR_BY_SITE, 0),
		COUNTS(two_callers_of_one_site_are_one_row, AGGR_BY_SITE, 0),
		COUNTS(callers_of_a_helper_are_the_sites, AGGR_BY_SITE, 0),
		COUNTS(frames_without_a_name_are_rows_by_address, AGGR_BY_SITE, 0),
		COUNTS(equal_addresses_in_two_processes_are_two_maps, AGGR_BY_MAP, 0),
		COUNTS(a_map_keeps_what_looks_have_told, AGGR_BY_MAP, 0),
		COUNTS(processes_of_one_container_are_one_row, AGGR_BY_CONTAINER, 0),
		COUNTS(containers_of_one_pod_are_one_row, AGGR_BY_POD, 0),
		COUNTS(one_type_with_two_ids_is_one_row, AGGR_BY_TYPE, 0),
		COUNTS(equal_keys_of_two_types_are_two_rows, AGGR_BY_KEY, 0),
		COUNTS(cut_keys_are_equal_only_if_their_lengths_are, AGGR_BY_KEY, 0),
		COUNTS(rows_go_down_by_elements_then_up_by_name, AGGR_BY_TYPE, 0),
		COUNTS(goroutines_are_exact_up_to_64, AGGR_BY_TYPE, 0),
		COUNTS(past_the_limit_all_are_others, AGGR_BY_MAP, 10),
		COUNTS(many_stacks_of_few_sites_fill_no_limit, AGGR_BY_SITE, 2),
		COUNTS(many_at_once_are_as_many_one_by_one, AGGR_BY_SITE, 0),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
