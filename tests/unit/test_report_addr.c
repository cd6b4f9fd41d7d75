/* Tests of the text and the JSON of explained addresses, byte for byte. The explanations are
 * literals. */
#include "test.h"
#include "base/frame.h"

#include <jansson.h>

#include "base/text/text.h"
#include "base/buf.h"
#include "show/report/report.h"
#include "gofake.h"

static const struct frame go_frames[] = {
	{.func = "main.(*store).drop", .file = "/src/main.go", .line = 54, .inlined = true},
	{.func = "main.(*store).refresh", .file = "/src/main.go", .line = 92, .inlined = false},
};
static const struct frame debug_frames[] = {
	{.func = "main.(*store).drop", .file = "/src/main.go", .line = 54, .inlined = true},
	{.func = "main.(*store).refresh", .file = "/src/main.go", .line = 93, .inlined = false},
};
static const struct frame symbol_frame = {
	.func = "main.(*store).refresh", .file = "", .line = 0, .inlined = false};

static struct gofake fake;
static struct explain_module *module;

static int open_module(void **unused)
{
	struct gofake_spec spec = {.minor = 26};

	return gofake_build(&spec, &fake) &&
			       !explain_module_open(gofake_fd(fake.file.data, fake.file.len),
						    "/srv/\x1b[31mfake", &module)
		       ? 0
		       : -1;
}

static int close_module(void **unused)
{
	explain_module_close(module);
	gofake_fini(&fake);
	return 0;
}

static struct explanation explained(bool dwarf)
{
	struct explanation e = {
		.query = {.addr = 0x5500004a1b2d, .pc = 0x4a1b2d, .module = module},
		.by = {[EXPLAIN_GOPCLNTAB] =
			       {.asked = true, .frames = go_frames, .n = 2, .entry = 0x4a1b10},
		       [EXPLAIN_SYMBOLS] = {.asked = true,
					    .frames = &symbol_frame,
					    .n = 1,
					    .entry = 0x4a1b10,
					    .size = 144}},
		.best = EXPLAIN_GOPCLNTAB,
		.section = "",
	};

	if (dwarf) {
		e.by[EXPLAIN_DWARF] = (struct explain_answer){
			.asked = true, .frames = debug_frames, .n = 2, .entry = 0x4a1b10};
		e.differ = EXPLAIN_DIFFER_LINE;
	}
	return e;
}

static void assert_text(const struct explanation *e, bool sources, const char *want)
{
	struct addr_style style = {.main = module, .sources = sources, .width = TEXT_UNLIMITED};
	struct buf text = {0};

	addr_text(&text, e, &style);
	assert_string_equal(buf_cstr(&text), want);
	buf_fini(&text);
}

static void test_text(void **unused)
{
	struct explanation e = explained(false);

	assert_text(&e, false,
		    "0x5500004a1b2d  main.(*store).drop /src/main.go:54\n"
		    "                  in main.(*store).refresh+0x1d /src/main.go:92\n");
	assert_text(&e, true,
		    "0x5500004a1b2d  main.(*store).drop /src/main.go:54\n"
		    "                  in main.(*store).refresh+0x1d /src/main.go:92\n"
		    "                  gopclntab  main.(*store).drop /src/main.go:54 < "
		    "main.(*store).refresh+0x1d /src/main.go:92\n"
		    "                  symbols    main.(*store).refresh+0x1d\n");
	e = explained(true);
	assert_text(&e, false,
		    "0x5500004a1b2d  main.(*store).drop /src/main.go:54\n"
		    "                  in main.(*store).refresh+0x1d /src/main.go:92\n"
		    "                  differ: line\n"
		    "                  gopclntab  main.(*store).drop /src/main.go:54 < "
		    "main.(*store).refresh+0x1d /src/main.go:92\n"
		    "                  symbols    main.(*store).refresh+0x1d\n"
		    "                  dwarf      main.(*store).drop /src/main.go:54 < "
		    "main.(*store).refresh+0x1d /src/main.go:93\n");
}

/* On a terminal no line is wider than the terminal. Folders are cut first, then names. The line
 * number is always shown. */
static void test_text_cut(void **unused)
{
	struct explanation e = explained(true);
	struct addr_style style = {.main = module, .width = 50};
	struct buf text = {0};

	addr_text(&text, &e, &style);
	assert_string_equal(buf_cstr(&text),
			    "0x5500004a1b2d  main.(*store).drop /src/main.go:54\n"
			    "                  in main.(*store).r… …/main.go:92\n"
			    "                  differ: line\n"
			    "                  gopclntab  main.(*store).drop /…\n"
			    "                  symbols    main.(*store).refres…\n"
			    "                  dwarf      main.(*store).drop /…\n");
	buf_fini(&text);
}

static void test_text_nothing(void **unused)
{
	struct explanation e = {
		.query = {.addr = 0x10, .place = "outside of the file"},
		.best = -1,
		.section = "",
	};

	assert_text(&e, true, "0x10  outside of the file\n");
	e = (struct explanation){
		.query = {.addr = 0x4010, .pc = 0x4010, .module = module},
		.best = -1,
		.by = {[EXPLAIN_SYMBOLS] = {.asked = true, .why = "no symbol holds it"}},
		.section = ".plt",
	};
	assert_text(&e, false,
		    "0x4010  ? in section .plt\n"
		    "          symbols    – no symbol holds it\n");
}

/* Names come from the file, and nothing in them acts on a terminal. A module that is not the main
 * one is named. */
static void test_text_safe(void **unused)
{
	static const struct frame frame = {
		.func = "f\x1b[2J\n", .file = "/a\rb", .line = 3, .inlined = false};
	struct explanation e = {
		.query = {.addr = 1, .pc = 1, .module = module},
		.best = EXPLAIN_DWARF,
		.by = {[EXPLAIN_DWARF] = {.asked = true, .frames = &frame, .n = 1, .entry = 1}},
		.section = "",
	};
	struct addr_style style = {.main = NULL, .width = TEXT_UNLIMITED};
	struct buf text = {0};

	addr_text(&text, &e, &style);
	addr_note(&text, &e);
	for (size_t i = 0; i + 1 < text.len; i++)
		assert_true((unsigned char)text.data[i] >= ' ' || text.data[i] == '\n');
	assert_int_equal(text.data[text.len - 1], ']');
	assert_non_null(memmem(text.data, text.len, "fake)\n", 6));
	buf_fini(&text);
}

static void test_note(void **unused)
{
	struct explanation e = explained(false);
	struct buf text = {0};

	addr_note(&text, &e);
	assert_string_equal(buf_cstr(&text), " [main.(*store).drop /src/main.go:54 < "
					     "main.(*store).refresh /src/main.go:92]");
	buf_reset(&text);
	e.best = EXPLAIN_SYMBOLS;
	addr_note(&text, &e);
	assert_string_equal(buf_cstr(&text), " [main.(*store).refresh+0x1d]");
	buf_reset(&text);
	e.best = -1;
	addr_note(&text, &e);
	assert_int_equal(text.len, 0);
	buf_fini(&text);
}

/* A source that has only lines is completed by the symbol's name. */
static void test_assembly(void **unused)
{
	static const struct frame frame = {
		.func = "", .file = "/src/asm.S", .line = 7, .inlined = false};
	struct explanation e = explained(false);

	e.by[EXPLAIN_GOPCLNTAB] = (struct explain_answer){.asked = true, .why = "not Go code"};
	e.by[EXPLAIN_DWARF] = (struct explain_answer){.asked = true, .frames = &frame, .n = 1};
	e.best = EXPLAIN_DWARF;
	assert_text(&e, false, "0x5500004a1b2d  main.(*store).refresh /src/asm.S:7\n");
}

static void test_json(void **unused)
{
	static const char want[] =
		"{\"event\":\"addr\",\"addr\":\"0x5500004a1b2d\",\"module\":\"/srv/\\u001b[31mfake\","
		"\"pc\":\"0x4a1b2d\",\"func\":\"main.(*store).drop\",\"file\":\"/src/main.go\","
		"\"line\":54,\"offset\":29,\"source\":\"gopclntab\",\"differ\":[\"line\"],"
		"\"gopclntab\":{\"entry\":\"0x4a1b10\",\"frames\":["
		"{\"func\":\"main.(*store).drop\",\"file\":\"/src/main.go\",\"line\":54,"
		"\"inlined\":true},{\"func\":\"main.(*store).refresh\",\"file\":\"/src/main.go\","
		"\"line\":92}]},\"symbols\":{\"name\":\"main.(*store).refresh\","
		"\"entry\":\"0x4a1b10\",\"size\":144},"
		"\"dwarf\":{\"entry\":\"0x4a1b10\",\"frames\":["
		"{\"func\":\"main.(*store).drop\",\"file\":\"/src/main.go\",\"line\":54,"
		"\"inlined\":true},{\"func\":\"main.(*store).refresh\",\"file\":\"/src/main.go\","
		"\"line\":93}]}}\n";
	struct explanation e = explained(true);
	struct buf text = {0};
	json_t *json;

	addr_json(&text, &e);
	assert_string_equal(buf_cstr(&text), want);
	json = json_loads(buf_cstr(&text), 0, NULL);
	assert_non_null(json);
	json_decref(json);

	buf_reset(&text);
	e = (struct explanation){
		.query = {.addr = 0x4010, .pc = 0x4010, .module = module},
		.best = -1,
		.by = {[EXPLAIN_SYMBOLS] = {.asked = true, .why = "no symbol holds it"}},
		.section = ".plt",
	};
	addr_json(&text, &e);
	assert_string_equal(
		buf_cstr(&text),
		"{\"event\":\"addr\",\"addr\":\"0x4010\",\"module\":"
		"\"/srv/\\u001b[31mfake\",\"pc\":\"0x4010\",\"func\":null,\"file\":null,"
		"\"line\":null,\"section\":\".plt\",\"symbols\":null,"
		"\"symbols_error\":\"no symbol holds it\"}\n");
	buf_reset(&text);
	e = (struct explanation){.query = {.addr = 1, .place = "not mapped"}, .best = -1};
	e.section = "";
	addr_json(&text, &e);
	assert_string_equal(buf_cstr(&text),
			    "{\"event\":\"addr\",\"addr\":\"0x1\",\"module\":null,\"module_error\":"
			    "\"not mapped\",\"func\":null,\"file\":null,\"line\":null}\n");
	buf_fini(&text);
}

static void test_totals(void **unused)
{
	struct addr_totals totals = {0};
	struct explanation e = explained(true);
	struct buf text = {0};

	addr_count(&totals, &e);
	e = explained(false);
	addr_count(&totals, &e);
	totals.why[EXPLAIN_SYMBOLS] = "cut";
	totals.separate = "/usr/lib/debug/x";
	addr_text_end(&text, &totals, TEXT_UNLIMITED);
	assert_string_equal(buf_cstr(&text),
			    "2 addresses, 2 explained, in 1 the sources differ: gopclntab 2, "
			    "symbols 2 (cut), dwarf 1 (/usr/lib/debug/x)\n");
	buf_reset(&text);
	addr_json_end(&text, &totals, 0.25);
	assert_string_equal(buf_cstr(&text),
			    "{\"event\":\"end\",\"addresses\":2,\"explained\":2,\"unexplained\":0,"
			    "\"differ\":1,\"gopclntab\":2,\"symbols\":2,\"symbols_error\":\"cut\","
			    "\"dwarf\":1,\"dwarf_file\":\"/usr/lib/debug/x\",\"seconds\":0.25}\n");
	buf_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),	     cmocka_unit_test(test_text_cut),
		cmocka_unit_test(test_text_nothing), cmocka_unit_test(test_text_safe),
		cmocka_unit_test(test_note),	     cmocka_unit_test(test_assembly),
		cmocka_unit_test(test_json),	     cmocka_unit_test(test_totals),
	};

	return cmocka_run_group_tests(tests, open_module, close_module);
}
