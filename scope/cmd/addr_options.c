#include "cmd/addr_options.h"
#include "base/text/text.h"
#include "read/explain/explain.h"

#define AT(member) offsetof(struct addr_options, member)

static const char *const whens[] = {
	[SPACE_RETURN_AUTO] = "auto",
	[SPACE_RETURN_YES] = "yes",
	[SPACE_RETURN_NO] = "no",
	NULL,
};
/* The names that explain_source_name() returns, and "all". */
static const char *const sources[] = {
	[EXPLAIN_GOPCLNTAB] = "gopclntab",
	[EXPLAIN_SYMBOLS] = "symbols",
	[EXPLAIN_DWARF] = "dwarf",
	[EXPLAIN_SOURCES] = "all",
	NULL,
};

static struct error *read_bias(const char *text, void *options)
{
	struct addr_options *o = options;

	if (!option_address(text, &o->bias))
		return error_new(ERROR_USAGE,
				 "--bias %.80s: not an address; write it in hexadecimal, "
				 "as 0x555555554000",
				 text);
	o->bias_given = true;
	return NULL;
}

static struct error *read_source(const char *text, size_t len, struct addr_options *ret)
{
	const char *near = nearest_word(text, len, sources);

	for (size_t i = 0; sources[i]; i++) {
		if (strlen(sources[i]) != len || strncmp(text, sources[i], len) != 0)
			continue;
		ret->sources |= i < EXPLAIN_SOURCES ? EXPLAIN_BIT(i) : EXPLAIN_ALL;
		return NULL;
	}
	return error_new(ERROR_USAGE,
			 "--source %.*s: not one of gopclntab, symbols, dwarf, all%s%s%s",
			 (int)(len < 80 ? len : 80), text, near ? "; did you mean " : "",
			 near ? near : "", near ? "?" : "");
}

/* Reads names that are separated by commas. */
static struct error *read_sources(const char *text, void *options)
{
	struct addr_options *ret = options;

	ret->sources = ret->fallback = 0;
	while (*text) {
		size_t len = strcspn(text, ",");

		try(read_source(text, len, ret));
		text += len + (text[len] == ',');
	}
	return ret->sources ? NULL
			    : error_new(ERROR_USAGE, "--source names no source: give "
						     "gopclntab, symbols, dwarf or all");
}

/* clang-format off */
static const struct option_spec rows[] = {
	{.group = "Whose addresses", .group_man = "A \\fIPC\\fR is hexadecimal, with or without 0x.",
	 .argument = "BINARY", .kind = OPTION_OPERAND,
	 .help = "an executable or library: addresses as in the file",
	 .man = "An executable or a shared library. Addresses are those of the file, as nm and "
		"objdump show them."},
	{.name = "pid", .letter = 'p', .argument = "PID|NAME", .kind = OPTION_PROCESS,
	 .at = AT(process),
	 .help = "a running process: addresses as in the run, in any file",
	 .man = "A running process, by its id or by the name of its program, if only one process has "
		"it. Addresses are those of the run. The load bias is subtracted, "
		"and an address in a library or in the vdso is explained from that file. For an "
		"address in no file, the answer says where it is: in a heap, in a stack, or in "
		"the kernel."},
	{.name = "bias", .argument = "ADDR", .kind = OPTION_CUSTOM, .parse = read_bias,
	 .help = "the load bias of BINARY, which is subtracted from each address",
	 .man = "The load bias of a position-independent BINARY. It is subtracted from every "
		"address. Crash reports rarely need it (see \\fBTEXTS\\fR)."},
	{.name = "return", .argument = "WHEN", .kind = OPTION_ENUM, .at = AT(returns),
	 .values = whens, .implied = "yes",
	 .help = "look up the call before each address, as for return addresses: yes, no, auto "
		 "(only in stacks of a text; the default)",
	 .man = "Tells whether the addresses are return addresses. For a return address the "
		"instruction before it is looked up, which is the call. The instruction at the "
		"address may belong to the next line. In a stack all addresses except the "
		"innermost are return addresses. auto (the default) means no, except in the "
		"stacks of a text, where the form of the text decides. The option without a value "
		"means yes."},

	{.group = "From where",
	 .name = "source", .argument = "LIST", .kind = OPTION_CUSTOM, .parse = read_sources,
	 .values = sources, .list = true,
	 .help = "the sources to ask: gopclntab, symbols, dwarf (separated by commas), or all; by "
		 "default dwarf is asked only about code that is not Go",
	 .man = "gopclntab, symbols, dwarf, separated by commas, or all. The default asks "
		"gopclntab and symbols, which takes milliseconds. It asks debug information only "
		"about addresses of code that is not Go: C code in a cgo program, or a program in "
		"C."},

	{.group = "How to show it",
	 .name = "annotate", .letter = 'a', .kind = OPTION_FLAG, .at = AT(annotate),
	 .help = "print the text of standard input, with function and file:line after every "
		 "address in it",
	 .man = "Prints the text of standard input as it is, with a note in brackets after every "
		"address in it. A log that is being written comes out line by line."},
	OPTION_FORMAT_ROW(struct addr_options, NULL, option_formats,
			  "JSON Lines (see \\fBRECORDS\\fR)"),
	OPTION_OUTPUT_ROW(struct addr_options, ""),
	{.name = "wide", .kind = OPTION_FLAG, .at = AT(wide),
	 .help = "do not cut lines to the width of the terminal",
	 .man = "Does not cut lines on a terminal. Without this option they are cut to the width "
		"of the terminal, except those of \\fB--annotate\\fR. In a file or a pipe nothing "
		"is ever cut."},

	{.group = "Other",
	 .name = "quiet", .letter = 'q', .kind = OPTION_FLAG, .at = AT(quiet),
	 .help = "no totals at the end; only errors on standard error",
	 .man = "Prints no totals at the end. Prints only errors on standard error."},
	{.name = "verbose", .letter = 'v', .kind = OPTION_FLAG, .at = AT(verbose),
	 .help = "show the answer of each source, even if they agree",
	 .man = "Shows the answer of each source on its own line, even if they agree."},
	OPTION_HELP_ROW(struct addr_options),
	{0},
};
/* clang-format on */

static const char *const synopsis[] = {
	"[OPTION]... BINARY [PC]...",
	"[OPTION]... -p PID|NAME [PC]...",
	NULL,
};

static const char *const examples[] = {
	"tophash addr ./server 0x4a1b2d",
	"tophash addr -p 4711 7f3a12b4c1d0",
	"tophash addr --annotate ./server < crash.txt",
	"perf script | tophash addr --annotate -p 4711",
	"tophash addr --source all --format json ./server < pcs.txt",
	NULL,
};

const struct verb_spec addr_verb = {
	.name = "addr",
	.summary = "explain addresses of a program: function, line, inlined calls",
	.question = "What is at this address, or in this crash report?",
	.synopsis = synopsis,
	.about = "Explains addresses: function, file:line, inlined calls. It asks the Go runtime's "
		 "own table, ELF symbols and debug information, and shows their answers side by "
		 "side if they differ. Without PCs it reads standard input and explains the "
		 "addresses in it: a list, a crash report, a log.",
	.options = rows,
	.operands = OPERANDS_ADDRESS,
	.examples = examples,
	.exit_status =
		"Exit status: 0 done; 1 failed; 2 usage; 3 no such target, or not an ELF file; "
		"4 not permitted.",
};

struct error *addr_options_pc(const char *text, uint64_t *ret)
{
	if (option_address(text, ret))
		return NULL;
	return error_new(ERROR_USAGE, "%.80s: not an address; write it in hexadecimal, as 0x4a1b2d",
			 text);
}

static struct error *check(const struct addr_options *options)
{
	uint64_t value;

	if (!options->binary && !options->process)
		return error_new(ERROR_USAGE, "no program is given: give BINARY or -p PID (try "
					      "tophash addr --help)");
	if (options->process && options->bias_given)
		return error_new(ERROR_USAGE, "--bias is only for a BINARY: with -p the load bias "
					      "is known");
	if (options->annotate && options->pc_n)
		return error_new(ERROR_USAGE,
				 "--annotate reads its text from standard input: leave out \"%s\"",
				 options->pcs[0]);
	if (options->annotate && strcmp(options->format, "json") == 0)
		return error_new(ERROR_USAGE, "--annotate prints a text: leave out --format json");
	for (size_t i = 0; i < options->pc_n; i++)
		try(addr_options_pc(options->pcs[i], &value));
	return NULL;
}

struct error *addr_options_parse(int argc, char **argv, struct addr_options *ret)
{
	struct option_words words;

	*ret = (struct addr_options){
		.format = "text",
		.sources = EXPLAIN_BIT(EXPLAIN_GOPCLNTAB) | EXPLAIN_BIT(EXPLAIN_SYMBOLS),
		.fallback = EXPLAIN_BIT(EXPLAIN_DWARF),
	};
	try(options_parse(&addr_verb, argc, argv, ret, &words));
	if (ret->help)
		return NULL;
	if (!ret->process && words.n) {
		ret->binary = *words.words++;
		words.n--;
	}
	ret->pcs = words.words;
	ret->pc_n = words.n;
	return check(ret);
}
