/* Tests of show/sink. The events are literals, and the output is compared byte for byte with
 * tests/golden/ (run the test from the source root; UPDATE_GOLDEN=1 rewrites the files). No line
 * is wider than the terminal, and no control character of the traced program comes through. */
#include "sink_play.h"
#include "base/frame.h"
#include "base/buf.h"

#include <fcntl.h>
#include <jansson.h>
#include <locale.h>
#include <stdio.h>
#include <wchar.h>

#include "show/sink/sink.h"
#include "golden.h"
#include "show/event/event.h"
#include "read/layout/layout.h"
#include "show/aggr/aggr.h"

/* --- Golden files --- */

static void check_trace(const char *name, const char *format, struct sink_options options)
{
	struct sink *sink = sink_for(format, &options);

	play(sink);
	check_golden(name, buf_cstr(&sink->out));
	sink_close(sink);
}

TEST(json_is_as_it_was)
{
	check_trace("trace.json", "json", (struct sink_options){.fd = -1});
}

TEST(text_is_as_it_was)
{
	check_trace("trace.text", "text", (struct sink_options){.fd = -1, .width = 100});
	check_trace("trace.unlimited", "text", (struct sink_options){.fd = -1});
	check_trace("trace.text80", "text", (struct sink_options){.fd = -1, .width = 80});
	check_trace("trace.text160", "text", (struct sink_options){.fd = -1, .width = 160});
}

TEST(a_narrow_terminal_gets_40_columns)
{
	check_trace("trace.text40", "text", (struct sink_options){.fd = -1, .width = 40});
	check_trace("trace.text40", "text", (struct sink_options){.fd = -1, .width = 3});
}

TEST(text_with_colours_is_as_it_was)
{
	check_trace("trace.color", "text",
		    (struct sink_options){.fd = -1, .width = 100, .color = true, .verbose = true});
}

TEST(text_with_stacks_is_as_it_was)
{
	check_trace("trace.stack", "text",
		    (struct sink_options){.fd = -1, .width = 100, .stack = true});
	check_trace("trace.stack80", "text",
		    (struct sink_options){.fd = -1, .width = 80, .stack = true});
	check_trace("trace.stack.unlimited", "text",
		    (struct sink_options){.fd = -1, .stack = true});
}

TEST(quiet_shows_no_event)
{
	check_trace("trace.quiet", "text",
		    (struct sink_options){.fd = -1, .width = 100, .quiet_events = true});
	check_trace("trace.quiet.json", "json",
		    (struct sink_options){.fd = -1, .quiet_events = true});
}

TEST(tables_are_as_they_were)
{
	static const char *const formats[] = {"text", "json"};

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		struct sink_options options = {.fd = -1, .width = 100};
		struct sink *sink = sink_for(formats[i], &options);
		char name[32];

		sink->wall_offset_ns = start.start.wall_ns - start.time_ns;
		play_table(sink, AGGR_BY_MAP);
		play_table(sink, AGGR_BY_TYPE);
		play_table(sink, AGGR_BY_KEY);
		play_end(sink, 5);
		snprintf(name, sizeof(name), "tables.%s", formats[i]);
		check_golden(name, buf_cstr(&sink->out));
		sink_close(sink);
	}
}

/* There are two processes. From the second start on, each line tells the process. */
TEST(pids_are_shown_with_several_processes)
{
	struct sink_options options = {.fd = -1, .width = 100};
	struct sink *sink = sink_for("text", &options);
	struct event second = start;
	struct event event = plain(20);

	second.start.pid = event.removal.pid = 5151;
	second.start.own_pid = 1;
	second.start.exe = "/a/path/that/is/so/long/that/it/cannot/stay/whole/on/the/line/shop";
	sink_event(sink, &start);
	emit_ordinary(emit_to_sink, sink);
	sink_event(sink, &second);
	sink_event(sink, &event);
	emit_ordinary(emit_to_sink, sink);
	play_table(sink, AGGR_BY_MAP);
	check_golden("pids.text", buf_cstr(&sink->out));
	sink_close(sink);
}

/* Rows of generic functions are told apart by receiver and type arguments. */
TEST(rows_of_generic_functions_are_told_apart)
{
	static const char *const funcs[] = {
		"main.(*Cache[go.shape.string,go.shape.*uint8]).Evict",
		"main.(*Cache[go.shape.int,go.shape.*uint8]).Evict",
		"main.(*Pool[go.shape.int]).Evict",
		"main.drop[go.shape.string,go.shape.struct { main.a []int; main.b [2]int }]",
		"main.(*Cache[...]).Evict",
	};
	static const char *const shown[] = {
		"(*Cache[string,*uint8]).Evict main.go:20 < main main.go:34\n",
		"(*Cache[int,*uint8]).Evict main.go:20 < main main.go:34\n",
		"main.(*Pool[int]).Evict main.go:20 < main.main main.go:34\n",
		"main.drop[...] main.go:20 < main.main main.go:34\n",
		"main.(*Cache[...]).Evict main.go:20 < main.main main.go:34\n",
	};
	struct sink_options options = {.fd = -1, .width = 84};
	struct sink *sink = sink_for("text", &options);
	struct aggr *aggr = NULL;

	assert_null(aggr_new(AGGR_BY_SITE, 0, &aggr));
	for (size_t i = 0; i < ARRAY_SIZE(funcs); i++) {
		struct frame stack[] = {FRAME(funcs[i], "/src/main.go", 20, false),
					FRAME("main.main", "/src/main.go", 34, false)};
		struct event event = plain(i);

		event.removal.stack = stack;
		event.removal.stack_n = ARRAY_SIZE(stack);
		event.removal.stack_id = (uint32_t)i;
		emit_to_aggr(aggr, &event);
	}
	sink_table(sink, aggr, end_ns);
	for (size_t i = 0; i < ARRAY_SIZE(funcs); i++)
		if (!strstr(buf_cstr(&sink->out), shown[i]))
			fail_msg("%s is not in\n%s", shown[i], buf_cstr(&sink->out));
	sink_close(sink);
	aggr_free(aggr);
}

/* --- Rules that hold for any output --- */

static void check_line_width(const char *line, size_t len, unsigned width)
{
	wchar_t wide[1024];
	char copy[4096];
	size_t n;

	assert_true(len < sizeof(copy));
	memcpy(copy, line, len);
	copy[len] = '\0';
	n = mbstowcs(wide, copy, ARRAY_SIZE(wide));
	assert_true(n != (size_t)-1 && n < ARRAY_SIZE(wide)); /* valid UTF-8 */
	if (wcswidth(wide, n) < 0 || (unsigned)wcswidth(wide, n) > width)
		fail_msg("width %d (of %u): %s", wcswidth(wide, n), width, copy);
}

/* Checks the widths of lines with the C library, whose table of widths is independent of ours. */
static void check_widths(const struct buf *out, unsigned width)
{
	const char *line = out->data;
	const char *end = out->data + out->len;

	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		return;
	while (line < end) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));

		assert_non_null(newline);
		check_line_width(line, (size_t)(newline - line), width);
		line = newline + 1;
	}
	setlocale(LC_CTYPE, "C");
}

static void check_no_controls(const struct buf *out)
{
	for (size_t i = 0; i < out->len; i++) {
		unsigned char c = (unsigned char)out->data[i];

		assert_true((c >= ' ' || c == '\n') && c != 0x7f);
		if (c == 0xc2 && i + 1 < out->len)
			assert_true((unsigned char)out->data[i + 1] >= 0xa0);
	}
}

TEST(no_line_is_wider_than_the_terminal)
{
	static const unsigned widths[] = {40, 41, 48, 55, 56, 63, 64, 71, 72, 79, 80, 99, 100, 200};

	for (size_t i = 0; i < 2 * ARRAY_SIZE(widths); i++) {
		unsigned width = widths[i / 2];
		struct sink_options options = {.fd = -1, .width = width, .stack = i % 2};
		struct sink *sink = sink_for("text", &options);

		play(sink);
		sink_event(sink, &start);
		emit_all(emit_to_sink, sink);
		for (enum aggr_by by = AGGR_BY_SITE; by <= AGGR_BY_POD; by++)
			play_table(sink, by);
		play_end(sink, 123456789);
		check_widths(&sink->out, width);
		check_no_controls(&sink->out);
		sink_close(sink);
	}
}

static uint32_t random_state = 1;

static uint32_t random_below(uint32_t n)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % n;
}

/* Makes a name of random length from narrow and wide runes, brackets, dots, slashes, and bad
 * bytes.
 */
static char *random_name(char name[static 64])
{
	static const char *const parts[] = {".", "/",	  "[",	  "]",	  "世",	  "é",
					    "x", "func1", "main", "(*t)", "\x1b", "\xff",
					    "😀", " ",	  "\n",	  "[...]"};
	size_t parts_n = random_below(14);

	name[0] = '\0';
	while (parts_n--)
		strcat(name, parts[random_below(ARRAY_SIZE(parts))]);
	return name;
}

static void play_random(struct sink *sink, struct aggr *aggr, uint32_t id)
{
	char names[6][64 * 2];
	struct frame stack[2];
	struct event event = plain(random_below(1000000));
	struct value key = {.kind = VALUE_STRING};

	for (size_t i = 0; i < 2; i++)
		stack[i] = (struct frame){
			.func = random_name(names[i]),
			.file = random_name(names[2 + i]),
			.line = random_below(100000),
			.inlined = random_below(2),
		};
	event.removal.stack = stack;
	event.removal.stack_n = random_below(3);
	event.removal.map_type = random_name(names[4]);
	event.removal.stack_id = event.removal.type_id = id;
	event.removal.goid = random_below(2) ? random_below(1000000) : UINT64_MAX;
	event.removal.len_before = random_below(2) ? random_below(1000000) : UINT64_MAX;
	event.removal.len_after = 0;
	key.bytes = random_name(names[5]);
	key.bytes_len = strlen(names[5]);
	event.removal.key = &key;
	event.removal.key_error = random_below(2) ? names[5] : NULL;
	event.kind = random_below(2) ? EVENT_CLEAR : EVENT_DELETE;
	sink_event(sink, &event);
	event.kind = EVENT_DELETE;
	emit_to_aggr(aggr, &event);
}

TEST(nothing_acts_on_the_terminal)
{
	for (uint32_t round = 0; round < 60; round++) {
		unsigned width = 40 + random_below(100);
		struct sink_options options = {.fd = -1, .width = width, .stack = round % 2};
		struct sink *sink = sink_for("text", &options);
		struct aggr *aggr = NULL;

		assert_null(aggr_new((enum aggr_by)(round % 4), 0, &aggr));
		for (uint32_t id = 0; id < 100; id++)
			play_random(sink, aggr, id);
		sink_table(sink, aggr, end_ns);
		check_widths(&sink->out, width);
		check_no_controls(&sink->out);
		sink_close(sink);
		aggr_free(aggr);
	}
}

/* Checks that every line is an object with "event" that can be read back and has no member
 * twice. */
static void check_json_lines(const struct buf *out)
{
	const char *line = out->data;
	const char *end = out->data + out->len;

	while (line < end) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		json_error_t why;
		json_t *json;

		assert_non_null(newline);
		json = json_loadb(line, (size_t)(newline - line),
				  JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
		if (!json)
			fail_msg("%s: %.*s", why.text, (int)(newline - line), line);
		assert_true(json_is_string(json_object_get(json, "event")));
		json_decref(json);
		line = newline + 1;
	}
}

TEST(json_reads_back)
{
	struct sink_options options = {.fd = -1};
	struct sink *sink = sink_for("json", &options);
	struct aggr *aggr = NULL;

	play(sink);
	for (enum aggr_by by = AGGR_BY_SITE; by <= AGGR_BY_POD; by++)
		play_table(sink, by);
	assert_null(aggr_new(AGGR_BY_KEY, 3, &aggr));
	for (uint32_t id = 100; id < 1100; id++)
		play_random(sink, aggr, id);
	sink_table(sink, aggr, end_ns);
	check_json_lines(&sink->out);
	check_no_controls(&sink->out);
	sink_close(sink);
	aggr_free(aggr);
}

/* There are more stacks than a cache holds. It starts again, and its answers stay right. */
TEST(a_full_cache_shows_the_same)
{
	static const char *const formats[] = {"text", "json"};
	struct sink_options options = {.fd = open("/dev/null", O_WRONLY | O_CLOEXEC), .width = 200};

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		struct sink *sink = sink_for(formats[i], &options);
		struct frame frame = {.func = "main.f", .file = "f.go"};
		struct event event = plain(0);

		event.removal.stack = &frame;
		event.removal.stack_n = 1;
		for (uint32_t id = 0; id < 70000; id++) {
			frame.line = 100000 + id;
			event.removal.stack_id = event.removal.type_id = id;
			sink_event(sink, &event);
		}
		assert_null(sink_flush(sink));
		frame.line = 100007;
		event.removal.stack_id = event.removal.type_id = 7;
		sink_event(sink, &event);
		assert_non_null(strstr(buf_cstr(&sink->out), "100007"));
		sink_close(sink);
	}
	close(options.fd);
}

/* The time of day changes at the second, and every event within a second shows the same. */
TEST(times_follow_the_clock)
{
	static const struct {
		uint64_t micros;
		const char *shown;
	} times[] = {
		{0, "07:06:40.000000 "},	{999999, "07:06:40.999999 "},
		{1000000, "07:06:41.000000 "},	{999999, "07:06:40.999999 "}, /* from another CPU */
		{60000000, "07:07:40.000000 "}, {86400000001, "2026-08-07\n07:06:40.000001 "},
	};
	struct sink_options options = {.fd = -1};
	struct sink *sink = sink_for("text", &options);

	sink_event(sink, &start);
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		struct event event = plain(times[i].micros);

		buf_reset(&sink->out);
		sink_event(sink, &event);
		assert_memory_equal(sink->out.data, times[i].shown, strlen(times[i].shown));
	}
	sink_close(sink);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_is_as_it_was),
		cmocka_unit_test(text_is_as_it_was),
		cmocka_unit_test(a_narrow_terminal_gets_40_columns),
		cmocka_unit_test(text_with_colours_is_as_it_was),
		cmocka_unit_test(text_with_stacks_is_as_it_was),
		cmocka_unit_test(quiet_shows_no_event),
		cmocka_unit_test(tables_are_as_they_were),
		cmocka_unit_test(pids_are_shown_with_several_processes),
		cmocka_unit_test(rows_of_generic_functions_are_told_apart),
		cmocka_unit_test(no_line_is_wider_than_the_terminal),
		cmocka_unit_test(nothing_acts_on_the_terminal),
		cmocka_unit_test(json_reads_back),
		cmocka_unit_test(a_full_cache_shows_the_same),
		cmocka_unit_test(times_follow_the_clock),
	};

	return cmocka_run_group_tests(tests, play_begin, NULL);
}
