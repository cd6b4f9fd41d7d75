/* code: the machine code of Go's functions. It knows bytes and addresses, but neither ELF nor
 * symbols.
 *
 *   machine.h  what depends on the machine: x86-64, arm64
 *   decode.h   one function, instruction by instruction
 *   calls.h    who calls a function: a search through the whole text
 *   track.h    what a register holds at an instruction
 *   paths.h    the straight and the shortest path through a function
 *   print.h    instructions as text
 */
#ifndef READ_CODE_CODE_H
#define READ_CODE_CODE_H

#include "read/code/calls.h"
#include "read/code/decode.h"
#include "read/code/machine.h"
#include "read/code/paths.h"
#include "read/code/print.h"
#include "read/code/track.h"

#endif
