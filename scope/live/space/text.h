/* Finds the addresses in a text. It decides which numbers are addresses of the program, and what
 * numbers in a traceback, in a frame of perf, and elsewhere stand for (read/explain/scan.h).
 */
#ifndef LIVE_SPACE_TEXT_H
#define LIVE_SPACE_TEXT_H

#include "read/explain/explain.h"

struct space;

enum space_return {
	SPACE_RETURN_AUTO, /* in stacks, if the form of the text shows that */
	SPACE_RETURN_YES,  /* every address is a return address */
	SPACE_RETURN_NO,
};

/* An address in the text. */
struct space_mark {
	size_t at;     /* one past the number, as an offset in the chunk */
	bool computed; /* computed from an offset, and the address itself is new */
	bool other;    /* the traceback has another file or line, as of another build */
};

struct space_text {
	struct space *space; /* borrowed; its bias may be learned from the text */
	enum space_return returns;
	bool learn; /* the bias is unknown, and a text may tell it */
	/* The addresses in the last chunk, in their order. */
	VEC(struct space_mark) marks;
	VEC(struct explain_query) queries; /* one for each mark */
	/* Data from the text so far that the following text needs. */
	struct scan_state state;
	struct traceback traceback;
};

/* Begins a text. bias_given says that the bias of the space is known and must not be learned. */
void space_text_init(struct space_text *text, struct space *space, enum space_return returns,
		     bool bias_given);
void space_text_fini(struct space_text *text);
CLEANUP_VALUE(struct space_text, space_text_fini)

/* Finds the addresses in the next chunk of the text, which consists of whole lines. Errors: out of
 * memory. */
struct error *space_text_find(struct space_text *text, const char *chunk, size_t len);

#endif
