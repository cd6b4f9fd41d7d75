/* elf: an executable file: its segments, the bytes at an address, its build id, its symbols.
 *
 *   machine.h what files for each machine look like; which machines are read and traced
 *   image.h   the file, mapped: segments, bytes at an address, relocations, sections
 *   elfsym.h  ELF symbols by address
 *
 * Addresses are `uint64_t` and, unless a comment says otherwise, link-time addresses (as in the
 * file). run-time address = link-time address + bias; the bias is 0 unless the file is PIE.
 *
 * Every byte of the file is hostile. Each read is bounds-checked, and each loop and recursion has a
 * bound. A file of random bytes gives an error, never a crash.
 */
#ifndef READ_ELF_ELF_H
#define READ_ELF_ELF_H

#include "base/base.h"
#include "read/elf/machine.h"
#include "read/elf/image.h"
#include "read/elf/elfsym.h"

#endif
