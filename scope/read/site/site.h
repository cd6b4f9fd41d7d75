/* site: finds every place in a Go executable where a map loses elements. Only the file is read.
 *
 * The compiler turns delete and clear into calls of a few runtime functions, the entries. A site is
 * an instruction that calls an entry, or jumps to it as a tail call. The text is searched for
 * candidates (code/calls.h). Candidates that are no instructions are dropped. A jump to the
 * function's own entry is dropped too: a function jumps there after its stack check has called
 * morestack.
 *
 * Some entries call other entries: on Swiss maps runtime.mapdelete calls (*Map).Delete. Such calls
 * are sites too, marked as wrappers. A build with a profile inlines some of the runtime's functions
 * into others, which removes such calls. The program's own sites stay the same, because the
 * compiler makes their calls after it has inlined.
 */
#ifndef READ_SITE_SITE_H
#define READ_SITE_SITE_H

#include "base/base.h"
#include "base/frame.h"
#include "read/gofile/gofile.h"

/* The map type of a site. */
struct site_type {
	uint64_t addr;		      /* link-time */
	const char *name;	      /* as reflect's String(): "map[string]*main.session"; owned */
	const char *whole_name;	      /* the same, for filters: never cut; owned */
	const char *key;	      /* name of the key's type; owned */
	uint64_t key_size, elem_size; /* bytes */
	enum gotype_kind key_kind;
	bool key_float; /* a key may be unequal to itself, because it has floats or interfaces */
};

struct site_row {
	uint64_t pc;	/* link-time, of the call */
	uint32_t entry; /* index of the entry in go_entries; that entry is_site */
	bool jump;	/* a tail call */
	bool wrapper;	/* it is in an entry itself */
	bool deferred;	/* it is in the function that the compiler made of `defer delete(m, k)`, or
			   in a function literal that is deferred */
	bool literal;	/* it is in such a literal */
	/* Source-level frames, innermost first. The last is the function that holds pc. Owned
	 * array; the strings are borrowed from the image. */
	struct frame *frames;
	size_t frames_n;
	const struct site_type *type; /* NULL when unknown: see why_no_type */
	const char *why_no_type;      /* static; NULL when there is a type */
	/* In generic code: the types that callers pass, as far as they were found. Owned array. */
	const struct site_type **instances;
	size_t instances_n;
	/* The number of sites that have this source function, file and line. It is 1 unless the
	 * function was inlined. A breakpoint on the line needs all of them. */
	uint32_t copy, copies; /* copies: that number; copy: the number of this one, from 1 */
};

struct sites {
	VEC(struct site_row) list;     /* by pc */
	VEC(struct site_type *) types; /* owned; in the order in which they were found */
	bool present[GO_ENTRIES];      /* the entries that are sites and that the program has */
	uint64_t entry_addr[GO_ENTRIES];
	enum go_maps maps; /* the layout of the program's maps */
};

/* Finds all sites. image and tab are borrowed and must outlive the result. A program without a
 * delete has no sites, which is no error. Errors (ERROR_TARGET): the text lies outside the file;
 * out of memory. */
struct error *site_find(const struct image *image, const struct gopcln *tab, struct sites *ret);
void site_fini(struct sites *sites);
CLEANUP_VALUE(struct sites, site_fini)

/* Return the frame of the function whose source deletes, and the frame of the function that holds
 * the pc. They are the same unless the site was inlined. */
static inline const struct frame *site_innermost(const struct site_row *row)
{
	return &row->frames[0];
}
static inline const struct frame *site_outermost(const struct site_row *row)
{
	return &row->frames[row->frames_n - 1];
}

/* ---- two binaries ---- */

/* A site of one binary, and the site of the other binary that it is paired with. */
struct site_change {
	const struct site_row *from, *to; /* from is NULL for a new site, to for a removed one */
	bool variant;			  /* it calls another entry */
	bool type;			  /* its map type is another one */
	bool inlining;			  /* its inline chain is another one */
};

struct site_changes {
	/* All pairs, including unchanged ones, by the pc in the second binary. Removed sites come
	 * last. */
	VEC(struct site_change) list;
};

/* Pairs the sites of two binaries by function, inline chain, map type and entry. Sites that find no
 * partner are then paired by fewer and fewer of these. Addresses and lines do not count, because
 * moved code is not changed code. If a function has several equal sites, the first is paired with
 * the first, and so on. Borrows from both. Errors: out of memory. */
struct error *site_compare(const struct sites *from, const struct sites *to,
			   struct site_changes *ret);
void site_changes_fini(struct site_changes *changes);
CLEANUP_VALUE(struct site_changes, site_changes_fini)

/* Appends why the compiler chose this entry, such as "string key, 8-byte element". */
void site_why(const struct site_row *row, unsigned go_minor, struct buf *to);

/* Returns the length of the import path at the start of a function's name: "net/http" in
 * "net/http.(*Transport).f". */
size_t site_package(const char *func);

#endif
