/* gofake: writes Go executables that were never compiled, byte by byte, for tests and fuzzers. They
 * hold what the scope reads and nothing else: segments, gopclntab, moduledata, type data, build
 * info; sections, symbols and relocations where asked for. No Go toolchain is needed.
 *
 * The program they pretend to be (offsets from text):
 *
 *     0x000 main.outer             /src/main.go   stack deltas 0, 8 at 0x10, 64 at 0x14, 0 at 0xf0
 *            0x00 line 10   0x3c line 12   0x60 line 20
 *            0x40 inlined main.inl1, /src/lib.go, called at line 12: line 105, from 0x4c line 106
 *            0x50   inlined main.inl2, called at line 106: line 207
 *     0x100 runtime.mapdelete      a wrapper: the ABI wrapper of the next one
 *     0x140 runtime.mapdelete
 *     0x180 main.generic[...]      ([go.shape.int] since 1.21)
 *     0x1c0 type:.eq.main.pair     a wrapper
 *     0x200 end
 */
#ifndef UNIT_GOFAKE_H
#define UNIT_GOFAKE_H

#include "read/gofile/gofile.h"
#include "base/buf_type.h"

struct gofake_spec {
	unsigned minor; /* 18 to 27 */
	bool arm64;
	bool pie;      /* ET_DYN at 0; pointers are 0 in the file, and RELA entries have them */
	bool symbolic; /* with pie: the RELA entries refer to a symbol, as those of a plugin do */
	bool sections; /* section headers and .symtab */
	bool no_buildinfo; /* no build-info blob; only a string in the data has the version */
	bool no_version;   /* without that string either */
};

struct gofake {
	struct buf file;
	/* Link-time addresses. A file offset is the address - base. */
	uint64_t base, text, pclntab, module, types, etypes;
	uint64_t names, pctab, functab,
		inline_tree; /* inside the table; inline_tree may be elsewhere */
	uint64_t outer_record, version_text, rela,
		dynsym; /* the symbol of spec.symbolic; otherwise 0 */
	uint64_t type_int, type_string, type_pair, type_map, type_registry, type_slice, type_array,
		type_chan, type_eface, type_pointer;
};

/* Builds the program. Returns false when memory is out. Call gofake_fini() in every case. */
bool gofake_build(const struct gofake_spec *spec, struct gofake *ret);
void gofake_fini(struct gofake *fake);

/* Overwrites bytes at a link-time address. */
void gofake_poke(struct gofake *fake, uint64_t addr, const void *bytes, size_t size);
void gofake_poke_u64(struct gofake *fake, uint64_t addr, uint64_t value);
void gofake_poke_u32(struct gofake *fake, uint64_t addr, uint32_t value);

/* Makes a memory file with these bytes. Returns its descriptor, or -1. */
int gofake_fd(const void *bytes, size_t size);

/* Calls every function of read/gofile and read/elf on an image, and checks properties that hold for
 * any file, however broken. Returns the number of functions and types seen. */
size_t gofake_walk(const struct image *image);

#endif
