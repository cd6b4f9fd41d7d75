/* symbol: what a Go executable says about itself, read from the file alone: no debug information,
 * no section headers, no running process needed.
 *
 *   image.h   the file: segments, bytes at an address, build id, ELF symbols
 *   gotab.h   gopclntab + moduledata: functions, file:line, inlined frames, Go's version
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

#endif
