/* The command line of `tophash doctor`.
 */
#ifndef CMD_DOCTOR_OPTIONS_H
#define CMD_DOCTOR_OPTIONS_H

#include "cmd/options/options.h"

#include <sys/types.h>

struct doctor_options {
	const char *process; /* an id or a name; NULL: no process */
	const char *file;    /* NULL: no file */
	const char *format;  /* "text", "json" */
	const char *output;  /* NULL: stdout */
	bool wide, help;
};

extern const struct verb_spec doctor_verb;

/* Errors (ERROR_USAGE): one line. Strings are borrowed from argv. */
struct error *doctor_options_parse(int argc, char **argv, struct doctor_options *ret);

#endif
