/* steps: what happens to the buckets or tables of one map of a process, by probes on the functions of the runtime that
 * move its elements (read/gofile/steps.h). It runs the engine "uprobe" for these probes alone. The process is not
 * stopped.
 *
 *   steps.c   places the probes, and takes the records out
 *   track.c   makes steps of records: what a record alone does not tell follows from those before it
 */
#ifndef WATCH_STEPS_STEPS_H
#define WATCH_STEPS_STEPS_H

#include "base/base.h"
#include "base/file.h"
#include "read/gofile/gofile.h"
#include "show/report/report.h"
#include "watch/engine/engine.h"

/* All pointers are borrowed for the life of struct steps. */
struct steps_options {
	const struct image *image; /* of the module with the runtime */
	const struct gopcln *tab;
	int exe; /* a descriptor of its file, which is duplicated */
	pid_t pid;
	uint64_t map;			  /* the address of its header */
	const struct engine_users *users; /* as engine_options.users; needed only by steps_open() */
};

struct steps_counters {
	uint64_t seen; /* that were over */
	uint64_t lost; /* of them, and of those whose end was not seen */
};

struct steps;

/* Places the probes. Steps count from now on. The caller frees *ret with steps_close(). Errors: as placement_find(),
 * engine_open() and engine_attach(). */
struct error *steps_open(const struct steps_options *options, struct steps **ret);
void steps_close(struct steps *steps); /* removes the probes; NULL is legal */
CLEANUP_FUNC(struct steps, steps_close)

/* Returns the capabilities (1 << CAP_...) that are needed from steps_open() to steps_close(). */
uint64_t steps_capabilities(const struct steps *steps);
/* Returns a descriptor that is readable when there are records, or -1. */
int steps_fd(const struct steps *steps);

enum steps_news {
	STEPS_GO_ON,
	STEPS_EXEC,  /* the process executes another program */
	STEPS_OTHER, /* other buckets are there than after the last step: what was known is void */
};

/* Calls on_step for each step that is over, in their order. The step is borrowed until it returns. on_step returns false to
 * stop; the rest is lost. *ret: STEPS_OTHER comes before the step that does not follow from the last one, which is then
 * the next to be taken out. Errors: the ring cannot be read; no memory. */
struct error *steps_drain(struct steps *steps,
			  bool (*on_step)(void *ctx, const struct map_step *step), void *ctx,
			  enum steps_news *ret);
/* Stops taking steps, and removes the probes. What was recorded before can still be drained. */
void steps_end(struct steps *steps);
void steps_counters(const struct steps *steps, struct steps_counters *ret);

/* ---- what records do not tell, told by who has read the map ---- */

/* Forgets all that is known. */
void steps_forget(struct steps *steps);
/* The map stood still with this header, and so many of its old buckets were evacuated. */
void steps_note(struct steps *steps, const uint64_t header[6], uint64_t evacuated);
/* An overflow bucket, `depth` links after the bucket of this number. */
void steps_note_overflow(struct steps *steps, uint64_t addr, uint64_t bucket, uint32_t depth);

#endif
