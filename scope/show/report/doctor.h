/* The lines of `tophash doctor`, put into one buffer.
 */
#ifndef SHOW_REPORT_DOCTOR_H
#define SHOW_REPORT_DOCTOR_H

#include "base/base.h"

enum check_state {
	CHECK_OK,
	CHECK_LIMITED, /* something will be missing */
	CHECK_FAILED,  /* trace will not work */
};

/* One thing that was looked at. All strings are borrowed. */
struct check_row {
	const char *subject; /* "machine", "process 4711", "file ./server" */
	const char *check;   /* "kernel" */
	enum check_state state;
	const char *found; /* "6.1.0"; "" when there is nothing to show */
	const char *why;   /* what follows from it: one line; "" when nothing does */
};

struct doctor_report {
	const struct check_row *rows;
	size_t rows_n;
	int code; /* the exit code of trace here; 0: it works */
	/* text */
	bool color;
	size_t width; /* of a line; TEXT_UNLIMITED: nothing is cut */
};

/* Append the list. As JSON Lines it has {"event":"check",...} for each row, then
 * {"event":"end",...}. As text a line with the verdict follows the table. */
void doctor_json(struct buf *to, const struct doctor_report *report);
void doctor_text(struct buf *to, const struct doctor_report *report);

#endif
