#include "cmd/cmd.h"
#include "base/text/text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

#include "version.h"

static const struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} verbs[] = {
	{"addr", cmd_addr, "explain an address: function, file:line, inlined calls, by source"},
	{"trace", cmd_trace, "show every element that leaves a map of a running Go program"},
	{"sites", cmd_sites, "show where a Go binary deletes from maps, and how each was compiled"},
};

void cmd_say(const char *format, ...)
{
	char text[2048];
	struct buf line = {0};
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	buf_str(&line, "tophash: ");
	text_safe_str(&line, text); /* names come from traced programs */
	buf_char(&line, '\n');
	fwrite(line.data, 1, line.len, stderr);
	buf_fini(&line);
}

int cmd_fail(struct error *err)
{
	int code = (int)err->code;

	cmd_say("%s", err->text);
	error_free(err);
	return code;
}

int cmd_print(const char *text)
{
	errno = 0;
	if ((fputs(text, stdout) >= 0 && fflush(stdout) == 0) || errno == EPIPE)
		return EXIT_DONE;
	return cmd_fail(error_errno(ERROR_FAILED, errno, "cannot write the output"));
}

static int print_help(bool asked)
{
	struct buf text = {0};
	int code = ERROR_USAGE;

	buf_str(&text, "usage: tophash VERB [OPTION]...\n"
		       "       tophash VERB --help\n\n"
		       "Makes sure that no element leaves a hash map unseen.\n\nVerbs:\n");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		buf_printf(&text, "  %-8s %s\n", verbs[i].name, verbs[i].help);
	buf_str(&text, "\nOther:\n"
		       "  --help      this text\n"
		       "  --version   the version\n\n"
		       "Examples:\n"
		       "  tophash trace -p 4711                 every removal in process 4711\n"
		       "  tophash trace -p 4711 --key user:42   who removed user:42?\n"
		       "  tophash trace -- ./server             from its first instruction\n"
		       "  tophash sites ./server                where it deletes, and how\n"
		       "  tophash addr ./server 0x4a1b2d        what is at this address?\n");
	if (asked)
		code = cmd_print(buf_cstr(&text));
	else
		fputs(buf_cstr(&text), stderr);
	buf_fini(&text);
	return code;
}

/* What is closed would be the number of the next file that is opened: messages would land in the
 * output. Opened the wrong way round, so that reading and writing fail as they did. */
static bool open_standard_files(void)
{
	static const int flags[] = {O_WRONLY, O_RDONLY, O_RDONLY};

	for (int fd = 0; fd < (int)ARRAY_SIZE(flags); fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", flags[fd]) != fd)
			return false;
	return true;
}

/* A traced program's file is mapped: whoever may write to it can cut it short under our hands. The
 * kernel takes all probes off when we end. */
static void on_bus_error(int number)
{
	static const char text[] =
		"tophash: a mapped file was cut short while it was read: try again\n";
	ssize_t n = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)number;
	_exit(n < 0 ? ERROR_FAILED : ERROR_TARGET);
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "--help";

	if (!open_standard_files())
		return ERROR_FAILED;
	signal(SIGBUS, on_bus_error);

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(word, verbs[i].name))
			return verbs[i].run(argc - 1, argv + 1);
	if (!strcmp(word, "--version") || !strcmp(word, "-V"))
		return cmd_print("tophash " TOPHASH_VERSION "\n");
	if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help"))
		return print_help(argc > 1);
	cmd_say("no verb \"%s\": try tophash --help", word);
	return ERROR_USAGE;
}
