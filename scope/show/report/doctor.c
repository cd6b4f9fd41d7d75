/* What works on this machine. Each column is declared once, for both forms:
 *
 *     machine
 *       CHECK        STATE  FOUND
 *       kernel       ok     6.1.0
 *       programs     fails
 *         cannot load the kernel program: not permitted: run tophash as root (CAP_BPF and
 *         CAP_PERFMON)
 *
 *     {"event":"check","subject":"machine","check":"kernel","state":"ok","found":"6.1.0","why":null}
 *
 * The members' names and their order are an interface. */
#include "base/buf.h"
#include "base/text/text.h"
#include "show/columns/columns.h"
#include "show/report/doctor.h"

static const struct {
	const char *name, *sgr;
} states[] = {
	[CHECK_OK] = {"ok", SGR_NONE},
	[CHECK_LIMITED] = {"limited", SGR_CYAN},
	[CHECK_FAILED] = {"fails", SGR_RED},
};

static const struct check_row *row_of(const void *row)
{
	return row;
}

static void put_subject(struct cell *cell, const void *row)
{
	cell_str(cell, row_of(row)->subject);
}

static void put_check(struct cell *cell, const void *row)
{
	cell_str(cell, row_of(row)->check);
}

static void put_state(struct cell *cell, const void *row)
{
	enum check_state state = row_of(row)->state;

	if (!cell->json)
		text_sgr(cell->to, cell->color, states[state].sgr);
	cell_str(cell, states[state].name);
	if (!cell->json)
		text_sgr_end(cell->to, cell->color, states[state].sgr);
}

static void put_found(struct cell *cell, const void *row)
{
	const char *found = row_of(row)->found;

	size_t from = cell->to->len;

	if (!*found && !cell->json)
		found = "-";
	cell_str(cell, *found ? found : NULL);
	if (!cell->json)
		text_cut(cell->to, from, cell->columns);
}

/* The reason has lines of its own in text, and is never cut. */
static void put_why(struct cell *cell, const void *row)
{
	const char *why = row_of(row)->why;

	cell_str(cell, *why ? why : NULL);
}

static void put_reason(struct buf *to, const struct rows *rows, size_t index, size_t indent)
{
	const struct check_row *row = row_of(columns_row(rows, index));
	cleanup_buf struct buf text = {0};

	(void)indent;
	if (!*row->why)
		return;
	text_safe_str(&text, row->why);
	text_wrap_indented(to, &text, 4, 0, rows->width);
	to->bad |= text.bad;
}

/* Prints the subject above its first row. */
static void put_heading(struct buf *to, const struct rows *rows, size_t index)
{
	const char *subject = row_of(columns_row(rows, index))->subject;

	if (index && !strcmp(subject, row_of(columns_row(rows, index - 1))->subject))
		return;
	text_sgr(to, rows->color, SGR_BOLD);
	text_safe_str(to, subject);
	text_sgr_end(to, rows->color, SGR_BOLD);
	buf_char(to, '\n');
}

static const struct column columns[] = {
	{.json = "subject", .put = put_subject},
	{.name = "CHECK", .json = "check", .place = 1, .put = put_check},
	{.name = "STATE", .json = "state", .place = 2, .put = put_state},
	{.name = "FOUND", .json = "found", .place = 3, .put = put_found},
	{.json = "why", .put = put_why},
};

static struct rows rows_of(const struct doctor_report *report)
{
	return ROWS(columns, report, .event = "check", .indent = 2, .before = put_heading,
		    .after = put_reason);
}

static size_t count(const struct doctor_report *report, enum check_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < report->rows_n; i++)
		n += report->rows[i].state == state;
	return n;
}

void doctor_json(struct buf *to, const struct doctor_report *report)
{
	struct rows rows = rows_of(report);

	columns_json(to, &rows);
	json_literal(to, "{\"event\":\"end\",\"checks\":");
	buf_u64(to, report->rows_n);
	json_name(to, "failed");
	buf_u64(to, count(report, CHECK_FAILED));
	json_name(to, "limited");
	buf_u64(to, count(report, CHECK_LIMITED));
	json_name(to, "code");
	buf_u64(to, (uint64_t)report->code);
	json_end_line(to);
}

void doctor_text(struct buf *to, const struct doctor_report *report)
{
	struct rows rows = rows_of(report);
	size_t limited = count(report, CHECK_LIMITED);

	columns_text(to, &rows);
	if (report->code)
		buf_printf(to, "trace does not work here (exit code %d)\n", report->code);
	else if (limited)
		buf_printf(to, "trace works here; %zu limited\n", limited);
	else
		buf_str(to, "trace works here\n");
}
