/* One frame of a source-level stack, as every room has it: from gopclntab, from debug information, in
 * an event, in an answer about an address.
 */
#ifndef BASE_FRAME_H
#define BASE_FRAME_H

/* Strings are borrowed from whoever filled the frame. */
struct frame {
	const char *func; /* "" when unknown */
	const char *file; /* "" when unknown */
	uint32_t line;	  /* 0 when unknown */
	bool inlined;	  /* func has no frame of its own at this pc */
	bool wrapper;	  /* the compiler made it: a wrapper of Go's (funcID_wrapper) */
	uint64_t pc; /* in an event: run-time, the return address into this frame (its call is at
			     pc - 1); 0 where the stack has one pc, which the caller knows */
};

#endif
