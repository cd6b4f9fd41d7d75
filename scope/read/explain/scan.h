/* Finds addresses in a text: logs, Go crash reports and goroutine dumps, perf script, lists.
 *
 *   0x4a1b2d       anywhere, as a word of its own; not +0x1d, which is an offset
 *   4a1b2d         on a line that has nothing else, as addr2line takes it; in perf script's frames:
 *                      "\t  4a1b2d main.(*store).drop+0x1d (/srv/sessions)"
 *   ip 0000000000499097, ip:499097
 *                  in the kernel's messages about signals (dmesg)
 *   @ 0x4a1b2d 0x4a0c11
 *                  in the text of a Go profile (runtime/pprof, debug=1): what calls return to
 *   +0x1d          in a traceback, an offset from where the function above begins:
 *                      main.(*store).drop(0xc000012000, {0x4c2a11, 0x7})
 *                          /src/main.go:54 +0x1d
 *                  The arguments in the line above are no addresses.
 *
 * A traceback's lines may stand in a log, each behind a prefix (journald, kubectl, syslog), or within
 * the strings of JSON, where a tab and the end of a line are written as escapes. A line of the text is
 * therefore taken apart into pieces, at quotes and at escapes that end a line.
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
	SCAN_FRAME, /* the pc of a Go traceback's frame; its line tells whether a call returns there */
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
	const char
		*func; /* as printed; borrowed from the line or from the scan_state, until the next
			     line */
	size_t func_len;
	size_t file, file_len; /* the printed file, in the line */
	uint32_t line;
};
#define SCAN_HITS_MAX 256 /* at a time */

/* What the lines so far say about the next; {0} at the beginning. */
struct scan_state {
	char funcs[2]
		  [1024]; /* [turn]: of the line before, where that begins a frame of a traceback */
	bool turn;
	size_t func_len;
	bool perf; /* the lines before are a stack of perf script's, and not the kernel's alone */
	/* Within a line: */
	size_t at, end;	   /* the piece that is next, or what is left of it */
	bool words, stack; /* the piece has only words left; they are a profile's stack */
	const char *name;  /* of a frame that waits for its place; in funcs, or in the line */
	size_t name_len;
};

/* A line of a text, without its newline. */
struct scan_text {
	const char *line;
	size_t len;
	const char *next; /* the next line; NULL: not known yet, or there is none */
	size_t next_len;
};

/* Finds the addresses of a line. Returns their number, in the order of the line. */
size_t scan_line(struct scan_state *state, const struct scan_text *text,
		 struct scan_hit ret[SCAN_HITS_MAX]);
/* Finds the next addresses of the line that scan_line() or scan_line_more() was called with. Returns 0
 * when there are no more. */
size_t scan_line_more(struct scan_state *state, const struct scan_text *text,
		      struct scan_hit ret[SCAN_HITS_MAX]);

#endif
