/* Files -> snapshots -> changes -> report. */
#include "cmd/maps_diff.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/text/text.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "show/snapshot/snapshot.h"

#include <fcntl.h>
#include <stdlib.h>

/* Only the first and the last list are kept. Of the others the sums remain. */
struct diff {
	const struct maps_options *options;
	struct snapshot first, last;
	VEC(struct map_point) points;
	struct snapshot_changes changes;
	struct map_changes_report report;
};

static void diff_fini(struct diff *diff)
{
	snapshot_changes_fini(&diff->changes);
	vec_fini(&diff->points);
	snapshot_fini(&diff->last);
	snapshot_fini(&diff->first);
}
CLEANUP_VALUE(struct diff, diff_fini)

/* ---- reading ---- */

static struct error *add_point(struct diff *diff, const char *file, const struct snapshot *of)
{
	struct map_point point = {.file = file,
				  .wall_ns = of->head.wall_ns,
				  .pid = of->head.pid,
				  .heap_bytes = of->totals.heap_bytes};

	vec_each(row, &of->rows)
		map_sums_add(&point.sums, row);
	return vec_push(&diff->points, point) ? NULL : error_nomem();
}

static struct error *read_file(struct diff *diff, const char *file, struct snapshot *ret)
{
	struct error *err;
	int fd;

	*ret = (struct snapshot){0};
	try(file_open(file, &fd));
	/* A pipe may not have all of it yet. */
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	err = snapshot_read(fd, file, ret);
	close(fd);
	return err ? err : add_point(diff, file, ret);
}

static struct error *read_files(struct diff *diff)
{
	char **files = diff->options->files;
	size_t n = diff->options->files_n;

	try(read_file(diff, files[0], &diff->first));
	for (size_t i = 1; i + 1 < n; i++) {
		cleanup(snapshot_fini) struct snapshot between = {0};

		try(read_file(diff, files[i], &between));
	}
	return read_file(diff, files[n - 1], &diff->last);
}

/* ---- changes ---- */

static bool is_type(const struct maps_options *options, const char *type)
{
	return !options->type || (type && glob_matches(options->pattern, type));
}

/* Keeps the maps of --type, before they are added up. */
static void choose_rows(const struct maps_options *options, struct snapshot *from)
{
	size_t n = 0;

	vec_each(row, &from->rows)
		if (is_type(options, row->type))
			from->rows.data[n++] = *row;
	from->rows.len = n;
}

/* Keeps what is large enough before or after, and maps of --type. */
static void choose_changes(const struct diff *diff, struct snapshot_changes *from)
{
	const struct maps_options *options = diff->options;
	size_t n = 0;

	vec_each(change, &from->list)
		if ((change->before.bytes >= options->min_bytes ||
		     change->after.bytes >= options->min_bytes) &&
		    (diff->report.grouped || is_type(options, change->text)))
			from->list.data[n++] = *change;
	from->list.len = n;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* Returns how large a change is in the measure of --sort. The default is that of bytes or of waste,
 * whichever is larger: a map that is emptied keeps its bytes. */
static uint64_t measure(enum maps_order order, const struct map_change *change)
{
	const struct map_sums *a = &change->before, *b = &change->after;
	uint64_t bytes = distance(a->bytes, b->bytes), waste = distance(a->waste, b->waste);

	switch (order) {
	case MAPS_BY_WASTE: return bytes > waste ? bytes : waste;
	case MAPS_BY_BYTES: return bytes;
	case MAPS_BY_LEN: return distance(a->len, b->len);
	case MAPS_BY_CAPACITY: return distance(a->capacity, b->capacity);
	case MAPS_BY_MAPS: return distance(a->maps, b->maps);
	default: return 0;
	}
}

static int compare_texts(const char *a, const char *b)
{
	if (!a || !b)
		return !a - !b;
	return strcmp(a, b);
}

static int compare_changes(const void *a_, const void *b_, void *ctx)
{
	const struct maps_options *options = ctx;
	const struct map_change *a = a_, *b = b_;
	uint64_t x = measure(options->order, a), y = measure(options->order, b);
	int by_text = options->order == MAPS_BY_MAP ? 0 : compare_texts(a->text, b->text);

	if (x != y)
		return x < y ? 1 : -1;
	return by_text ? by_text : (a->map > b->map) - (a->map < b->map);
}

static struct error *compare(struct diff *diff)
{
	const struct maps_options *options = diff->options;
	struct map_changes_report *report = &diff->report;

	report->same_process = snapshot_same_process(&diff->first, &diff->last);
	report->grouped = options->grouped || !report->same_process;
	report->by = options->grouped ? options->by : MAPS_OF_TYPE;
	if (report->grouped) {
		choose_rows(options, &diff->first);
		choose_rows(options, &diff->last);
		try(snapshot_compare_groups(&diff->first, &diff->last, report->by, &diff->changes));
	} else {
		try(snapshot_compare(&diff->first, &diff->last, &diff->changes));
	}
	choose_changes(diff, &diff->changes);
	vec_each(change, &diff->changes.list)
		report->counts[change->kind]++;
	if (diff->changes.list.len)
		qsort_r(diff->changes.list.data, diff->changes.list.len,
			sizeof(*diff->changes.list.data), compare_changes, (void *)options);
	report->rows = diff->changes.list.data;
	report->rows_n = diff->changes.list.len;
	if (options->top && report->rows_n > options->top)
		report->rows_n = options->top;
	report->points = diff->points.data;
	report->points_n = diff->points.len;
	return NULL;
}

/* ---- output ---- */

static void say_process(const struct diff *diff)
{
	const struct snapshot_head *a = &diff->first.head, *b = &diff->last.head;

	if (diff->report.same_process)
		return;
	if (a->pid != b->pid)
		cmd_say("%s is of process %u and %s of process %u: maps are compared by %s",
			diff->options->files[0], a->pid,
			diff->options->files[diff->options->files_n - 1], b->pid,
			map_grouping_find(diff->report.by)->word);
	else
		cmd_say("the lists are of two runs of process %u: maps are compared by %s", a->pid,
			map_grouping_find(diff->report.by)->word);
}

static void say_counts(const struct map_changes_report *report)
{
	cleanup_buf struct buf text = {0};

	for (enum map_change_kind kind = MAP_CAME; kind <= MAP_MOVED; kind++)
		if (report->counts[kind])
			buf_printf(&text, "%s%llu %s", text.len ? ", " : "",
				   (unsigned long long)report->counts[kind], map_change_word(kind));
	cmd_say("%s %s", report->grouped ? "groups:" : "maps:",
		text.len ? buf_cstr(&text) : "nothing differs");
}

struct error *maps_diff(const struct maps_options *options, int fd)
{
	struct terminal_style style = terminal_style(fd, options->wide);
	cleanup(diff_fini) struct diff diff = {.options = options};
	cleanup_buf struct buf out = {0};

	try(read_files(&diff));
	try(compare(&diff));
	diff.report.color = style.color;
	diff.report.width = style.width;
	if (strcmp(options->format, "json") == 0)
		map_changes_json(&out, &diff.report);
	else
		map_changes_text(&out, &diff.report);
	if (out.bad)
		return error_nomem();
	try(output_empty(options->output, fd));
	try(output_write(fd, &out));
	if (!options->quiet) {
		say_process(&diff);
		say_counts(&diff.report);
	}
	return NULL;
}
