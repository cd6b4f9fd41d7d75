#include "base/buf.h"
#include "base/text/text.h"
#include "cmd/trace_say.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "show/report/report.h"

#include <stdio.h>
#include <sys/stat.h>

void trace_say_notice(void *ctx, enum session_notice kind, const char *text)
{
	const struct trace_options *options = ((struct trace_say *)ctx)->options;

	if ((kind != SESSION_INFO || !options->quiet) &&
	    (kind != SESSION_DETAIL || options->verbose))
		cmd_say("%s", text);
}

void trace_say_ready(const struct trace_options *options, const struct session *session)
{
	if (options->verbose)
		cmd_say("%zu probes placed in %.1f ms", session_placements(session)->list.len,
			session_ready_ms(session));
}

bool trace_has_status(const struct trace_options *options, int fd)
{
	struct stat st;

	return !options->quiet && status_is_wanted() &&
	       (options->summary || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)));
}

void trace_say_progress(void *ctx, const struct session_progress *progress)
{
	struct trace_say *say = ctx;
	double rate = status_rate(&say->rate, progress->hits, progress->seconds);
	char cost[64] = "", sample[64] = "", watched[64] = "";

	if (!say->status)
		return;
	if (progress->cost_known)
		snprintf(cost, sizeof(cost), ", takes %.1f%% of a CPU",
			 rate * progress->ns_per_hit / 1e7);
	if (progress->sampled || progress->fraction < 1)
		snprintf(sample, sizeof(sample), ", %llu sampled out (%.1f%% are shown)",
			 (unsigned long long)progress->sampled, progress->fraction * 100);
	if (progress->watched < 1)
		snprintf(watched, sizeof(watched), ", watched for %.1f%% of the time",
			 progress->watched * 100);
	status_show("%llu s: %llu hits (%.0f/s), %llu filtered%s, %llu lost%s%s",
		    (unsigned long long)progress->seconds, (unsigned long long)progress->hits, rate,
		    (unsigned long long)progress->filtered, sample,
		    (unsigned long long)progress->lost, cost, watched);
}

struct sink_options trace_sink_options(const struct trace_options *options, int fd)
{
	struct terminal_style style = terminal_style(fd, options->wide);

	return (struct sink_options){
		.fd = fd,
		.color = style.color,
		.width = style.width == TEXT_UNLIMITED ? 0 : style.width,
		.stack = options->show_stack,
		.quiet_events = options->summary,
		.verbose = options->verbose,
	};
}

void trace_say_totals(const struct session_totals *totals)
{
	const struct event_end *end = &totals->end;
	char sampled[48] = "";

	if (end->sampled)
		snprintf(sampled, sizeof(sampled), "%llu sampled out + ",
			 (unsigned long long)end->sampled);
	cmd_say("%s%llu hits = %llu delivered + %llu filtered + %s%llu lost",
		totals->failed_code ? "" : "the reader has gone away; ",
		(unsigned long long)end->hits, (unsigned long long)end->delivered,
		(unsigned long long)end->filtered, sampled, (unsigned long long)totals->lost_all);
}

struct error *trace_say_plan(const struct trace_options *options, const struct session *session,
			     int fd)
{
	struct terminal_style style = terminal_style(fd, options->wide);
	cleanup_buf struct buf out = {0}, filters = {0};
	struct plan_report plan = {.color = style.color, .width = style.width};
	struct session_program program;

	filter_explain(&options->filter, &filters);
	plan.filters = buf_cstr(&filters);
	for (size_t i = 0; session_program(session, i, &program); i++) {
		plan.image = program.image;
		plan.tab = program.tab;
		plan.placements = program.placements;
		plan_text(&out, &plan);
	}
	return out.bad || filters.bad ? error_nomem() : output_write(fd, &out);
}
