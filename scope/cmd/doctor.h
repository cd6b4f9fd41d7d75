/* The rows of `tophash doctor`. */
#ifndef CMD_DOCTOR_H
#define CMD_DOCTOR_H

#include "cmd/doctor_options.h"
#include "show/report/report.h"

struct doctor {
	struct doctor_options options;
	VEC(struct check_row) rows; /* their strings are owned */
	int code;		    /* of the first row that fails; 0: none does */
	int code_proc;		    /* the same, when only /proc was looked at */
	bool no_memory;
};

/* Begins the row of a check. `found` may be NULL, which is "". */
void doctor_add(struct doctor *doctor, const char *subject, const char *check, const char *found);
/* Says in the last row what will be missing. */
void doctor_limit(struct doctor *doctor, const char *format, ...) PRINTF_LIKE(2, 3);
/* Says in the last row that trace will end with this error. Frees the error. Does nothing if it is
 * NULL. */
void doctor_fail(struct doctor *doctor, struct error *err);

/* Add the rows of the machine, of a process (an id or a name), and of a file. */
void doctor_machine(struct doctor *doctor);			 /* doctor_machine.c */
void doctor_process(struct doctor *doctor, const char *process); /* doctor_target.c */
void doctor_file(struct doctor *doctor, const char *path);

#endif
