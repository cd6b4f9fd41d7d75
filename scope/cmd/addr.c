#include "cmd/addr.h"
#include "base/buf.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "live/choice/choice.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Explains the addresses of the command line. */
static struct error *explain_words(struct addr *addr)
{
	unsigned step = addr->options.returns == SPACE_RETURN_YES;
	size_t n = addr->options.pc_n;
	cleanup_free struct explain_query *queries = calloc(n, sizeof(*queries));
	const struct explanation *list;

	if (!queries)
		return error_nomem();
	for (size_t i = 0; i < n; i++) {
		uint64_t pc;

		try(addr_options_pc(addr->options.pcs[i], &pc));
		space_locate(&addr->space, pc, step, &queries[i]);
	}
	try(explain(addr->explain, queries, n, &list));
	for (size_t i = 0; i < n; i++)
		addr_emit(addr, &list[i]);
	return NULL;
}

/* Notes for the totals why sources of the main module gave no answer. */
static void note_sources(struct addr *addr)
{
	const char *separate = explain_module_separate(addr->space.main);

	for (enum explain_source i = 0; i < EXPLAIN_SOURCES; i++)
		addr->totals.why[i] = explain_module_why(addr->space.main, i);
	addr->totals.separate = *separate ? separate : NULL;
}

static struct error *open_space(const struct addr_options *options, struct space *ret)
{
	pid_t pid;

	if (!options->process)
		return space_of_file(options->binary, options->bias, ret);
	try(choice_one(options->process, &pid));
	return space_of_process(pid, ret);
}

static struct error *run(struct addr *addr)
{
	const struct addr_options *o = &addr->options;
	struct terminal_style style;
	double begun = seconds_now();

	cmd_signals();
	signal(SIGCHLD, SIG_DFL);
	try(open_space(o, &addr->space));
	if (o->sources & EXPLAIN_BIT(EXPLAIN_DWARF))
		explain_module_prepare_dwarf(addr->space.main);
	try(explain_new(o->sources, o->fallback, &addr->explain));
	try(output_check(o->output, explain_module_fd(addr->space.main)));
	try(output_open(o->output, &addr->fd));
	try(output_empty(o->output, addr->fd));
	style = terminal_style(addr->fd, o->wide);
	addr->style = (struct addr_style){
		.color = style.color,
		.width = style.width,
		.sources = o->verbose,
		.main = addr->space.main,
	};
	if (!o->pc_n && !o->quiet && isatty(STDIN_FILENO))
		cmd_say("reading addresses, or a text with addresses, from the terminal: end with "
			"Ctrl-D");
	try(o->pc_n ? explain_words(addr) : addr_annotate(addr));
	note_sources(addr);
	if (addr_is_json(addr))
		addr_json_end(&addr->out, &addr->totals, seconds_now() - begun);
	else if (!o->quiet && !o->annotate)
		addr_text_end(&addr->out, &addr->totals, addr->style.width);
	return addr_flush(addr, true);
}

int cmd_addr(int argc, char **argv)
{
	struct addr addr = {.fd = -1};
	struct error *err = addr_options_parse(argc, argv, &addr.options);
	int code = EXIT_DONE;

	if (!err && addr.options.help)
		return cmd_print_help(&addr_verb);
	if (!err)
		err = run(&addr);
	if (err)
		code = cmd_fail(err);
	buf_fini(&addr.out);
	explain_free(addr.explain);
	space_fini(&addr.space);
	return code;
}
