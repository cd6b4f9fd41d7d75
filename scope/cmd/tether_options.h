/* The command line of `tophash tether`.
 */
#ifndef CMD_TETHER_OPTIONS_H
#define CMD_TETHER_OPTIONS_H

#include "cmd/options/options.h"

struct tether_options {
	char **command; /* the verb and its words; NULL at the end */
	int n;
	uint64_t patience_ns;
	bool help;
};

/* Reads the command line. The command is borrowed from argv. Errors (ERROR_USAGE): one line. */
struct error *tether_options_parse(int argc, char **argv, struct tether_options *ret);

#endif
