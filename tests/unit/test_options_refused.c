/* Tests of the command line of `tophash trace`: what is refused, and with which words. */
#include "test.h"

#include "options_parse.h"

#define TRY_HELP " (try tophash trace --help)"
#define DURATION ": not a time; write 10s, 1m30s, 500ms or 2h"
#define SHORT	 ": too short; at least 1ms"
#define LONG	 ": too long; at most 87600h"
#define SIZE	 ": not a size from 64K to 1G; write 65536, 64K or 16MB"
#define OVERHEAD ": not a part of a CPU; write 2%, 0.5% or 2%,stop"
#define ONE_TARGET \
	"only one of -p, --uid, --wait, -b, --cgroup, --container and -- COMMAND can be given"
#define PROCESS ": not a process id, or the name of a program; tophash ps lists Go programs"
#define U64	": not a number from 1 to 18446744073709551615"

static const struct {
	const char *words, *text;
} errors[] = {
	{"", "nothing to trace: give -p PID, -b BINARY, --container NAME or -- COMMAND" TRY_HELP},
	{"-v", "nothing to trace: give -p PID, -b BINARY, --container NAME or -- COMMAND" TRY_HELP},
	{"-p 1 -b x", ONE_TARGET},
	{"-p 1 -- x", ONE_TARGET},
	{"-p 1 --wait web", ONE_TARGET},
	{"--uid 7 --wait web", ONE_TARGET},
	{"--wait web -b x", ONE_TARGET},
	{"--wait=", "--wait " PROCESS},
	{"--wait 0", "--wait 0" PROCESS},
	{"--wait web x", "unexpected \"x\": --wait already tells what to trace"},
	{"-b x -- x", ONE_TARGET},
	{"--", "no command after --"},
	{"-p 1 --", "no command after --"},
	{"-u nobody -p 1", "--user tells who runs a command: use it with -- COMMAND"},
	{"--follow=same -b x",
	 "--follow is about children: use it with -p or -- COMMAND; -b traces every "
	 "process of the file"},
	{"--follow=any -p 1", "--follow any: not one of same, none, all, exact"},
	{"--follow=all --wait x",
	 "--follow=all is about what runs or is started now: use it with -p or -- COMMAND, not with --wait"},
	{"--until=command -p 1", "--until=command is about a command: use it with -- COMMAND"},
	{"--exit-status -b x", "--exit-status is that of a command: use it with -- COMMAND"},
	{"server", "unexpected \"server\": a command goes after --, a process id after -p"},
	{"-p 1 server", "unexpected \"server\": -p already tells what to trace"},
	{"-b server server", "unexpected \"server\": -b already tells what to trace"},
	{"4711", "unexpected \"4711\": a process id goes after -p"},

	{"-p", "option -p needs a value"},
	{"--pid", "option --pid needs a value"},
	{"-p 1 --key", "option --key needs a value"},
	{"-x", "unknown option -x" TRY_HELP},
	{"-P 1", "unknown option -P: did you mean -p?"},
	{"-Q -p 1", "unknown option -Q: did you mean -q?"},
	{"-p 1 -@", "unknown option -@" TRY_HELP},
	{"-p 1 --misses -xq", "unknown option -x" TRY_HELP},
	{"--quiet=1", "option --quiet takes no value"},
	{"--quiet=", "option --quiet takes no value"},
	{"-p 1 -qx", "unknown option -x" TRY_HELP},
	{"--nonsense", "unknown option --nonsense" TRY_HELP},
	{"--nonsense=1", "unknown option --nonsense" TRY_HELP},
	{"--=1", "unknown option --" TRY_HELP},
	{"---", "unknown option ---" TRY_HELP},
	{"--sumary", "unknown option --sumary: did you mean --summary?"},
	{"--sumary=key", "unknown option --sumary: did you mean --summary?"},
	{"--summayr", "unknown option --summayr: did you mean --summary?"},
	{"--fromat json", "unknown option --fromat: did you mean --format?"},
	{"--Key x", "unknown option --Key: did you mean --key?"},
	{"--key_prefix x", "unknown option --key_prefix: did you mean --key-prefix?"},
	{"--dryrun", "unknown option --dryrun: did you mean --dry-run?"},
	{"-pid 1", "unknown option -pid: did you mean --pid?"},
	{"-output=x", "unknown option -output: did you mean --output?"},
	{"--key-", "option --key- is ambiguous: --key-prefix, --key-bytes"},
	{"--s", "option --s is ambiguous: --site, --summary, --stack, --sample-by"},
	{"--s=1", "option --s is ambiguous: --site, --summary, --stack, --sample-by"},
	{"--misses=1", "option --misses takes no value"},

	{"-p 0", "-p 0" PROCESS},
	{"-p -1", "-p -1" PROCESS},
	{"-p 2147483648", "-p 2147483648" PROCESS},
	{"-p 99999999999999999999", "-p 99999999999999999999" PROCESS},
	{"-p 1,0", "-p 1,0" PROCESS},
	{"-p 1,", "-p 1," PROCESS},
	{"-p ,web", "-p ,web" PROCESS},
	{"-p=", "-p =" PROCESS},
	{"--pid=", "-p " PROCESS},
	{"-p 1 --map 0", "--map 0" U64},
	{"-p 1 --map heap", "--map heap" U64},
	{"-p 1 --map 0x10000000000000000", "--map 0x10000000000000000" U64},
	{"-b x --map 1",
	 "--map names a map of one process: use it with -p or -- COMMAND, not with -b"},
	{"--cgroup x --map 1",
	 "--map names a map of one process: use it with -p or -- COMMAND, not with --cgroup"},
	{"--cgroup x -p 1", ONE_TARGET},
	{"--uid 7 --map 1",
	 "--map names a map of one process: use it with -p or -- COMMAND, not with --uid"},
	{"--uid nobody-has-this", "--uid \"nobody-has-this\": no user of this name"},
	{"-p 1 --goid 0", "--goid 0" U64},
	{"-p 1 --goid -5", "--goid -5" U64},
	{"-p 1 --limit 0", "--limit 0" U64},
	{"-p 1 --limit 18446744073709551616", "--limit 18446744073709551616" U64},
	{"-p 1 --stack 0", "--stack 0: not a number from 1 to 512"},
	{"-p 1 --stack 513", "--stack 513: not a number from 1 to 512"},
	{"-p 1 --key-bytes 0", "--key-bytes 0: not a number from 1 to 256"},
	{"-p 1 --key-bytes 257", "--key-bytes 257: not a number from 1 to 256"},

	{"-p 1 --max-overhead", "option --max-overhead needs a value"},
	{"-p 1 --max-overhead %", "--max-overhead %" OVERHEAD},
	{"-p 1 --max-overhead 2%%", "--max-overhead 2%%" OVERHEAD},
	{"-p 1 --max-overhead -2", "--max-overhead -2" OVERHEAD},
	{"-p 1 --max-overhead 2%,", "--max-overhead 2%," OVERHEAD},
	{"-p 1 --max-overhead 2%,stopp", "--max-overhead 2%,stopp" OVERHEAD},
	{"-p 1 --max-overhead ,stop", "--max-overhead ,stop" OVERHEAD},
	{"-p 1 --max-overhead nan", "--max-overhead nan" OVERHEAD},
	{"-p 1 --max-overhead 2e3", "--max-overhead 2e3" OVERHEAD},
	{"-p 1 --max-overhead 0", "--max-overhead 0: not from 0.01% to 100000% of a CPU"},
	{"-p 1 --max-overhead 0.009%", "--max-overhead 0.009%: not from 0.01% to 100000% of a CPU"},
	{"-p 1 --max-overhead 100000.1%",
	 "--max-overhead 100000.1%: not from 0.01% to 100000% of a CPU"},
	{"-p 1 --max-overhead 99999999999999999999",
	 "--max-overhead 99999999999999999999: not from 0.01% to 100000% of a CPU"},
	{"-p 1 --sample-by key", "--sample-by tells what --max-overhead samples: give both"},
	{"-p 1 --max-overhead 2 --sample-by map", "--sample-by map: not one of goroutine, key"},

	{"-p 1 --duration 0", "--duration 0" SHORT},
	{"-p 1 --duration -1", "--duration -1" DURATION},
	{"-p 1 --duration 1us", "--duration 1us" SHORT},
	{"-p 1 --duration s", "--duration s" DURATION},
	{"-p 1 --duration nan", "--duration nan" DURATION},
	{"-p 1 --duration inf", "--duration inf" DURATION},
	{"-p 1 --duration 0.0001", "--duration 0.0001" SHORT},
	{"-p 1 --duration 1e9", "--duration 1e9" DURATION},
	{"-p 1 --duration 1m30", "--duration 1m30" DURATION},
	{"-p 1 --duration 30s1m", "--duration 30s1m" DURATION},
	{"-p 1 --duration 1s1s", "--duration 1s1s" DURATION},
	{"-p 1 --duration 1s2sec", "--duration 1s2sec" DURATION},
	{"-p 1 --duration 1w", "--duration 1w" DURATION},
	{"-p 1 --duration 1.s", "--duration 1.s" DURATION},
	{"-p 1 --duration 1..5s", "--duration 1..5s" DURATION},
	{"-p 1 --duration 1__0s", "--duration 1__0s" DURATION},
	{"-p 1 --duration _1s", "--duration _1s" DURATION},
	{"-p 1 --duration 1_s", "--duration 1_s" DURATION},
	{"-p 1 --duration +1s", "--duration +1s" DURATION},
	{"-p 1 --duration 0x10", "--duration 0x10" DURATION},
	{"-p 1 --duration=", "--duration " DURATION},
	{"-p 1 --duration 1h-1m", "--duration 1h-1m" DURATION},
	{"-p 1 --duration 99999999999999999999d", "--duration 99999999999999999999d" LONG},
	{"-p 1 --duration 5124095h34m33s709ms551us616ns",
	 "--duration 5124095h34m33s709ms551us616ns" LONG},
	{"-p 1 --duration 87601h", "--duration 87601h" LONG},
	{"-p 1 --duration 18446744073709551616", "--duration 18446744073709551616" LONG},
	{"-p 1 --duration 18446744074s", "--duration 18446744074s" LONG},
	{"-p 1 --buffer 0", "--buffer 0" SIZE},
	{"-p 1 --buffer 64KBB", "--buffer 64KBB" SIZE},
	{"-p 1 --buffer 64iB", "--buffer 64iB" SIZE},
	{"-p 1 --buffer 65536.5", "--buffer 65536.5" SIZE},
	{"-p 1 --buffer 0x10000", "--buffer 0x10000" SIZE},
	{"-p 1 --buffer +64K", "--buffer +64K" SIZE},
	{"-p 1 --buffer 64K1", "--buffer 64K1" SIZE},
	{"-p 1 --buffer=", "--buffer " SIZE},
	{"-p 1 --buffer 18446744073709551616", "--buffer 18446744073709551616" SIZE},
	{"-p 1 --buffer 63K", "--buffer 63K" SIZE},
	{"-p 1 --buffer 2G", "--buffer 2G" SIZE},
	{"-p 1 --buffer 1T", "--buffer 1T" SIZE},
	{"-p 1 --buffer M", "--buffer M" SIZE},
	{"-p 1 --buffer -1M", "--buffer -1M" SIZE},
	{"-p 1 --buffer 17179869185G", "--buffer 17179869185G" SIZE}, /* 2^34 + 1: shifts out */
	{"-p 1 --summary=", "--summary=: not one of site, map, type, key, container, pod"},
	{"-p 1 --summary=line", "--summary=line: not one of site, map, type, key, container, pod"},
	{"-p 1 --summary line", "unexpected \"line\": -p already tells what to trace"},
	{"-p 1 --summary keys",
	 "--summary=keys: not one of site, map, type, key, container, pod; did you mean key?"},
	{"-p 1 --summary=ky",
	 "--summary=ky: not one of site, map, type, key, container, pod; did you mean key?"},
	{"-p 1 --summary=KEY",
	 "--summary=KEY: not one of site, map, type, key, container, pod; did you mean key?"},
	{"-p 1 --summary map --summary key", "--summary can be given only once"},
	{"-p 1 --format jsno", "--format jsno: not one of text, json; did you mean json?"},
	{"-p 1 --format tex", "--format tex: not one of text, json; did you mean text?"},
	{"-p 1 --limit 1__0", "--limit 1__0" U64},
	{"-p 1 --limit 10_", "--limit 10_" U64},
	{"-p 1 --limit _10", "--limit _10" U64},
	{"-p 1 --limit 0x", "--limit 0x" U64},
	{"-p 1 --limit 0x0x1", "--limit 0x0x1" U64},
	{"-p 1 --limit 1e3", "--limit 1e3" U64},
	{"-p 1 --limit=+1", "--limit +1" U64},
	{"-p 1 --limit=", "--limit " U64},
	{"-p 1 --format yaml", "--format yaml: not one of text, json"},
	{"-p 1 --format=", "--format : not one of text, json"},
	{"-p 1 --engine uprob", "--engine uprob: not one of uprobe; did you mean uprobe?"},
	{"-p 1 -q -v", "-q and -v contradict each other"},

	{"-b x --binary=y", "--binary can be given only once"},
	{"-p 1 --key a --key b", "--key can be given only once"},
	{"-p 1 -k a --key b", "--key can be given only once"},
	{"-p 1 --key-prefix a --key-prefix b", "--key-prefix can be given only once"},
	{"-p 1 --map 1 --map 2", "--map can be given only once"},
	{"-p 1 --goid 1 --goid 2", "--goid can be given only once"},
	{"-p 1 --limit 1 --limit 2", "--limit can be given only once"},
	{"-p 1 --duration 1 --duration 2", "--duration can be given only once"},
	{"-p 1 --format json --format text", "--format can be given only once"},
	{"-p 1 -o a --output=b", "--output can be given only once"},
	{"-p 1 --summary --summary=map", "--summary can be given only once"},
	{"-p 1 --stack 1 --stack 2", "--stack can be given only once"},
	{"-p 1 --key-bytes 1 --key-bytes 2", "--key-bytes can be given only once"},
	{"-p 1 --buffer 1M --buffer 2M", "--buffer can be given only once"},
	{"-p 1 --key a --key-prefix b", "only one of --key and --key-prefix can be given"},
	{"-p 1 --type a --type b", "--type can be given only once"},
	{"-p 1 --site a --site b", "--site can be given only once"},
	{"-p 1 --type=", "--type: the pattern is empty"},
	{"-p 1 --site x\\", "--site x\\: the pattern ends in a lone backslash"},
};

TEST(each_error_names_the_option_and_what_to_write)
{
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		struct trace_options options;
		struct line line;
		struct error *err = parse(errors[i].words, &line, &options);

		if (!err)
			fail_msg("\"%s\" was accepted", errors[i].words);
		assert_string_equal(err->text, errors[i].text);
		assert_int_equal(err->code, ERROR_USAGE);
		error_free(err);
		trace_options_fini(&options);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_error_names_the_option_and_what_to_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
