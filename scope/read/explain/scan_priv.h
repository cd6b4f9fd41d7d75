/* What the parts of the search for addresses share. Inside explain/.
 */
#ifndef READ_EXPLAIN_SCAN_PRIV_H
#define READ_EXPLAIN_SCAN_PRIV_H

#include "read/explain/scan.h"

/* Tells whether two prefixes of lines are of one source: their words are equal, but for those that
 * begin with a digit, as times do. */
bool scan_same_source(const char *a, size_t a_len, const char *b, size_t b_len);

/* Keeps the name of a frame whose place is to come in one of the next SCAN_LINES_AHEAD lines. prefix:
 * what the line has before the frame. A name that is too long is not kept. */
void scan_wait(struct scan_state *state, const char *name, size_t len, const char *prefix,
	       size_t prefix_len);
/* Takes out the name that a place behind this prefix belongs to, as state->name. Returns false when
 * none waits. The name stays where it is until the next line. */
bool scan_take(struct scan_state *state, const char *prefix, size_t prefix_len);

#endif
