/* The processes with Go code. Each column is declared once, for both forms:
 *
 *      PID  USER   GO        MAPS     CONTAINER            PROGRAM     NOTES
 *     1234  alice  go1.26.5  swiss    docker 4f0c9a1be7d2  shop        stripped
 *     1301  root   go1.23.4  classic                       python3.11  library libkeys.so
 *
 *     {"event":"process","pid":1234,"own_pid":1,"uid":1000,"user":"alice","name":"shop",...}
 *
 * The members' names and their order are an interface. */
#include "base/path.h"
#include "base/buf.h"
#include "base/text/text.h"
#include "show/columns/columns.h"
#include "show/report/ps.h"

enum { ID_SHORT = 12 }; /* the part of a container's id that is shown */
enum { GO_MOST = 11 };	/* the columns of a release, such as go1.26.11, if lines are cut */

static const struct process_row *row_of(const void *row)
{
	return row;
}

/* Returns why nothing of a process can be traced, or NULL if something can. */
static const char *why_not(const struct process_row *row)
{
	for (size_t i = 0; i < row->modules_n; i++)
		if (!row->modules[i].why_not)
			return NULL;
	return row->modules_n ? row->modules[0].why_not : NULL;
}

/* ---- columns ---- */

static void put_pid(struct cell *cell, const void *row)
{
	cell_number(cell, row_of(row)->pid);
}

static void put_own_pid(struct cell *cell, const void *row)
{
	cell_number(cell, row_of(row)->own_pid);
}

static void put_uid(struct cell *cell, const void *row)
{
	cell_number(cell, row_of(row)->uid);
}

static void put_user(struct cell *cell, const void *row)
{
	if (row_of(row)->user || cell->json)
		cell_str(cell, row_of(row)->user);
	else
		cell_number(cell, row_of(row)->uid);
}

static void put_name(struct cell *cell, const void *row)
{
	cell_str(cell, row_of(row)->name);
}

static void put_exe(struct cell *cell, const void *row)
{
	cell_str(cell, row_of(row)->exe);
}

static void put_go(struct cell *cell, const void *row)
{
	const char *go = row_of(row)->modules[0].go;
	size_t from = cell->to->len;

	cell_str(cell, *go ? go : NULL);
	if (!cell->json && cell->rows->width != TEXT_UNLIMITED)
		text_cut(cell->to, from, GO_MOST);
}

static void put_layout(struct cell *cell, const void *row)
{
	cell_str(cell, row_of(row)->modules[0].layout);
}

static void put_stripped(struct cell *cell, const void *row)
{
	cell_bool(cell, row_of(row)->modules[0].stripped);
}

/* Appends "prod/shop-7d4b/api", "web", or the first digits of the id. */
static void put_container_title(struct buf *to, const struct process_row *row)
{
	if (row->namespace && row->pod_name) {
		text_safe_str(to, row->namespace);
		buf_char(to, '/');
	}
	if (row->pod_name) {
		text_safe_str(to, row->pod_name);
		buf_char(to, '/');
	}
	if (row->container_name)
		text_safe_str(to, row->container_name);
	else
		text_safe(to, row->container, strnlen(row->container, ID_SHORT));
}

static void put_container(struct cell *cell, const void *row_)
{
	const struct process_row *row = row_of(row_);

	if (cell->json) {
		cell_str(cell, row->runtime ? row->container : NULL);
	} else if (row->runtime) {
		text_safe_str(cell->to, row->runtime);
		buf_char(cell->to, ' ');
		put_container_title(cell->to, row);
	}
}

static void put_runtime(struct cell *cell, const void *row)
{
	if (row_of(row)->runtime)
		cell_str(cell, row_of(row)->runtime);
}

static void put_pod(struct cell *cell, const void *row)
{
	if (*row_of(row)->pod)
		cell_str(cell, row_of(row)->pod);
}

static void put_container_name(struct cell *cell, const void *row)
{
	if (row_of(row)->container_name)
		cell_str(cell, row_of(row)->container_name);
}

static void put_pod_name(struct cell *cell, const void *row)
{
	if (row_of(row)->pod_name)
		cell_str(cell, row_of(row)->pod_name);
}

static void put_namespace(struct cell *cell, const void *row)
{
	if (row_of(row)->namespace)
		cell_str(cell, row_of(row)->namespace);
}

static void put_image(struct cell *cell, const void *row)
{
	if (row_of(row)->image)
		cell_str(cell, row_of(row)->image);
}

static void put_traceable(struct cell *cell, const void *row)
{
	cell_bool(cell, !why_not(row_of(row)));
}

static void put_why_not(struct cell *cell, const void *row)
{
	if (why_not(row_of(row)))
		cell_str(cell, why_not(row_of(row)));
}

static void put_modules(struct cell *cell, const void *row_)
{
	const struct process_row *row = row_of(row_);
	struct buf *to = cell->to;

	buf_char(to, '[');
	for (size_t i = 0; i < row->modules_n; i++) {
		const struct process_module *module = &row->modules[i];

		if (i)
			buf_char(to, ',');
		json_begin(to, "kind");
		json_put_str(to, module->kind);
		json_name(to, "path");
		json_put_str(to, module->path);
		json_name(to, "build_id");
		json_put_str(to, module->build_id);
		json_name(to, "go");
		json_put_str(to, *module->go ? module->go : NULL);
		json_name(to, "layout");
		json_put_str(to, module->layout);
		json_name(to, "stripped");
		json_put_bool(to, module->stripped);
		json_name(to, "traceable");
		json_put_bool(to, !module->why_not);
		if (module->why_not) {
			json_name(to, "why");
			json_put_str(to, module->why_not);
		}
		buf_char(to, '}');
	}
	buf_char(to, ']');
}

static void put_program(struct cell *cell, const void *row)
{
	text_safe_str(cell->to, path_base(row_of(row)->exe));
}

static void put_note(struct buf *to, size_t from, const char *note, const char *what)
{
	buf_str(to, to->len > from ? ", " : "");
	buf_str(to, note);
	text_safe_str(to, what);
}

/* Appends what is unusual about a process. */
static void put_notes(struct cell *cell, const void *row_)
{
	const struct process_row *row = row_of(row_);
	size_t from = cell->to->len;

	if (why_not(row))
		put_note(cell->to, from, "not traceable: ", why_not(row));
	if (row->modules[0].stripped)
		put_note(cell->to, from, "stripped", "");
	for (size_t i = 0; i < row->modules_n; i++) {
		const struct process_module *module = &row->modules[i];

		if (!strcmp(module->kind, "program"))
			continue;
		put_note(cell->to, from, module->kind, " ");
		text_safe_str(cell->to, path_base(module->path));
	}
	text_cut(cell->to, from, cell->columns);
}

/* A line that is narrower has no room for these columns beside the others. */
#define WIDTH_OF_USER	   60
#define WIDTH_OF_CONTAINER 70

static bool has_room(const struct rows *rows)
{
	return rows->width >= WIDTH_OF_USER;
}

/* Returns whether any process is in a container. The column of containers is shown only then. */
static bool has_container(const struct rows *rows)
{
	if (rows->width < WIDTH_OF_CONTAINER)
		return false;
	for (size_t i = 0; i < rows->n; i++)
		if (row_of(columns_row(rows, i))->runtime)
			return true;
	return false;
}

static const struct column columns[] = {
	{.name = "PID", .json = "pid", .place = 1, .right = true, .put = put_pid},
	{.json = "own_pid", .put = put_own_pid},
	{.json = "uid", .put = put_uid},
	{.name = "USER",
	 .percent = 20,
	 .json = "user",
	 .place = 2,
	 .put = put_user,
	 .shown = has_room},
	{.json = "name", .put = put_name},
	{.json = "exe", .put = put_exe},
	{.name = "GO", .json = "go", .place = 3, .put = put_go},
	{.name = "MAPS", .json = "layout", .place = 4, .put = put_layout, .shown = has_room},
	{.json = "stripped", .put = put_stripped},
	{.json = "runtime", .put = put_runtime},
	{.name = "CONTAINER",
	 .percent = 25,
	 .json = "container",
	 .place = 5,
	 .put = put_container,
	 .shown = has_container},
	{.json = "container_name", .put = put_container_name},
	{.json = "image", .put = put_image},
	{.json = "pod", .put = put_pod},
	{.json = "pod_name", .put = put_pod_name},
	{.json = "namespace", .put = put_namespace},
	{.json = "traceable", .put = put_traceable},
	{.json = "why", .put = put_why_not},
	{.name = "PROGRAM", .place = 6, .percent = 40, .sgr = SGR_BOLD, .put = put_program},
	{.name = "NOTES", .place = 7, .put = put_notes},
	{.json = "modules", .put = put_modules},
};

static struct rows rows_of(const struct process_report *report)
{
	return ROWS(columns, report, .event = "process");
}

void process_json(struct buf *to, const struct process_report *report)
{
	struct rows rows = rows_of(report);

	columns_json(to, &rows);
	json_literal(to, "{\"event\":\"end\",\"processes\":");
	buf_u64(to, report->rows_n);
	json_name(to, "hidden");
	buf_u64(to, report->hidden);
	json_end_line(to);
}

void process_text(struct buf *to, const struct process_report *report)
{
	struct rows rows = rows_of(report);

	if (report->rows_n)
		columns_text(to, &rows);
}
