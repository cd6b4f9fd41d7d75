/* symbol: what a Go executable says about itself, read from the file alone: no debug information
 * (but for dwarf.h), no section headers, no running process needed.
 *
 *   image.h   the file: segments, bytes at an address, build id, ELF symbols
 *   gotab.h   gopclntab + moduledata: functions, file:line, inlined frames, Go's version
 *   gonames.h functions by name, as tracebacks print names
 *   elfsym.h  ELF symbols by address
 *   dwarf.h   debug information, through libdw: functions, lines, inlined frames by address
 *   gotype.h  the runtime's type data: kinds, names, fields, map types
 *
 * Addresses are `uint64_t` and, unless a comment says otherwise, link-time addresses (as in the
 * file). run-time address = link-time address + bias; the bias is 0 unless the file is PIE.
 *
 * Every byte of the file is foreign: each read is bounds-checked, each loop and recursion bounded;
 * a file of noise is an error, never a crash.
 */
#ifndef SYMBOL_SYMBOL_H
#define SYMBOL_SYMBOL_H

#include "base/base.h"
#include "symbol/image.h"
#include "symbol/gotab.h"
#include "symbol/gotype.h"
#include "symbol/gonames.h"
#include "symbol/elfsym.h"
#include "symbol/dwarf.h"

#endif
