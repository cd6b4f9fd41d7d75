/* tophash release: image -> gopcln -> the Go release. */
#include "cmd/cmd.h"
#include "base/buf.h"
#include "cmd/release_options.h"
#include "read/gofile/gofile.h"

#include <fcntl.h>

/* Returns the exit code. */
static int print_release(const struct release_options *options)
{
	cleanup_close int fd = open(options->binary, O_RDONLY | O_CLOEXEC);
	cleanup(image_close) struct image *image = NULL;
	cleanup(gopcln_close) struct gopcln *tab = NULL;
	struct buf text = {0};
	struct error *err;
	int code;

	if (fd < 0)
		return cmd_fail(error_new(ERROR_TARGET, "cannot open %s", options->binary));
	err = image_open(fd, options->binary, &image);
	if (!err)
		err = gopcln_open(image, &tab);
	if (err)
		return cmd_fail(err);
	if (!options->quiet)
		buf_printf(&text, "%s: ", options->binary);
	buf_printf(&text, "%s\n", gopcln_version(tab));
	code = cmd_print(buf_cstr(&text));
	buf_fini(&text);
	return code;
}

int cmd_release(int argc, char **argv)
{
	struct release_options options;
	struct error *err = release_options_parse(argc, argv, &options);

	if (err)
		return cmd_fail(err);
	if (options.help)
		return cmd_print_help(&release_verb);
	return print_release(&options);
}
