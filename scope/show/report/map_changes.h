/* The lines of `tophash maps --diff`, put into one buffer: what differs between lists of maps.
 */
#ifndef SHOW_REPORT_MAP_CHANGES_H
#define SHOW_REPORT_MAP_CHANGES_H

#include "base/base.h"
#include "show/report/map_groups.h"

/* A map, or the sums of a group. */
struct map_sums {
	uint64_t maps, bytes, waste, len, capacity, overflow;
	uint64_t growing;	 /* maps whose elements are being moved */
	uint64_t old, evacuated; /* their old buckets, and those of them that are empty by now */
	uint64_t
		moved_unknown; /* of these maps: it is not known how many of their old buckets are empty */
};

/* A map or a group that differs. Texts are borrowed. */
struct map_change {
	enum map_change_kind kind;
	uint64_t map; /* 0: a group */
	const char
		*text; /* the type, or what the maps of a group have in common; NULL: not known */
	const char *package;
	struct map_sums before, after;
};

/* One list. Texts are borrowed. */
struct map_point {
	const char *file;
	uint64_t wall_ns;
	uint32_t pid;
	uint64_t heap_bytes;
	struct map_sums sums; /* of all maps */
};

struct map_changes_report {
	const struct map_point *points; /* in the order of the command line */
	size_t points_n;
	const struct map_change *rows; /* to show, between the first and the last point */
	size_t rows_n;
	bool grouped;
	enum map_grouping by; /* if grouped */
	bool same_process;
	uint64_t counts[MAP_MOVED + 1]; /* changes of each kind, also those that are not shown */
	/* text */
	bool color;
	size_t width;
};

/* Tells what has become of a map or a group. `before` or `after` is all zero if it was not there. */
enum map_change_kind map_change_kind(const struct map_sums *before, const struct map_sums *after);
/* Adds a map to sums. */
void map_sums_add(struct map_sums *to, const struct map_row *row);

/* Append the lists with their sums, then the changes. As JSON Lines they are {"event":"point",...}, {"event":"change",...}
 * and {"event":"end",...}. */
void map_changes_json(struct buf *to, const struct map_changes_report *report);
void map_changes_text(struct buf *to, const struct map_changes_report *report);

#endif
