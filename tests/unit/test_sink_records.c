/* Tests of show/sink: what stands in the records that are no removals. */
#include "sink_play.h"
#include "base/buf.h"

#include <stdio.h>

#include "golden.h"

TEST(sinks_are_found_by_name)
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

TEST(a_gap_tells_how_long_nobody_watched)
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

TEST(a_sample_tells_its_part)
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

/* Appends the end of the JSON record, from the stack error on, to *to. */
static void look_json(const struct event_look *look, char to[512])
{
	struct sink_options options = {.fd = -1};
	struct sink *sink = sink_for("json", &options);
	struct event event = {.kind = EVENT_DELETE,
			      .removal = {.map_type = "map[int]int", .func = "f", .look = look}};
	const char *found;

	event.removal.stack_error = "x";
	sink->wall_offset_ns = start.start.wall_ns - start.time_ns;
	sink_event(sink, &event);
	found = strstr(buf_cstr(&sink->out), "\"stack_error\":\"x\"");
	assert_non_null(found);
	snprintf(to, 512, "%s", found + 17);
	sink_close(sink);
}

TEST(a_look_tells_its_time)
{
	struct event_look look = {.holders = true};
	char json[512];

	look_json(NULL, json);
	assert_string_equal(json, "}\n");
	look_json(&look, json);
	assert_string_equal(json, ",\"held_by\":null,\"looked\":null}\n");
	look = (struct event_look){
		start.time_ns, "map[go.shape.int]int", true, "main.a", "[{}]", 1};
	look_json(&look, json);
	assert_string_equal(json, ",\"map_type_told\":\"map[go.shape.int]int\",\"held_by\":[{}],"
				  "\"looked\":\"2026-08-06T07:06:40.000000000Z\"}\n");
	look.holders = false;
	look_json(&look, json);
	assert_string_equal(json, ",\"map_type_told\":\"map[go.shape.int]int\","
				  "\"looked\":\"2026-08-06T07:06:40.000000000Z\"}\n");
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

TEST(a_table_of_a_sample_says_so)
{
	for (size_t i = 0; i < ARRAY_SIZE(sampled_cases); i++) {
		check_sampled(&sampled_cases[i], true);
		check_sampled(&sampled_cases[i], false);
	}
}

/* An end record with all members. */
TEST(an_end_has_all_members)
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
				.status_known = true,
				.status = 5,
			},
	};

	check_record("json", &end,
		     "{\"event\":\"end\",\"time\":\"2026-08-06T07:06:40.000000000Z\",\"hits\":20,"
		     "\"removed\":0,\"cleared\":0,\"clears_unknown\":0,\"delivered\":12,"
		     "\"filtered\":1,\"sampled\":4,"
		     "\"lost\":{\"ring_full\":1,\"write\":2},\"gaps\":6,"
		     "\"overhead\":{\"hits_per_s\":1000.5,\"ns_per_hit\":650,"
		     "\"cpu_percent\":0.065},\"sinks\":[{\"to\":\"otlp\",\"delivered\":5,"
		     "\"lost\":{\"queue\":3,\"refused\":4}}],\"seconds\":2,\"status\":5}\n");
	check_record(
		"text", &end,
		"\n3 events were lost (ring_full 1, write 2): they came faster than they could "
		"be read. A larger --buffer holds longer bursts; a filter (--key, --type) leaves "
		"fewer events.\n"
		"20 hits = 12 delivered + 1 filtered + 4 sampled out + 3 lost; 0 removed by "
		"delete, 0 by clear; 6 gaps; 2.0 s; tracing took 0.1% of a CPU\n");
}

/* The output distinguishes 0 misses from misses that were not counted. */
TEST(no_misses_are_not_misses_uncounted)
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

/* The manual page documents every member that a record can have. */
TEST(every_member_is_documented)
{
	static const char *const several[] = {"map_type_told", "held_by",
					      "looked"}; /* EVENT_LOOK */
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
	for (size_t i = 0; i < ARRAY_SIZE(several); i++)
		assert_non_null(strstr(page, several[i]));
	free(page);
}

TEST(signals_have_their_names)
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
		cmocka_unit_test(sinks_are_found_by_name),
		cmocka_unit_test(a_gap_tells_how_long_nobody_watched),
		cmocka_unit_test(a_sample_tells_its_part),
		cmocka_unit_test(a_look_tells_its_time),
		cmocka_unit_test(a_table_of_a_sample_says_so),
		cmocka_unit_test(an_end_has_all_members),
		cmocka_unit_test(no_misses_are_not_misses_uncounted),
		cmocka_unit_test(every_member_is_documented),
		cmocka_unit_test(signals_have_their_names),
	};

	return cmocka_run_group_tests(tests, play_begin, NULL);
}
