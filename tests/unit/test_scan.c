/* read/explain/scan.c: what in a text is an address, and what only looks like one. */
#include "test.h"

#include "read/explain/scan.h"

static struct scan_state state;
static struct scan_hit hits[SCAN_HITS_MAX];

static size_t scan(const char *line, char next)
{
	return scan_line(&state, line, strlen(line), next, hits);
}

static void assert_hit(size_t i, const char *line, const char *number, uint64_t value,
		       enum scan_kind kind)
{
	assert_int_equal(hits[i].len, strlen(number));
	assert_memory_equal(line + hits[i].at, number, hits[i].len);
	assert_int_equal(hits[i].value, value);
	assert_int_equal(hits[i].kind, kind);
}

static void assert_one(const char *line, const char *number, uint64_t value)
{
	state = (struct scan_state){0};
	assert_int_equal(scan(line, 'x'), 1);
	assert_hit(0, line, number, value, SCAN_PLAIN);
}

static void assert_none(const char *line)
{
	state = (struct scan_state){0};
	if (scan(line, 'x') != 0)
		fail_msg("\"%s\": took \"%.*s\" for an address", line, (int)hits[0].len,
			 line + hits[0].at);
}

static void test_words(void **unused)
{
	assert_one("pc=0x4a1b2d", "0x4a1b2d", 0x4a1b2d);
	assert_one("at 0X4A1B2D, or so", "0X4A1B2D", 0x4a1b2d);
	assert_one("(0x4a1b2d)", "0x4a1b2d", 0x4a1b2d);
	assert_one("0x4a1b2d", "0x4a1b2d", 0x4a1b2d);
	assert_one("rip    0x00000000004a1b2d", "0x00000000004a1b2d", 0x4a1b2d);
	assert_one("0xffffffffffffffff.", "0xffffffffffffffff", UINT64_MAX);
	assert_one("00x12 0x34", "0x34", 0x34);
	assert_int_equal(scan("0x1 0x2,0x3", 'x'), 3);
	assert_hit(2, "0x1 0x2,0x3", "0x3", 3, SCAN_PLAIN);
}

/* What calls return to, in the text of a profile. */
static void test_profile(void **unused)
{
	const char *line = "1: 48 [2: 96] @ 0x43a2f6 0x44c8b2", *other = "mail@0x12 @0x13 0x14 @";

	assert_int_equal(scan(line, '#'), 2);
	assert_hit(0, line, "0x43a2f6", 0x43a2f6, SCAN_RETURN);
	assert_hit(1, line, "0x44c8b2", 0x44c8b2, SCAN_RETURN);
	assert_int_equal(scan(other, 'x'), 3);
	assert_hit(2, other, "0x14", 0x14, SCAN_PLAIN);
}

static void test_no_words(void **unused)
{
	static const char *const lines[] = {
		"",
		"0x",
		"0xg",
		"x0x12",
		"_0x12",
		"0x12g",
		"0x12_",
		"+0x1d",
		"main.f+0x1d",
		"-0x10",
		"0x12345678901234567",
		"12 34",
		"4a1b2d main",
		"deadbeef.",
		"12345678901234567",
		("\xc3\xa9"
		 "0x12"),
		"0x12\xc3\xa9",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		assert_none(lines[i]);
}

static void test_bare(void **unused)
{
	assert_one("4a1b2d", "4a1b2d", 0x4a1b2d);
	assert_one("  4a1b2d\t\r", "4a1b2d", 0x4a1b2d);
	assert_one("000000000046e1a0", "000000000046e1a0", 0x46e1a0);
	assert_one(" 0x46e1a0 ", "0x46e1a0", 0x46e1a0);
	assert_one("0", "0", 0);
}

/* The innermost frame of a sample is where the program was; calls return to the others. */
static void test_perf(void **unused)
{
	const char *line = "\t          46e1a0 runtime.futex+0x20 (/srv/server)";
	const char *kernel = "\tffffffff81a3c6d1 __schedule+0x2a1 ([kernel.kallsyms])";

	state = (struct scan_state){0};
	assert_int_equal(scan("server 1 [000] 12.5: 1 cycles: ", '\t'), 0);
	assert_int_equal(scan(kernel, '\t'), 1);
	assert_hit(0, kernel, "ffffffff81a3c6d1", 0xffffffff81a3c6d1, SCAN_PERF);
	assert_false(hits[0].returns);
	/* The program was there when the kernel took over. */
	assert_int_equal(scan(line, '\t'), 1);
	assert_false(hits[0].returns);
	assert_int_equal(scan(line, '\t'), 1);
	assert_hit(0, line, "46e1a0", 0x46e1a0, SCAN_PERF);
	assert_true(hits[0].returns);
	assert_int_equal(hits[0].offset, 0x20);
	assert_int_equal(hits[0].dso_len, strlen("/srv/server"));
	assert_memory_equal(line + hits[0].dso, "/srv/server", hits[0].dso_len);
	assert_int_equal(scan("", 's'), 0);
	assert_int_equal(scan("\t  46e1a0 [unknown] (/srv/server)", '\t'), 1);
	assert_false(hits[0].returns);
	assert_int_equal(hits[0].offset, UINT64_MAX);
	assert_none("46e1a0 runtime.futex (/srv/server)"); /* no blank in front */
	assert_none("\tadd runtime.futex (/srv/server)");  /* a word */
	assert_none("\t46e1a0 runtime.futex");
}

static void test_traceback(void **unused)
{
	const char *place = "\t/src/main.go:61 +0x1d";
	const char *full = "\t/src/main.go:61 +0x1d fp=0xc000086e78 sp=0xc000086e30 pc=0x481915";

	state = (struct scan_state){0};
	assert_int_equal(scan("main.(*store).drop(0x481900, {0x4c2a11, 0x7})", '\t'), 0);
	assert_int_equal(scan(place, 'm'), 1);
	assert_hit(0, place, "+0x1d", 0x1d, SCAN_OFFSET);
	assert_int_equal(hits[0].func_len, strlen("main.(*store).drop"));
	assert_memory_equal(hits[0].func, "main.(*store).drop", hits[0].func_len);
	assert_int_equal(hits[0].line, 61);
	assert_int_equal(hits[0].file_len, strlen("/src/main.go"));
	assert_memory_equal(place + hits[0].file, "/src/main.go", hits[0].file_len);

	assert_int_equal(scan("created by main.main.func2 in goroutine 7", '\t'), 0);
	assert_int_equal(scan(full, 'm'), 2);
	assert_hit(0, full, "+0x1d", 0x1d, SCAN_OFFSET);
	assert_hit(1, full, "0x481915", 0x481915, SCAN_FRAME);
	assert_memory_equal(hits[1].func, "main.main.func2", hits[1].func_len);

	assert_int_equal(scan("panic({0x48bd00, 0x522f60})", '\t'), 0);
	assert_int_equal(scan(place, 'm'), 1);
	assert_memory_equal(hits[0].func, "panic", hits[0].func_len);
}

static void test_no_traceback(void **unused)
{
	char name[1400];

	state = (struct scan_state){0};
	/* No frame follows: the arguments are words like others. */
	assert_int_equal(scan("main.f(0x481900)", 'x'), 1);
	/* No function before it. */
	assert_int_equal(scan("\t/src/main.go:61 +0x1d", 'x'), 0);
	assert_int_equal(scan("main.f(0x1)", '\t'), 0);
	assert_int_equal(scan("\t/src/main.go: +0x1d", 'x'), 0);
	assert_int_equal(scan("main.f(0x1)", '\t'), 0);
	assert_int_equal(scan("\t:61 +0x1d", 'x'), 0);
	assert_int_equal(scan("main.f(0x1)", '\t'), 0);
	assert_int_equal(scan("\t/src/main.go:61 +0x1d1d1d1d1d", 'x'), 0);
	/* A name that is too long is no name. */
	memset(name, 'a', sizeof(name));
	memcpy(name + sizeof(name) - 8, ".f(0x1)", 8);
	assert_int_equal(scan(name, '\t'), 0);
	assert_int_equal(scan("\t/src/main.go:61 +0x1d", 'x'), 0);
}

/* A line has as many as it has: a list on one line, a stack of a profile. */
static void test_many(void **unused)
{
	char line[4 * SCAN_HITS_MAX * 2 + 16] = "";
	struct scan_hit last;
	size_t at = 0;

	for (size_t i = 0; i < 2 * SCAN_HITS_MAX + 3; i++)
		memcpy(line + 4 * i, "0x1 ", 5);
	assert_int_equal(scan(line, 'x'), SCAN_HITS_MAX);
	last = hits[SCAN_HITS_MAX - 1];
	assert_int_equal(scan_line_more(line, strlen(line), &last, hits), SCAN_HITS_MAX);
	last = hits[SCAN_HITS_MAX - 1];
	assert_int_equal(scan_line_more(line, strlen(line), &last, hits), 3);
	assert_hit(2, line, "0x1", 1, SCAN_PLAIN);

	memcpy(line, "1 @ ", 4);
	for (at = 4; at < 4 * SCAN_HITS_MAX + 8; at += 4)
		memcpy(line + at, "0x2 ", 5);
	assert_int_equal(scan(line, 'x'), SCAN_HITS_MAX);
	last = hits[SCAN_HITS_MAX - 1];
	assert_int_equal(last.kind, SCAN_RETURN);
	assert_int_equal(scan_line_more(line, strlen(line), &last, hits), 1);
	assert_hit(0, line, "0x2", 2, SCAN_RETURN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),	  cmocka_unit_test(test_no_words),
		cmocka_unit_test(test_bare),	  cmocka_unit_test(test_perf),
		cmocka_unit_test(test_traceback), cmocka_unit_test(test_no_traceback),
		cmocka_unit_test(test_many),	  cmocka_unit_test(test_profile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
