/* gofile: reads what a Go executable says about itself. It needs neither debug information nor a
 * process.
 *
 *   gopcln.h   gopclntab and moduledata: functions, file:line, inlined frames, Go's version
 *   entries.h  the runtime's functions through which elements leave a map
 *   steps.h    the runtime's functions that move the elements of maps
 *   gobuild.h  how a module was built: as a program, a plugin, a library
 *   gonames.h  functions by name, as tracebacks print names
 *   gotype.h   the runtime's type data: kinds, names, fields, map types
 *
 * Addresses are link-time addresses, as in elf/.
 */
#ifndef READ_GOFILE_GOFILE_H
#define READ_GOFILE_GOFILE_H

#include "base/base.h"
#include "read/elf/elf.h"
#include "read/gofile/gopcln.h"
#include "read/gofile/entries.h"
#include "read/gofile/steps.h"
#include "read/gofile/gobuild.h"
#include "read/gofile/gotype.h"
#include "read/gofile/gonames.h"

#endif
