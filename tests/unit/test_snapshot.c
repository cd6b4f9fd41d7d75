/* Tests of lists of maps in a file: what is written is read again, and bytes that are wrong are an error in one line. Two lists
 * are compared; tests/golden/map_changes.* have what is shown. */
#include "test.h"

#include <locale.h>
#include <sys/mman.h>

#include "base/buf.h"
#include "base/text/text.h"
#include "show/snapshot/snapshot.h"
#include "golden.h"

static const struct map_row before[] = {
	{.map = 0xc000000040, .type = "map[int]int", .len = 10, .capacity = 16, .bytes = 400},
	{.map = 0xc000000080,
	 .type = "map[string]*main.session",
	 .package = "example.com/shop",
	 .len = 1000,
	 .capacity = 2048,
	 .bytes = 81968,
	 .waste = 64,
	 .tombstones = 3,
	 .tables = 2,
	 .swiss = true},
	{.map = 0xc0000000c0, .len = 5, .capacity = 8, .bytes = 192, .changing = true},
	{.map = 0xc000000100,
	 .type = "map[int]string",
	 .len = 8,
	 .capacity = 8,
	 .bytes = 200,
	 .marks = MAP_MARK_SYNC_MAP | MAP_MARK_POOL,
	 .by_stack = true},
	{.map = 0xc000000140,
	 .type = "map[int]bool",
	 .len = 100,
	 .capacity = 256,
	 .bytes = 3000,
	 .overflow = 4,
	 .growing = true,
	 .old = 16,
	 .evacuated = 3},
	{.map = 0xc000000180,
	 .type = "map[struct { \033x int }]\nbool",
	 .len = 1,
	 .capacity = 8,
	 .bytes = 192},
	{.map = 0xc000000200, .type = "map[int]int", .len = 1, .capacity = 8, .bytes = 192},
	{.map = 0xc000000240,
	 .len = 9,
	 .capacity = 32,
	 .bytes = 900,
	 .growing = true,
	 .old = 2,
	 .moved_unknown = true},
};
static const struct map_row after[] = {
	{.map = 0xc000000040, .type = "map[int]int", .len = 300, .capacity = 512, .bytes = 9000},
	{.map = 0xc000000080,
	 .type = "map[string]*main.session",
	 .package = "example.com/shop",
	 .len = 10,
	 .capacity = 2048,
	 .bytes = 81968,
	 .waste = 80000,
	 .tables = 2,
	 .swiss = true},
	{.map = 0xc0000000c0,
	 .type = "map[int]main.x",
	 .package = "main",
	 .len = 7,
	 .capacity = 8,
	 .bytes = 192},
	{.map = 0xc000000140,
	 .type = "map[int]bool",
	 .len = 100,
	 .capacity = 256,
	 .bytes = 3000,
	 .overflow = 1,
	 .growing = true,
	 .old = 16,
	 .evacuated = 5},
	{.map = 0xc000000180,
	 .type = "map[struct { \033x int }]\nbool",
	 .len = 1,
	 .capacity = 8,
	 .bytes = 192},
	{.map = 0xc000000200, .type = "map[int]uint8", .len = 1, .capacity = 8, .bytes = 100},
	{.map = 0xc000000240,
	 .type = "map[int]int",
	 .len = 9,
	 .capacity = 32,
	 .bytes = 900,
	 .growing = true,
	 .old = 2,
	 .evacuated = 1},
};

static void put_list(struct buf *to, const struct map_row *rows, size_t n, uint64_t image)
{
	struct snapshot_head head = {.wall_ns = 1796032800000000000ull,
				     .pid = 4711,
				     .image = image,
				     .exe = "/usr/bin/sh\xffop",
				     .go = "go1.26.5"};
	struct map_report report = {.rows = rows,
				    .rows_n = n,
				    .maps = n,
				    .heap_bytes = 1 << 20,
				    .bytes = 7,
				    .waste = 3,
				    .objects = 9};

	snapshot_put(to, &head, &report);
}

static struct error *read_bytes(const char *bytes, size_t len, struct snapshot *ret)
{
	int fd = memfd_create("list", 0);
	struct error *err;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	err = snapshot_read(fd, "a.maps", ret);
	close(fd);
	return err;
}

static void read_list(const struct map_row *rows, size_t n, uint64_t image, struct snapshot *ret)
{
	cleanup_buf struct buf text = {0};

	put_list(&text, rows, n, image);
	assert_null(read_bytes(text.data, text.len, ret));
}

static void expect_text(const char *a, const char *b)
{
	assert_int_equal(!a, !b);
	if (a)
		assert_string_equal(a, b);
}

TEST(what_is_written_is_read)
{
	struct snapshot list;

	read_list(before, ARRAY_SIZE(before), 0xfedcba9876543210, &list);
	assert_int_equal(list.rows.len, ARRAY_SIZE(before));
	for (size_t i = 0; i < list.rows.len; i++) {
		struct map_row row = list.rows.data[i];

		expect_text(row.type, before[i].type);
		expect_text(row.package, before[i].package);
		row.type = before[i].type;
		row.package = before[i].package;
		assert_memory_equal(&row, &before[i], sizeof(row));
	}
	assert_int_equal(list.head.wall_ns, 1796032800000000000ull);
	assert_int_equal(list.head.pid, 4711);
	assert_true(list.head.image == 0xfedcba9876543210);
	assert_null(list.head.exe); /* not UTF-8 */
	assert_string_equal(list.head.go, "go1.26.5");
	assert_int_equal(list.totals.heap_bytes, 1 << 20);
	snapshot_fini(&list);
}

/* ---- wrong bytes ---- */

static uint32_t random_state;

static uint32_t next_random(void)
{
	random_state = random_state * 1664525 + 1013904223;
	return random_state >> 8;
}

/* Changes bytes, cuts or repeats parts. */
static void damage(struct buf *text)
{
	unsigned changes = 1 + next_random() % 4;

	for (unsigned i = 0; i < changes && text->len; i++) {
		size_t at = next_random() % text->len, n = next_random() % (text->len - at) + 1;

		switch (next_random() % 5) {
		case 0: text->data[at] = (char)next_random(); break;
		case 1: text->data[at] = "0123456789{}[]\",:\\\n-eE.x"[next_random() % 25]; break;
		case 2: text->len = at; break;
		case 3:
			memmove(text->data + at, text->data + at + n, text->len - at - n);
			text->len -= n;
			break;
		default:
			if (buf_grow(text, n)) {
				memmove(text->data + at + n, text->data + at, text->len - at);
				text->len += n;
			}
		}
	}
}

TEST(damaged_files_are_errors_in_one_line)
{
	cleanup_buf struct buf good = {0};
	unsigned refused = 0;

	put_list(&good, before, ARRAY_SIZE(before), 7);
	for (random_state = 0; random_state < 20000u << 8;) {
		uint32_t seed = random_state;
		cleanup_buf struct buf text = {0};
		struct snapshot list;
		struct error *err;

		buf_put(&text, good.data, good.len);
		damage(&text);
		err = read_bytes(text.data, text.len, &list);
		if (err) {
			assert_null(strchr(err->text, '\n'));
			assert_non_null(strstr(err->text, "a.maps"));
			refused++;
		}
		error_free(err);
		snapshot_fini(&list);
		random_state = seed + 2560 + 97;
	}
	assert_in_range(refused, 1000, 5000);
}

TEST(what_is_damaged_is_said)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"", "empty"},
		{"x\n", "line 1"},
		{"{}\n", "line 1"},
		{"{\"event\":\"map\"}\n", "\"list\""},
		{"{\"event\":\"list\",\"schema\":2}\n", "schema 2"},
		{"{\"event\":\"list\",\"schema\":1}\n", "line 1"},
		{"{\"event\":\"list\",\"schema\":1,\"time_ns\":\"1\",\"pid\":1,\"image\":\"0x1\"}\n",
		 "end record"},
		{"{\"event\":\"list\",\"schema\":1,\"time_ns\":\"1\",\"pid\":1,\"image\":\"0x1\"}\n{\"event\":\"end\",\"maps\":1}\n",
		 "no whole list"},
		{"{\"event\":\"list\",\"schema\":1,\"time_ns\":\"1\",\"pid\":1,\"image\":\"0x1\"}\n{\"event\":\"map\",\"map\":\"0x\"}\n",
		 "line 2"},
		{"{\"event\":\"list\",\"schema\":1,\"time_ns\":\"1\",\"pid\":1,\"image\":\"0x1\"}\n{\"event\":\"x\"}\n",
		 "unknown"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct snapshot list;
		struct error *err = read_bytes(cases[i].text, strlen(cases[i].text), &list);

		assert_non_null(err);
		assert_non_null(strstr(err->text, cases[i].says));
		error_free(err);
		snapshot_fini(&list);
	}
}

/* Renames a member in a line. */
static void rename_member(const struct buf *good, unsigned line, const char *name, struct buf *to)
{
	cleanup_buf struct buf member = {0};
	const char *from = good->data, *at;

	buf_printf(&member, "\"%s\":", name);
	for (unsigned i = 1; i < line; i++)
		from = strchr(from, '\n') + 1;
	at = strstr(from, buf_cstr(&member));
	assert_non_null(at);
	assert_null(memchr(from, '\n', (size_t)(at - from)));
	buf_put(to, good->data, good->len);
	to->data[at - good->data + 1] = '_';
}

/* Nothing that is compared is taken for 0 because a writer does not know it, or a byte is wrong. */
TEST(a_member_that_is_missing_is_no_zero)
{
	static const struct {
		unsigned line;
		const char *name;
	} cases[] = {
		{2, "map"},	    {2, "len"},	      {2, "capacity"},	 {2, "bytes"},
		{2, "waste"},	    {2, "layout"},    {2, "overflow"},	 {2, "growing"},
		{2, "stack_only"},  {2, "changing"},  {3, "tombstones"}, {3, "tables"},
		{6, "old_buckets"}, {6, "evacuated"}, {10, "maps"},	 {10, "heap_bytes"},
		{10, "waste"},
	};
	cleanup_buf struct buf good = {0};

	put_list(&good, before, ARRAY_SIZE(before), 7);
	buf_cstr(&good);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_buf struct buf text = {0}, says = {0};
		struct snapshot list;
		struct error *err;

		rename_member(&good, cases[i].line, cases[i].name, &text);
		buf_printf(&says, "line %u: its member \"%s\"", cases[i].line, cases[i].name);
		err = read_bytes(text.data, text.len, &list);
		assert_non_null(err);
		assert_non_null(strstr(err->text, buf_cstr(&says)));
		error_free(err);
		snapshot_fini(&list);
	}
}

/* ---- comparing ---- */

static void put_changes(struct buf *text, struct buf *json, const struct snapshot *a,
			const struct snapshot *b, const struct snapshot_changes *changes,
			bool grouped)
{
	const struct map_point points[] = {
		{.file = "a.maps",
		 .wall_ns = a->head.wall_ns,
		 .pid = 4711,
		 .heap_bytes = 1 << 20,
		 .sums = {.maps = 7, .growing = 1, .old = 16, .evacuated = 3}},
		{.file = "b.maps",
		 .wall_ns = b->head.wall_ns + 60000000000,
		 .pid = 4711,
		 .heap_bytes = 2 << 20,
		 .sums = {.maps = 6}}};
	struct map_changes_report report = {.points = points,
					    .points_n = 2,
					    .rows = changes->list.data,
					    .rows_n = changes->list.len,
					    .grouped = grouped,
					    .by = MAPS_OF_PACKAGE,
					    .same_process = snapshot_same_process(a, b),
					    .width = TEXT_UNLIMITED};

	for (size_t i = 0; i < changes->list.len; i++)
		report.counts[changes->list.data[i].kind]++;
	map_changes_text(text, &report);
	map_changes_json(json, &report);
}

TEST(lists_are_compared)
{
	cleanup_buf struct buf text = {0}, json = {0};
	struct snapshot a, b, c;
	struct snapshot_changes changes;

	read_list(before, ARRAY_SIZE(before), 7, &a);
	read_list(after, ARRAY_SIZE(after), 7, &b);
	read_list(after, ARRAY_SIZE(after), 8, &c);
	assert_true(snapshot_same_process(&a, &b));
	assert_false(snapshot_same_process(&a, &c));
	assert_null(snapshot_compare(&a, &b, &changes));
	put_changes(&text, &json, &a, &b, &changes, false);
	snapshot_changes_fini(&changes);
	assert_null(snapshot_compare_groups(&a, &b, MAPS_OF_PACKAGE, &changes));
	put_changes(&text, &json, &a, &b, &changes, true);
	snapshot_changes_fini(&changes);
	check_golden("map_changes.text", buf_cstr(&text));
	check_golden("map_changes.json", buf_cstr(&json));
	assert_null(snapshot_compare(&a, &a, &changes));
	assert_int_equal(changes.list.len, 0);
	snapshot_changes_fini(&changes);
	snapshot_fini(&a);
	snapshot_fini(&b);
	snapshot_fini(&c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(damaged_files_are_errors_in_one_line),
		cmocka_unit_test(what_is_damaged_is_said),
		cmocka_unit_test(a_member_that_is_missing_is_no_zero),
		cmocka_unit_test(lists_are_compared),
	};

	setlocale(LC_ALL, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
