/* The command line of `tophash ps`.
 */
#ifndef CMD_PS_OPTIONS_H
#define CMD_PS_OPTIONS_H

#include "cmd/options/options.h"

#include <sys/types.h>

struct ps_options {
	char **wanted; /* pids and names; borrowed from argv */
	size_t wanted_n;
	bool of_user; /* only those of uid */
	uid_t uid;
	const char *format; /* "text", "json" */
	const char *output; /* NULL: stdout */
	bool wide, quiet, help;
};

extern const struct verb_spec ps_verb;

/* Errors (ERROR_USAGE): one line. Strings are borrowed from argv. */
struct error *ps_options_parse(int argc, char **argv, struct ps_options *ret);

#endif
