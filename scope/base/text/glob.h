/* Shell patterns of the command line. * matches any bytes, ? matches one. A backslash makes the
 * next byte literal. Brackets are literal, because names of Go types are full of them.
 */
#ifndef BASE_TEXT_GLOB_H
#define BASE_TEXT_GLOB_H

#include "base/base.h"

/* Makes a pattern, which the caller frees. `what` is the option, for errors. Errors (ERROR_USAGE):
 * the text is empty, is longer than 1024 bytes, or ends in a lone backslash. */
struct error *glob_new(const char *what, const char *text, char **ret);
/* Tells whether the pattern matches all of text. */
bool glob_matches(const char *glob, const char *text);

#endif
