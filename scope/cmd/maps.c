/* tophash maps: the live maps of a process -> report. */
#include "base/buf.h"
#include "base/text/text.h"
#include "cmd/cmd.h"
#include "cmd/maps_diff.h"
#include "cmd/maps_every.h"
#include "cmd/maps_export.h"
#include "cmd/maps_list.h"
#include "cmd/maps_one.h"
#include "cmd/output.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static void put_list(const struct maps_listing *listing, const struct map_report *report, bool json,
		     struct buf *out)
{
	const struct map_groups *groups = &listing->groups;

	if (listing->options->who)
		(json ? held_json : held_text)(out, &listing->held.report, report);
	else if (listing->options->grouped)
		(json ? map_groups_json : map_groups_text)(out, report, listing->options->by,
							   groups->list.data, groups->list.len);
	else
		(json ? maps_json : maps_text)(out, report);
}

/* Appends what is asked for: a list, a list to be kept, or a file for another program. */
static struct error *put_report(const struct maps_listing *listing, int fd, struct buf *out)
{
	const struct maps_options *options = listing->options;
	struct terminal_style style = terminal_style(fd, options->wide);
	struct map_report report = listing->totals;

	report.rows = listing->rows.data;
	report.rows_n = listing->rows.len;
	report.color = style.color;
	report.width = style.width;
	if (options->to)
		return maps_export(listing, out);
	if (options->save)
		snapshot_put(out, &listing->head, &report);
	else
		put_list(listing, &report, strcmp(options->format, "json") == 0, out);
	return out->bad ? error_nomem() : NULL;
}

/* Says what a core lacks. */
static void say_core(const struct map_report *totals)
{
	if (totals->core_missing)
		cmd_say("%s is cut: %llu of its bytes are missing, and maps in them, too",
			totals->core, (unsigned long long)totals->core_missing);
	if (totals->core_unproved)
		cmd_say("%s has no build id: nothing tells whether it is a core of this program",
			totals->core);
	if (totals->core_unseen)
		cmd_say("%llu files of the core's code are not here, or are other builds: if they are Go "
			"plugins, their maps are missing",
			(unsigned long long)totals->core_unseen);
}

/* Writes the output, which is whole or, if it is a file of --save or --to, not there at all. */
static struct error *write_report(const struct maps_options *options, int fd, const struct buf *out)
{
	const char *file = maps_file(options);
	struct error *err;

	try(output_empty(file, fd));
	err = output_write(fd, out);
	if (!err || (!options->save && !options->to))
		return err;
	error_free(output_empty(file, fd));
	return error_wrap(err, "%s", file);
}

/* Says what happened while the process was read, if anything did. */
static void say_meanwhile(const struct map_report *totals)
{
	if (!totals->watched || (!totals->cycles && totals->spans == totals->spans_after))
		return;
	cmd_say("while it was read, the collector ran %llu times, and the heap went from %.1f MiB in %llu "
		"spans to %.1f MiB in %llu: maps that were made meanwhile may be missing (--stop is exact)",
		(unsigned long long)totals->cycles, (double)totals->heap_bytes / (1 << 20),
		(unsigned long long)totals->spans, (double)totals->heap_bytes_after / (1 << 20),
		(unsigned long long)totals->spans_after);
}

static void say_totals(const struct map_report *totals)
{
	cmd_say("%llu maps, %llu bytes, of which %llu are empty; the type of %llu%% of the bytes is known; "
		"%.0f MiB of heap, read in %.0f ms%s",
		(unsigned long long)totals->maps, (unsigned long long)totals->bytes,
		(unsigned long long)totals->waste,
		(unsigned long long)(totals->bytes ? totals->typed_bytes * 100 / totals->bytes
						   : 100),
		(double)totals->heap_bytes / (1 << 20), totals->seconds * 1e3,
		totals->core	  ? ""
		: totals->stopped ? " while it stood still"
				  : " while it ran");
}

static struct error *list_maps(const struct maps_options *options, int fd, bool *lost)
{
	cleanup(maps_list_fini) struct maps_listing listing = {0};
	cleanup(buf_fini) struct buf out = {0};

	try(maps_list(options, &listing));
	if (!options->quiet)
		say_meanwhile(&listing.totals);
	if (options->map)
		try(maps_one(&listing, fd, &out));
	else
		try(put_report(&listing, fd, &out));
	try(write_report(options, fd, &out));
	say_core(&listing.totals);
	if (options->to && !listing.ways.holders)
		cmd_say("more than %d objects of its heap have pointers: what holds the maps is not in %s",
			HEAP_PARENTS_MAX, options->to);
	if (listing.held.left_out)
		cmd_say("the object has too many pointers to it: the ways of %llu of them were not searched",
			(unsigned long long)listing.held.left_out);
	if (!options->quiet && !options->who && !options->map)
		say_totals(&listing.totals);
	*lost = listing.totals.core_missing > 0;
	return NULL;
}

/* ---- --every ---- */

/* Appends the line before the table of a list. */
static void put_time_line(const struct maps_listing *listing, struct buf *to)
{
	const struct map_report *totals = &listing->totals;
	struct json_clock clock = {0};
	cleanup_buf struct buf time = {0};

	json_put_time(&time, &clock, listing->head.wall_ns);
	buf_printf(to, "%.*s  %llu maps, %llu bytes, %llu of them empty; read in %.0f ms",
		   (int)sizeof("2026-11-30T10:00:00") - 1, time.len ? time.data + 1 : "",
		   (unsigned long long)totals->maps, (unsigned long long)totals->bytes,
		   (unsigned long long)totals->waste, totals->seconds * 1e3);
	for (enum map_change_kind kind = MAP_CAME; kind <= MAP_MOVED; kind++)
		if (totals->compared && totals->changes[kind])
			buf_printf(to, ", %llu %s", (unsigned long long)totals->changes[kind],
				   map_change_word(kind));
	buf_char(to, '\n');
}

/* Where the lists go. */
struct lists {
	int fd;
	bool begun; /* the file is emptied */
};

static struct error *put_one(const struct maps_listing *listing, void *ctx, bool *ret_enough)
{
	struct lists *lists = ctx;
	cleanup(buf_fini) struct buf out = {0};
	bool json = strcmp(listing->options->format, "json") == 0;
	int errnum;

	if (json)
		snapshot_put_head(&out, &listing->head);
	else
		put_time_line(listing, &out);
	try(put_report(listing, lists->fd, &out));
	if (!json)
		buf_char(&out, '\n');
	if (out.bad)
		return error_nomem();
	if (!lists->begun)
		try(output_empty(listing->options->output, lists->fd));
	lists->begun = true;
	errnum = output_put(lists->fd, out.data, out.len, -1);
	*ret_enough = errnum == EPIPE; /* its reader has gone away */
	return errnum && errnum != EPIPE
		       ? error_errno(ERROR_FAILED, errnum, "cannot write the output")
		       : NULL;
}

static struct error *list_every(const struct maps_options *options, int fd)
{
	struct lists lists = {.fd = fd};

	return maps_every(options, put_one, &lists);
}

static struct error *run(const struct maps_options *options, int fd, bool *lost)
{
	if (options->diff)
		return maps_diff(options, fd);
	return options->every ? list_every(options, fd) : list_maps(options, fd, lost);
}

static struct error *check_input(const char *path, const char *input)
{
	struct stat st;

	return input && stat(input, &st) == 0 ? output_check_input(path, &st, input) : NULL;
}

/* Checks that no file that is named to be read is overwritten. maps_list() checks the program. */
static struct error *check_inputs(const struct maps_options *options)
{
	const char *path = maps_file(options);

	try(check_input(path, options->core));
	try(check_input(path, options->binary));
	for (size_t i = 0; options->diff && i < options->files_n; i++)
		try(check_input(path, options->files[i]));
	return NULL;
}

int cmd_maps(int argc, char **argv)
{
	cleanup(maps_options_fini) struct maps_options options = {0};
	const char *path;
	int fd = -1;
	bool lost = false;
	struct error *err = maps_options_parse(argc, argv, &options);

	cmd_signals();
	if (!err && options.help)
		return options.help_all ? cmd_print_help_all(&maps_verb)
					: cmd_print_help(&maps_verb);
	path = err ? NULL : maps_file(&options);
	if (!err)
		err = check_inputs(&options);
	if (!err)
		err = output_open(path, &fd);
	if (!err)
		err = run(&options, fd, &lost);
	if (path && fd >= 0)
		close(fd);
	if (err)
		return cmd_fail(err);
	return lost ? EXIT_LOST : EXIT_DONE;
}
