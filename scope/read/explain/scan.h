/* Finds addresses in a text: logs, Go crash reports and goroutine dumps, perf script, lists.
 *
 *   0x4a1b2d       anywhere, as a word of its own; not +0x1d, which is an offset
 *   4a1b2d         alone on a line, as addr2line reads it; also in the frames of perf script:
 *                      "\t  4a1b2d main.(*store).drop+0x1d (/srv/sessions)"
 *   ip 0000000000499097, ip:499097
 *                  in the kernel's messages about signals (dmesg)
 *   @ 0x4a1b2d 0x4a0c11
 *                  return addresses in the text of a Go profile (runtime/pprof, debug=1)
 *   +0x1d          in a traceback, an offset from the beginning of the function above:
 *                      main.(*store).drop(0xc000012000, {0x4c2a11, 0x7})
 *                          /src/main.go:54 +0x1d
 *                  The arguments in the line above are no addresses.
 *
 * A traceback may be in a log. Each of its lines then has a prefix (journald, kubectl, syslog), or
 * it is in a string of JSON, in which a tab and the end of a line are written as escapes. A line of
 * the text is therefore split into pieces, at quotes and at escapes that end a line. Lines of other
 * sources may come between the two lines of a frame (scan_wait.c).
 *
 * Whether a number is an address of the program is not decided here.
 */
#ifndef READ_EXPLAIN_SCAN_H
#define READ_EXPLAIN_SCAN_H

#include "base/base.h"

enum scan_kind {
	SCAN_PLAIN,  /* an address */
	SCAN_RETURN, /* a return address in a stack of a Go profile's text */
	SCAN_PERF,   /* in a frame of perf script; in the file that the line names */
	SCAN_FRAME,  /* the pc in a traceback's frame; the line tells if it is a return address */
	SCAN_OFFSET, /* an offset from the beginning of the function in the line above */
};

struct scan_hit {
	size_t at, len; /* position of the number in the line */
	uint64_t value;
	enum scan_kind kind;
	/* SCAN_PERF: `returns` says that it is a return address, as in all but the innermost frame
	 * of a stack. dso is the file, as a position in the line. offset is the offset in the
	 * function that perf prints, or UINT64_MAX. */
	bool returns;
	size_t dso, dso_len;
	uint64_t offset;
	/* SCAN_FRAME and SCAN_OFFSET: */
	const char
		*func; /* as printed; borrowed from the line or scan_state, until the next line */
	size_t func_len;
	const char *other; /* if the newest line seems to come first: the name in the line before */
	size_t other_len;
	size_t file, file_len; /* the printed file, as a position in the line */
	uint32_t line;
};
#define SCAN_HITS_MAX 256 /* in one call */

/* The place of a frame may come up to this many lines after its name. The lines between belong to
 * others. */
#define SCAN_LINES_AHEAD 16
#define SCAN_WAITING_MAX 8

/* The name of a frame whose place has not been read yet. */
struct scan_waiting {
	char name[1024], prefix[512]; /* prefix: the text before the frame in its line */
	size_t len, prefix_len;	      /* len 0: there is none */
	uint64_t line;
};

/* Data from the lines so far that the next line needs. {0} at the beginning. */
struct scan_state {
	struct scan_waiting waiting[SCAN_WAITING_MAX];
	unsigned turn;	/* the one that is written next */
	uint64_t lines; /* so far */
	bool perf;	/* the previous lines are a perf stack with a frame outside the kernel */
	/* Within a line: */
	size_t at, end;	   /* bounds of the next piece, or of its rest */
	bool words, stack; /* the piece has only words left; they are a stack of a profile */
	const char *name;  /* name of a frame that has no place yet; in `waiting` or the line */
	size_t name_len;
	size_t name_begin;		  /* where the frame begins, in the line */
	bool reversed;			  /* the newest line seems to come first */
	uint64_t place_line;		  /* where the last place was */
	const struct scan_waiting *taken; /* the hits of the line may refer to its name; or NULL */
};

/* A line of a text, without its newline. */
struct scan_text {
	const char *line;
	size_t len;
	const char *next; /* the complete lines after it that are known; NULL: none are */
	size_t next_len;
};

/* Finds the addresses in a line, in their order. Returns how many there are, at most
 * SCAN_HITS_MAX. */
size_t scan_line(struct scan_state *state, const struct scan_text *text,
		 struct scan_hit ret[SCAN_HITS_MAX]);
/* Finds the next addresses of the line that scan_line() or scan_line_more() was called with. Returns 0
 * when there are no more. */
size_t scan_line_more(struct scan_state *state, const struct scan_text *text,
		      struct scan_hit ret[SCAN_HITS_MAX]);

#endif
