/* The lines of `tophash maps --by`, put into one buffer: maps that have something in common, with sums.
 *
 * To group maps by something else:
 *   1. add a word to enum map_grouping, and a row to the table in map_groups.c: the word of --by, the heading, the
 *      name of the JSON member, and the text of a map that is grouped by;
 *   2. add the text to struct map_row (maps.h), and fill it in cmd/maps_list.c;
 *   3. describe the word in docs/man/tophash-maps.1.
 */
#ifndef SHOW_REPORT_MAP_GROUPS_H
#define SHOW_REPORT_MAP_GROUPS_H

#include "base/base.h"
#include "show/report/maps.h"

enum map_grouping {
	MAPS_OF_TYPE,
	MAPS_OF_PACKAGE,
	MAPS_OF_HOLDER,
	MAPS_OF_MARK,
};

/* A group. The text is borrowed from a row. */
struct map_group {
	const char *text; /* what its maps have in common; NULL: it is not known */
	const char
		*package; /* MAPS_OF_TYPE: of the type, because two types may have the same name */
	uint64_t maps, bytes, waste, len, capacity;
};

struct map_grouping_words {
	const char *word;    /* of --by */
	const char *heading; /* of the column */
	const char *json;    /* the member */
	/* Returns the text that a map is grouped by. NULL: it is not known. */
	const char *(*text)(const struct map_row *row);
};

/* Returns NULL if there is no such grouping. */
const struct map_grouping_words *map_grouping_find(enum map_grouping by);

/* Append the groups, in their order, and as JSON Lines the totals (maps.h). `report` has the totals; its rows are not
 * read. */
void map_groups_json(struct buf *to, const struct map_report *report, enum map_grouping by,
		     const struct map_group *groups, size_t n);
void map_groups_text(struct buf *to, const struct map_report *report, enum map_grouping by,
		     const struct map_group *groups, size_t n);

#endif
