/* Preloaded into tophash: what libbpf says, the verifier's log among it, also goes to a file. The
 * messages and who hears them stay as they are. */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

typedef int print_fn(int level, const char *format, va_list args); /* libbpf_print_fn_t */

static print_fn *hears;

static int print(int level, const char *format, va_list args)
{
	const char *path = getenv("LIBBPF_MESSAGES");
	FILE *to = level == 0 && path ? fopen(path, "a") : NULL; /* LIBBPF_WARN */
	va_list copy;

	if (to) {
		va_copy(copy, args);
		vfprintf(to, format, copy);
		va_end(copy);
		fclose(to);
	}
	return hears ? hears(level, format, args) : 0;
}

print_fn *libbpf_set_print(print_fn *fn)
{
	print_fn *(*set)(print_fn *) =
		(print_fn * (*)(print_fn *)) dlsym(RTLD_NEXT, "libbpf_set_print");

	hears = fn;
	return set(print);
}
