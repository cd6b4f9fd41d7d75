/* Declarations that the files of gopcln share: gopcln.c (opening, functions), gopcln_locate.c
 * (finding the tables in the file), gopcln_frames.c (lines, inlining, stack deltas),
 * gopcln_version.c (Go's version). No other file includes this.
 *
 * gopclntab (Go: runtime/symtab.go pcHeader, cmd/link/internal/ld/pcln.go), all little-endian:
 *
 *      0  magic u32     0xfffffff0: Go 1.18, 1.19    0xfffffff1: Go 1.20 and later
 *      4  pad u16 = 0
 *      6  minLC u8      pc quantum: 1 on x86-64, 4 on arm64
 *      7  ptrSize u8 = 8
 *      8  nfunc u64     16 nfiles u64
 *     24  textStart u64 link-time address; 0 since Go 1.26: moduledata has it
 *     32  offset of funcnametab   NUL-terminated names
 *     40            cutab         u32 per compilation unit's file: offset in filetab
 *     48            filetab       NUL-terminated paths
 *     56            pctab         (value delta, pc delta) varint pairs
 *     64            functab       nfunc x {entryoff u32, funcoff u32}, end entryoff u32, then the
 *                                 _func records that funcoff points to
 *     72  end
 */
#ifndef READ_GOFILE_GOPCLN_PRIV_H
#define READ_GOFILE_GOPCLN_PRIV_H

#include "base/base.h"
#include "base/reader.h"
#include "read/elf/elf.h"
#include "read/gofile/gopcln.h"

enum {
	PCLNTAB_HEADER_SIZE = 72,
	FUNCTAB_ROW_SIZE = 8,
	GOPCLN_TEXT_MAX = 1 << 16, /* names of generic functions can have thousands of bytes */
};

#define PCLNTAB_MAGIC_GO102 0xfffffffbu /* Go 1.2 to 1.15 */
#define PCLNTAB_MAGIC_GO116 0xfffffffau /* Go 1.16, 1.17 */
#define PCLNTAB_MAGIC_GO118 0xfffffff0u /* Go 1.18, 1.19 */
#define PCLNTAB_MAGIC_GO120 0xfffffff1u /* Go 1.20 and later */

/* A table in the file, as borrowed bytes. */
struct span {
	const uint8_t *data;
	uint64_t size;
};

struct gopcln {
	const struct image *image;
	struct gopcln_module module;
	bool go118; /* magic 0xfffffff0: 40-byte _func, 20-byte inline-tree entries */
	uint8_t pc_quantum;
	uint8_t wrapper_id; /* funcID_wrapper of this release */
	uint32_t func_count;
	struct span names, cutab, files, pctab, functab, gofunc;
	unsigned minor; /* a lower bound from the shapes; exact once the version is known */
	char version[64];
	bool unprofiled; /* the build info says that there was no profile */
};

/* A decoded _func record (Go: runtime/runtime2.go). */
struct func_record {
	uint32_t name_off, deferreturn, pcsp, pcfile, pcln, cu_offset;
	uint32_t npcdata;
	uint8_t func_id, nfuncdata;
	struct span tail; /* npcdata x u32, then nfuncdata x u32, then the rest of the table */
};

static inline uint32_t span_u32(struct span span, uint64_t offset)
{
	uint32_t value = 0;

	if (offset <= span.size && span.size - offset >= sizeof(value))
		memcpy(&value, span.data + offset, sizeof(value));
	return value;
}

static inline struct reader span_reader(struct span span, uint64_t offset)
{
	if (offset > span.size)
		offset = span.size;
	return reader_over(span.data + offset, span.size - offset);
}

/* Returns the NUL-terminated name or path at offset. Returns NULL when it has no end, or is longer
 * than any that a compiler makes. */
static inline const char *span_cstr(struct span span, uint64_t offset)
{
	struct reader r;

	if (offset < span.size && span.size - offset > GOPCLN_TEXT_MAX)
		span.size = offset + GOPCLN_TEXT_MAX;
	r = span_reader(span, offset);
	return reader_cstr(&r);
}

/* Reads the _func record of a functab row (gopcln.c). Returns false when it does not lie inside the
 * table. */
bool gopcln_record(const struct gopcln *tab, uint32_t index, struct func_record *ret);

/* Fills the members of tab that come from the image, that is, all but version and wrapper_id
 * (gopcln_locate.c). */
struct error *gopcln_locate(struct gopcln *tab);

/* Fills version, minor and wrapper_id (gopcln_version.c). An absent version becomes "". */
void gopcln_find_version(struct gopcln *tab);

#endif
