#include "show/sink/text.h"
#include "base/buf.h"

/* bytes of the name of a container that are shown */
#define CONTAINER_SHOWN 63
#define EXE_LEAST	12 /* a path cut to fewer columns is of no use */

/* --- Start and exit --- */

/* Appends "go1.26.5 swiss, stripped", and with -v also " · 5 probes ready in 12.3 ms". */
static void put_program(struct buf *to, const struct event_start *event, bool verbose)
{
	text_safe_str(to, event->go);
	buf_char(to, ' ');
	text_safe_str(to, event->layout);
	buf_str(to, event->stripped ? ", stripped" : "");
	if (!verbose)
		return;
	buf_str(to, " · ");
	text_counted(to, event->probes.n, "probe");
	buf_str(to, " ready in ");
	text_tenths(to, event->ready_ms);
	buf_str(to, " ms");
}

/* Appends " · container web (podman), image shop:1" or " · pod prod/shop, container api". */
static void put_place(struct buf *to, const struct event_start *event)
{
	const char *name = event->container_name ? event->container_name : event->container;

	if (!event->container)
		return;
	buf_str(to, " · ");
	if (event->pod) {
		buf_str(to, "pod ");
		if (event->namespace) {
			text_safe_str(to, event->namespace);
			buf_char(to, '/');
		}
		text_safe_str(to, event->pod);
		buf_str(to, ", ");
	}
	buf_str(to, "container ");
	text_safe(to, name, strnlen(name, CONTAINER_SHOWN));
	if (!event->pod && event->runtime) {
		buf_str(to, " (");
		text_safe_str(to, event->runtime);
		buf_char(to, ')');
	}
}

/* Appends "tophash 0.1.0 · 2026-08-06 · …/bin/shop (pid 4242) · go1.26.5 swiss, stripped". If that
 * does not fit, the path is cut. If it still does not fit, the last part goes on its own line. */
void text_report_start(struct sink *sink, const struct event_start *event, const char *date,
		       size_t width)
{
	struct buf exe = {0};
	struct buf head = {0};
	struct buf pid = {0};
	struct buf program = {0};
	size_t others, exe_columns;
	bool one_line;

	text_safe_str(&exe, event->exe);
	exe_columns = text_columns(&exe, 0);
	buf_str(&head, "tophash ");
	text_safe_str(&head, event->version);
	buf_str(&head, " · ");
	buf_str(&head, date);
	buf_str(&head, " · ");
	buf_str(&pid, " (pid ");
	buf_u64(&pid, event->pid);
	if (event->own_pid && event->own_pid != event->pid)
		buf_printf(&pid, ", in its namespace %u", event->own_pid);
	buf_char(&pid, ')');
	put_program(&program, event, sink->options.verbose);
	put_place(&program, event);
	others = text_columns(&head, 0) + text_columns(&pid, 0);
	one_line = width >= others + 3 + text_columns(&program, 0) +
				    (exe_columns < EXE_LEAST ? exe_columns : EXE_LEAST);
	if (one_line)
		others += 3 + text_columns(&program, 0);
	text_tail(&head, exe.data, exe.len, width > others ? width - others : 1);
	buf_put(&head, pid.data, pid.len);
	if (one_line) {
		buf_str(&head, " · ");
		buf_put(&head, program.data, program.len);
	}
	text_sgr(&sink->out, sink->options.color, SGR_DIM);
	text_wrap(&sink->out, &head, width);
	if (!one_line)
		text_wrap(&sink->out, &program, width);
	text_sgr_end(&sink->out, sink->options.color, SGR_DIM);
	sink->out.bad |= head.bad || exe.bad || pid.bad || program.bad;
	buf_fini(&head);
	buf_fini(&exe);
	buf_fini(&pid);
	buf_fini(&program);
}

/* Appends "pid 4242 · plugin /usr/lib/shop/rules.so · go1.26.5 swiss". */
void text_report_module(struct sink *sink, const struct event_module *event, size_t width)
{
	struct buf text = {0};

	buf_str(&text, "pid ");
	buf_u64(&text, event->pid);
	buf_str(&text, " · ");
	text_safe_str(&text, event->build);
	buf_char(&text, ' ');
	text_safe_str(&text, event->path);
	buf_str(&text, " · ");
	text_safe_str(&text, event->go);
	buf_char(&text, ' ');
	text_safe_str(&text, event->layout);
	if (event->stripped)
		buf_str(&text, ", stripped");
	text_sgr(&sink->out, sink->options.color, SGR_DIM);
	text_wrap(&sink->out, &text, width);
	text_sgr_end(&sink->out, sink->options.color, SGR_DIM);
	sink->out.bad |= text.bad;
	buf_fini(&text);
}

/* Writes the line of each module that a process has besides its program. */
void text_report_modules(struct sink *sink, const struct event_start *event, size_t width)
{
	for (size_t i = 0; i < event->modules_n; i++)
		text_report_module(sink, &event->modules[i], width);
}

void text_report_exit(struct sink *sink, const struct event_exit *event)
{
	struct buf *to = &sink->out;

	buf_str(to, "pid ");
	buf_u64(to, event->pid);
	if (!event->known) {
		buf_str(to, " has ended");
	} else if (event->signaled) {
		buf_str(to, " was killed by ");
		sink_signal_name(to, event->status);
	} else {
		buf_str(to, " exited with code ");
		buf_i64(to, event->status);
	}
	buf_char(to, '\n');
}

/* Appends "pid 4242 ran unwatched for 12.3 ms (exec): what it removed meanwhile is not known". */
void text_report_gap(struct sink *sink, const struct event_gap *event, size_t width)
{
	struct buf text = {0};

	buf_str(&text, "pid ");
	buf_u64(&text, event->pid);
	buf_str(&text, " ran unwatched for ");
	text_tenths(&text, (double)(event->to_ns - event->from_ns) / 1e6);
	buf_str(&text, " ms (");
	text_safe_str(&text, event->why);
	buf_str(&text, "): what it removed meanwhile is not known");
	text_sgr(&sink->out, sink->options.color, SGR_RED);
	text_wrap(&sink->out, &text, width);
	text_sgr_end(&sink->out, sink->options.color, SGR_RED);
	sink->out.bad |= text.bad;
	buf_fini(&text);
}

/* Appends "from here on, 12.5% of the goroutines are sampled (--max-overhead)". */
void text_report_sample(struct sink *sink, const struct event_sample *event, size_t width)
{
	struct buf text = {0};

	buf_str(&text, "from here on, ");
	if (event->fraction < 1) {
		text_tenths(&text, event->fraction * 100);
		buf_str(&text, "% of the ");
		buf_str(&text, event->by ? event->by : "hit");
		buf_str(&text, "s are sampled");
	} else {
		buf_str(&text, "all events are shown");
	}
	buf_str(&text, " (--max-overhead)");
	text_sgr(&sink->out, sink->options.color, SGR_DIM);
	text_wrap(&sink->out, &text, width);
	text_sgr_end(&sink->out, sink->options.color, SGR_DIM);
	sink->out.bad |= text.bad;
	buf_fini(&text);
}

/* --- The totals --- */

static void put_lost(struct sink *sink, const struct event_end *event, uint64_t lost, size_t width)
{
	bool color = sink->options.color;
	uint64_t unwritten = 0;
	struct buf text = {0};

	text_counted(&text, lost, "event");
	buf_str(&text, lost == 1 ? " was lost (" : " were lost (");
	for (size_t i = 0, shown = 0; i < event->lost_n; i++) {
		if (!event->lost[i].count)
			continue;
		buf_str(&text, shown++ ? ", " : "");
		text_safe_str(&text, event->lost[i].reason);
		buf_char(&text, ' ');
		buf_u64(&text, event->lost[i].count);
		if (strcmp(event->lost[i].reason, "write") == 0)
			unwritten += event->lost[i].count;
	}
	if (unwritten == lost)
		buf_str(&text, "): they could not be written.");
	else
		buf_str(&text,
			"): they came faster than they could be read. A larger --buffer "
			"holds longer bursts; a filter (--key, --type) leaves fewer events.");
	text_sgr(&sink->out, color, SGR_RED);
	text_wrap(&sink->out, &text, width);
	text_sgr_end(&sink->out, color, SGR_RED);
	sink->out.bad |= text.bad;
	buf_fini(&text);
}

void text_put_sample(struct buf *to, const struct event_sample *sample, const char *before)
{
	if (sample->fraction < 1) {
		buf_str(to, before);
		buf_str(to, "a sample of ");
		text_tenths(to, sample->fraction * 100);
		buf_str(to, "% (whole ");
		buf_str(to, sample->by ? sample->by : "hit");
		buf_str(to, "s)");
		before = "; ";
	}
	if (sample->watched < 1) {
		buf_str(to, before);
		buf_str(to, "watched for ");
		text_tenths(to, sample->watched * 100);
		buf_str(to, "% of the time");
	}
}

static void put_elements(struct buf *to, const struct event_end *event)
{
	buf_u64(to, event->removed);
	buf_str(to, " removed by delete, ");
	buf_u64(to, event->cleared);
	buf_str(to, " by clear; ");
	if (event->clears_unknown) {
		text_counted(to, event->clears_unknown, "clear");
		buf_str(to, " of unknown size; ");
	}
	if (event->misses_counted) {
		buf_u64(to, event->misses);
		buf_str(to, event->misses == 1 ? " miss; " : " misses; ");
	}
	if (event->gaps) {
		text_counted(to, event->gaps, "gap");
		buf_str(to, "; ");
	}
	text_tenths(to, event->seconds);
	buf_str(to, " s");
	if (event->overhead_known) {
		buf_str(to, "; tracing took ");
		text_tenths(to, event->cpu_percent);
		buf_str(to, "% of a CPU");
	}
	if (event->overhead_limited)
		text_put_sample(to, &event->sample, "; ");
}

/* Appends the last line, "1000 hits = 990 delivered + 10 filtered + 0 lost; …". If it does not fit,
 * the part about elements goes on the line before, so that the sum is still the last line. */
void text_report_end(struct sink *sink, const struct event_end *event, size_t width)
{
	uint64_t lost = event_lost_sum(event);
	struct buf identity = {0};
	struct buf elements = {0};

	buf_char(&sink->out, '\n');
	if (lost)
		put_lost(sink, event, lost, width);
	text_counted(&identity, event->hits, "hit");
	buf_str(&identity, event->hits == event->delivered + event->filtered + event->sampled + lost
				   ? " = "
				   : " ≠ ");
	buf_u64(&identity, event->delivered);
	buf_str(&identity, " delivered + ");
	buf_u64(&identity, event->filtered);
	buf_str(&identity, " filtered + ");
	if (event->sampled) {
		buf_u64(&identity, event->sampled);
		buf_str(&identity, " sampled out + ");
	}
	buf_u64(&identity, lost);
	buf_str(&identity, " lost");
	put_elements(&elements, event);
	if (text_columns(&identity, 0) + 2 + text_columns(&elements, 0) <= width) {
		buf_str(&identity, "; ");
		buf_put(&identity, elements.data, elements.len);
	} else {
		text_wrap(&sink->out, &elements, width);
	}
	text_wrap(&sink->out, &identity, width);
	sink->out.bad |= identity.bad || elements.bad;
	buf_fini(&identity);
	buf_fini(&elements);
}
