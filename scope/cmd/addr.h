/* Declarations that the files of `tophash addr` share.
 *
 *   addr_options.h  the command line
 *   addr_output.c   writes explanations
 *   addr.c          the addresses of the command line
 *   addr_annotate.c standard input: lists the addresses in a text, or adds notes to it
 */
#ifndef CMD_ADDR_H
#define CMD_ADDR_H

#include "cmd/addr_options.h"
#include "base/buf_type.h"
#include "show/report/report.h"

struct addr {
	struct addr_options options;
	struct space space;
	struct explain *explain;
	struct addr_style style;
	struct addr_totals totals;
	struct buf out; /* formatted, not yet written */
	int fd;
	bool closed; /* the reader of the output has gone away, so stop */
};

bool addr_is_json(const struct addr *addr);
/* Formats one explanation and counts it. */
void addr_emit(struct addr *addr, const struct explanation *e);
/* Writes what is formatted if it is much, or if `all` is set. */
struct error *addr_flush(struct addr *addr, bool all);
/* Reads standard input to its end and explains the addresses in it. */
struct error *addr_annotate(struct addr *addr);

#endif
