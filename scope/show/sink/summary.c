/* Prints the table at the end of a trace, as text and as JSON Lines:
 *
 *     REMOVED   SHARE  GOROUTINES  SITE
 *           6  100.0%           1  main.(*store).drop main.go:54 < main.(*store).refresh main.go:92
 *
 * Each row is a site, a map, a type or a key. Text and JSON are made from the same columns, which
 * are declared below. */
#include "base/buf.h"
#include "base/text/text.h"
#include "show/sink/text.h"
#include "show/columns/columns.h"
#include "show/aggr/aggr.h"

#define ROWS_SHOWN     20
#define GOROUTINES_MAX 64 /* aggr.h counts no more */

struct summary {
	enum aggr_by by;
	uint64_t wall_ns; /* when the trace ended */
	const struct sink *sink;
	uint64_t elements;		   /* in all */
	bool clears, misses;		   /* whether there were any */
	bool pids;			   /* there were several processes */
	const struct event_sample *sample; /* NULL: the counts are complete */
	struct json_clock *clock;
};

static const struct summary *summary_of(const struct rows *rows)
{
	return rows->ctx;
}

static bool is_by(const struct cell *cell, enum aggr_by by)
{
	return summary_of(cell->rows)->by == by;
}

/* --- The subject of a row --- */

static void put_time(struct cell *cell, const void *row)
{
	const struct summary *summary = summary_of(cell->rows);

	(void)row;
	json_put_time(cell->to, summary->clock, summary->wall_ns);
}

static void put_by(struct cell *cell, const void *row)
{
	static const char *const names[] = {
		[AGGR_BY_SITE] = "site",	   [AGGR_BY_MAP] = "map",
		[AGGR_BY_TYPE] = "type",	   [AGGR_BY_KEY] = "key",
		[AGGR_BY_CONTAINER] = "container", [AGGR_BY_POD] = "pod",
	};

	(void)row;
	cell_str(cell, names[summary_of(cell->rows)->by]);
}

static void put_others(struct cell *cell, const void *row_)
{
	const struct aggr_row *row = row_;

	if (row->others)
		cell_bool(cell, true);
}

/* Appends a map, type or key, and its detail. Both are cut at their ends. */
static void put_plain(struct cell *cell, const struct aggr_row *row)
{
	struct buf *to = cell->to;
	size_t from = to->len;
	size_t used;

	text_safe_str(to, row->name);
	if (summary_of(cell->rows)->pids && row->pid) {
		buf_str(to, " of pid ");
		buf_u64(to, row->pid);
	}
	text_cut(to, from, cell->columns);
	used = text_columns(to, from);
	if ((!row->detail[0] && !row->holders) || cell->columns - used < 3)
		return;
	text_sgr(to, cell->color, SGR_DIM);
	buf_put(to, "  ", 2);
	from = to->len;
	text_safe_str(to, row->detail);
	if (row->holders) {
		buf_str(to, "  held by ");
		buf_str(to, row->held_text ? row->held_text : "?");
	}
	text_cut(to, from,
		 cell->columns == TEXT_UNLIMITED ? TEXT_UNLIMITED : cell->columns - used - 2);
	text_sgr_end(to, cell->color, SGR_DIM);
}

static void put_site_text(struct cell *cell, const struct aggr_row *row)
{
	struct place_label site = {
		.func = {row->name, strlen(row->name)},
		.place = {row->detail, strlen(row->detail)},
		.helper = aggr_is_helper(row->name),
	};
	const char *space = strrchr(row->caller, ' ');

	site.caller_func = (struct str){row->caller, strlen(row->caller)};
	if (space) {
		site.caller_func.len = (size_t)(space - row->caller);
		site.caller_place = (struct str){space + 1, strlen(space + 1)};
	}
	place_put(cell->to, &site, cell->columns, cell->color);
}

/* Appends the cell that says which site, map, type or key the row is. */
static void put_subject(struct cell *cell, const void *row_)
{
	const struct aggr_row *row = row_;

	if (is_by(cell, AGGR_BY_SITE) && !row->others)
		put_site_text(cell, row);
	else
		put_plain(cell, row);
}

static void put_site(struct cell *cell, const void *row_)
{
	const struct aggr_row *row = row_;

	if (!cell->json)
		put_subject(cell, row);
	else if (is_by(cell, AGGR_BY_SITE) && !row->others)
		cell_str(cell, row->name);
}

static void put_file(struct cell *cell, const void *row_)
{
	const struct aggr_row *row = row_;

	if (is_by(cell, AGGR_BY_SITE) && !row->others)
		cell_str(cell, row->file);
}

static void put_line(struct cell *cell, const void *row_)
{
	const struct aggr_row *row = row_;

	if (is_by(cell, AGGR_BY_SITE) && !row->others)
		cell_number(cell, row->line);
}

static void put_caller(struct cell *cell, const void *row_)
{
	const struct aggr_row *row = row_;

	if (is_by(cell, AGGR_BY_SITE) && !row->others)
		cell_str(cell, row->caller);
}

static void put_pid(struct cell *cell, const void *row_)
{
	const struct aggr_row *row = row_;

	if (is_by(cell, AGGR_BY_MAP) && !row->others)
		cell_number(cell, row->pid);
}

static void put_map(struct cell *cell, const void *row_)
{
	const struct aggr_row *row = row_;

	if (!cell->json)
		put_subject(cell, row);
	else if (is_by(cell, AGGR_BY_MAP) && !row->others)
		cell_str(cell, row->name);
}

static void put_key(struct cell *cell, const void *row_)
{
	const struct aggr_row *row = row_;

	if (!cell->json)
		put_subject(cell, row);
	else if (is_by(cell, AGGR_BY_KEY) && !row->others)
		buf_str(cell->to, row->json[0] ? row->json : "null");
}

static void put_key_cut(struct cell *cell, const void *row_)
{
	const struct aggr_row *row = row_;

	if (is_by(cell, AGGR_BY_KEY) && row->key_cut)
		cell_bool(cell, true);
}

static bool has_type(const struct cell *cell)
{
	return is_by(cell, AGGR_BY_TYPE) || is_by(cell, AGGR_BY_MAP) || is_by(cell, AGGR_BY_KEY);
}

static void put_type(struct cell *cell, const void *row_)
{
	const struct aggr_row *row = row_;

	if (!cell->json)
		put_subject(cell, row);
	else if (has_type(cell) && !row->others)
		cell_str(cell, is_by(cell, AGGR_BY_TYPE) ? row->name : row->detail);
}

static void put_held(struct cell *cell, const void *row_)
{
	const struct aggr_row *row = row_;

	if (row->holders)
		buf_str(cell->to, row->held_json ? row->held_json : "null");
}

static void put_looked(struct cell *cell, const void *row_)
{
	const struct summary *summary = summary_of(cell->rows);
	const struct aggr_row *row = row_;

	if (row->looked_ns)
		json_put_time(cell->to, summary->clock, sink_wall(summary->sink, row->looked_ns));
	else if (row->looks)
		cell_null(cell);
}

/* Appends the container or the pod of a row. Many processes have none. */
static void put_place(struct cell *cell, const struct aggr_row *row, enum aggr_by by,
		      const char *none)
{
	if (!cell->json && !row->name[0])
		buf_str(cell->to, none);
	else if (!cell->json)
		put_subject(cell, row);
	else if (is_by(cell, by) && !row->others)
		cell_str(cell, row->name[0] ? row->name : NULL);
}

static void put_container(struct cell *cell, const void *row)
{
	put_place(cell, row, AGGR_BY_CONTAINER, "(no container)");
}

static void put_pod(struct cell *cell, const void *row)
{
	put_place(cell, row, AGGR_BY_POD, "(no pod)");
}

/* --- The counts of a row --- */

static void put_elements(struct cell *cell, const void *row)
{
	cell_number(cell, ((const struct aggr_row *)row)->elements);
}

static void put_share(struct cell *cell, const void *row)
{
	uint64_t all = summary_of(cell->rows)->elements;
	double part = (double)((const struct aggr_row *)row)->elements;

	text_tenths(cell->to, all ? part * 100 / (double)all : 0);
	buf_char(cell->to, '%');
}

static void put_deletes(struct cell *cell, const void *row)
{
	cell_number(cell, ((const struct aggr_row *)row)->deletes);
}

static void put_clears(struct cell *cell, const void *row)
{
	cell_number(cell, ((const struct aggr_row *)row)->clears);
}

static void put_misses(struct cell *cell, const void *row)
{
	cell_number(cell, ((const struct aggr_row *)row)->misses);
}

static void put_goroutines(struct cell *cell, const void *row_)
{
	const struct aggr_row *row = row_;

	if (!cell->json && !row->goroutines)
		return; /* unknown for a row that sums up several */
	cell_number(cell, row->goroutines);
	if (!cell->json && row->goroutines >= GOROUTINES_MAX)
		buf_char(cell->to, '+');
}

static void put_fraction(struct cell *cell, const void *row)
{
	const struct event_sample *sample = summary_of(cell->rows)->sample;

	(void)row;
	if (sample)
		json_put_decimal(cell->to, sample->fraction);
}

static void put_watched(struct cell *cell, const void *row)
{
	const struct event_sample *sample = summary_of(cell->rows)->sample;

	(void)row;
	if (sample)
		json_put_decimal(cell->to, sample->watched);
}

/* --- The columns --- */

static bool shows_clears(const struct rows *rows)
{
	return summary_of(rows)->clears && rows->width >= 64;
}

static bool shows_misses(const struct rows *rows)
{
	return summary_of(rows)->misses && rows->width >= 64;
}

static bool shows_goroutines(const struct rows *rows)
{
	return rows->width >= 100;
}

static bool shows_gos(const struct rows *rows)
{
	return rows->width >= 48 && rows->width < 100;
}

static bool shows_site(const struct rows *rows)
{
	return summary_of(rows)->by == AGGR_BY_SITE;
}

static bool shows_map(const struct rows *rows)
{
	return summary_of(rows)->by == AGGR_BY_MAP;
}

static bool shows_key(const struct rows *rows)
{
	return summary_of(rows)->by == AGGR_BY_KEY;
}

static bool shows_type(const struct rows *rows)
{
	return summary_of(rows)->by == AGGR_BY_TYPE;
}

static bool shows_container(const struct rows *rows)
{
	return summary_of(rows)->by == AGGR_BY_CONTAINER;
}

static bool shows_pod(const struct rows *rows)
{
	return summary_of(rows)->by == AGGR_BY_POD;
}

static const struct column columns[] = {
	{.json = "time", .put = put_time},
	{.json = "by", .put = put_by},
	{.json = "others", .put = put_others},
	{.name = "SITE", .json = "site", .place = 7, .put = put_site, .shown = shows_site},
	{.json = "file", .put = put_file},
	{.json = "line", .put = put_line},
	{.json = "caller", .put = put_caller},
	{.json = "pid", .put = put_pid},
	{.name = "MAP", .json = "map", .place = 7, .put = put_map, .shown = shows_map},
	{.name = "KEY", .json = "key", .place = 7, .put = put_key, .shown = shows_key},
	{.json = "key_cut", .put = put_key_cut},
	{.name = "TYPE", .json = "map_type", .place = 7, .put = put_type, .shown = shows_type},
	{.json = "held_by", .put = put_held},
	{.json = "looked", .put = put_looked},
	{.name = "CONTAINER",
	 .json = "container",
	 .place = 7,
	 .put = put_container,
	 .shown = shows_container},
	{.name = "POD", .json = "pod", .place = 7, .put = put_pod, .shown = shows_pod},
	{.name = "REMOVED", .json = "elements", .place = 1, .right = true, .put = put_elements},
	{.name = "SHARE", .place = 2, .width = 6, .right = true, .put = put_share},
	{.json = "deletes", .put = put_deletes},
	{.name = "CLEARS",
	 .json = "clears",
	 .place = 3,
	 .right = true,
	 .put = put_clears,
	 .shown = shows_clears},
	{.name = "MISSES",
	 .json = "misses",
	 .place = 4,
	 .right = true,
	 .put = put_misses,
	 .shown = shows_misses},
	{.name = "GOROUTINES",
	 .json = "goroutines",
	 .place = 5,
	 .right = true,
	 .put = put_goroutines,
	 .shown = shows_goroutines},
	{.json = "fraction", .put = put_fraction},
	{.json = "watched", .put = put_watched},
	{.name = "GOS", .place = 6, .right = true, .put = put_goroutines, .shown = shows_gos},
};

/* --- The table --- */

static struct rows rows_of(struct summary *summary, const struct aggr_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		summary->elements += rows[i].elements;
		summary->clears |= rows[i].clears > 0;
		summary->misses |= rows[i].misses > 0;
	}
	return (struct rows){
		.event = "summary",
		.columns = columns,
		.columns_n = ARRAY_SIZE(columns),
		.first = rows,
		.n = n,
		.size = sizeof(*rows),
		.ctx = summary,
		.width = TEXT_UNLIMITED,
	};
}

void summary_json(struct sink *sink, struct aggr *aggr, uint64_t time_ns, struct json_clock *clock)
{
	struct summary summary = {
		.by = aggr_by(aggr),
		.sink = sink,
		.sample = aggr_sample(aggr),
		.wall_ns = sink_wall(sink, time_ns),
		.clock = clock,
	};
	const struct aggr_row *rows;
	size_t n = aggr_rows(aggr, &rows);
	struct rows list = rows_of(&summary, rows, n);

	columns_json(&sink->out, &list);
}

/* Sums up the rows that are not shown, as one row. */
static struct aggr_row sum_rows(const struct aggr_row *rows, size_t n, const char *name)
{
	struct aggr_row sum = {.name = name, .detail = "", .others = true};

	for (size_t i = 0; i < n; i++) {
		sum.elements += rows[i].elements;
		sum.clears += rows[i].clears;
		sum.misses += rows[i].misses;
	}
	return sum;
}

/* Appends a line such as "The counts are a part: a sample of 12.5% (whole goroutines); watched for
 * 40.1% of the time". */
static void put_sample_line(struct sink *sink, const struct aggr *aggr, size_t width)
{
	const struct event_sample *sample = aggr_sample(aggr);
	struct buf text = {0};

	if (!sample)
		return;
	buf_str(&text, "The counts are a part");
	text_put_sample(&text, sample, ": ");
	text_wrap(&sink->out, &text, width);
	sink->out.bad |= text.bad;
	buf_fini(&text);
}

void summary_text(struct sink *sink, struct aggr *aggr, size_t width, bool pids)
{
	struct summary summary = {.by = aggr_by(aggr), .pids = pids};
	const struct aggr_row *rows;
	size_t n = aggr_rows(aggr, &rows);
	struct rows list = rows_of(&summary, rows, n);
	struct aggr_row shown[ROWS_SHOWN + 1];
	struct buf name = {0};

	if (!n)
		return;
	list.width = width;
	list.color = sink->options.color;
	list.apart = true;
	if (n > ROWS_SHOWN + 1) { /* "1 more row" would take as much room as the row */
		memcpy(shown, rows, ROWS_SHOWN * sizeof(*rows));
		buf_str(&name, "… ");
		text_counted(&name, n - ROWS_SHOWN, "more row");
		shown[ROWS_SHOWN] = sum_rows(rows + ROWS_SHOWN, n - ROWS_SHOWN, buf_cstr(&name));
		list.first = shown;
		list.n = ROWS_SHOWN + 1;
	}
	buf_char(&sink->out, '\n');
	put_sample_line(sink, aggr, width);
	columns_text(&sink->out, &list);
	buf_fini(&name);
}
