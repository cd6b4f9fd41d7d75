/* The command line of `tophash addr`.
 */
#ifndef CMD_ADDR_OPTIONS_H
#define CMD_ADDR_OPTIONS_H

#include "cmd/options/options.h"
#include "live/space/space.h"

struct addr_options {
	const char *process;	    /* -p: an id or a name; NULL when not given */
	const char *binary;	    /* NULL with -p */
	char **pcs;		    /* addresses; borrowed from argv */
	size_t pc_n;		    /* 0: they come from standard input */
	uint32_t sources, fallback; /* as for explain_new() */
	bool annotate;
	enum space_return returns;
	uint64_t bias;
	bool bias_given;
	const char *format; /* "text", "json" */
	const char *output;
	bool wide, quiet, verbose, help;
};

extern const struct verb_spec addr_verb;

/* Reads the command line. Strings are borrowed from argv. Errors: ERROR_USAGE. */
struct error *addr_options_parse(int argc, char **argv, struct addr_options *ret);
/* Reads an address of the command line, which is hexadecimal, with or without 0x. Errors:
 * ERROR_USAGE. */
struct error *addr_options_pc(const char *text, uint64_t *ret);

#endif
