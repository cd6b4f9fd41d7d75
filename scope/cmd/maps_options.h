/* The command line of `tophash maps`.
 */
#ifndef CMD_MAPS_OPTIONS_H
#define CMD_MAPS_OPTIONS_H

#include "cmd/options/options.h"

struct maps_options {
	const char *process; /* -p */
	const char *sort;    /* the name of a column */
	uint64_t top;	     /* rows to show; 0: all */
	const char *type;    /* a shell pattern, or NULL */
	uint64_t min_bytes;
	const char *format; /* "text", "json" */
	const char *output; /* NULL: stdout */
	bool wide, quiet, help;
};

extern const struct verb_spec maps_verb;

/* Errors (ERROR_USAGE): one line. Strings are borrowed from argv. */
struct error *maps_options_parse(int argc, char **argv, struct maps_options *ret);

#endif
