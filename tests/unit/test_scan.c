/* Tests of read/explain/scan.c, which tells addresses in a text from numbers that only look like
 * addresses. */
#include "test.h"

#include "read/explain/scan.h"

#include <stdio.h>

static struct scan_state state;
static struct scan_hit hits[SCAN_HITS_MAX];

static struct scan_text text;

/* Scans a line. `next` is the first byte of the next line. */
static size_t scan(const char *line, char next)
{
	static char next_line[1];

	next_line[0] = next;
	text = (struct scan_text){line, strlen(line), next_line, 1};
	return scan_line(&state, &text, hits);
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

/* Return addresses in the text of a profile. */
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

/* The innermost frame of a sample is where the program was. The others are return addresses. */
static void test_perf(void **unused)
{
	const char *line = "\t          46e1a0 runtime.futex+0x20 (/srv/server)";
	const char *kernel = "\tffffffff81a3c6d1 __schedule+0x2a1 ([kernel.kallsyms])";

	state = (struct scan_state){0};
	assert_int_equal(scan("server 1 [000] 12.5: 1 cycles: ", '\t'), 0);
	assert_int_equal(scan(kernel, '\t'), 1);
	assert_hit(0, kernel, "ffffffff81a3c6d1", 0xffffffff81a3c6d1, SCAN_PERF);
	assert_false(hits[0].returns);
	/* The program was there when the kernel was entered. */
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
	assert_none("46e1a0 runtime.futex (/srv/server)"); /* no blank before it */
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
	/* No frame follows. Therefore the arguments are ordinary words. */
	assert_int_equal(scan("main.f(0x481900)", 'x'), 1);
	/* No function before it. */
	assert_int_equal(scan("\t/src/main.go:61 +0x1d", 'x'), 0);
	assert_int_equal(scan("main.f(0x1)", '\t'), 0);
	assert_int_equal(scan("\t/src/main.go: +0x1d", 'x'), 0);
	assert_int_equal(scan("main.f(0x1)", '\t'), 0);
	assert_int_equal(scan("\t:61 +0x1d", 'x'), 0);
	assert_int_equal(scan("main.f(0x1)", '\t'), 0);
	assert_int_equal(scan("\t/src/main.go:61 +0x1d1d1d1d1d", 'x'), 0);
	/* A name that is too long does not count. */
	memset(name, 'a', sizeof(name));
	memcpy(name + sizeof(name) - 8, ".f(0x1)", 8);
	assert_int_equal(scan(name, '\t'), 0);
	assert_int_equal(scan("\t/src/main.go:61 +0x1d", 'x'), 0);
}

/* A line may have any number of addresses: a list in one line, a stack of a profile. */
static void test_many(void **unused)
{
	char line[4 * SCAN_HITS_MAX * 2 + 16] = "";
	size_t at = 0;

	for (size_t i = 0; i < 2 * SCAN_HITS_MAX + 3; i++)
		memcpy(line + 4 * i, "0x1 ", 5);
	assert_int_equal(scan(line, 'x'), SCAN_HITS_MAX);
	assert_int_equal(scan_line_more(&state, &text, hits), SCAN_HITS_MAX);
	assert_int_equal(scan_line_more(&state, &text, hits), 3);
	assert_hit(2, line, "0x1", 1, SCAN_PLAIN);

	memcpy(line, "1 @ ", 4);
	for (at = 4; at < 4 * SCAN_HITS_MAX + 8; at += 4)
		memcpy(line + at, "0x2 ", 5);
	assert_int_equal(scan(line, 'x'), SCAN_HITS_MAX);
	assert_int_equal(hits[0].kind, SCAN_RETURN);
	assert_int_equal(scan_line_more(&state, &text, hits), 1);
	assert_hit(0, line, "0x2", 2, SCAN_RETURN);
}

/* Scans a text of several lines. *ret_words counts plain addresses. Returns the frames that were
 * found, as lines "function file:line+offset". */
static const char *frames_of(const char *lines, size_t *ret_words)
{
	static char found[4096];
	size_t used = 0;

	state = (struct scan_state){0};
	*ret_words = 0;
	found[0] = '\0';
	for (const char *line = lines, *end; *line; line = *end ? end + 1 : end) {
		size_t n;

		end = strchrnul(line, '\n');
		text = (struct scan_text){.line = line, .len = (size_t)(end - line)};
		if (*end && end[1]) {
			text.next = end + 1;
			text.next_len = strlen(end + 1);
		}
		for (n = scan_line(&state, &text, hits); n;
		     n = scan_line_more(&state, &text, hits)) {
			for (size_t i = 0; i < n; i++) {
				if (hits[i].kind != SCAN_OFFSET)
					*ret_words += hits[i].kind == SCAN_PLAIN;
				else
					used += (size_t)snprintf(
						found + used, sizeof(found) - used,
						"%.*s %.*s:%u+%llx\n", (int)hits[i].func_len,
						hits[i].func, (int)hits[i].file_len,
						line + hits[i].file, hits[i].line,
						(unsigned long long)hits[i].value);
			}
		}
	}
	return found;
}

#define TRACE                                                            \
	"panic({0x48bd00?, 0x522f60?})\n\t/go/src/panic.go:770 +0x132\n" \
	"main.(*store).drop(0x481900, {0x4c2a11, 0x7}, ...)\n"           \
	"\t/src/my app/main.go:61 +0x1d\n"                               \
	"main.drain[...](0x44aa20)\n\t/src/main.go:7 +0x1\n"             \
	"main.main.func1()\n\t/src/main.go:8 +0x22\n"                    \
	"created by main.main in goroutine 1\n\t/src/main.go:9 +0x99\n"

/* Appends text with `prefix` before each line, `tab` for each tab, and `suffix` after each line. */
static void decorate(const char *trace, const char *prefix, const char *tab, const char *suffix,
		     char *to)
{
	bool begins = true;

	for (; *trace; trace++) {
		if (begins)
			to = stpcpy(to, prefix);
		begins = *trace == '\n';
		if (*trace == '\t')
			to = stpcpy(to, tab);
		else if (*trace == '\n')
			to = stpcpy(to, suffix);
		else
			*to++ = *trace;
	}
	*to = '\0';
}

/* Prefixes, tabs and ends of lines that logs put around a traceback. */
static const struct {
	const char *prefix, *tab, *suffix;
} wrappings[] = {
	{"", "\t", "\n"},
	{"", "\t", "\r\n"},
	{"    ", "\t", "\n"},
	{"\t", "\t", "\n"},
	{"", "        ", "\n"},
	{"Nov 29 20:18:01 web1 fetch[4711]: ", "\t", "\n"},
	{"Nov 29 20:18:01 web1 fetch[4711]: ", "\t", "\r\n"},
	{"Nov 29 20:18:01 web1 fetch[4711]: ", "#011", "\n"},
	{"Nov 29 20:18:01 web1 fetch[4711]: ", "        ", "\n"},
	{"2026-11-29T20:18:01+0100 web1 fetch[4711]: ", "\t", "\n"},
	{"2026-11-29T20:18:01.123Z ", "\t", "\n"},
	{"2026-11-29T20:18:01.123456789Z stderr F ", "\t", "\n"},
	{"<11>1 2026-11-29T20:18:01Z web1 fetch 4711 - - ", "\t", "\n"},
	{"web-7c9f fetch ", "\t", "\n"},
	{"\x1b[36mweb_1  |\x1b[0m ", "\t", "\x1b[0m\n"},
	{"[pod/web/fetch] ", "\t", "\n"},
	{"[pod/web/fetch]", "\t", "\n"},
	{"E1129 20:18:01.123456 4711 main.go:20] ", "\t", "\n"},
	{"> ", "\t", "\n"},
	{"{\"log\":\"", "\\t", "\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-29T20:18:01Z\"}\n"},
	{"{\"MESSAGE\":\"", "\\t", "\",\"_PID\":\"4711\",\"CODE\":\"0xg\"}\n"},
	{"{\"_PID\":\"4711\", \"MESSAGE\" : \"", "\\t", "\"}\n"},
	{"level=error msg=\"", "\\t", "\"\n"},
	{"{\"log\":\"", "\\u0009", "\\u000a\"}\n"},
	{"<li>", "\t", "</li>\n"},
	{"", "\t", "<br>\n"},
	{"+", "\t", "\n"},
	{"\x1b[38;2;10;20;30m", "\t", "\x1b[K\n"},
	{"app: ", "\t", " host=web1\n"},
	/* all of it in one line */
	{"", "\\t", "\\n"},
	{"", "\\\\t", "\\\\n"},
	{"", "\\t", "\\r\\n"},
	{"", "#011", "#012"},
	{"", "\\u0009", "\\u000A"},
	{"", "\t", " | "},
	{"", "\t", "<br>"},
	{"", "    ", " "},
};

/* Tracebacks as logs have them. Every frame is found, and no argument is taken for an address. */
static void test_logs(void **unused)
{
	char decorated[4096];
	size_t words;

	for (size_t i = 0; i < ARRAY_SIZE(wrappings); i++) {
		const char *found;
		bool blanks = wrappings[i].tab[0] == ' '; /* then a path has no blanks */

		decorate(TRACE, wrappings[i].prefix, wrappings[i].tab, wrappings[i].suffix,
			 decorated);
		found = frames_of(decorated, &words);
		if (words)
			fail_msg("%s: %zu arguments taken for addresses", decorated, words);
		if (strcmp(found, blanks ? "panic /go/src/panic.go:770+132\n"
					   "main.(*store).drop app/main.go:61+1d\n"
					   "main.drain[...] /src/main.go:7+1\n"
					   "main.main.func1 /src/main.go:8+22\n"
					   "main.main /src/main.go:9+99\n"
					 : "panic /go/src/panic.go:770+132\n"
					   "main.(*store).drop /src/my app/main.go:61+1d\n"
					   "main.drain[...] /src/main.go:7+1\n"
					   "main.main.func1 /src/main.go:8+22\n"
					   "main.main /src/main.go:9+99\n") != 0)
			fail_msg("%s: found \"%s\"", decorated, found);
	}
}

/* Other lines are between the two lines of a frame: of another program's traceback, of another pod,
 * or of the container's other stream. Each place belongs to its own function. */
static void test_mixed_logs(void **unused)
{
	static const struct {
		const char *lines, *frames;
		size_t words;
	} logs[] = {
		{"Nov 29 20:18:01 web1 a[41]: main.f(0x481900)\n"
		 "Nov 29 20:18:01 web1 sshd[9]: Accepted key (0x481901)\n"
		 "Nov 29 20:18:02 web1 a[41]: \t/src/f.go:5 +0x1d\n",
		 "main.f /src/f.go:5+1d\n", 1},
		{"Nov 29 20:18:01 web1 a[41]: main.f(0x481900)\n"
		 "Nov 29 20:18:01 web1 a[42]: main.g(0x481901)\n"
		 "Nov 29 20:18:02 web1 a[41]: \t/src/f.go:5 +0x1d\n"
		 "Nov 29 20:18:02 web1 a[42]: \t/src/g.go:6 +0x1e\n"
		 "Nov 29 20:18:03 web1 a[42]: created by main.h in goroutine 1\n"
		 "Nov 29 20:18:03 web1 a[41]: created by main.i in goroutine 1\n"
		 "Nov 29 20:18:03 web1 a[42]: \t/src/h.go:7 +0x1f\n"
		 "Nov 29 20:18:03 web1 a[41]: \t/src/i.go:8 +0x20\n",
		 "main.f /src/f.go:5+1d\nmain.g /src/g.go:6+1e\n"
		 "main.h /src/h.go:7+1f\nmain.i /src/i.go:8+20\n",
		 0},
		{"[pod/a] 2026-11-29T20:18:01.1Z main.f(0x481900)\n"
		 "[pod/b] 2026-11-29T20:18:01.2Z main.g(0x481901)\n"
		 "[pod/a] 2026-11-29T20:18:01.3Z \t/src/f.go:5 +0x1d\n"
		 "[pod/b] 2026-11-29T20:18:01.4Z \t/src/g.go:6 +0x1e\n",
		 "main.f /src/f.go:5+1d\nmain.g /src/g.go:6+1e\n", 0},
		{"{\"log\":\"main.f(0x481900)\\n\",\"stream\":\"stderr\"}\n"
		 "{\"log\":\"pc 0x481901\\n\",\"stream\":\"stdout\"}\n"
		 "{\"log\":\"\\t/src/f.go:5 +0x1d\\n\",\"stream\":\"stderr\"}\n",
		 "main.f /src/f.go:5+1d\n", 1},
		{"\x1b[36mweb_1  |\x1b[0m main.f(0x481900)\n\x1b[33mweb_2  |\x1b[0m main.g(0x481901)\n"
		 "\x1b[36mweb_1  |\x1b[0m \t/src/f.go:5 +0x1d\n\x1b[33mweb_2  |\x1b[0m \t/src/g.go:6 +0x1e\n",
		 "main.f /src/f.go:5+1d\nmain.g /src/g.go:6+1e\n", 0},
		/* journald's JSON, where the first members of each line are its own */
		{"{\"__CURSOR\":\"s=ab0;i=1\",\"__SEQNUM\" : \"1\",\"MESSAGE\":\"main.f(0x481900)\"}\n"
		 "{\"__CURSOR\":\"s=ff;i=9\",\"MESSAGE\":\"hello\"}\n"
		 "{\"__CURSOR\":\"s=cd0;i=2\",\"__SEQNUM\" : \"2\",\"MESSAGE\":\"\\t/src/f.go:5 +0x1d\"}\n",
		 "main.f /src/f.go:5+1d\n", 0},
		/* a program's own output, and lines twice as far apart as before */
		{"main.f(0x481900)\nhello 0x481901\n\t/src/f.go:5 +0x1d\n",
		 "main.f /src/f.go:5+1d\n", 1},
		{"main.f(0x481900)\n\n\t/src/f.go:5 +0x1d\n\nmain.g()\n\n\t/src/g.go:6 +0x1e\n",
		 "main.f /src/f.go:5+1d\nmain.g /src/g.go:6+1e\n", 0},
		/* the place of the next frame is not this one's */
		{"a[41]: main.f(0x481900)\na[41]: main.g(0x481901)\na[41]: \t/src/g.go:6 +0x1e\n",
		 "main.g /src/g.go:6+1e\n", 1},
		/* nor is one that comes much later */
		{"main.f(0x481900)\n-\n-\n-\n-\n-\n-\n-\n-\n-\n-\n-\n-\n-\n-\n-\n-\n"
		 "\t/src/f.go:5 +0x1d\n",
		 "", 1},
	};
	size_t words;

	for (size_t i = 0; i < ARRAY_SIZE(logs); i++) {
		assert_string_equal(frames_of(logs[i].lines, &words), logs[i].frames);
		if (words != logs[i].words)
			fail_msg("%s: %zu addresses", logs[i].lines, words);
	}
}

/* Reads a whole crash report that is one string of JSON. */
static void test_json_report(void **unused)
{
	size_t words;
	const char *found = frames_of("{\"level\":\"error\",\"stack\":\"goroutine 1 [running]:\\n"
				      "main.f(0x481900)\\n\\t/src/main.go:5 +0x1d\\nmain.main()\\n"
				      "\\t/src/main.go:9 +0x2e\\n\",\"pc\":\"0x44c8b2\"}\n",
				      &words);

	assert_string_equal(found, "main.f /src/main.go:5+1d\nmain.main /src/main.go:9+2e\n");
	assert_int_equal(words, 1);
}

/* Lines of a log that only look like the first line of a frame. Their numbers are addresses. */
static void test_no_logs(void **unused)
{
	static const struct {
		const char *lines;
		size_t words;
	} logs[] = {
		{"Nov 29 web1 app: called foo.bar(0x4a1b2d)\nnext\n", 1},
		{"Nov 29 web1 app: called foo.bar(0x4a1b2d)\n",
		 0}, /* perhaps a frame: its place may come later */
		{"Nov 29 web1 app: foo.bar(at 0x4a1b2d)\n\t/src/main.go:5 +0x1d\n", 1},
		{"Nov 29 web1 app: created by Bob at 0x4a1b2d\n", 1},
		{"{\"msg\":\"foo.bar(0x4a1b2d)\"}\n{\"msg\":\"x\"}\n", 1},
		{"{\"pc\":\"0x4a1b2d\",\"ret\":\"\\t0x4a1b2e\\n0x4a1b2f\"}\n", 3},
		{"fetch[1]: pc 0x4a1b2d (main.f)\nnext\n", 1},
	};
	size_t words;

	for (size_t i = 0; i < ARRAY_SIZE(logs); i++) {
		assert_string_equal(frames_of(logs[i].lines, &words), "");
		if (words != logs[i].words)
			fail_msg("%s: %zu addresses", logs[i].lines, words);
	}
}

/* The kernel's messages about signals have no 0x. */
static void test_kernel(void **unused)
{
	assert_one(
		"[12.5] fetch[4711]: segfault at 0 ip 0000000000499097 sp 000000c00005af10 error 4 "
		"in fetch[401000+98000] likely on CPU 1",
		"0000000000499097", 0x499097);
	assert_one("traps: fetch[4711] trap invalid opcode ip:499097 sp:7ffc4a0 error:0 in "
		   "fetch[401000+98000]",
		   "499097", 0x499097);
	assert_one("Nov 29 web1 kernel: fetch[1] general protection fault ip:499097 sp:7f error:0",
		   "499097", 0x499097);
	assert_one("RIP: 0033:0x499097", "0x499097", 0x499097);
	assert_one("rip 499097", "499097", 0x499097);
	assert_one("ip 0x499097", "0x499097", 0x499097);
	assert_none("ip 10.0.0.1");
	assert_none("a zip 499097");
	assert_none("ip 499");
	assert_none("ip 499097x");
	assert_none("ip");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),	   cmocka_unit_test(test_no_words),
		cmocka_unit_test(test_bare),	   cmocka_unit_test(test_perf),
		cmocka_unit_test(test_traceback),  cmocka_unit_test(test_no_traceback),
		cmocka_unit_test(test_many),	   cmocka_unit_test(test_profile),
		cmocka_unit_test(test_logs),	   cmocka_unit_test(test_json_report),
		cmocka_unit_test(test_no_logs),	   cmocka_unit_test(test_kernel),
		cmocka_unit_test(test_mixed_logs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
