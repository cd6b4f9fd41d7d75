/* The command line of `tophash maps`.
 */
#ifndef CMD_MAPS_OPTIONS_H
#define CMD_MAPS_OPTIONS_H

#include "cmd/options/options.h"
#include "show/export/export.h"
#include "show/report/report.h"
#include "watch/filter/filter.h"

/* The orders of --sort; their words are in maps_options.c, how they compare in maps_list.c. */
enum maps_order {
	MAPS_BY_WASTE,
	MAPS_BY_BYTES,
	MAPS_BY_LEN,
	MAPS_BY_CAPACITY,
	MAPS_BY_TYPE,
	MAPS_BY_MAP,  /* maps alone */
	MAPS_BY_MAPS, /* groups alone */
};

struct maps_options {
	const char *process;  /* -p */
	const char *core;     /* a core file, instead of a process */
	const char *binary;   /* the program of the core; NULL: where the core says */
	uint64_t max_stop_ns; /* --stop: not longer than this */
	/* what to show */
	const char *type; /* --type, or NULL */
	char *pattern;	  /* made of it (base/text/glob.h); owned */
	uint64_t min_bytes;
	uint64_t top; /* rows to show; 0: all */
	enum map_grouping by;
	enum maps_order order;
	uint64_t who;	  /* an address: show what holds this object, instead of maps; 0: none */
	uint64_t paths;	  /* so many ways to it */
	uint64_t map;	  /* the one to show; 0: the list */
	uint64_t watch;	  /* the same, to be followed; 0: not asked for */
	uint64_t entries; /* of it to show */
	struct filter filter; /* its key is the one to look up */
	uint32_t text_max;    /* bytes of a string in keys and elements */
	/* where to */
	const char *format;		    /* "text", "json" */
	const char *output;		    /* NULL: stdout */
	const char *save;		    /* NULL: not asked for */
	const struct export_format *export; /* of --to; NULL: not asked for */
	const char *to;			    /* its file */
	uint64_t every, duration;	    /* ns; 0: not asked for */
	uint64_t count;			    /* lists of --every; 0: no limit */
	uint64_t limit;			    /* steps of --watch; 0: no limit */
	char **files;			    /* of --diff; borrowed */
	size_t files_n;
	bool diff;
	bool grouped; /* --by */
	bool holders; /* show what holds each map */
	bool ways;    /* what holds objects is needed */
	bool stop;    /* hold the process while it is read */
	bool wide, quiet, help, help_all;
};

extern const struct verb_spec maps_verb;

/* The caller frees *ret with maps_options_fini(), also after an error. Errors (ERROR_USAGE): one line. Strings are borrowed
 * from argv. */
struct error *maps_options_parse(int argc, char **argv, struct maps_options *ret);
/* Tells whether maps are added up by package. What holds them tells the package of some. */
bool maps_by_package(const struct maps_options *options);
/* Returns the file that is written; NULL: standard output. */
const char *maps_file(const struct maps_options *options);
void maps_options_fini(struct maps_options *options);
CLEANUP_VALUE(struct maps_options, maps_options_fini)

#endif
