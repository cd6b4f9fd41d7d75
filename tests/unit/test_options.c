/* Tests of the command line of `tophash trace`: what is accepted. */
#include "test.h"

#include "options_parse.h"

TEST(defaults)
{
	struct line line;
	struct trace_options o = parse_ok("-p 4711", &line);

	assert_int_equal(o.chosen.n, 1);
	assert_int_equal(o.chosen.list[0].way, CHOICE_PROCESS);
	assert_string_equal(o.chosen.list[0].texts, "4711");
	assert_null(o.binary);
	assert_null(o.command);
	assert_null(o.filter.key);
	assert_null(o.filter.type_glob);
	assert_null(o.filter.site_glob);
	assert_int_equal(o.filter.map, 0);
	assert_int_equal(o.filter.goid, 0);
	assert_int_equal(o.limit, 0);
	assert_int_equal(o.duration_ns, 0);
	assert_string_equal(o.format, "text");
	assert_null(o.output);
	assert_null(o.engine);
	assert_false(o.summary || o.show_stack || o.misses || o.dry_run || o.quiet || o.verbose);
	assert_false(o.help);
	assert_int_equal(o.key_bytes, 64);
	assert_int_equal(o.stack_max, 64);
	assert_int_equal(o.buffer_size, 16 << 20);
	trace_options_fini(&o);
}

TEST(a_target_is_a_process_a_file_or_a_command)
{
	struct line line;
	struct trace_options o = parse_ok("--pid 2147483647", &line);

	assert_string_equal(o.chosen.list[0].texts, "2147483647");
	o = parse_ok("-p 1,web,2 --pid api", &line);
	assert_int_equal(o.chosen.n, 2);
	assert_string_equal(o.chosen.list[0].texts, "1,web,2");
	assert_string_equal(o.chosen.list[1].texts, "api");
	o = parse_ok("-b ./server", &line);
	assert_string_equal(o.binary, "./server");
	assert_int_equal(o.chosen.n, 0);
	o = parse_ok("--binary=./server", &line);
	assert_string_equal(o.binary, "./server");
	o = parse_ok("-q -- ./server -p 8080 --limit", &line); /* the command's own options */
	assert_ptr_equal(o.command, line.argv + 3);
	assert_string_equal(o.command[0], "./server");
	assert_string_equal(o.command[3], "--limit");
	assert_null(o.command[4]);
	assert_int_equal(o.chosen.n, 0);
	assert_true(o.quiet);
	assert_null(o.user);
	assert_false(o.exit_status);
	o = parse_ok("-u nobody --exit-status -- ./server", &line);
	assert_string_equal(o.user, "nobody");
	assert_true(o.exit_status);
	o = parse_ok("--user=1000:100 -- ./server", &line);
	assert_string_equal(o.user, "1000:100");
	assert_int_equal(o.follow, SESSION_FOLLOW_SAME);
	assert_int_equal(o.until, TRACE_UNTIL_LAST);
	o = parse_ok("--follow none --until=command -- ./server", &line);
	assert_int_equal(o.follow, SESSION_FOLLOW_NONE);
	assert_int_equal(o.until, TRACE_UNTIL_COMMAND);
	o = parse_ok("--follow=same --until last -p 1", &line);
	assert_int_equal(o.follow, SESSION_FOLLOW_SAME);
	o = parse_ok("-- -x", &line);
	assert_string_equal(o.command[0], "-x");
}

TEST(filters)
{
	struct line line;
	struct trace_options o = parse_ok("-p 1 --map 0xc000012340 --goid 37 --type map[string]* "
					  "--site store.go:61 --key user:42",
					  &line);
	bool prefix = true;
	size_t len = 0;

	assert_int_equal(o.filter.map, 0xc000012340);
	assert_int_equal(o.filter.goid, 37);
	assert_true(filter_type_matches(&o.filter, "map[string]int"));
	assert_false(filter_type_matches(&o.filter, "map[int]int"));
	assert_string_equal(o.filter.site_glob, "store.go:61");
	assert_string_equal(filter_key_string(o.filter.key, &len, &prefix), "user:42");
	assert_false(prefix);
	trace_options_fini(&o);
	assert_null(o.filter.key);

	o = parse_ok("-p 1 --key-prefix user:", &line);
	assert_string_equal(filter_key_string(o.filter.key, &len, &prefix), "user:");
	assert_true(prefix);
	trace_options_fini(&o);
	o = parse_ok("-p 1 -k 42", &line);
	assert_string_equal(filter_key_string(o.filter.key, &len, &prefix), "42");
	trace_options_fini(&o);
	o = parse_ok("--map 1 -- ./server", &line); /* one process, and it is accepted */
	assert_int_equal(o.filter.map, 1);
}

TEST(flags)
{
	struct line line;
	struct trace_options o = parse_ok("-p 1 --misses --dry-run --verbose --format json "
					  "-o events.json --limit 18446744073709551615",
					  &line);

	assert_true(o.misses && o.dry_run && o.verbose);
	assert_false(o.quiet);
	assert_string_equal(o.format, "json");
	assert_string_equal(o.output, "events.json");
	assert_int_equal(o.limit, UINT64_MAX);
	o = parse_ok("-p 1 --engine uprobe", &line);
	assert_string_equal(o.engine, "uprobe");
	o = parse_ok("-p 1 --quiet --output=x --format=text", &line);
	assert_true(o.quiet);
	assert_string_equal(o.output, "x");
	o = parse_ok("-qp1", &line);
	assert_true(o.quiet);
	assert_string_equal(o.chosen.list[0].texts, "1");
	o = parse_ok("-v -p 1", &line);
	assert_true(o.verbose);
	o = parse_ok("-p 1 --dur 1 --dry", &line); /* long options may be shortened */
	assert_true(o.dry_run);
	o = parse_ok("-q -q --misses --misses -p 1", &line); /* a flag may be repeated */
	assert_true(o.quiet && o.misses);
}

TEST(a_summary_has_a_subject)
{
	static const struct {
		const char *words;
		enum aggr_by by;
	} cases[] = {
		{"-p 1 --summary", AGGR_BY_SITE},    {"-p 1 --summary=site", AGGR_BY_SITE},
		{"-p 1 --summary=map", AGGR_BY_MAP}, {"-p 1 --summary=type", AGGR_BY_TYPE},
		{"-p 1 --summary=key", AGGR_BY_KEY}, {"--summary -p 1", AGGR_BY_SITE},
		{"-p 1 --summary map", AGGR_BY_MAP}, {"--summary key -p 1", AGGR_BY_KEY},
		{"-p 1 --sum=type", AGGR_BY_TYPE},   {"-p 1 --sum type", AGGR_BY_TYPE},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct line line;
		struct trace_options o = parse_ok(cases[i].words, &line);

		assert_true(o.summary);
		assert_int_equal(o.summary_by, cases[i].by);
		assert_string_equal(o.chosen.list[0].texts, "1");
	}
}

TEST(help_wins_over_everything)
{
	static const char *const words[] = {
		"--help", "-h", "-qh", "-v -h --nonsense", "-h -p x", "--help-all -x", "--help-a"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		struct line line;

		struct trace_options o = parse_ok(words[i], &line);

		assert_true(o.help);
		assert_int_equal(o.help_all, strstr(words[i], "--help-a") != NULL);
	}
}

/* ---- values ---- */

static const struct {
	const char *words;
	double percent;
	bool stop;
	enum engine_sample by;
} limits[] = {
	{"-p 1", 0, false, ENGINE_SAMPLE_GOROUTINE},
	{"-p 1 --max-overhead 2%", 2, false, ENGINE_SAMPLE_GOROUTINE},
	{"-p 1 --max-overhead 2", 2, false, ENGINE_SAMPLE_GOROUTINE},
	{"-p 1 --max-overhead=0.5%", 0.5, false, ENGINE_SAMPLE_GOROUTINE},
	{"-p 1 --max-overhead .01", 0.01, false, ENGINE_SAMPLE_GOROUTINE},
	{"-p 1 --max-overhead 2%,stop", 2, true, ENGINE_SAMPLE_GOROUTINE},
	{"-p 1 --max-overhead 1.25,stop", 1.25, true, ENGINE_SAMPLE_GOROUTINE},
	{"-p 1 --max-overhead 100000%", 100000, false, ENGINE_SAMPLE_GOROUTINE},
	{"-p 1 --max-overhead 2% --sample-by key", 2, false, ENGINE_SAMPLE_KEY},
	{"-p 1 --sample-by goroutine --max-overhead 2%", 2, false, ENGINE_SAMPLE_GOROUTINE},
};

TEST(max_overhead_is_a_part_of_a_cpu)
{
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		struct line line;
		struct trace_options o = parse_ok(limits[i].words, &line);

		assert_true(o.max_overhead == limits[i].percent);
		assert_int_equal(o.max_overhead_stop, limits[i].stop);
		assert_int_equal(o.sample_by, limits[i].by);
		trace_options_fini(&o);
	}
}

TEST(numbers_have_their_ranges)
{
	struct line line;
	struct trace_options o = parse_ok("-p 1 --stack 512 --key-bytes 256", &line);

	assert_int_equal(o.stack_max, 512);
	assert_true(o.show_stack);
	assert_int_equal(o.key_bytes, 256);
	o = parse_ok("-p 1 --stack=1 --key-bytes=1", &line);
	assert_int_equal(o.stack_max, 1);
	assert_int_equal(o.key_bytes, 1);
}

TEST(durations_as_people_write_them)
{
	static const struct {
		const char *words;
		uint64_t ns;
	} cases[] = {
		{"-p 1 --duration 10", 10000000000},
		{"-p 1 --duration 10s", 10000000000},
		{"-p 1 --duration 500ms", 500000000},
		{"-p 1 --duration 2m", 120000000000},
		{"-p 1 --duration 1h", 3600000000000},
		{"-p 1 --duration 1.5", 1500000000},
		{"-p 1 --duration 1ms", 1000000},
		{"-p 1 --duration .25s", 250000000},
		{"-p 1 --duration 1m30s", 90000000000},
		{"-p 1 --duration 1.5s", 1500000000},
		{"-p 1 --duration 2h", 7200000000000},
		{"-p 1 --duration 1h2m3s4ms", 3723004000000},
		{"-p 1 --duration 1d", 86400000000000},
		{"-p 1 --duration 1_000s", 1000000000000},
		{"-p 1 --duration 2min", 120000000000},
		{"-p 1 --duration 1hour", 3600000000000},
		{"-p 1 --duration 30sec", 30000000000},
		{"-p 1 --duration 0.1s", 100000000},
		{"-p 1 --duration 1500us", 1500000},
		{"-p 1 --duration 1000000ns", 1000000},
		{"-p 1 --duration 1.000000001s", 1000000001},
		{"-p 1 --duration 10S", 10000000000},
		{"-p 1 --duration 87600h", 315360000000000000},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct line line;

		assert_int_equal(parse_ok(cases[i].words, &line).duration_ns, cases[i].ns);
	}
}

TEST(sizes_as_people_write_them)
{
	static const struct {
		const char *words;
		uint64_t size;
	} cases[] = {
		{"-p 1 --buffer 65536", 64 << 10}, {"-p 1 --buffer 64K", 64 << 10},
		{"-p 1 --buffer 64KiB", 64 << 10}, {"-p 1 --buffer 32M", 32 << 20},
		{"-p 1 --buffer 32MiB", 32 << 20}, {"-p 1 --buffer 1G", 1 << 30},
		{"-p 1 --buffer 1GiB", 1 << 30},   {"-p 1 --buffer 100000", 100000},
		{"-p 1 --buffer 64k", 64 << 10},   {"-p 1 --buffer 16MB", 16 << 20},
		{"-p 1 --buffer 64kb", 64 << 10},  {"-p 1 --buffer 16m", 16 << 20},
		{"-p 1 --buffer 1.5M", 3 << 19},   {"-p 1 --buffer 100_000", 100000},
		{"-p 1 --buffer 0.5G", 1 << 29},   {"-p 1 --buffer 1gb", 1 << 30},
		{"-p 1 --buffer 16Mi", 16 << 20},  {"-p 1 --buffer 65536b", 65536},
		{"-p 1 --buffer 65536B", 65536},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct line line;

		assert_int_equal(parse_ok(cases[i].words, &line).buffer_size, cases[i].size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(a_target_is_a_process_a_file_or_a_command),
		cmocka_unit_test(filters),
		cmocka_unit_test(flags),
		cmocka_unit_test(a_summary_has_a_subject),
		cmocka_unit_test(help_wins_over_everything),
		cmocka_unit_test(max_overhead_is_a_part_of_a_cpu),
		cmocka_unit_test(numbers_have_their_ranges),
		cmocka_unit_test(durations_as_people_write_them),
		cmocka_unit_test(sizes_as_people_write_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
