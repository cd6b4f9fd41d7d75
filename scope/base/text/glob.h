/* Shell patterns as the command line takes them: * and ? match any bytes, a backslash takes away
 * the meaning of the next byte. Brackets mean themselves, since names of Go types are full of them.
 */
#ifndef BASE_TEXT_GLOB_H
#define BASE_TEXT_GLOB_H

#include "base/base.h"

/* Makes a pattern; *ret is the caller's to free. what: the option, named in errors. Errors
 * (ERROR_USAGE): the text is empty, longer than 1024 bytes, or ends in a lone backslash. */
struct error *glob_new(const char *what, const char *text, char **ret);
/* Tells whether the pattern matches all of text. */
bool glob_matches(const char *glob, const char *text);

#endif
