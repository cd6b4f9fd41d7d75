/* What decode.c asks of each machine. Inside code/.
 *
 * To add a machine: write decode_<machine>.c with a `const struct decode_ops`, name it in
 * decode.c's table and in calls.c and listing.c.
 */
#ifndef READ_CODE_DECODE_PRIV_H
#define READ_CODE_DECODE_PRIV_H

#include "read/code/decode.h"

struct decode_ops {
	uint8_t arguments[16]; /* registers, in order */
	uint8_t argument_count;
	uint8_t context, stack, frame;
	uint8_t quantum; /* bytes that are skipped where there is no instruction */
	/* Decodes one instruction of at most `size` bytes into *ret, whose addr is set; false when
	 * there is none. */
	bool (*decode)(const uint8_t *bytes, size_t size, struct code_insn *ret);
};

extern const struct decode_ops decode_x86_64, decode_arm64;

#endif
