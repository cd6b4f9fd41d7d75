/* The addresses in a text: which of its numbers are addresses of the program, and what those of its
 * formats mean (read/explain/scan.h): a frame of a traceback, a frame of perf's, a plain number.
 */
#ifndef LIVE_SPACE_TEXT_H
#define LIVE_SPACE_TEXT_H

#include "read/explain/explain.h"

struct space;

enum space_return {
	SPACE_RETURN_AUTO, /* in the stacks of a text, where its shape says so */
	SPACE_RETURN_YES,  /* every address is one that a call returns to */
	SPACE_RETURN_NO,
};

/* An address of the text. */
struct space_mark {
	size_t at;     /* one past the number, from the beginning of the chunk */
	bool computed; /* from an offset: the address itself is the news */
	bool other;    /* the traceback says another file or line: another build's */
};

struct space_text {
	struct space *space; /* borrowed; its bias may be learned from the text */
	enum space_return returns;
	bool learn; /* the bias is not known, and a text can tell it */
	/* The addresses of the last chunk, in their order. */
	VEC(struct space_mark) marks;
	VEC(struct explain_query) queries; /* one for each mark */
	/* What the text so far says about what follows. */
	struct scan_state state;
	struct traceback traceback;
};

/* Begins a text. bias_given: the bias of the space is known, and not to be learned. */
void space_text_init(struct space_text *text, struct space *space, enum space_return returns,
		     bool bias_given);
void space_text_fini(struct space_text *text);
CLEANUP_VALUE(struct space_text, space_text_fini)

/* Finds the addresses in the next chunk of the text, which is whole lines. Errors: out of memory. */
struct error *space_text_find(struct space_text *text, const char *chunk, size_t len);

#endif
