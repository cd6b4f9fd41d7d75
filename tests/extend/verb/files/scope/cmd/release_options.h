/* The command line of `tophash release`. */
#ifndef CMD_RELEASE_OPTIONS_H
#define CMD_RELEASE_OPTIONS_H

#include "cmd/options/options.h"

struct release_options {
	const char *binary;
	bool quiet, help;
};

/* Errors (ERROR_USAGE): one line. Strings are borrowed from argv. */
struct error *release_options_parse(int argc, char **argv, struct release_options *ret);

#endif
