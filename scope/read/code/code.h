/* code: the machine code of Go's functions, x86-64 and arm64. Knows bytes and addresses, no ELF, no
 * symbols.
 *
 *   decode.h   one function, instruction by instruction
 *   calls.h    who calls a function: a search through the whole text
 *   track.h    what a register holds at an instruction
 *   listing.h  instructions as text; the straight path through a function
 */
#ifndef READ_CODE_CODE_H
#define READ_CODE_CODE_H

#include "read/code/calls.h"
#include "read/code/decode.h"
#include "read/code/listing.h"
#include "read/code/track.h"

#endif
