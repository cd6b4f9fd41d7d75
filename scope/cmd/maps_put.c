#include "cmd/maps_put.h"
#include "base/text/text.h"
#include "base/buf.h"
#include "cmd/maps_export.h"
#include "cmd/output.h"

static bool is_json(const struct maps_options *options)
{
	return strcmp(options->format, "json") == 0;
}

static void put_list(const struct maps_listing *listing, const struct map_report *report, bool json,
		     struct buf *out)
{
	const struct map_groups *groups = &listing->groups;

	if (listing->options->who)
		(json ? held_json : held_text)(out, &listing->held.report, report);
	else if (listing->options->grouped)
		(json ? map_groups_json : map_groups_text)(out, report, listing->options->by,
							   groups->list.data, groups->list.len);
	else
		(json ? maps_json : maps_text)(out, report);
}

struct error *maps_put(const struct maps_listing *listing, int fd, struct buf *out)
{
	const struct maps_options *options = listing->options;
	struct terminal_style style = terminal_style(fd, options->wide);
	struct map_report report = listing->totals;

	report.rows = listing->rows.data;
	report.rows_n = listing->rows.len;
	report.color = style.color;
	report.width = style.width;
	if (options->to)
		return maps_export(listing, out);
	if (options->save)
		snapshot_put(out, &listing->head, &report);
	else
		put_list(listing, &report, is_json(options), out);
	return out->bad ? error_nomem() : NULL;
}

/* Appends the line before the table of a list. */
static void put_time_line(const struct maps_listing *listing, struct buf *to)
{
	const struct map_report *totals = &listing->totals;
	struct json_clock clock = {0};
	cleanup_buf struct buf time = {0};

	json_put_time(&time, &clock, listing->head.wall_ns);
	buf_printf(to, "%.*s  %llu maps, %llu bytes, %llu of them empty; read in %.0f ms",
		   (int)sizeof("2026-11-30T10:00:00") - 1, time.len ? time.data + 1 : "",
		   (unsigned long long)totals->maps, (unsigned long long)totals->bytes,
		   (unsigned long long)totals->waste, totals->seconds * 1e3);
	for (enum map_change_kind kind = MAP_CAME; kind <= MAP_MOVED; kind++)
		if (totals->compared && totals->changes[kind])
			buf_printf(to, ", %llu %s", (unsigned long long)totals->changes[kind],
				   map_change_word(kind));
	buf_char(to, '\n');
}

struct error *maps_put_in_turn(const struct maps_listing *listing, int fd, struct buf *out)
{
	bool json = is_json(listing->options);

	if (json)
		snapshot_put_head(out, &listing->head);
	else
		put_time_line(listing, out);
	try(maps_put(listing, fd, out));
	if (!json)
		buf_char(out, '\n');
	return out->bad ? error_nomem() : NULL;
}
