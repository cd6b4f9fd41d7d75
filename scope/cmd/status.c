#include "cmd/status.h"
#include "cmd/output.h"

#include <stdarg.h>
#include <stdio.h>

#define CLEAR "\r\033[K"

static bool is_drawn;

bool status_is_wanted(void)
{
	const char *term = getenv("TERM");

	return isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0;
}

/* Cuts the text to fewer than `width` columns, before a comma: half a number would be a wrong one. */
static void cut(char *text, size_t width)
{
	char *comma;
	bool whole;

	if (strlen(text) < width)
		return;
	whole = text[width - 1] == ',';
	text[width - 1] = '\0';
	comma = whole ? NULL : strrchr(text, ',');
	if (comma)
		*comma = '\0';
}

/* Moves the cursor back to the beginning of the line. Output of the traced program then overwrites
 * the status line, and does not follow it. */
void status_show(const char *format, ...)
{
	size_t width = terminal_style(STDERR_FILENO, false).width;
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	cut(text, width);
	fprintf(stderr, CLEAR "%s\r", text);
	fflush(stderr);
	is_drawn = true;
}

void status_clear(void)
{
	if (!is_drawn)
		return;
	fputs(CLEAR, stderr);
	fflush(stderr);
	is_drawn = false;
}

double status_rate(struct status_rate *rate, uint64_t count, double seconds)
{
	double past = seconds - rate->seconds;
	double grown = (double)(count - rate->count);

	*rate = (struct status_rate){.count = count, .seconds = seconds};
	return past > 0 ? grown / past : 0;
}
