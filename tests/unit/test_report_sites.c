/* Tests of the lists of sites. The sites are literals, and the output is compared with
 * tests/golden/sites.*. No control character of the program comes through. */
#include "test.h"
#include "base/frame.h"
#include "base/buf.h"

#include <jansson.h>
#include <locale.h>

#include "show/report/report.h"
#include "show/report/listing.h"
#include "golden.h"

enum { GENERIC, FAST32, FAST64, FASTSTR, CLEAR, REFLECT };

static const struct site_type sessions = {.name = "map[string]*main.session",
					  .key = "string",
					  .key_kind = GOTYPE_STRING,
					  .key_size = 16,
					  .elem_size = 8};
static const struct site_type wide = {
	.name = "map[struct { A int; B string; C [4]uint64 }]map[string]interface {}",
	.key = "struct { A int; B string; C [4]uint64 }",
	.key_kind = GOTYPE_STRUCT,
	.key_size = 56,
	.elem_size = 8,
};
static const struct site_type ints = {.name = "map[int]bool",
				      .key = "int",
				      .key_kind = GOTYPE_INT,
				      .key_size = 8,
				      .elem_size = 1};
static const struct site_type uints = {.name = "map[uint]bool",
				       .key = "uint",
				       .key_kind = GOTYPE_UINT,
				       .key_size = 8,
				       .elem_size = 1};

static struct frame delete_frames[] = {
	{.func = "runtime.mapdelete", .file = "runtime/map.go", .line = 149},
};
static struct frame sweep_frames[] = {
	{.func = "main.(*store).drop", .file = "/src/store.go", .line = 61, .inlined = true},
	{.func = "main.(*store).sweep", .file = "/src/store.go", .line = 88, .inlined = true},
	{.func = "main.main", .file = "/src/main.go", .line = 12},
};
static struct frame own_frames[] = {
	{.func = "main.(*store).drop", .file = "/src/store.go", .line = 61},
};
static struct frame generic_frames[] = {
	{.func = "a.com/cache.Drop[go.shape.int,go.shape.bool]",
	 .file = "/src/cache.go",
	 .line = 7},
};
static struct frame defer_frames[] = {
	{.func = "a.com/cache.(*C).Close.deferwrap1", .file = "/src/c\033[31m\"x.go", .line = 9},
};
static struct frame literal_frames[] = {
	{.func = "a.com/cache.(*C).Close.func1", .file = "/src/cache.go", .line = 12},
};
static struct frame reflect_frames[] = {
	{.func = "reflect.Value.SetMapIndex", .file = "", .line = 0},
};
static const struct site_type *instances[] = {&ints, &uints};

static struct site_row rows[] = {
	{.pc = 0x401000,
	 .entry = 8,
	 .wrapper = true,
	 .frames = delete_frames,
	 .frames_n = 1,
	 .why_no_type = "passed to the wrapper",
	 .copy = 1,
	 .copies = 1},
	{.pc = 0x402000,
	 .entry = FASTSTR,
	 .frames = sweep_frames,
	 .frames_n = 3,
	 .type = &sessions,
	 .copy = 1,
	 .copies = 2},
	{.pc = 0x402100,
	 .entry = FASTSTR,
	 .frames = own_frames,
	 .frames_n = 1,
	 .type = &sessions,
	 .copy = 2,
	 .copies = 2},
	{.pc = 0x403000,
	 .entry = FAST64,
	 .frames = generic_frames,
	 .frames_n = 1,
	 .why_no_type = "generic: comes with the caller's dictionary",
	 .instances = instances,
	 .instances_n = 2,
	 .copy = 1,
	 .copies = 1},
	{.pc = 0x403100,
	 .entry = CLEAR,
	 .jump = true,
	 .deferred = true,
	 .frames = defer_frames,
	 .frames_n = 1,
	 .type = &wide,
	 .copy = 1,
	 .copies = 1},
	{.pc = 0x403180,
	 .entry = FAST64,
	 .deferred = true,
	 .literal = true,
	 .frames = literal_frames,
	 .frames_n = 1,
	 .type = &ints,
	 .copy = 1,
	 .copies = 1},
	{.pc = 0x10403200,
	 .entry = REFLECT,
	 .frames = reflect_frames,
	 .frames_n = 1,
	 .why_no_type = "reflect: known only at run time",
	 .copy = 1,
	 .copies = 1},
};

static struct sites sites = {.list = {rows, ARRAY_SIZE(rows), ARRAY_SIZE(rows)},
			     .maps = GO_MAPS_SWISS};

static struct site_report report_of(const struct site_row *shown[ARRAY_SIZE(rows)])
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		shown[i] = &rows[i];
	return (struct site_report){
		.binary = "/usr/bin/shop",
		.go = "go1.26.5",
		.go_minor = 26,
		.arch = "x86_64",
		.build_id = "c0ffee",
		.stripped = true,
		.sites = &sites,
		.rows = shown,
		.rows_n = ARRAY_SIZE(rows),
		.width = 100,
	};
}

/* Checks that the text has no control character except newlines, that each line has at most `width`
 * columns as far as words can be broken, and that it is UTF-8. */
static void check_lines(const char *text, bool color)
{
	for (const char *at = text; *at; at++)
		assert_true((unsigned char)*at >= ' ' || *at == '\n' || (color && *at == '\033'));
	assert_true(mbstowcs(NULL, text, 0) != (size_t)-1);
}

TEST(test_text)
{
	static const struct {
		const char *golden;
		size_t width;
		bool color, brief;
	} looks[] = {
		{"sites.text", 100, false, false},
		{"sites.text60", 60, false, false},
		{"sites.color", 100, true, false},
		{"sites.brief", 100, false, true},
	};
	const struct site_row *shown[ARRAY_SIZE(rows)];

	for (size_t i = 0; i < ARRAY_SIZE(looks); i++) {
		struct site_report report = report_of(shown);
		struct buf out = {0};

		report.width = looks[i].width;
		report.color = looks[i].color;
		report.brief = looks[i].brief;
		site_text(&out, &report);
		check_lines(buf_cstr(&out), report.color);
		check_golden(looks[i].golden, buf_cstr(&out));
		buf_fini(&out);
	}
}

/* Checks that each line is JSON. */
static void check_json(const char *golden, struct buf *out)
{
	cleanup_free char *text = strdup(buf_cstr(out));
	char *rest = text;

	assert_non_null(text);
	for (char *line; (line = strsep(&rest, "\n")) && *line;) {
		json_t *json = json_loads(line, JSON_REJECT_DUPLICATES, NULL);

		assert_true(json_is_object(json));
		assert_true(json_is_string(json_object_get(json, "event")));
		json_decref(json);
	}
	check_golden(golden, buf_cstr(out));
	buf_fini(out);
}

TEST(test_json)
{
	const struct site_row *shown[ARRAY_SIZE(rows)];
	struct site_report report = report_of(shown);
	struct buf out = {0};

	site_json(&out, &report);
	check_json("sites.json", &out);
}

TEST(test_tables)
{
	static const char *const names[] = {"function", "type", "variant", "package"};
	const struct site_row *shown[ARRAY_SIZE(rows)];
	struct site_report report = report_of(shown);
	struct buf text = {0}, json = {0};

	for (size_t by = 0; by < ARRAY_SIZE(names); by++) {
		site_table_text(&text, &report, (enum site_by)by);
		site_table_json(&json, &report, (enum site_by)by);
	}
	check_lines(buf_cstr(&text), false);
	check_golden("sites.tables.text", buf_cstr(&text));
	check_json("sites.tables.json", &json);
	report.rows_n = 0;
	site_table_json(&json, &report, SITE_BY_TYPE);
	assert_non_null(strstr(buf_cstr(&json), "\"rows\":[]"));
	buf_fini(&text);
	buf_fini(&json);
}

TEST(test_changes)
{
	struct site_row fast = rows[2], other = rows[1];
	struct site_change changes[] = {
		{.from = &rows[3], .to = &rows[3]},
		{.from = &rows[1], .to = &rows[2], .inlining = true},
		{.from = &rows[4], .to = &fast, .variant = true},
		{.from = &rows[2], .to = &other, .variant = true, .type = true, .inlining = true},
		{.from = &rows[2], .to = &rows[2], .type = true},
		{.to = &rows[1]},
		{.from = &rows[6]},
	};
	const struct site_change *all[ARRAY_SIZE(changes)];
	const struct site_row *shown[ARRAY_SIZE(rows)];
	struct site_report from = report_of(shown), to = report_of(shown);
	struct buf out = {0};

	fast.entry = FAST64;
	other.type = &ints;
	other.entry = GENERIC;
	from.binary = "/usr/bin/shop.old";
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++)
		all[i] = &changes[i];
	site_changes_text(&out, &from, &to, all, ARRAY_SIZE(all));
	check_lines(buf_cstr(&out), false);
	check_golden("sites.changes.text", buf_cstr(&out));
	buf_reset(&out);
	site_changes_json(&out, &from, &to, all, ARRAY_SIZE(all));
	check_json("sites.changes.json", &out);
}

static void list(struct listing *to, const char *title, size_t lines)
{
	buf_str(&to->title, title);
	for (size_t i = 0; i < lines; i++) {
		listing_begin(to);
		buf_str(&to->text,
			i % 3 ? "+0x2b  mov [rsp+0x50], rbx" : "map_fast64.go:297  h.count--");
		listing_end(to, i % 3 ? LISTING_INSN : LISTING_SOURCE, i == 4);
	}
	listing_begin(to);
	buf_str(&to->text, "a note that is longer than a column is wide, and has \033 in it");
	listing_end(to, LISTING_NOTE, false);
}

TEST(test_listing)
{
	struct listing left = {0}, right = {0};
	struct buf out = {0};

	list(&left, "91 instructions: runtime.mapdelete_fast64", 6);
	list(&right, "120 instructions: runtime.mapdelete", 3);
	listing_text(&out, &left, &right, false, 100);
	listing_text(&out, &right, &left, false, 60);
	listing_text(&out, &left, NULL, false, 100);
	check_lines(buf_cstr(&out), false);
	listing_text(&out, &left, &right, true, 100);
	check_lines(buf_cstr(&out), true);
	check_golden("sites.listing", buf_cstr(&out));
	listing_fini(&left);
	listing_fini(&right);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),	cmocka_unit_test(test_json),
		cmocka_unit_test(test_tables),	cmocka_unit_test(test_changes),
		cmocka_unit_test(test_listing),
	};

	setlocale(LC_ALL, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
