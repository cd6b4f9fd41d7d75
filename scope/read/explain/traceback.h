/* Finds the addresses of frames in a Go traceback. Its lines print the function's name, the source
 * file and line, and the pc or an offset from the beginning of the function (scan.h: SCAN_FRAME,
 * SCAN_OFFSET).
 *
 * An offset can have several meanings. The printed name may belong to several instances of a
 * generic function. The pc may be a return address, or the pc of an instruction at which a signal
 * arrived. The printed file and line decide.
 */
#ifndef READ_EXPLAIN_TRACEBACK_H
#define READ_EXPLAIN_TRACEBACK_H

#include "read/explain/scan.h"

struct explain_module;
struct gonames;

/* The program whose tracebacks are read. Begins as {.module = ...}. */
struct traceback {
	struct explain_module *module; /* borrowed */
	struct gonames *names;	       /* opened with the first frame; NULL: not yet, or no Go */
	bool names_tried;
	double used; /* seconds of processor time so far; past a bound no frame is found */
};

void traceback_fini(struct traceback *traceback);
CLEANUP_VALUE(struct traceback, traceback_fini)

struct traceback_pc {
	uint64_t pc;   /* link-time */
	unsigned step; /* 1 for a return address, else 0 */
	bool exact;    /* the file and line there equal the printed ones */
};

/* Finds the address that the offset of a frame stands for. `line` is the text in which the hit was
 * found. Returns false when the program has no such function, or when several functions are
 * possible. */
bool traceback_find(struct traceback *traceback, const struct scan_hit *hit, const char *line,
		    struct traceback_pc *ret);
/* Returns 1 when the pc of a frame, printed in full, is a return address, else 0. `pc` is its
 * link-time address. */
unsigned traceback_step(struct traceback *traceback, const struct scan_hit *hit, const char *line,
			uint64_t pc);

#endif
