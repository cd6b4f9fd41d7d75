/* Colours as SGR sequences, which terminals understand.
 */
#ifndef BASE_TEXT_STYLE_H
#define BASE_TEXT_STYLE_H

#include "base/base.h"
#include "base/buf.h"

#define SGR_NONE    ""
#define SGR_BOLD    "\033[1m"
#define SGR_DIM	    "\033[2m"
#define SGR_RED	    "\033[31m"
#define SGR_GREEN   "\033[32m"
#define SGR_MAGENTA "\033[35m"
#define SGR_CYAN    "\033[36m"

/* Begin a colour, and end it. They append nothing when colours are off or sgr is SGR_NONE. */
static inline void text_sgr(struct buf *to, bool color, const char *sgr)
{
	if (color && *sgr)
		buf_str(to, sgr);
}

static inline void text_sgr_end(struct buf *to, bool color, const char *sgr)
{
	if (color && *sgr)
		buf_put(to, "\033[0m", 4);
}

#endif
