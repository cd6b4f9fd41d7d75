/* tophash ps: the list of processes -> report. */
#include "base/buf.h"
#include "base/descriptors.h"
#include "base/text/text.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "cmd/ps_list.h"

static struct error *put_report(const struct process_listing *listing, int fd, struct buf *out)
{
	struct terminal_style style = terminal_style(fd, listing->options->wide);
	size_t n = listing->entries.len;
	cleanup_free struct process_row *rows = calloc(n + 1, sizeof(*rows));
	struct process_report report = {.rows = rows,
					.rows_n = n,
					.hidden = listing->hidden,
					.color = style.color,
					.width = style.width};

	if (!rows)
		return error_nomem();
	ps_list_rows(listing, rows);
	if (strcmp(listing->options->format, "json") == 0)
		process_json(out, &report);
	else
		process_text(out, &report);
	return out->bad ? error_nomem() : NULL;
}

static void say_rest(const struct process_listing *listing)
{
	const struct ps_options *options = listing->options;

	if (options->quiet)
		return;
	if (!listing->entries.len)
		cmd_say(options->wanted_n || options->of_user
				? "none of the chosen processes has Go code"
				: "no process has Go code");
	if (listing->hidden)
		cmd_say("%zu %s could not be looked at: %s", listing->hidden,
			listing->hidden == 1 ? "process" : "processes",
			geteuid() ? "run tophash as root"
				  : "CAP_SYS_PTRACE is missing (a container?), or a security "
				    "module forbids it");
}

static struct error *list_processes(const struct ps_options *options, int fd)
{
	cleanup(ps_list_fini) struct process_listing listing = {0};
	cleanup(buf_fini) struct buf out = {0};

	try(ps_list(options, &listing));
	try(put_report(&listing, fd, &out));
	try(output_empty(options->output, fd));
	try(output_write(fd, &out));
	say_rest(&listing);
	return NULL;
}

int cmd_ps(int argc, char **argv)
{
	struct ps_options options;
	int fd = -1;
	struct error *err = ps_options_parse(argc, argv, &options);

	cmd_signals();
	if (!err && options.help)
		return cmd_print_help(&ps_verb);
	descriptors_raise();
	if (!err)
		err = output_open(options.output, &fd);
	if (!err)
		err = list_processes(&options, fd);
	if (options.output && fd >= 0)
		close(fd);
	return err ? cmd_fail(err) : EXIT_DONE;
}
