/* Tests of show/sink. The events are literals, and the output is compared byte for byte with
 * tests/golden/ (run the test from the source root; UPDATE_GOLDEN=1 rewrites the files). No line
 * is wider than the terminal, and no control character of the traced program comes through. */
#include "test.h"
#include "base/frame.h"

#include <fcntl.h>
#include <jansson.h>
#include <locale.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <wchar.h>

#include "show/sink/sink.h"
#include "golden.h"
#include "sink_trace.h"
#include "show/event/event.h"
#include "read/layout/layout.h"
#include "show/aggr/aggr.h"

static void emit_to_sink(void *to, const struct event *event)
{
	sink_event(to, event);
}

static void emit_to_aggr(void *to, const struct event *event)
{
	assert_null(aggr_add(to, event));
}

/* --- Playing it --- */

static const uint64_t end_ns = 1012345678900;

static struct sink *sink_for(const char *format, const struct sink_options *options)
{
	struct sink *sink = NULL;

	assert_non_null(sink_find(format));
	assert_null(sink_open(sink_find(format), options, &sink));
	return sink;
}

static void play_exits(struct sink *sink)
{
	static const struct event_exit exits[] = {
		{.pid = 4242, .known = true, .status = 0},
		{.pid = 4243, .known = true, .signaled = true, .status = SIGKILL},
		{.pid = 4244},
	};

	for (size_t i = 0; i < ARRAY_SIZE(exits); i++)
		sink_event(sink, &(struct event){.kind = EVENT_EXIT,
						 .time_ns = start.time_ns + 2000000000 + i,
						 .exit = exits[i]});
}

static void play_table(struct sink *sink, enum aggr_by by)
{
	struct aggr *aggr = NULL;

	assert_null(aggr_new(by, 0, &aggr));
	emit_all(emit_to_aggr, aggr);
	sink_table(sink, aggr, end_ns);
	aggr_free(aggr);
}

static void play_end(struct sink *sink, uint64_t lost)
{
	const struct event_lost losses[] = {{"ring_full", lost}};
	const struct event_end end = {
		.hits = 1000 + lost,
		.delivered = 990,
		.filtered = 10,
		.removed = 980,
		.cleared = 20,
		.misses_counted = lost,
		.misses = lost ? 7 : 0,
		.lost = losses,
		.lost_n = ARRAY_SIZE(losses),
		.seconds = 12.3456789,
	};

	sink_event(sink, &(struct event){.kind = EVENT_END, .time_ns = end_ns, .end = end});
}

/* Plays the whole trace, as the tool would. */
static void play(struct sink *sink)
{
	sink_event(sink, &start);
	emit_all(emit_to_sink, sink);
	play_exits(sink);
	play_table(sink, AGGR_BY_SITE);
	play_end(sink, 0);
}

/* --- Golden files --- */

static void check_trace(const char *name, const char *format, struct sink_options options)
{
	struct sink *sink = sink_for(format, &options);

	play(sink);
	check_golden(name, buf_cstr(&sink->out));
	sink_close(sink);
}

TEST(test_golden_json)
{
	check_trace("trace.json", "json", (struct sink_options){.fd = -1});
}

TEST(test_golden_text)
{
	check_trace("trace.text", "text", (struct sink_options){.fd = -1, .width = 100});
	check_trace("trace.unlimited", "text", (struct sink_options){.fd = -1});
	check_trace("trace.text80", "text", (struct sink_options){.fd = -1, .width = 80});
	check_trace("trace.text160", "text", (struct sink_options){.fd = -1, .width = 160});
}

TEST(test_golden_text_narrow)
{
	check_trace("trace.text40", "text", (struct sink_options){.fd = -1, .width = 40});
	check_trace("trace.text40", "text", (struct sink_options){.fd = -1, .width = 3});
}

TEST(test_golden_text_color)
{
	check_trace("trace.color", "text",
		    (struct sink_options){.fd = -1, .width = 100, .color = true, .verbose = true});
}

TEST(test_golden_text_stack)
{
	check_trace("trace.stack", "text",
		    (struct sink_options){.fd = -1, .width = 100, .stack = true});
	check_trace("trace.stack80", "text",
		    (struct sink_options){.fd = -1, .width = 80, .stack = true});
	check_trace("trace.stack.unlimited", "text",
		    (struct sink_options){.fd = -1, .stack = true});
}

TEST(test_golden_quiet)
{
	check_trace("trace.quiet", "text",
		    (struct sink_options){.fd = -1, .width = 100, .quiet_events = true});
	check_trace("trace.quiet.json", "json",
		    (struct sink_options){.fd = -1, .quiet_events = true});
}

TEST(test_golden_tables)
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
TEST(test_golden_pids)
{
	struct sink_options options = {.fd = -1, .width = 100};
	struct sink *sink = sink_for("text", &options);
	struct event second = start;
	struct event event = plain(20);

	second.start.pid = event.removal.pid = 5151;
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
TEST(test_generic_rows)
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

/* The C library has its own table of widths, which makes it an independent witness. */
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

TEST(test_text_widths)
{
	static const unsigned widths[] = {40, 41, 48, 55, 56, 63, 64, 71, 72, 79, 80, 99, 100, 200};

	for (size_t i = 0; i < 2 * ARRAY_SIZE(widths); i++) {
		unsigned width = widths[i / 2];
		struct sink_options options = {.fd = -1, .width = width, .stack = i % 2};
		struct sink *sink = sink_for("text", &options);

		play(sink);
		sink_event(sink, &start);
		emit_all(emit_to_sink, sink);
		for (enum aggr_by by = AGGR_BY_SITE; by <= AGGR_BY_KEY; by++)
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

TEST(test_text_random)
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

TEST(test_json_reads_back)
{
	struct sink_options options = {.fd = -1};
	struct sink *sink = sink_for("json", &options);
	struct aggr *aggr = NULL;

	play(sink);
	for (enum aggr_by by = AGGR_BY_SITE; by <= AGGR_BY_KEY; by++)
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
TEST(test_cache_overflows)
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
TEST(test_text_clock)
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

/* The manual page documents every member that a record can have. */
TEST(test_schema_is_documented)
{
	char *page = read_file("docs/man/tophash-trace.1");
	size_t members = 0;

	for (enum event_kind kind = EVENT_START; kind < EVENT_KINDS; kind++) {
		const struct event_schema *schema = event_schema(kind);

		for (size_t i = 0; i < schema->n; i++) {
			const struct event_member *member = &schema->members[i];
			char name[EVENT_NAME_MAX] = "";

			assert_true(member->name_len <= EVENT_NAME_MAX);
			if (sscanf(member->name, ",\"%23[a-z_]\"", name) != 1)
				continue;
			members++;
			if (!strstr(page, name))
				fail_msg("docs/man/tophash-trace.1 does not have %s", name);
		}
	}
	assert_true(members > 50);
	free(page);
}

/* --- sink.c --- */

TEST(test_find)
{
	assert_ptr_equal(sink_find("json"), &sink_json);
	assert_ptr_equal(sink_find("text"), &sink_text);
	assert_null(sink_find("xml"));
	assert_null(sink_find(""));
	sink_close(NULL);
}

static void check_record(const char *format, const struct event *event, const char *expected)
{
	struct sink_options options = {.fd = -1};
	struct sink *sink = sink_for(format, &options);

	sink->wall_offset_ns = start.start.wall_ns - start.time_ns;
	sink_event(sink, event);
	assert_string_equal(buf_cstr(&sink->out), expected);
	sink_close(sink);
}

TEST(test_gap)
{
	const struct event gap = {
		.kind = EVENT_GAP,
		.time_ns = start.time_ns + 12345678,
		.gap = {4242, start.time_ns, start.time_ns + 12345678, "exec"},
	};

	check_record("json", &gap,
		     "{\"event\":\"gap\",\"time\":\"2026-08-06T07:06:40.012345678Z\","
		     "\"pid\":4242,\"from_ns\":\"1000000000000\",\"to_ns\":\"1000012345678\","
		     "\"why\":\"exec\"}\n");
	check_record("text", &gap,
		     "pid 4242 ran unwatched for 12.3 ms (exec): what it removed meanwhile is not "
		     "known\n");
}

TEST(test_sample)
{
	struct event sample = {
		.kind = EVENT_SAMPLE,
		.time_ns = start.time_ns,
		.sample = {.by = "goroutine", .fraction = 0.125},
	};

	check_record("json", &sample,
		     "{\"event\":\"sample\",\"time\":\"2026-08-06T07:06:40.000000000Z\","
		     "\"time_ns\":\"1000000000000\",\"by\":\"goroutine\",\"fraction\":0.125}\n");
	check_record("text", &sample,
		     "from here on, 12.5% of the goroutines are sampled (--max-overhead)\n");
	sample.sample.fraction = 1;
	check_record("text", &sample, "from here on, all events are shown (--max-overhead)\n");
}

/* What was sampled stands in the table and at the end; where nothing was, nothing is said. */
static const struct sampled_case {
	struct event_sample sample;
	const char *line;    /* above the table */
	const char *members; /* at the end of each row */
	const char *object;  /* in the end record */
} sampled_cases[] = {
	{{"key", 1, 1}, "", "", "\"sample\":{\"by\":\"key\",\"fraction\":1,\"watched\":1}"},
	{{"key", 0.125, 1},
	 "The counts are a part: a sample of 12.5% (whole keys)\n",
	 ",\"fraction\":0.125,\"watched\":1}",
	 "\"sample\":{\"by\":\"key\",\"fraction\":0.125,\"watched\":1}"},
	{{NULL, 1, 0.401},
	 "The counts are a part: watched for 40.1% of the time\n",
	 ",\"fraction\":1,\"watched\":0.401}",
	 "\"sample\":{\"fraction\":1,\"watched\":0.401}"},
	{{"goroutine", 0.5, 0.25},
	 "The counts are a part: a sample of 50.0% (whole goroutines); watched for 25.0% of the "
	 "time\n",
	 ",\"fraction\":0.5,\"watched\":0.25}",
	 "\"sample\":{\"by\":\"goroutine\",\"fraction\":0.5,\"watched\":0.25}"},
};

static void check_sampled(const struct sampled_case *c, bool text)
{
	struct sink_options options = {.fd = -1};
	struct sink *sink = sink_for(text ? "text" : "json", &options);
	struct aggr *aggr = NULL;
	const char *out;

	assert_null(aggr_new(AGGR_BY_SITE, 0, &aggr));
	emit_all(emit_to_aggr, aggr);
	aggr_set_sample(aggr, &c->sample);
	sink_table(sink, aggr, end_ns);
	out = buf_cstr(&sink->out);
	assert_non_null(strstr(out, text ? c->line : c->members));
	assert_int_equal(strstr(out, "fraction") != NULL, !text && c->members[0]);
	assert_int_equal(strstr(out, "a part") != NULL, text && c->line[0]);
	sink_event(sink, &(struct event){.kind = EVENT_END,
					 .end = {.overhead_limited = true, .sample = c->sample}});
	assert_non_null(strstr(buf_cstr(&sink->out), text ? "" : c->object));
	aggr_free(aggr);
	sink_close(sink);
}

TEST(test_sampled_table)
{
	for (size_t i = 0; i < ARRAY_SIZE(sampled_cases); i++) {
		check_sampled(&sampled_cases[i], true);
		check_sampled(&sampled_cases[i], false);
	}
}

/* An end record with all members. */
TEST(test_end_whole)
{
	const struct event_lost lost[] = {{"ring_full", 1}, {"write", 2}};
	const struct event_lost refused[] = {{"queue", 3}, {"refused", 4}};
	const struct event_sink sinks[] = {{"otlp", 5, refused, ARRAY_SIZE(refused)}};
	const struct event end = {
		.kind = EVENT_END,
		.time_ns = start.time_ns,
		.end =
			{
				.hits = 20,
				.delivered = 12,
				.filtered = 1,
				.sampled = 4,
				.gaps = 6,
				.lost = lost,
				.lost_n = ARRAY_SIZE(lost),
				.overhead_known = true,
				.hits_per_s = 1000.5,
				.ns_per_hit = 650,
				.cpu_percent = 0.065,
				.sinks = sinks,
				.sinks_n = ARRAY_SIZE(sinks),
				.seconds = 2,
			},
	};

	check_record("json", &end,
		     "{\"event\":\"end\",\"time\":\"2026-08-06T07:06:40.000000000Z\",\"hits\":20,"
		     "\"removed\":0,\"cleared\":0,\"delivered\":12,\"filtered\":1,\"sampled\":4,"
		     "\"lost\":{\"ring_full\":1,\"write\":2},\"gaps\":6,"
		     "\"overhead\":{\"hits_per_s\":1000.5,\"ns_per_hit\":650,"
		     "\"cpu_percent\":0.065},\"sinks\":[{\"to\":\"otlp\",\"delivered\":5,"
		     "\"lost\":{\"queue\":3,\"refused\":4}}],\"seconds\":2}\n");
	check_record(
		"text", &end,
		"\n3 events were lost (ring_full 1, write 2): they came faster than they could "
		"be read. A larger --buffer holds longer bursts; a filter (--key, --type) leaves "
		"fewer events.\n"
		"20 hits = 12 delivered + 1 filtered + 4 sampled out + 3 lost; 0 removed by "
		"delete, 0 by clear; 6 gaps; 2.0 s; tracing took 0.1% of a CPU\n");
}

/* No misses differ from misses that were not counted. */
TEST(test_end_misses)
{
	static const char *const formats[] = {"json", "text"};
	static const char *const said[] = {",\"misses\":0,", "; 0 misses; "};
	static const char *const word[] = {"misses", "miss"};

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		struct sink_options options = {.fd = -1};

		for (int counted = 0; counted < 2; counted++) {
			struct sink *sink = sink_for(formats[i], &options);

			sink_event(sink, &(struct event){.kind = EVENT_END,
							 .end = {.misses_counted = counted}});
			assert_int_equal(strstr(buf_cstr(&sink->out), said[i]) != NULL, counted);
			assert_int_equal(strstr(buf_cstr(&sink->out), word[i]) != NULL, counted);
			sink_close(sink);
		}
	}
}

TEST(test_flush)
{
	struct sink_options options = {0};
	struct event event = plain(0);
	char bytes[4096];
	struct sink *sink;
	int fds[2];
	size_t len;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	options.fd = fds[1];
	sink = sink_for("json", &options);
	assert_null(sink_flush(sink)); /* nothing to do */
	sink_event(sink, &event);
	sink_event(sink, &event);
	assert_int_equal(sink->delivered, 0); /* not written yet */
	len = sink->out.len;
	assert_null(sink_flush(sink));
	assert_int_equal(sink->delivered, 2);
	assert_int_equal(sink->out.len, 0);
	assert_int_equal(read(fds[0], bytes, sizeof(bytes)), len);
	close(fds[0]); /* the reader goes away, which is no error */
	sink_event(sink, &event);
	assert_false(sink->closed);
	assert_null(sink_flush(sink));
	assert_true(sink->closed);
	sink_event(sink, &event);
	assert_int_equal(sink->out.len, 0);
	assert_null(sink_flush(sink));
	assert_int_equal(sink->delivered, 2);
	assert_int_equal(sink->unread, 2);
	assert_int_equal(sink->lost, 0);
	sink_close(sink);
	close(fds[1]);
}

/* Checks that delivered records are those that were written whole, and that a file never ends in
 * half a record. */
static void check_full_file(const char *format, size_t events_max)
{
	static const char path[] = "/tmp/tophash-test-sink";
	struct sink_options options = {.width = 100, .stack = true};
	const struct rlimit limit = {20000, RLIM_INFINITY};
	const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
	struct event event = plain(0);
	struct sink *sink;
	size_t lines = 0, per_event = strcmp(format, "json") == 0 ? 1 : 5;
	char *text;

	options.fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(options.fd >= 0);
	unlink(path);
	sink = sink_for(format, &options);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	for (size_t i = 0; i < events_max; i++) {
		sink_event(sink, &event);
		if (i % 7 == 0)
			error_free(sink_flush(sink));
	}
	error_free(sink_flush(sink));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	text = calloc(1, 20001);
	assert_non_null(text);
	assert_true(pread(options.fd, text, 20000, 0) > 10000);
	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	assert_int_equal(text[strlen(text) - 1], '\n');
	assert_int_equal(lines, per_event * sink->delivered);
	assert_int_equal(sink->delivered + sink->lost, events_max);
	assert_int_equal(sink->unread, 0);
	assert_true(sink->lost > 0);
	assert_int_equal(lseek(options.fd, 0, SEEK_CUR), strlen(text));
	free(text);
	sink_close(sink);
	close(options.fd);
}

TEST(test_full_file)
{
	check_full_file("json", 100);
	check_full_file("text", 100);
}

/* With two sinks each takes every event, and one that fails does not affect the other. */
TEST(test_fan)
{
	struct sink_options good = {.fd = open("/dev/null", O_WRONLY | O_CLOEXEC)};
	struct sink_options full = {.fd = open("/dev/full", O_WRONLY | O_CLOEXEC)};
	struct event event = plain(0);
	struct event_lost lost[2];
	struct event_sink accounts[2];
	struct fan fan = {0};

	assert_null(fan_add(&fan, sink_for("json", &good)));
	assert_null(fan_add(&fan, sink_for("text", &full)));
	for (int i = 0; i < 3; i++) {
		fan_event(&fan, &event);
		assert_null(fan_flush(&fan));
	}
	assert_int_equal(fan_first(&fan)->delivered, 3);
	assert_int_equal(fan_accounts(&fan, accounts, lost), 1);
	assert_string_equal(accounts[0].to, "text");
	assert_int_equal(accounts[0].delivered, 0);
	assert_int_equal(accounts[0].lost_n, 1);
	assert_string_equal(accounts[0].lost[0].reason, "write");
	assert_int_equal(accounts[0].lost[0].count, 3);
	fan_fini(&fan);
	close(good.fd);
	close(full.fd);
}

TEST(test_flush_error)
{
	struct sink_options options = {.fd = open("/dev/full", O_WRONLY | O_CLOEXEC)};
	struct event event = plain(0);
	struct sink *sink = sink_for("json", &options);
	struct error *err;

	sink_event(sink, &event);
	err = sink_flush(sink);
	assert_non_null(err);
	assert_int_equal(err->code, ERROR_FAILED);
	assert_string_equal(err->text, "cannot write the output: No space left on device");
	error_free(err);
	/* The error is returned once. From then on everything is dropped. */
	sink_event(sink, &event);
	play_end(sink, 0);
	assert_null(sink_flush(sink));
	sink_close(sink);
	/* Past 1 MiB the sink flushes itself. Its error waits for the next flush. */
	for (int asked = 0; asked < 2; asked++) {
		sink = sink_for("json", &options);
		for (int i = 0; i < 10000; i++)
			sink_event(sink, &event);
		assert_non_null(sink->failed);
		assert_int_equal(sink->out.len, 0);
		err = asked ? sink_flush(sink) : NULL;
		assert_int_equal(err != NULL, asked);
		error_free(err);
		sink_close(sink); /* frees the error that nobody asked for */
	}
	close(options.fd);
}

/* A non-blocking pipe is full. The flush waits for the slow reader, and loses nothing. */
TEST(test_flush_nonblocking)
{
	struct sink_options options = {0};
	struct event event = plain(0);
	struct sink *sink;
	int fds[2];
	int status;
	pid_t child;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		const struct timespec pause = {.tv_nsec = 20000000};
		char bytes[65536];
		size_t lines = 0;
		ssize_t n;

		close(fds[1]);
		while ((n = read(fds[0], bytes, sizeof(bytes))) > 0) {
			for (ssize_t i = 0; i < n; i++)
				lines += bytes[i] == '\n';
			nanosleep(&pause, NULL);
		}
		_exit(lines == 600 ? 0 : 1);
	}
	close(fds[0]);
	assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	options.fd = fds[1];
	sink = sink_for("json", &options);
	for (int i = 0; i < 600; i++) {
		sink_event(sink, &event);
		assert_true(sink->out.len < 70000); /* a little at a time */
	}
	assert_null(sink_flush(sink));
	close(fds[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	sink_close(sink);
}

TEST(test_signal_names)
{
	struct buf buf = {0};

	sink_signal_name(&buf, SIGSEGV);
	buf_char(&buf, ' ');
	sink_signal_name(&buf, SIGRTMIN + 1);
	buf_char(&buf, ' ');
	sink_signal_name(&buf, 99);
	buf_char(&buf, ' ');
	sink_signal_name(&buf, -1);
	assert_string_equal(buf_cstr(&buf), "SIGSEGV SIGRTMIN+1 SIG99 SIG-1");
	buf_fini(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_json),
		cmocka_unit_test(test_golden_text),
		cmocka_unit_test(test_golden_text_narrow),
		cmocka_unit_test(test_golden_text_color),
		cmocka_unit_test(test_golden_text_stack),
		cmocka_unit_test(test_golden_quiet),
		cmocka_unit_test(test_golden_tables),
		cmocka_unit_test(test_golden_pids),
		cmocka_unit_test(test_generic_rows),
		cmocka_unit_test(test_text_widths),
		cmocka_unit_test(test_text_random),
		cmocka_unit_test(test_json_reads_back),
		cmocka_unit_test(test_cache_overflows),
		cmocka_unit_test(test_text_clock),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_end_misses),
		cmocka_unit_test(test_flush),
		cmocka_unit_test(test_flush_error),
		cmocka_unit_test(test_flush_nonblocking),
		cmocka_unit_test(test_signal_names),
		cmocka_unit_test(test_full_file),
		cmocka_unit_test(test_fan),
		cmocka_unit_test(test_gap),
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_sampled_table),
		cmocka_unit_test(test_end_whole),
		cmocka_unit_test(test_schema_is_documented),
	};

	signal(SIGPIPE, SIG_IGN);
	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
