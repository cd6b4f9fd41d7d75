#include "cmd/cmd.h"
#include "base/buf.h"
#include "base/confine.h"
#include "cmd/output.h"
#include "cmd/status.h"
#include "base/text/text.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

#include "version.h"

const char *const cmd_program = "tophash";

const struct verb verbs[] = {
	{&ps_verb, cmd_ps},	    {&trace_verb, cmd_trace}, {&sites_verb, cmd_sites},
	{&maps_verb, cmd_maps},	    {&addr_verb, cmd_addr},   {&doctor_verb, cmd_doctor},
	{&tether_verb, cmd_tether}, {&help_verb, cmd_help},   {0},
};

/* Handles SIGBUS. The file of a traced program is mapped, and anybody who may write to it can
 * truncate it while it is read. The kernel removes all probes when tophash ends. */
static void on_bus_error(int number)
{
	static const char text[] = "tophash: a file was truncated while it was read: try again\n";
	ssize_t n = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)number;
	_exit(n < 0 ? ERROR_FAILED : ERROR_TARGET);
}

int cmd_no_verb(const char *name)
{
	const char *names[16];
	size_t n = 0;
	const char *near;

	for (; verbs[n].spec && n < ARRAY_SIZE(names) - 1; n++)
		names[n] = verbs[n].spec->name;
	names[n] = NULL;
	near = nearest_word(name, strlen(name), names);
	if (near)
		cmd_say("no verb \"%.80s\": did you mean %s?", name, near);
	else if (*name && name[strspn(name, "0123456789")] == '\0')
		cmd_say("no verb \"%.80s\": did you mean tophash trace -p %.80s?", name, name);
	else
		cmd_say("no verb \"%.80s\": try tophash --help", name);
	return ERROR_USAGE;
}

static int no_option(const char *name)
{
	static const char *const names[] = {"--help", "--version", NULL};
	const char *near = nearest_word(name, strlen(name), names);

	if (near)
		cmd_say("unknown option %.80s: did you mean %s?", name, near);
	else
		cmd_say("unknown option %.80s: options come after the verb (try tophash --help)",
			name);
	return ERROR_USAGE;
}

/* If an administrator gave this program capabilities (setcap), its caller must not reach more files
 * and processes by it. These are for kernel programs and probes alone. */
#define FOR_CALLER (1ull << CAP_BPF | 1ull << CAP_PERFMON | 1ull << CAP_SYS_ADMIN)

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : NULL;
	struct error *err;

	if (!cmd_open_standard_files())
		return ERROR_FAILED;
	err = confine_to_caller(FOR_CALLER);
	if (err)
		return cmd_fail(err);
	signal(SIGBUS, on_bus_error);
	signal(SIGXFSZ, SIG_IGN); /* past the limit of a file's size, writes fail */

	if (!word)
		return cmd_print_overview();
	for (const struct verb *verb = verbs; verb->spec; verb++)
		if (!strcmp(word, verb->spec->name))
			return verb->run(argc - 1, argv + 1);
	if (!strcmp(word, "--version") || !strcmp(word, "-V"))
		return cmd_print("tophash " TOPHASH_VERSION "\n");
	if (!strcmp(word, "--help") || !strcmp(word, "-h"))
		return cmd_print_verbs();
	return *word == '-' ? no_option(word) : cmd_no_verb(word);
}
