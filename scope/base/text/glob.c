#include "base/text/text.h"

#include <fnmatch.h>

#define GLOB_BYTES_MAX 1024

struct error *glob_new(const char *what, const char *text, char **ret)
{
	size_t len = strlen(text), n = 0;
	char *glob;

	if (!len || len > GLOB_BYTES_MAX)
		return error_new(ERROR_USAGE, "%s: the pattern is %s", what,
				 len ? "longer than 1024 bytes" : "empty");
	glob = malloc(2 * len + 1);
	if (!glob)
		return error_nomem();
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\\' && i + 1 == len) {
			free(glob);
			return error_new(ERROR_USAGE, "%s %s: the pattern ends in a lone backslash",
					 what, text);
		}
		if (text[i] == '[')
			glob[n++] = '\\';
		if (text[i] == '\\')
			glob[n++] = text[i++];
		glob[n++] = text[i];
	}
	glob[n] = '\0';
	*ret = glob;
	return NULL;
}

bool glob_matches(const char *glob, const char *text)
{
	return fnmatch(glob, text, 0) == 0;
}
