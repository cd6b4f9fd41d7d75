/* Tests of show/aggr. Rows by site, map, type and key have exact sums. All rows past the limit are
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

static struct aggr *open_by(enum aggr_by by, size_t max_rows)
{
	struct aggr *aggr = NULL;

	assert_null(aggr_new(by, max_rows, &aggr));
	assert_int_equal(aggr_by(aggr), by);
	return aggr;
}

static void add(struct aggr *aggr, const struct event *event)
{
	struct error *err = aggr_add(aggr, event);

	if (err)
		fail_msg("%s", err->text);
}

TEST(test_empty)
{
	struct aggr *aggr = open_by(AGGR_BY_SITE, 0);
	const struct aggr_row *rows;

	assert_int_equal(aggr_rows(aggr, &rows), 0);
	aggr_free(aggr);
	aggr_free(NULL);
}

TEST(test_by_site)
{
	struct aggr *aggr = open_by(AGGR_BY_SITE, 0);
	struct event a = removal(sweep_from_run, 3, 1);
	struct event b = removal(sweep_elsewhere, 2, 2);
	const struct aggr_row *rows;

	for (int i = 0; i < 3; i++)
		add(aggr, &a);
	a.removal.removed = false;
	add(aggr, &a);
	b.removal.len_before = 10;
	b.removal.len_after = 0;
	b.kind = EVENT_CLEAR;
	add(aggr, &b);
	assert_int_equal(aggr_rows(aggr, &rows), 2);
	assert_string_equal(rows[0].name, "main.(*store).sweep");
	assert_string_equal(rows[0].file, "/other/store.go");
	assert_string_equal(rows[0].caller, ""); /* the runtime does not count as a caller */
	assert_int_equal(rows[0].elements, 10);
	assert_int_equal(rows[0].clears, 1);
	assert_int_equal(rows[0].deletes, 0);
	assert_string_equal(rows[1].detail, "store.go:61");
	assert_string_equal(rows[1].caller, "main.(*store).run store.go:40");
	assert_string_equal(rows[1].json, "");
	assert_int_equal(rows[1].line, 61);
	assert_int_equal(rows[1].elements, 3);
	assert_int_equal(rows[1].deletes, 3);
	assert_int_equal(rows[1].misses, 1);
	assert_int_equal(rows[1].clears, 0);
	assert_int_equal(rows[1].goroutines, 1);
	aggr_free(aggr);
}

/* Deletes at one site from two callers are one row, which names neither. Their order does not
 * matter. */
TEST(test_by_site_merges)
{
	struct aggr *aggr = open_by(AGGR_BY_SITE, 0);
	struct event a = removal(sweep_from_run, 3, 1);
	struct event b = removal(sweep_from_main, 2, 2);
	const struct aggr_row *rows;

	for (int i = 0; i < 2; i++) {
		add(aggr, &a);
		add(aggr, &b);
	}
	assert_int_equal(aggr_rows(aggr, &rows), 1);
	assert_int_equal(rows[0].elements, 4);
	assert_string_equal(rows[0].caller, "(several)");
	aggr_free(aggr);
}

/* maps.DeleteFunc itself tells nothing, so its callers are the sites. */
TEST(test_by_site_helpers)
{
	struct aggr *aggr = open_by(AGGR_BY_SITE, 0);
	struct event a = removal(helper_from_run, 3, 1);
	struct event b = removal(helper_from_main, 2, 2);
	const struct aggr_row *rows;

	add(aggr, &a);
	add(aggr, &a);
	add(aggr, &b);
	assert_int_equal(aggr_rows(aggr, &rows), 2);
	assert_string_equal(rows[0].name, "maps.DeleteFunc[...]");
	assert_string_equal(rows[0].caller, "main.(*store).run store.go:41");
	assert_int_equal(rows[0].elements, 2);
	assert_string_equal(rows[1].caller, "main.main main.go:13");
	assert_int_equal(rows[1].elements, 1);
	aggr_free(aggr);
}

TEST(test_by_site_unknown)
{
	static const struct frame nameless[] = {FRAME("", "", 0)};
	static const struct frame another[] = {{.pc = 0x500000, .func = "", .file = ""}};
	struct aggr *aggr = open_by(AGGR_BY_SITE, 0);
	struct event a = removal(NULL, 0, 1);
	struct event b = removal(nameless, 1, 2);
	struct event c = removal(another, 1, 3);
	const struct aggr_row *rows;

	add(aggr, &a);
	add(aggr, &b);
	add(aggr, &c);
	assert_int_equal(aggr_rows(aggr, &rows), 3);
	assert_string_equal(rows[0].name, "(no stack)");
	assert_string_equal(rows[0].detail, "");
	assert_string_equal(rows[1].name, "0x400000");
	assert_string_equal(rows[2].name, "0x500000");
	aggr_free(aggr);
}

TEST(test_by_map)
{
	struct aggr *aggr = open_by(AGGR_BY_MAP, 0);
	struct event event = removal(sweep_from_run, 3, 1);
	const struct aggr_row *rows;

	add(aggr, &event);
	add(aggr, &event);
	event.removal.pid = 2; /* the same address in another process is another map */
	add(aggr, &event);
	assert_int_equal(aggr_rows(aggr, &rows), 2);
	assert_string_equal(rows[0].name, "0xc000010000");
	assert_string_equal(rows[0].detail, "map[string]int");
	assert_int_equal(rows[0].pid, 1);
	assert_int_equal(rows[0].elements, 2);
	assert_int_equal(rows[1].pid, 2);
	aggr_free(aggr);
}

TEST(test_by_type)
{
	struct aggr *aggr = open_by(AGGR_BY_TYPE, 0);
	struct event event = removal(sweep_from_run, 3, 1);
	const struct aggr_row *rows;

	add(aggr, &event);
	event.removal.type_id = 7; /* the same type has another id in another process */
	add(aggr, &event);
	event.removal.type_id = 8;
	event.removal.map_type = "";
	add(aggr, &event);
	assert_int_equal(aggr_rows(aggr, &rows), 2);
	assert_string_equal(rows[0].name, "map[string]int");
	assert_int_equal(rows[0].elements, 2);
	assert_string_equal(rows[1].name, "(unknown)");
	aggr_free(aggr);
}

TEST(test_by_key)
{
	static const struct value text = {.kind = VALUE_STRING, .bytes = "4\n2", .bytes_len = 3};
	static const struct value number = {.kind = VALUE_INT, .i = 42};
	struct aggr *aggr = open_by(AGGR_BY_KEY, 0);
	struct event event = removal(sweep_from_run, 3, 1);
	const struct aggr_row *rows;

	event.removal.key = &text;
	event.removal.key_n = 1;
	for (int i = 0; i < 3; i++)
		add(aggr, &event);
	event.removal.key = &number;
	event.removal.map_type = "map[int]int";
	add(aggr, &event);
	add(aggr, &event);
	event.removal.map_type = "map[int8]int"; /* an equal key of another type */
	add(aggr, &event);
	event.removal.key_n = 0;
	event.removal.key_error = "page fault";
	event.removal.removed = false;
	add(aggr, &event);
	event.removal.len_before = 9;
	event.removal.len_after = 0;
	event.removal.removed = true;
	event.kind = EVENT_CLEAR;
	add(aggr, &event);
	assert_int_equal(aggr_rows(aggr, &rows), 5);
	assert_string_equal(rows[0].name, "(clear)");
	assert_string_equal(rows[0].json, "null");
	assert_int_equal(rows[0].elements, 9);
	assert_string_equal(rows[1].name, "\"4\\n2\"");
	assert_string_equal(rows[1].json, "\"4\\n2\"");
	assert_string_equal(rows[1].detail, "map[string]int");
	assert_int_equal(rows[1].elements, 3);
	assert_string_equal(rows[2].detail, "map[int]int");
	assert_string_equal(rows[2].json, "42");
	assert_string_equal(rows[3].detail, "map[int8]int");
	assert_string_equal(rows[4].name, "<page fault>");
	aggr_free(aggr);
}

/* Strings of which only the beginning is known count as one key only if their lengths are equal. */
TEST(test_by_key_cut)
{
	struct value key[] = {
		{.kind = VALUE_STRUCT, .n = 2, .type = "main.k"},
		{.kind = VALUE_STRING, .bytes = "abc", .bytes_len = 3},
		{.kind = VALUE_STRING, .cut = true, .bytes = "/very/lo", .bytes_len = 8},
	};
	static const uint32_t lengths[] = {100, 101, 100, 101, 100, UINT32_MAX};
	struct aggr *aggr = open_by(AGGR_BY_KEY, 0);
	struct event event = removal(sweep_from_run, 3, 1);
	const struct aggr_row *rows;

	event.removal.key = key;
	event.removal.key_n = ARRAY_SIZE(key);
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		key[2].whole = lengths[i];
		add(aggr, &event);
	}
	event.removal.key = &key[1];
	event.removal.key_n = 1;
	for (int i = 0; i < 4; i++)
		add(aggr, &event);
	assert_int_equal(aggr_rows(aggr, &rows), 4);
	assert_string_equal(rows[0].name, "\"abc\"");
	assert_false(rows[0].key_cut);
	for (uint64_t i = 1; i < 4; i++) {
		assert_string_equal(rows[i].name, "main.k{\"abc\", \"/very/lo\"…}");
		assert_true(rows[i].key_cut);
		assert_int_equal(rows[i].elements, 4 - i);
	}
	aggr_free(aggr);
}

TEST(test_order)
{
	static const char *const types[] = {"b", "c", "a"};
	struct aggr *aggr = open_by(AGGR_BY_TYPE, 0);
	struct event event = removal(NULL, 0, 0);
	const struct aggr_row *rows;

	for (uint32_t i = 0; i < ARRAY_SIZE(types); i++) {
		event.removal.map_type = types[i];
		event.removal.type_id = i;
		add(aggr, &event);
	}
	add(aggr, &event); /* "a" has one more; then they are sorted by name */
	event.removal.type_id = 0;
	assert_int_equal(aggr_rows(aggr, &rows), 3);
	assert_string_equal(rows[0].name, "a");
	assert_string_equal(rows[1].name, "b");
	assert_string_equal(rows[2].name, "c");
	for (int i = 0; i < 5; i++)
		add(aggr, &event);
	assert_int_equal(aggr_rows(aggr, &rows), 3); /* asked again after more events */
	assert_string_equal(rows[0].name, "b");
	aggr_free(aggr);
}

TEST(test_goroutines)
{
	struct aggr *aggr = open_by(AGGR_BY_TYPE, 0);
	struct event event = removal(NULL, 0, 0);
	const struct aggr_row *rows;

	for (uint64_t i = 0; i < 126; i++) {
		event.removal.goid = 1 + i / 2;
		add(aggr, &event);
	}
	assert_int_equal(aggr_rows(aggr, &rows), 1);
	assert_int_equal(rows[0].goroutines, 63);
	event.removal.pid = 2; /* goroutine 1 of another process */
	event.removal.goid = 1;
	add(aggr, &event);
	aggr_rows(aggr, &rows);
	assert_int_equal(rows[0].goroutines, 64);
	event.removal.goid = 1000;
	add(aggr, &event);
	aggr_rows(aggr, &rows);
	assert_int_equal(rows[0].goroutines, 64);
	assert_int_equal(rows[0].elements, 128);
	aggr_free(aggr);
}

TEST(test_others)
{
	struct aggr *aggr = open_by(AGGR_BY_MAP, 10);
	struct event event = removal(NULL, 0, 0);
	const struct aggr_row *rows;
	uint64_t elements = 0;
	size_t n;

	for (int round = 0; round < 3; round++) {
		for (uint64_t i = 0; i < 1000; i++) {
			event.removal.map = 0xc000000000 + i * 64;
			add(aggr, &event);
		}
	}
	n = aggr_rows(aggr, &rows);
	assert_int_equal(n, 11);
	for (size_t i = 0; i < n; i++)
		elements += rows[i].elements;
	assert_int_equal(elements, 3000);
	assert_string_equal(rows[10].name, "(others)"); /* last, although it has the most */
	assert_true(rows[10].others);
	assert_int_equal(rows[10].elements, 2970);
	assert_false(rows[0].others);
	assert_int_equal(rows[0].elements, 3);
	aggr_free(aggr);
}

/* With many stacks and few sites, the table of ids must not be taken for the table of rows. */
TEST(test_others_by_site)
{
	struct aggr *aggr = open_by(AGGR_BY_SITE, 2);
	const struct aggr_row *rows;
	char func[32];

	for (uint32_t id = 0; id < 1000; id++) {
		struct frame frame = {.func = func, .file = "/f.go", .line = 1};
		struct event event = removal(&frame, 1, id);

		snprintf(func, sizeof(func), "main.f%u", id % 4);
		add(aggr, &event);
	}
	assert_int_equal(aggr_rows(aggr, &rows), 3);
	assert_string_equal(rows[0].name, "main.f0");
	assert_int_equal(rows[0].elements, 250);
	assert_int_equal(rows[1].elements, 250);
	assert_int_equal(rows[2].elements, 500);
	aggr_free(aggr);
}

/* Many deletes added at once give the same row as the same deletes one by one. */
TEST(test_add_many)
{
	struct event event = removal(sweep_from_run, 3, 1);
	uint64_t ids[70];
	struct aggr *one = open_by(AGGR_BY_SITE, 0), *many = open_by(AGGR_BY_SITE, 0);
	const struct aggr_row *a, *b;

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
	aggr_free(one);
	aggr_free(many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),		cmocka_unit_test(test_add_many),
		cmocka_unit_test(test_by_site),		cmocka_unit_test(test_by_site_merges),
		cmocka_unit_test(test_by_site_helpers), cmocka_unit_test(test_by_site_unknown),
		cmocka_unit_test(test_by_map),		cmocka_unit_test(test_by_type),
		cmocka_unit_test(test_by_key),		cmocka_unit_test(test_by_key_cut),
		cmocka_unit_test(test_order),		cmocka_unit_test(test_goroutines),
		cmocka_unit_test(test_others),		cmocka_unit_test(test_others_by_site),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
