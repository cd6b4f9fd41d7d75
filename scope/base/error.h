/* The error object of the scope. A function that can fail returns `struct error *`, which is NULL
 * on success. The code is the exit code of the tool. The text is one line that says what failed,
 * why, and what to do. Nothing below cmd/ prints; errors are returned to the caller.
 *
 * The receiver of an error owns it. It frees the error with error_free(), or returns it to its
 * caller.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

enum error_code {
	ERROR_FAILED = 1,     /* failed while running */
	ERROR_USAGE = 2,      /* wrong command line */
	ERROR_TARGET = 3,     /* no such target, or not a program that can be traced */
	ERROR_PERMISSION = 4, /* no permission, or the kernel lacks something */
};

struct error {
	enum error_code code;
	const char *text; /* one line, without newline and without "tophash:" */
};

/* Makes an error. Never returns NULL. When memory is out, it returns the error of error_nomem(). */
struct error *error_new(enum error_code code, const char *format, ...) PRINTF_LIKE(2, 3);

/* Makes an error as error_new() does, and appends ": " and strerror(errnum). */
struct error *error_errno(enum error_code code, int errnum, const char *format, ...)
	PRINTF_LIKE(3, 4);

/* Returns the out-of-memory error. It is static. */
struct error *error_nomem(void);

/* Puts "format: " before the text of err and returns err (a new object; the old one is freed). */
struct error *error_wrap(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);

void error_free(struct error *err); /* NULL is legal */
CLEANUP_FUNC(struct error, error_free)

/* Returns an error of the expression to the caller: `try(image_open(...));` */
#define try(expression)                                \
	do {                                           \
		struct error *try_err_ = (expression); \
		if (try_err_)                          \
			return try_err_;               \
	} while (0)

#endif
