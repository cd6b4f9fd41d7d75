/* The lines of `tophash maps --who-holds`, put into one buffer.
 */
#ifndef SHOW_REPORT_HELD_H
#define SHOW_REPORT_HELD_H

#include "base/base.h"
#include "show/report/maps.h"

/* A way to the object. */
struct held_way {
	uint64_t holder; /* the object that has the pointer, or the word of a root */
	uint64_t slot;	 /* the address of the pointer */
	const struct holder_hop *held_by;
	uint64_t goid;
	uint64_t alike; /* further pointers whose way has the same hops */
};

/* An object and what holds it. Strings are borrowed. */
struct held_report {
	uint64_t addr;	     /* that was asked for */
	const char *why_not; /* the address is in no live object: the reason; otherwise NULL */
	uint64_t object,
		size; /* size 0: the address is in the memory of a root, which is the only way */
	const char *type;  /* NULL: it is not known */
	const char *field; /* the fields at the address; or NULL */
	uint64_t pointers; /* to the object */
	uint64_t ways;	   /* with different hops; not all are shown */
	const struct held_way *rows;
	size_t rows_n;
};

/* Append the object, its ways, and as JSON Lines the totals. `report` has the process, colours and width. */
void held_json(struct buf *to, const struct held_report *held, const struct map_report *report);
void held_text(struct buf *to, const struct held_report *held, const struct map_report *report);

#endif
