/* Tests of the option tables of all verbs (cmd/options/options.h), of the texts that are made from
 * them, and of the command lines of sites and addr. */
#include "options_parse.h"
#include "base/text/text.h"
#include "base/buf.h"

#include "cmd/addr_options.h"
#include "cmd/sites_options.h"
#include "read/explain/explain.h"

#include <stdio.h>

static const struct verb_spec *const every_verb[] = {&trace_verb, &sites_verb, &addr_verb};

/* Returns how many lines of the text begin with these words, after spaces. */
static size_t lines_with(const char *text, const char *begin)
{
	size_t n = 0;

	for (const char *at = text; at && *at; at = strchr(at, '\n')) {
		at += strspn(at, " \n");
		n += !strncmp(at, begin, strlen(begin));
	}
	return n;
}

/* The text fits a terminal, explains every option that is not rare, or every option, and names the
 * rest. */
static void check_help(const struct verb_spec *verb, bool all)
{
	cleanup_buf struct buf help = {0};
	size_t lines = 0;
	const char *text;

	options_help(verb, all, &help);
	text = buf_cstr(&help);
	assert_int_equal(lines_with(text, "Examples:\n"), 1);
	options_each(option, verb) {
		cleanup_buf struct buf title = {0}, name = {0};
		bool explained = all || !option->rare;

		options_put_title(option, &title);
		buf_printf(&name, "--%s", option->name);
		if (!strstr(text, buf_cstr(&name)) ||
		    (lines_with(text, buf_cstr(&title)) != 0) != explained)
			fail_msg("%s: %s: %sexplained in the help", verb->name, buf_cstr(&title),
				 explained ? "not " : "");
	}
	for (const char *at = text, *end; (end = strchr(at, '\n')); at = end + 1, lines++)
		assert_in_range(end - at, 0, 79);
	assert_true(all || lines <= 60); /* a large screen; otherwise make an option rare */
	assert_int_equal(text[strlen(text) - 1], '\n');
}

TEST(test_help_text)
{
	for (size_t i = 0; i < ARRAY_SIZE(every_verb); i++) {
		check_help(every_verb[i], false);
		check_help(every_verb[i], true);
		options_each(option, every_verb[i])
			for (size_t v = 0; option_value(option, v); v++)
				assert_true(strstr(option->help, "{}") ||
					    strstr(option->help, option_value(option, v)));
	}
}

TEST(test_braces_are_the_words_of_the_option)
{
	static const char *const words[] = {"one", "two", NULL};
	struct option_spec option = {.name = "x", .argument = "X", .values = words};
	cleanup_buf struct buf text = {0};

	options_put_text(&option, "x: {}.", &text);
	option.values = NULL;
	options_put_text(&option, " map[interface {}]int", &text);
	assert_string_equal(buf_cstr(&text), "x: one, two. map[interface {}]int");
}

/* A group ends with the names of its rare options. A group of nothing else has these only. */
TEST(test_help_of_rare_options)
{
	struct opts {
		bool help, help_all, a, b, c, d;
	};
	static const struct option_spec rows[] = {
		{.group = "First", .name = "aa", .kind = OPTION_FLAG, .help = "an a", .rare = true},
		{.name = "bb", .kind = OPTION_FLAG, .help = "a b"},
		{.name = "cc", .kind = OPTION_FLAG, .help = "a c", .rare = true},
		{.group = "Second", .name = "dd", .kind = OPTION_FLAG, .help = "a d", .rare = true},
		{.group = "Third", .argument = "WORD", .kind = OPTION_OPERAND, .help = "a word"},
		OPTION_HELP_ROW(struct opts),
		OPTION_HELP_ALL_ROW(struct opts),
		{0},
	};
	static const char *const lines[] = {"[OPTION]...", NULL}, *const none[] = {NULL};
	static const struct verb_spec verb = {.name = "verb",
					      .synopsis = lines,
					      .about = "About.",
					      .options = rows,
					      .examples = none,
					      .exit_status = "0."};
	cleanup_buf struct buf brief = {0}, whole = {0};

	options_help(&verb, false, &brief);
	assert_string_equal(buf_cstr(&brief),
			    "usage: tophash verb [OPTION]...\n\nAbout.\n\n"
			    "First:\n"
			    "      --bb               a b\n"
			    "  More: --aa, --cc\n\n"
			    "Second:\n"
			    "  More: --dd\n\n"
			    "Third:\n"
			    "  WORD                   a word\n"
			    "  -h, --help             this text\n"
			    "      --help-all         the same, with every option explained\n\n"
			    "Examples:\n\n0.\nSee tophash-verb(1).\n");
	options_help(&verb, true, &whole);
	assert_null(strstr(buf_cstr(&whole), "More:"));
	assert_non_null(strstr(buf_cstr(&whole), "\n      --aa               an a\n"));
	assert_non_null(strstr(buf_cstr(&whole), "\nSecond:\n      --dd               a d\n"));
}

/* Each row is valid: its own member, its own name, and all that its kind needs. */
TEST(test_tables)
{
	for (size_t i = 0; i < ARRAY_SIZE(every_verb); i++) {
		const struct verb_spec *verb = every_verb[i];

		assert_true(verb->options->group != NULL);
		options_each(option, verb) {
			bool words = option->kind == OPTION_WORD || option->kind == OPTION_ENUM;

			assert_in_range(option - verb->options, 0, 63);
			assert_non_null(option->man);
			assert_true(option->kind == OPTION_PROCESS || option->kind == OPTION_USER ||
				    (option->parse != NULL) == (option->kind == OPTION_CUSTOM));
			assert_true(!words || option_value(option, 0));
			assert_int_equal(!option->argument, option->kind == OPTION_FLAG ||
								    option->kind == OPTION_HELP);
			options_each(other, verb) {
				if (other == option)
					continue;
				assert_string_not_equal(other->name, option->name);
				assert_true(!other->letter || other->letter != option->letter);
				assert_true(other->parse || option->parse ||
					    other->at != option->at);
			}
		}
	}
}

static char *read_page(const char *verb)
{
	char path[64];
	char *text = calloc(1, 1 << 18);
	FILE *file;

	snprintf(path, sizeof(path), "docs/man/tophash-%s.1", verb);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(text);
	assert_in_range(fread(text, 1, (1 << 18) - 1, file), 1, (1 << 18) - 2);
	fclose(file);
	return text;
}

/* The man pages describe the options as the tables do, because tools/man-options writes them. */
TEST(test_man_pages)
{
	for (size_t i = 0; i < ARRAY_SIZE(every_verb); i++) {
		cleanup_buf struct buf text = {0}, name = {0};
		cleanup_free char *page = read_page(every_verb[i]->name);

		options_man(every_verb[i], &text);
		if (!strstr(page, buf_cstr(&text)))
			fail_msg("tophash-%s.1 is stale: run tools/man-options",
				 every_verb[i]->name);
		buf_printf(&name, ".SH NAME\ntophash-%s \\- %s\n", every_verb[i]->name,
			   every_verb[i]->summary);
		assert_non_null(strstr(page, buf_cstr(&name)));
	}
}

/* ---- sites, addr ---- */

static struct error *parse_sites(const char *words, struct line *line, struct sites_options *ret)
{
	split(words, line);
	return sites_options_parse(line->argc, line->argv, ret);
}

static struct error *parse_addr(const char *words, struct line *line, struct addr_options *ret)
{
	split(words, line);
	return addr_options_parse(line->argc, line->argv, ret);
}

/* Options and files may come in any order; after "--" all words are files. */
TEST(test_sites_words)
{
	struct sites_options o;
	struct line line;

	assert_null(parse_sites("a -q --format json b -o c", &line, &o));
	assert_string_equal(o.binary, "a");
	assert_string_equal(o.other, "b");
	assert_string_equal(o.output, "c");
	assert_string_equal(o.format, "json");
	assert_true(o.quiet && !o.summary);
	assert_null(parse_sites("--by type -- -q", &line, &o));
	assert_string_equal(o.binary, "-q");
	assert_null(o.other);
	assert_true(o.summary && !o.quiet);
	assert_int_equal(o.by, SITE_BY_TYPE);
	assert_null(parse_sites("-", &line, &o));
	assert_string_equal(o.binary, "-");
	assert_null(parse_sites("--summary x", &line, &o)); /* takes no value */
	assert_string_equal(o.binary, "x");
	assert_int_equal(o.by, SITE_BY_FUNCTION);
	assert_null(parse_sites("--asm=store.go:61 x -v", &line, &o));
	assert_string_equal(o.asm_of, "store.go:61");
	assert_true(o.verbose);
	assert_null(parse_sites("-h", &line, &o));
	assert_true(o.help);
}

TEST(test_addr_words)
{
	struct addr_options o;
	struct line line;

	assert_null(parse_addr("a 1 -q 0x2 --return 3", &line, &o));
	assert_string_equal(o.binary, "a");
	assert_int_equal(o.pc_n, 3);
	assert_string_equal(o.pcs[2], "3");
	assert_int_equal(o.returns, SPACE_RETURN_YES);
	assert_int_equal(o.sources, EXPLAIN_BIT(EXPLAIN_GOPCLNTAB) | EXPLAIN_BIT(EXPLAIN_SYMBOLS));
	assert_int_equal(o.fallback, EXPLAIN_BIT(EXPLAIN_DWARF));
	assert_null(parse_addr("-p 7 401000 --return=auto --source dwarf,symbols", &line, &o));
	assert_null(o.binary);
	assert_string_equal(o.process, "7");
	assert_string_equal(o.pcs[0], "401000");
	assert_int_equal(o.returns, SPACE_RETURN_AUTO);
	assert_int_equal(o.sources, EXPLAIN_BIT(EXPLAIN_DWARF) | EXPLAIN_BIT(EXPLAIN_SYMBOLS));
	assert_int_equal(o.fallback, 0);
	assert_null(parse_addr("--source all --bias 0x1000 -a a", &line, &o));
	assert_int_equal(o.sources, EXPLAIN_ALL);
	assert_true(o.annotate && o.bias_given);
	assert_int_equal(o.bias, 0x1000);
}

static const struct {
	const char *words, *text;
} sites_errors[] = {
	{"", "no binary is given: give one, or two to compare (try tophash sites --help)"},
	{"a b c", "unexpected \"c\": at most two binaries can be given"},
	{"a --by", "option --by needs a value"},
	{"a --by typ", "--by typ: not one of function, type, variant, package; did you mean type?"},
	{"a --by func",
	 "--by func: not one of function, type, variant, package; did you mean function?"},
	{"a --by line", "--by line: not one of function, type, variant, package"},
	{"a --summary=type", "option --summary takes no value"},
	{"a --format jsn", "--format jsn: not one of text, json; did you mean json?"},
	{"a --formt json", "unknown option --formt: did you mean --format?"},
	{"a -p 1", "unknown option -p (try tophash sites --help)"},
	{"a --s x", "option --s is ambiguous: --site, --summary"},
	{"a --by type --by package", "--by can be given only once"},
	{"a -o x -o y", "--output can be given only once"},
	{"a -q -v", "-q and -v contradict each other"},
	{"a b --asm x", "--asm works on one binary: give only one"},
	{"a b --by type", "--summary and --by work on one binary: give only one"},
	{"a --asm x --summary", "--asm does not go with --summary or --by"},
	{"a --asm x --type y", "--asm already names its sites: leave out --type and --site"},
	{"a --asm x --format json", "--asm prints text for people: leave out --format json"},
};

static const struct {
	const char *words, *text;
} addr_errors[] = {
	{"", "no program is given: give BINARY or -p PID (try tophash addr --help)"},
	{"a zz", "zz: not an address; write it in hexadecimal, as 0x4a1b2d"},
	{"a 0x", "0x: not an address; write it in hexadecimal, as 0x4a1b2d"},
	{"a 0x0x1", "0x0x1: not an address; write it in hexadecimal, as 0x4a1b2d"},
	{"a 11111111111111111",
	 "11111111111111111: not an address; write it in hexadecimal, as 0x4a1b2d"},
	{"-p 1 --bias 0x10 1", "--bias is only for a BINARY: with -p the load bias is known"},
	{"a --bias -1", "--bias -1: not an address; write it in hexadecimal, as 0x555555554000"},
	{"a --return yes 1",
	 "\"yes\" after --return: write --return=yes, or ./yes for a file of that name"},
	{"a --return=maybe 1", "--return=maybe: not one of auto, yes, no"},
	{"a --return=yse 1", "--return=yse: not one of auto, yes, no; did you mean yes?"},
	{"a --source gopclntap 1",
	 "--source gopclntap: not one of gopclntab, symbols, dwarf, all; did you mean gopclntab?"},
	{"a --source symbols,x 1", "--source x: not one of gopclntab, symbols, dwarf, all"},
	{"a --source , 1", "--source : not one of gopclntab, symbols, dwarf, all"},
	{"a --source= 1", "--source names no source: give gopclntab, symbols, dwarf or all"},
	{"a --anotate", "unknown option --anotate: did you mean --annotate?"},
	{"a -a 1", "--annotate reads its text from standard input: leave out \"1\""},
	{"a -a --format json", "--annotate prints a text: leave out --format json"},
	{"a 1 -qv", "-q and -v contradict each other"},
	{"a -p", "option -p needs a value"},
};

TEST(test_errors)
{
	struct sites_options sites;
	struct addr_options addr;
	struct line line;

	for (size_t i = 0; i < ARRAY_SIZE(sites_errors); i++) {
		cleanup(error_free) struct error *err =
			parse_sites(sites_errors[i].words, &line, &sites);

		assert_non_null(err);
		assert_string_equal(err->text, sites_errors[i].text);
		assert_int_equal(err->code, ERROR_USAGE);
		sites_options_fini(&sites);
	}
	for (size_t i = 0; i < ARRAY_SIZE(addr_errors); i++) {
		cleanup(error_free) struct error *err =
			parse_addr(addr_errors[i].words, &line, &addr);

		assert_non_null(err);
		assert_string_equal(err->text, addr_errors[i].text);
		assert_int_equal(err->code, ERROR_USAGE);
	}
}

/* ---- nearest words ---- */

TEST(test_nearest)
{
	static const char *const words[] = {"summary", "site", "stack", "output", NULL};
	static const struct {
		const char *text, *word;
	} cases[] = {
		{"summary", "summary"},
		{"sumary", "summary"},
		{"summmary", "summary"},
		{"usmmary", "summary"},
		{"SUMMARY", "summary"},
		{"sites", "site"},
		{"tsie", NULL},
		{"stakc", "stack"},
		{"ouptut", "output"},
		{"", NULL},
		{"s", NULL},
		{"nonsense", NULL},
		{"out", "output"},
		{"summarysummary", "summary"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *found = nearest_word(cases[i].text, strlen(cases[i].text), words);

		if (!cases[i].word && found)
			fail_msg("\"%s\" is taken for %s", cases[i].text, found);
		else if (cases[i].word)
			assert_string_equal(found, cases[i].word);
	}
	assert_int_equal(nearest_distance("ca", 2, "abc", 3, 9),
			 3); /* a swapped pair is not edited again */
	assert_int_equal(nearest_distance("kitten", 6, "sitting", 7, 9), 3);
	assert_int_equal(nearest_distance("kitten", 6, "sitting", 7, 1), 2);
	assert_int_equal(nearest_distance("", 0, "abc", 3, 9), 3);
}

/* ---- hostile command lines ---- */

/* Endless words and arbitrary bytes are refused with a legible reason. */
TEST(test_hostile)
{
	static const char *const heads[] = {"--",	  "-",	      "--key-",	      "--duration=",
					    "--buffer=",  "--limit=", "--format=",    "--summary=",
					    "--pid=",	  "--map=",   "--type",	      "-p",
					    "--dur\xff=", "--\x01",   "--duration=1h"};
	static const char fills[] = {'x', '9', '\xff', '\x1b', '-', '=', '%', '.', '_', ' ', 's'};
	static char text[1 << 16];

	for (size_t h = 0; h < ARRAY_SIZE(heads); h++) {
		for (size_t f = 0; f < sizeof(fills); f++) {
			/* A program's name has at most 255 bytes. */
			for (size_t size = 256; size < sizeof(text); size *= 31) {
				static char verb[] = "trace";
				char *argv[] = {verb, text, NULL};
				cleanup(error_free) struct error *err = NULL;
				struct trace_options o;
				size_t head = strlen(heads[h]);

				memcpy(text, heads[h], head);
				memset(text + head, fills[f], size);
				text[head + size] = '\0';
				err = trace_options_parse(2, argv, &o);
				assert_non_null(err);
				assert_int_equal(err->code, ERROR_USAGE);
				assert_true(strlen(err->text) < 900);
				trace_options_fini(&o);
			}
		}
	}
}

/* No words at all, not even the name of the program. */
TEST(test_empty)
{
	char *argv[] = {NULL};
	struct trace_options o;
	cleanup(error_free) struct error *err = trace_options_parse(0, argv, &o);

	assert_non_null(err);
}

/* kubectl-tophash passes the other options on to another machine. */
TEST(options_that_name_things_of_this_machine_say_so)
{
	static const struct verb_spec *const sent[] = {&trace_verb, &sites_verb};

	for (size_t i = 0; i < ARRAY_SIZE(sent); i++) {
		options_each(option, sent[i])
			if (option->kind == OPTION_FILE || option->kind == OPTION_PROCESS ||
			    option->kind == OPTION_USER)
				assert_non_null(option->local);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_help_text),
		cmocka_unit_test(test_help_of_rare_options),
		cmocka_unit_test(test_braces_are_the_words_of_the_option),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_man_pages),
		cmocka_unit_test(test_sites_words),
		cmocka_unit_test(test_addr_words),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(options_that_name_things_of_this_machine_say_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
