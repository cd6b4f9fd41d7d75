/* tophash sites: image -> gopcln -> sites -> filters -> sink. */
#include "base/clock.h"
#include "base/buf.h"
#include "base/text/text.h"
#include "cmd/cmd.h"
#include "cmd/sites.h"
#include "live/container/container.h"
#include "cmd/sites_options.h"
#include "cmd/output.h"

#include <unistd.h>

static void put_report(const struct sites_options *options, const struct site_report *report,
		       struct buf *out)
{
	bool json = strcmp(options->format, "json") == 0;

	if (options->summary && json)
		site_table_json(out, report, options->by);
	else if (options->summary)
		site_table_text(out, report, options->by);
	else if (json)
		site_json(out, report);
	else
		site_text(out, report);
}

static struct site_report report_of(const struct sites_options *options,
				    const struct sites_binary *binary, int fd)
{
	struct terminal_style style = terminal_style(fd, options->wide);
	struct site_report report = {
		.binary = binary->path,
		.go = gopcln_version(binary->tab),
		.go_minor = gopcln_minor(binary->tab),
		.arch = image_machine(binary->image)->name,
		.build_id = image_build_id(binary->image),
		.stripped = image_is_stripped(binary->image),
		.sites = &binary->sites,
		.brief = options->quiet,
		.color = style.color,
		.width = style.width,
	};

	return report;
}

/* Says that no site passes the filters. */
static void say_no_match(const struct sites_options *options, const char *path)
{
	const struct filter *filter = &options->filter;
	const char *what = !filter->site_glob ? "--type matches" : "--site matches";

	if (filter->type_glob && filter->site_glob)
		what = "--type and --site together match";
	cmd_say("%s no site in %s", what, path);
}

static struct error *list_sites(const struct sites_options *options,
				const struct sites_binary *binary, int fd, struct buf *out)
{
	struct site_report report = report_of(options, binary, fd);
	cleanup(sites_rows_fini) sites_rows rows = {0};

	vec_each(row, &binary->sites.list)
		if (sites_matches(&options->filter, row) && !vec_push(&rows, row))
			return error_nomem();
	if (!rows.len && binary->sites.list.len && !options->quiet)
		say_no_match(options, binary->path);
	report.rows = rows.data;
	report.rows_n = rows.len;
	put_report(options, &report, out);
	return NULL;
}

/* Tells whether a change is shown: the site passes the filters in either binary. */
static bool is_shown(const struct filter *filter, const struct site_change *change)
{
	return (change->from && sites_matches(filter, change->from)) ||
	       (change->to && sites_matches(filter, change->to));
}

static struct error *put_changes(const struct sites_options *options,
				 const struct site_report *from, const struct site_report *to,
				 const struct site_changes *changes, struct buf *out)
{
	cleanup_free const struct site_change **shown =
		calloc(changes->list.len + 1, sizeof(*shown));
	size_t n = 0;

	if (!shown)
		return error_nomem();
	vec_each(change, &changes->list)
		if (is_shown(&options->filter, change))
			shown[n++] = change;
	if (strcmp(options->format, "json") == 0)
		site_changes_json(out, from, to, shown, n);
	else
		site_changes_text(out, from, to, shown, n);
	return NULL;
}

static struct error *compare_sites(const struct sites_options *options,
				   const struct sites_binary *binary, int fd, struct buf *out)
{
	struct site_report from = report_of(options, binary, fd), to;
	cleanup(site_changes_fini) struct site_changes changes = {0};
	cleanup(sites_binary_close) struct sites_binary other = {.fd = -1};

	try(sites_binary_open(options->other, &other));
	to = report_of(options, &other, fd);
	try(output_check(options->output, other.fd));
	try(site_compare(&binary->sites, &other.sites, &changes));
	return put_changes(options, &from, &to, &changes, out);
}

static struct error *make_report(const struct sites_options *options, int fd, struct buf *out)
{
	cleanup(sites_binary_close) struct sites_binary binary = {.fd = -1};
	struct terminal_style style = terminal_style(fd, options->wide);

	try(sites_binary_open(options->binary, &binary));
	if (options->verbose)
		cmd_say("%zu sites of %s found in %.1f ms of processor time", binary.sites.list.len,
			binary.path, clock_used() * 1e3);
	try(output_check(options->output, binary.fd));
	if (options->asm_of)
		return sites_asm(&binary, options->asm_of, &style, out);
	return options->other ? compare_sites(options, &binary, fd, out)
			      : list_sites(options, &binary, fd, out);
}

static struct error *run(const struct sites_options *options)
{
	cleanup_buf struct buf out = {0};
	int fd;

	try(output_open(options->output, &fd));
	try(make_report(options, fd, &out));
	if (out.bad)
		return error_nomem();
	try(output_empty(options->output, fd));
	return output_write(fd, &out);
}

int cmd_sites(int argc, char **argv)
{
	cleanup(sites_options_fini) struct sites_options options = {0};
	struct error *err = sites_options_parse(argc, argv, &options);
	cleanup_free char *program = NULL;

	cmd_signals();
	if (err)
		return cmd_fail(err);
	if (options.help)
		return cmd_print_help(&sites_verb);
	if (options.container || options.pod)
		err = sites_container_program(&(struct container_query){options.pod,
									options.container,
									options.runtime_socket},
					      &program);
	if (program)
		options.binary = program;
	if (!err)
		err = run(&options);
	return err ? cmd_fail(err) : EXIT_DONE;
}
