/* What the programs of this folder have in common: messages, standard descriptors, signals. */
#include "cmd/cmd.h"
#include "base/buf.h"
#include "cmd/output.h"
#include "cmd/status.h"
#include "base/text/text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

#define PATIENCE_MS 2000 /* how long to wait if nobody reads standard error */

void cmd_say(const char *format, ...)
{
	static bool unread; /* nobody reads standard error: do not wait again */
	char text[2048];
	struct buf line = {0};
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	buf_str(&line, cmd_program);
	buf_str(&line, ": ");
	text_safe_str(&line, text); /* names in it come from traced programs */
	buf_char(&line, '\n');
	status_clear();
	unread = output_put(STDERR_FILENO, line.data, line.len, unread ? 0 : PATIENCE_MS) == EAGAIN;
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
	int errnum = output_put(STDOUT_FILENO, text, strlen(text), -1);

	if (!errnum || errnum == EPIPE)
		return EXIT_DONE;
	return cmd_fail(error_errno(ERROR_FAILED, errnum, "cannot write the output"));
}

bool cmd_open_standard_files(void)
{
	static const int flags[] = {O_WRONLY, O_RDONLY, O_RDONLY};

	for (int fd = 0; fd < (int)ARRAY_SIZE(flags); fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", flags[fd]) != fd)
			return false;
	return true;
}

void cmd_signals(void)
{
	sigset_t ends;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_UNBLOCK, &ends, NULL);
}
