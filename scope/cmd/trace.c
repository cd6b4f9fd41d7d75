/* tophash trace: who removed this entry from the map? The verb turns its options into a session, an
 * aggregation and a sink, and prints the messages of the session. Until the kernel program is
 * loaded, a signal ends the process at once, because loading may take long for the file of some
 * program. */
#include "cmd/trace_options.h"
#include "cmd/trace_group.h"
#include "cmd/trace_say.h"
#include "cmd/trace_wait.h"
#include "cmd/output.h"
#include "cmd/cmd.h"
#include "watch/session/session.h"
#include "show/event/event.h"
#include "show/aggr/aggr.h"

#include <signal.h>

struct trace {
	struct trace_options options;
	struct choice choice; /* the processes that the options choose */
	struct trace_group group;
	uint64_t left_ns; /* --duration, less the time that --wait took */
	struct session *session;
	struct aggr *aggr;
	struct fan sinks;
	int out, interrupt;
	struct trace_say say;
};

/* Detaches the probes when a signal arrives while the output waits for its reader. */
static void on_interrupted(void *ctx)
{
	session_detach(((struct trace *)ctx)->session);
}

/* Checks that --dry-run can show the probes of what is to be followed. */
static struct error *check_dry_tree(const struct trace *trace)
{
	bool go;

	if (!trace->options.dry_run || trace->options.follow != SESSION_FOLLOW_ALL)
		return NULL;
	vec_each(chosen, &trace->choice.list) {
		try(choice_has_go(chosen->pid, &go));
		if (!go)
			return error_new(
				ERROR_TARGET,
				"process %d has no Go code, and --dry-run does not look "
				"at what it has started: give it the Go processes (tophash "
				"ps)",
				(int)chosen->pid);
	}
	return NULL;
}

static struct error *open_session(struct trace *trace)
{
	struct session_options session = trace_session_options(&trace->options);

	session.duration_ns = trace->left_ns;
	if (!trace->options.wait)
		try(choice_find(&trace->options.chosen, &trace->choice));
	if (trace->options.filter.map && trace->choice.list.len > 1)
		return error_new(ERROR_USAGE,
				 "--map names a map of one process: -p must choose one");
	try(check_dry_tree(trace));
	try(trace_group_open(&trace->options, &trace->choice, &trace->group));
	if (trace->group.of.name) {
		session.group = &trace->group.of;
	} else {
		session.chosen = trace->choice.list.data;
		session.chosen_n = trace->choice.list.len;
	}
	session.notice = trace_say_notice;
	session.progress = trace_say_progress;
	session.notice_ctx = &trace->say;
	return session_open(&session, &trace->session);
}

static struct error *open_sink(struct trace *trace)
{
	struct sink_options options = trace_sink_options(&trace->options, trace->out);
	struct sink *sink;

	options.interrupt = trace->interrupt;
	options.interrupted = on_interrupted;
	options.interrupted_ctx = trace;
	try(aggr_new(trace->options.summary_by, 0, &trace->aggr));
	try(sink_open(sink_find(trace->options.format), &options, &sink));
	return fan_add(&trace->sinks, sink);
}

static struct error *dry_run(struct trace *trace)
{
	try(output_open(trace->options.output, &trace->out));
	try(output_empty(trace->options.output, trace->out));
	if (!strcmp(trace->options.format, "text"))
		return trace_say_plan(&trace->options, trace->session, trace->out);
	try(open_sink(trace));
	session_describe(trace->session, &trace->sinks);
	return fan_flush(&trace->sinks);
}

static struct error *begin(struct trace *trace)
{
	struct session_output output = {
		.sinks = &trace->sinks,
		.aggr = trace->aggr,
		.table = trace->options.summary || !strcmp(trace->options.format, "text"),
	};

	try(session_attach(trace->session));
	try(output_empty(trace->options.output, trace->out));
	return session_begin(trace->session, &output);
}

static_assert((int)EXIT_LOST == (int)SESSION_STATUS_LOST, "both are in the manual");

/* Returns the exit status of the command, or `own` if that is not known. */
static int command_status(struct trace *trace, int own)
{
	int code;

	if (own)
		cmd_say("the exit status of tophash itself is %d", own);
	return session_wait_command(trace->session, &code) ? code : own;
}

/* Ends the run. Returns the exit code. */
static int finish(struct trace *trace, struct error *err)
{
	struct session_totals totals;
	int own;

	status_clear();
	session_finish(trace->session, err, &totals);
	if (fan_first(&trace->sinks)->closed && !trace->options.quiet)
		trace_say_totals(&totals);
	own = totals.complete ? EXIT_DONE : EXIT_LOST;
	if (totals.failed_code)
		own = totals.failed_code;
	return trace->options.exit_status ? command_status(trace, own) : own;
}

/* Waits for the process of --wait. *ret tells whether there is something to trace. */
static struct error *wait_for_process(struct trace *trace, bool *ret)
{
	*ret = true;
	trace->left_ns = trace->options.duration_ns;
	if (!trace->options.wait)
		return NULL;
	try(trace_wait(&trace->options, &trace->choice, ret, &trace->left_ns));
	if (!*ret)
		cmd_say("no process named %s has begun in that time", trace->options.wait);
	return NULL;
}

static struct error *run(struct trace *trace, int *ret_code)
{
	struct error *err;
	bool met;

	signal(SIGPIPE, SIG_IGN);
	try(trace_check_caller(&trace->options));
	try(wait_for_process(trace, &met));
	if (!met) {
		*ret_code = EXIT_UNMET;
		return NULL;
	}
	try(open_session(trace));
	try(output_check(trace->options.output, session_exe(trace->session)));
	if (trace->options.dry_run)
		return dry_run(trace);
	try(session_load(trace->session));
	try(output_open(trace->options.output, &trace->out));
	trace->say.status = trace_has_status(&trace->options, trace->out);
	try(session_catch(trace->session, &trace->interrupt));
	try(open_sink(trace));
	try(begin(trace));
	trace_say_ready(&trace->options, trace->session);
	err = session_confine(trace->session);
	*ret_code = finish(trace, err ? err : session_run(trace->session));
	return NULL;
}

static void trace_fini(struct trace *trace)
{
	session_close(trace->session);
	choice_fini(&trace->choice);
	fan_fini(&trace->sinks);
	aggr_free(trace->aggr);
	trace_group_fini(&trace->group);
	trace_options_fini(&trace->options);
}

int cmd_trace(int argc, char **argv)
{
	struct trace trace = {.out = -1, .say.options = &trace.options};
	struct error *err = trace_options_parse(argc, argv, &trace.options);
	int code = EXIT_DONE;

	if (!err && trace.options.help_all)
		code = cmd_print_help_all(&trace_verb);
	else if (!err && trace.options.help)
		code = cmd_print_help(&trace_verb);
	else if (!err)
		err = run(&trace, &code);
	if (err)
		code = cmd_fail(err);
	trace_fini(&trace);
	return code;
}
