#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct error out_of_memory = {
	.code = ERROR_FAILED,
	.text = "out of memory",
};

struct error *error_nomem(void)
{
	return &out_of_memory;
}

/* Makes an error whose object and text are one allocation. The text is the formatted one, then ":
 * tail" if there is a tail. */
PRINTF_LIKE(3, 0)
static struct error *error_make(enum error_code code, const char *tail, const char *format,
				va_list args)
{
	char text[1024];
	int len = vsnprintf(text, sizeof(text), format, args);
	size_t head = len < 0 ? 0 : (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1;
	size_t size = head + (tail ? strlen(tail) + 2 : 0) + 1;
	struct error *err = malloc(sizeof(*err) + size);
	char *to;

	if (!err)
		return error_nomem();
	to = (char *)(err + 1);
	memcpy(to, text, head);
	to[head] = '\0';
	if (tail) {
		memcpy(to + head, ": ", 2);
		memcpy(to + head + 2, tail, strlen(tail) + 1);
	}
	err->code = code;
	err->text = to;
	return err;
}

struct error *error_new(enum error_code code, const char *format, ...)
{
	struct error *err;
	va_list args;

	va_start(args, format);
	err = error_make(code, NULL, format, args);
	va_end(args);
	return err;
}

struct error *error_errno(enum error_code code, int errnum, const char *format, ...)
{
	struct error *err;
	va_list args;

	va_start(args, format);
	err = error_make(code, strerror(errnum), format, args);
	va_end(args);
	return err;
}

struct error *error_wrap(struct error *err, const char *format, ...)
{
	struct error *wrapped;
	va_list args;

	if (!err || err == &out_of_memory)
		return err;
	va_start(args, format);
	wrapped = error_make(err->code, err->text, format, args);
	va_end(args);
	error_free(err);
	return wrapped;
}

void error_free(struct error *err)
{
	if (err != &out_of_memory)
		free(err);
}
