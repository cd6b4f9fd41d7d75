/* tophash maps: the live maps of a process -> report. */
#include "base/buf.h"
#include "cmd/cmd.h"
#include "cmd/maps_diff.h"
#include "cmd/maps_every.h"
#include "cmd/maps_list.h"
#include "cmd/maps_one.h"
#include "cmd/maps_put.h"
#include "cmd/maps_say.h"
#include "cmd/maps_watch.h"
#include "cmd/output.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Writes the output. A file of --save or --to is whole, or empty. If it was made for that, it is removed then. */
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

static struct error *list_maps(const struct maps_options *options, int fd, bool *lost)
{
	cleanup(maps_list_fini) struct maps_listing listing = {0};
	cleanup(buf_fini) struct buf out = {0};

	try(maps_list(options, &listing));
	maps_say_meanwhile(&listing);
	if (options->map)
		try(maps_one(&listing, fd, &out));
	else
		try(maps_put(&listing, fd, &out));
	try(write_report(options, fd, &out));
	maps_say(&listing);
	*lost = listing.totals.core_missing || listing.totals.maps_left;
	return NULL;
}

/* ---- --every ---- */

/* Where the lists go. */
struct lists {
	int fd;
	bool begun; /* the file is emptied */
};

static struct error *put_one(const struct maps_listing *listing, int stop, void *ctx,
			     bool *ret_enough)
{
	struct lists *lists = ctx;
	cleanup(buf_fini) struct buf out = {0};
	size_t done;
	int errnum;

	try(maps_put_in_turn(listing, lists->fd, &out));
	if (!lists->begun)
		maps_say_lacks(listing);
	if (!lists->begun)
		try(output_empty(listing->options->output, lists->fd));
	lists->begun = true;
	errnum = output_put_until(lists->fd, out.data, out.len, stop, &done);
	/* Its reader has gone away, or does not read. */
	*ret_enough = errnum == EPIPE || errnum == ECANCELED;
	return errnum && !*ret_enough ? error_errno(ERROR_FAILED, errnum, "cannot write the output")
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
	if (options->watch)
		return maps_watch(options, fd, lost);
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
	struct output_whole out = {.fd = -1, .keep = -1};
	const char *path;
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
		err = options.save || options.to ? output_whole_open(path, &out)
						 : output_open(path, &out.fd);
	if (!err)
		err = run(&options, out.fd, &lost);
	if (path)
		output_whole_end(&out, !err);
	if (err)
		return cmd_fail(err);
	return lost ? EXIT_LOST : EXIT_DONE;
}
