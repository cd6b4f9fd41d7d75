/* The command line of `tophash trace`.
 */
#ifndef CMD_TRACE_OPTIONS_H
#define CMD_TRACE_OPTIONS_H

#include "cmd/options/options.h"
#include "live/choice/choice.h"
#include "watch/session/session.h"
#include "show/aggr/aggr.h"
#include "watch/engine/engine.h"

/* The end of a run with children. */
enum trace_until { TRACE_UNTIL_LAST, TRACE_UNTIL_COMMAND };

struct trace_options {
	struct choice_words chosen; /* -p */
	struct choice_users users;  /* --uid */
	const char *wait;	    /* --wait: a name; NULL when not given */
	const char *binary;	    /* -b; NULL when not given */
	const char *cgroup;	    /* --cgroup; NULL when not given */
	const char *container;	    /* --container; NULL when not given */
	const char *pod;	    /* --pod; NULL when not given */
	const char *runtime_socket; /* NULL: those that are known */
	char **command;		    /* after --; NULL when not given */
	const char *user;	    /* --user; NULL when not given */
	bool exit_status;	    /* --exit-status */
	enum session_follow follow;
	bool follow_given;
	enum trace_until until;
	struct filter filter;
	uint64_t limit;	      /* number of events; 0: no limit */
	uint64_t duration_ns; /* 0: no limit */
	const char *format;   /* "text", "json" */
	const char *output;   /* NULL: stdout */
	const char *engine;   /* NULL: the default */
	bool summary;
	enum aggr_by summary_by;
	uint32_t key_bytes, stack_max;
	bool show_stack; /* --stack was given */
	uint64_t buffer_size;
	double max_overhead;	/* percent of a CPU; 0: no limit */
	bool max_overhead_stop; /* ",stop" was said */
	enum engine_sample sample_by;
	bool sample_by_given;
	bool holders, exact_types;
	uint64_t look_every_ns;
	bool look_every_given;
	bool misses, no_sync_map, dry_run, quiet, verbose;
	bool wide; /* --wide */
	bool help; /* --help or --help-all was given, so nothing else matters */
	bool help_all;
};

extern const struct verb_spec trace_verb;

/* Reads the command line. Strings are borrowed from argv. Errors (ERROR_USAGE): one line. */
struct error *trace_options_parse(int argc, char **argv, struct trace_options *ret);
void trace_options_fini(struct trace_options *options);

/* Refuses what would show processes of other users to a caller who has no right to them. The kernel
 * checks a process that -p names, and a command runs as the caller. Errors (ERROR_PERMISSION): -b. */
struct error *trace_check_caller(const struct trace_options *options);
/* Makes the options of the session. The caller sets those that are functions. They borrow from
 * `options`. */
struct session_options trace_session_options(const struct trace_options *options);

#endif
