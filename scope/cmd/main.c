#include "cmd/cmd.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

#include "version.h"

static const struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} verbs[] = {
	{"trace", cmd_trace, "show every element that leaves a map of a running Go program"},
};

void cmd_say(const char *format, ...)
{
	char line[2048];
	va_list args;
	int n = snprintf(line, sizeof(line), "tophash: ");

	va_start(args, format);
	vsnprintf(line + n, sizeof(line) - (size_t)n, format, args);
	va_end(args);
	for (char *c = line; *c; c++) /* names come from traced programs */
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	fprintf(stderr, "%s\n", line);
}

int cmd_fail(struct error *err)
{
	int code = (int)err->code;

	cmd_say("%s", err->text);
	error_free(err);
	return code;
}

static void print_help(FILE *to)
{
	fputs("usage: tophash VERB [OPTION]...\n"
	      "       tophash VERB --help\n\n"
	      "Makes sure that no element leaves a hash map unseen.\n\nVerbs:\n", to);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		fprintf(to, "  %-8s %s\n", verbs[i].name, verbs[i].help);
	fputs("\nOther:\n"
	      "  --help      this text\n"
	      "  --version   the version\n\n"
	      "Examples:\n"
	      "  tophash trace -p 4711                 every removal in process 4711\n"
	      "  tophash trace -p 4711 --key user:42   who removed user:42?\n"
	      "  tophash trace -- ./server             from its first instruction\n", to);
}

/* A traced program's file is mapped: whoever may write to it can cut it short under our hands. The
 * kernel takes all probes off when we end. */
static void on_bus_error(int number)
{
	static const char text[] = "tophash: a mapped file was cut short while it was read: try again\n";
	ssize_t n = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)number;
	_exit(n < 0 ? ERROR_FAILED : ERROR_TARGET);
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "--help";

	signal(SIGBUS, on_bus_error);

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(word, verbs[i].name))
			return verbs[i].run(argc - 1, argv + 1);
	if (!strcmp(word, "--version") || !strcmp(word, "-V")) {
		puts("tophash " TOPHASH_VERSION);
		return EXIT_DONE;
	}
	if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help")) {
		print_help(argc > 1 ? stdout : stderr);
		return argc > 1 ? EXIT_DONE : ERROR_USAGE;
	}
	cmd_say("no verb \"%s\": try tophash --help", word);
	return ERROR_USAGE;
}
