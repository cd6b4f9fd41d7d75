/* A frame of a source-level stack. All rooms share it: it comes from gopclntab, from debug
 * information, from an event, or from an answer about an address.
 */
#ifndef BASE_FRAME_H
#define BASE_FRAME_H

#include "base/base.h"

/* The strings are borrowed from the source that filled the frame. */
struct frame {
	const char *func; /* "" when unknown */
	const char *file; /* "" when unknown */
	uint32_t line;	  /* 0 when unknown */
	bool inlined;	  /* func has no frame of its own at this pc */
	bool wrapper;	  /* the compiler made it; a wrapper of Go (funcID_wrapper) */
	uint64_t pc; /* in an event: the run-time return address into this frame (its call is at pc
			- 1); 0 in a stack with one pc, which the caller knows */
};

#endif
