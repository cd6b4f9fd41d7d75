/* execs: tells of each program that any process begins to execute, at once and without looking at
 * processes again and again.
 *
 *   execs.c   loads the kernel program (bpf/), and takes its records out
 *   shape.h   the record
 */
#ifndef WATCH_EXECS_EXECS_H
#define WATCH_EXECS_EXECS_H

#include "base/base.h"
#include "watch/execs/shape.h"

struct execs;

/* Begins to watch. Errors (ERROR_PERMISSION): no privilege, or the kernel lacks something. */
struct error *execs_open(struct execs **ret);
void execs_close(struct execs *execs); /* NULL is legal */
CLEANUP_FUNC(struct execs, execs_close)

/* Returns the descriptor that is readable while there are records. */
int execs_fd(const struct execs *execs);
/* Calls found(ctx, seen) for each record, in their order. `found` returns false to stop; that record is
 * taken out. Errors: the records cannot be read. */
struct error *execs_drain(struct execs *execs,
			  bool (*found)(void *ctx, const struct exec_seen *seen), void *ctx);
/* Returns how many records found no room so far. */
uint64_t execs_missed(const struct execs *execs);

#endif
