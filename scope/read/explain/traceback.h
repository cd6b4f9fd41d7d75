/* Frames of a Go traceback, as its lines print them: the function's name, the source file and line,
 * and an offset from where the function begins or the pc itself (scan.h: SCAN_OFFSET, SCAN_FRAME).
 *
 * An offset can have several meanings. The printed name may belong to several instances of a generic
 * function. The pc may be one to return to, or, where a signal came, the pc of the instruction itself.
 * The printed file and line decide.
 */
#ifndef READ_EXPLAIN_TRACEBACK_H
#define READ_EXPLAIN_TRACEBACK_H

#include "read/explain/scan.h"

struct explain_module;
struct gonames;

/* The program whose tracebacks are read; {.module = ...} at the beginning. */
struct traceback {
	struct explain_module *module; /* borrowed */
	struct gonames *names;	       /* opened with the first frame; NULL: not yet, or not Go */
	bool names_tried;
	double used; /* seconds of processor time so far; after a bound no frame is found any more */
};

void traceback_fini(struct traceback *traceback);
CLEANUP_VALUE(struct traceback, traceback_fini)

struct traceback_pc {
	uint64_t pc;   /* link-time */
	unsigned step; /* 1: it is one to return to; else 0 */
	bool exact;    /* the file and line there are the printed ones */
};

/* Finds what the offset of a frame means. line: the text in which the hit was found. Returns false when
 * the program has no such function, or several that could be meant. */
bool traceback_find(struct traceback *traceback, const struct scan_hit *hit, const char *line,
		    struct traceback_pc *ret);
/* Returns 1 when the pc of a frame, printed in full, is one to return to; else 0. pc: its link-time
 * address. */
unsigned traceback_step(struct traceback *traceback, const struct scan_hit *hit, const char *line,
			uint64_t pc);

#endif
