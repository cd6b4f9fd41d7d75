/* How often a program calls each of the runtime's functions that delete. */
#ifndef SHOW_REPORT_ENTRIES_H
#define SHOW_REPORT_ENTRIES_H

#include "base/base.h"

struct entry_row {
	const char *name; /* "runtime.mapdelete" */
	size_t sites;
};

struct entry_report {
	const struct entry_row *rows;
	size_t rows_n;
	/* text */
	bool color;
	size_t width;
};

void entries_text(struct buf *to, const struct entry_report *report);
/* Appends JSON Lines: {"event":"entry",...} for each entry. */
void entries_json(struct buf *to, const struct entry_report *report);

#endif
