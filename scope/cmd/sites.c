/* tophash sites: image -> gopcln -> sites -> filters -> sink. */
#include "base/text/text.h"
#include "cmd/cmd.h"
#include "cmd/sites.h"
#include "cmd/sites_options.h"
#include "cmd/output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

struct error *sites_binary_open(const char *path, struct sites_binary *ret)
{
	struct error *err;

	*ret = (struct sites_binary){.path = path, .fd = -1};
	ret->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (ret->fd < 0)
		return error_errno(errno == EACCES ? ERROR_PERMISSION : ERROR_TARGET, errno,
				   "cannot open %s", path);
	err = image_open(ret->fd, path, &ret->image);
	if (!err)
		err = gopcln_open(ret->image, &ret->tab);
	if (!err)
		err = site_find(ret->image, ret->tab, &ret->sites);
	if (err)
		sites_binary_close(ret);
	return err;
}

void sites_binary_close(struct sites_binary *binary)
{
	site_fini(&binary->sites);
	gopcln_close(binary->tab);
	image_close(binary->image);
	if (binary->fd >= 0)
		close(binary->fd);
	*binary = (struct sites_binary){.fd = -1};
}

bool sites_place_matches(const struct filter *filter, const struct site_row *row)
{
	return filter_site_matches(filter, row->frames, row->frames_n);
}

/* Of a generic site, any of its types. */
static bool type_matches(const struct filter *filter, const struct site_row *row)
{
	if (!filter->type_glob)
		return true;
	if (row->type)
		return filter_type_matches(filter, row->type->whole_name);
	for (size_t i = 0; i < row->instances_n; i++)
		if (filter_type_matches(filter, row->instances[i]->whole_name))
			return true;
	return false;
}

bool sites_matches(const struct filter *filter, const struct site_row *row)
{
	return type_matches(filter, row) && sites_place_matches(filter, row);
}

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

static struct error *list_sites(const struct sites_options *options,
				const struct sites_binary *binary, int fd, struct buf *out)
{
	struct site_report report = report_of(options, binary, fd);
	sites_rows rows = {0};
	struct error *err = NULL;

	vec_each(row, &binary->sites.list)
		if (!err && sites_matches(&options->filter, row) && !vec_push(&rows, row))
			err = error_nomem();
	report.rows = rows.data;
	report.rows_n = rows.len;
	if (!err)
		put_report(options, &report, out);
	vec_fini(&rows);
	return err;
}

/* A change is shown when the site passes as it was, or as it is. */
static struct error *put_changes(const struct sites_options *options,
				 const struct site_report *from, const struct site_report *to,
				 const struct site_changes *changes, struct buf *out)
{
	VEC(const struct site_change *) shown = {0};
	struct error *err = NULL;

	vec_each(change, &changes->list)
		if (!err &&
		    ((change->from && sites_matches(&options->filter, change->from)) ||
		     (change->to && sites_matches(&options->filter, change->to))) &&
		    !vec_push(&shown, change))
			err = error_nomem();
	if (!err && strcmp(options->format, "json") == 0)
		site_changes_json(out, from, to, shown.data, shown.len);
	else if (!err)
		site_changes_text(out, from, to, shown.data, shown.len);
	vec_fini(&shown);
	return err;
}

static struct error *compare_sites(const struct sites_options *options,
				   const struct sites_binary *binary, int fd, struct buf *out)
{
	struct site_report from = report_of(options, binary, fd), to;
	struct site_changes changes = {0};
	struct sites_binary other;
	struct error *err;

	try(sites_binary_open(options->other, &other));
	to = report_of(options, &other, fd);
	err = output_check(options->output, other.fd);
	if (!err)
		err = site_compare(&binary->sites, &other.sites, &changes);
	if (!err)
		err = put_changes(options, &from, &to, &changes, out);
	site_changes_fini(&changes);
	sites_binary_close(&other);
	return err;
}

static struct error *run(const struct sites_options *options, int fd, struct buf *out)
{
	struct sites_binary binary;
	struct error *err;
	struct terminal_style style = terminal_style(fd, options->wide);

	try(sites_binary_open(options->binary, &binary));
	if (options->verbose)
		cmd_say("%zu sites of %s found in %.1f ms of processor time", binary.sites.list.len,
			binary.path, clock_used() * 1e3);
	err = output_check(options->output, binary.fd);
	if (!err && options->asm_of)
		err = sites_asm(&binary, options->asm_of, style.color, style.width, out);
	else if (!err)
		err = options->other ? compare_sites(options, &binary, fd, out)
				     : list_sites(options, &binary, fd, out);
	sites_binary_close(&binary);
	return err;
}

int cmd_sites(int argc, char **argv)
{
	struct sites_options options;
	struct buf out = {0};
	int fd = -1;
	struct error *err = sites_options_parse(argc, argv, &options);

	signal(SIGPIPE, SIG_IGN);
	if (!err && options.help) {
		sites_options_fini(&options);
		return cmd_print_help(&sites_verb);
	}
	if (!err)
		err = output_open(options.output, &fd);
	if (!err)
		err = run(&options, fd, &out);
	if (!err)
		err = out.bad ? error_nomem() : output_empty(options.output, fd);
	if (!err)
		err = output_write(fd, &out);
	if (options.output && fd >= 0)
		close(fd);
	buf_fini(&out);
	sites_options_fini(&options);
	return err ? cmd_fail(err) : EXIT_DONE;
}
