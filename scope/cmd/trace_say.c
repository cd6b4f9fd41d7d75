#include "cmd/trace_say.h"
#include "cmd/cmd.h"

#include <stdio.h>

void trace_say_progress(struct status_rate *of, const struct session_progress *progress)
{
	double rate = status_rate(of, progress->hits, progress->seconds);
	char cost[64] = "", sample[64] = "", watched[64] = "";

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
