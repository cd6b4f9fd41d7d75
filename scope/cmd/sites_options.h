/* The command line of `tophash sites`.
 */
#ifndef CMD_SITES_OPTIONS_H
#define CMD_SITES_OPTIONS_H

#include "cmd/options/options.h"
#include "watch/engine/engine.h"
#include "show/report/report.h"

struct sites_options {
	const char *binary;
	const char *other;	    /* the second binary, to compare; NULL: none */
	const char *container;	    /* --container; NULL when not given */
	const char *pod;	    /* --pod; NULL when not given */
	const char *runtime_socket; /* NULL: those that are known */
	const char *asm_of;	    /* --asm SITE; NULL when not given */
	struct filter filter;	    /* type_glob, site_glob */
	const char *format;	    /* "text", "json" */
	const char *output;	    /* NULL: stdout */
	bool summary;
	enum site_by by;
	bool wide, quiet, verbose, help;
};

extern const struct verb_spec sites_verb;

/* Reads the command line. Strings are borrowed from argv. Errors (ERROR_USAGE): one line. */
struct error *sites_options_parse(int argc, char **argv, struct sites_options *ret);
void sites_options_fini(struct sites_options *options);
CLEANUP_VALUE(struct sites_options, sites_options_fini)

#endif
