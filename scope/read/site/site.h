/* site: every place in a Go executable where a map loses elements. The file alone is read.
 *
 * The compiler turns delete and clear into calls of a few runtime functions, the entries. A site is
 * an instruction that calls an entry, or jumps to it as a tail call. The text is searched for
 * candidates (code/calls.h), and those that are no instructions are dropped. One more jump is no
 * site: after its stack check has called morestack, a function jumps back to its own entry.
 *
 * A function that an entry calls is no entry in general. But entries call entries: on Swiss maps
 * runtime.mapdelete calls (*Map).Delete. These calls are sites, marked as wrappers. A build with a
 * profile inlines some of the runtime's functions into others. There is one such call less then,
 * and nothing else changes: the compiler makes the calls of the program's own sites after it has
 * inlined.
 */
#ifndef READ_SITE_SITE_H
#define READ_SITE_SITE_H

#include "base/base.h"
#include "read/gofile/gofile.h"

/* A map type that a site has. */
struct site_type {
	uint64_t addr;		      /* link-time */
	const char *name;	      /* as reflect's String(): "map[string]*main.session"; owned */
	const char *whole_name;	      /* the same, for filters: a long one is not cut; owned */
	const char *key;	      /* name of the key's type; owned */
	uint64_t key_size, elem_size; /* bytes */
	enum gotype_kind key_kind;
	bool key_float; /* a key need not equal itself: there are floats or interfaces in it */
};

struct site_row {
	uint64_t pc;	/* link-time, of the call */
	uint32_t entry; /* index into go_entries, of one that is_site */
	bool jump;	/* a tail call */
	bool wrapper;	/* stands in an entry itself */
	bool deferred;	/* it stands in the function that the compiler made of `defer delete(m, k)`,
			   or in a function literal that is deferred */
	bool literal;	/* it stands in such a literal */
	/* Source-level frames, innermost first; the last is the function that holds pc. Owned
	 * array, strings borrowed from the image. */
	struct frame *frames;
	size_t frames_n;
	const struct site_type *type; /* NULL: see why_no_type */
	const char *why_no_type;      /* static; NULL when there is a type */
	/* In generic code: the types that callers pass, as far as they were found. Owned array. */
	const struct site_type **instances;
	size_t instances_n;
	/* The number of sites that have this source function, file and line. It is 1 unless the
	 * function was inlined. A breakpoint on the line must stand at all of them. */
	uint32_t copy, copies; /* this one is number `copy`, from 1 */
};

struct sites {
	VEC(struct site_row) list;     /* by pc */
	VEC(struct site_type *) types; /* owned; in the order in which they were met */
	bool present[GO_ENTRIES];      /* which entries that are sites the program has */
	uint64_t entry_addr[GO_ENTRIES];
	enum go_maps maps; /* the layout of the program's maps */
};

/* Finds all sites. image and tab are borrowed and must outlive the result. Errors (ERROR_TARGET):
 * the text lies outside the file; out of memory. A program without a delete has no sites, which is
 * no error. */
struct error *site_find(const struct image *image, const struct gopcln *tab, struct sites *ret);
void site_fini(struct sites *sites);

/* Return the frame of the function whose source deletes, and the frame of the function whose code
 * holds the pc. They are the same where nothing was inlined. */
static inline const struct frame *site_innermost(const struct site_row *row)
{
	return &row->frames[0];
}
static inline const struct frame *site_outermost(const struct site_row *row)
{
	return &row->frames[row->frames_n - 1];
}

/* ---- two binaries ---- */

/* A site of one binary and the one of the other that it became. */
struct site_change {
	const struct site_row *from, *to; /* NULL: it came, it went */
	bool variant;			  /* calls another entry */
	bool type;			  /* of another map type */
	bool inlining;			  /* inlined into others, or no more */
};

struct site_changes {
	/* All pairs, also those where nothing changed, by the pc in the second binary. Sites that
	 * went come last. */
	VEC(struct site_change) list;
};

/* Pairs the sites of two binaries by function, inline chain, map type and entry. Sites without a
 * partner are then paired by fewer and fewer of these. Addresses and lines do not count, since code
 * that only moved is no change. Among several alike in a function, the first is paired with the
 * first, and so on. Borrows from both. Errors: out of memory. */
struct error *site_compare(const struct sites *from, const struct sites *to,
			   struct site_changes *ret);
void site_changes_fini(struct site_changes *changes);
CLEANUP_VALUE(struct site_changes, site_changes_fini)

/* Appends why the compiler chose this entry: "string key, 8-byte element". */
void site_why(const struct site_row *row, unsigned go_minor, struct buf *to);

/* Returns the length of the import path in front of a function's name: "net/http" of
 * "net/http.(*Transport).f". */
size_t site_package(const char *func);

#endif
