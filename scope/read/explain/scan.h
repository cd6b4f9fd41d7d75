/* What in a text is an address: logs, Go crash reports and goroutine dumps, perf script, lists.
 *
 *   0x4a1b2d       anywhere, as a word of its own; not +0x1d, which is an offset
 *   4a1b2d         where a line is nothing else, as addr2line takes it; where perf script has it:
 *                      "\t  4a1b2d main.(*store).drop+0x1d (/srv/sessions)"
 *   @ 0x4a1b2d 0x4a0c11
 *                  in the text of a Go profile (runtime/pprof, debug=1), what calls return to
 *   +0x1d          in a traceback, an offset from where the function above begins:
 *                      main.(*store).drop(0xc000012000, {0x4c2a11, 0x7})
 *                          /src/main.go:54 +0x1d
 *                  The arguments in the line above are no addresses.
 *
 * Whether a number is an address of the program is not decided here.
 */
#ifndef READ_EXPLAIN_SCAN_H
#define READ_EXPLAIN_SCAN_H

#include "base/base.h"

enum scan_kind {
	SCAN_PLAIN,  /* an address */
	SCAN_RETURN, /* an address that a call returns to, of a stack in a Go profile's text */
	SCAN_PERF,   /* of perf script's frame: in the file that the line names */
	SCAN_FRAME,  /* of a Go traceback's frame: which of the two its file and line tell */
	SCAN_OFFSET, /* an offset from the beginning of the function in the line above */
};

struct scan_hit {
	size_t at, len; /* of the number, in the line */
	uint64_t value;
	enum scan_kind kind;
	/* SCAN_PERF: it is one to return to, as all but the innermost of a stack are; the file, in
	 * the line; what perf says is its offset in a function, or UINT64_MAX. */
	bool returns;
	size_t dso, dso_len;
	uint64_t offset;
	/* SCAN_FRAME and SCAN_OFFSET: */
	const char *func; /* as printed; borrowed from the text_state, until the next line */
	size_t func_len;
	size_t file, file_len; /* the printed file, in the line */
	uint32_t line;
};
#define SCAN_HITS_MAX 256 /* at a time */

/* What the lines so far say about the next; {0} at the beginning. */
struct scan_state {
	char func[1024]; /* of the line before, where that begins a frame of a traceback */
	size_t func_len;
	bool perf; /* the lines before are a stack of perf script's, and not the kernel's alone */
};

/* Finds the addresses of a line (without its newline). next: the first byte of the next line, or 0
 * when that is unknown. Returns their number, in the order of the line. */
size_t scan_line(struct scan_state *state, const char *line, size_t len, char next,
		 struct scan_hit ret[SCAN_HITS_MAX]);
/* The next addresses of a line that had SCAN_HITS_MAX, behind the last of them; 0 at the end. */
size_t scan_line_more(const char *line, size_t len, const struct scan_hit *last,
		      struct scan_hit ret[SCAN_HITS_MAX]);

#endif
