/* explain: tells what is at an address. Each source answers by itself, and the answers are
 * compared.
 *
 *   gopclntab  the Go runtime's own table: functions, lines, inlined calls; in every Go program
 *   symbols    .symtab or .dynsym: functions of Go and C, without lines; absent in a stripped program
 *   dwarf      debug information, in the file or beside it: functions, lines, inlined calls
 *
 * A module is one file. A query has a link-time address and the module that it lies in, if any.
 * Only live/space knows processes and biases.
 */
#ifndef READ_EXPLAIN_EXPLAIN_H
#define READ_EXPLAIN_EXPLAIN_H

#include "base/base.h"
#include "read/explain/scan.h"
#include "read/explain/source.h"
#include "read/explain/traceback.h"
#include "read/gofile/gofile.h"

enum explain_source { EXPLAIN_GOPCLNTAB, EXPLAIN_SYMBOLS, EXPLAIN_DWARF, EXPLAIN_SOURCES };

#define EXPLAIN_BIT(source) (1u << (source))
#define EXPLAIN_ALL	    (EXPLAIN_BIT(EXPLAIN_SOURCES) - 1)

const char *explain_source_name(enum explain_source source); /* "gopclntab", "symbols", "dwarf" */

/* ---- modules ---- */

struct explain_module;

/* Opens an executable or shared object. Its sources are opened when they are asked first.
 *   fd    becomes the module's, on success and on failure
 *   path  for people, and for finding a separate debug file (copied)
 * Errors: as for image_open(). */
struct error *explain_module_open(int fd, const char *path, struct explain_module **ret);
void explain_module_close(struct explain_module *module); /* NULL is legal */
CLEANUP_FUNC(struct explain_module, explain_module_close)

const char *explain_module_path(const struct explain_module *module);
int explain_module_fd(const struct explain_module *module); /* stays the module's */
const struct image *explain_module_image(const struct explain_module *module);
/* Returns the Go tables, or NULL when the module is not a Go program. */
const struct gopcln *explain_module_gopcln(struct explain_module *module);
/* Begins to read the debug information in another process. This takes longest of all, so an early
 * call saves time. */
void explain_module_prepare_dwarf(struct explain_module *module);
/* Returns the path of the separate debug file that is read. Returns "" when there is none, or when
 * it was not asked yet. */
const char *explain_module_separate(const struct explain_module *module);
/* Returns why the source gives no answer at all for this module ("stripped: ..."). Returns NULL
 * when it can answer, or was not asked yet. */
const char *explain_module_why(const struct explain_module *module, enum explain_source source);

/* ---- addresses ---- */

struct explain_query {
	uint64_t addr;		       /* as the user gave it */
	uint64_t pc;		       /* the link-time address to look up */
	struct explain_module *module; /* NULL when the address lies in no file */
	const char *place;	       /* why it lies in no file; borrowed */
};

#define EXPLAIN_FRAMES_MAX 64

/* The answer of one source. Strings live until the next explain(). */
struct explain_answer {
	bool asked;
	const char *why;	    /* if asked without an answer: why there is none; else NULL */
	const struct frame *frames; /* innermost first; symbols have one, without a file */
	size_t n;
	uint64_t entry; /* where the function itself (or the symbol) begins; 0 when unknown */
	uint64_t size;	/* size of the symbol; 0 when the table does not say */
};

/* The points in which two sources can differ. */
enum {
	EXPLAIN_DIFFER_FUNC = 1,   /* the name of the function itself */
	EXPLAIN_DIFFER_ENTRY = 2,  /* where it begins */
	EXPLAIN_DIFFER_INLINE = 4, /* which calls were inlined */
	EXPLAIN_DIFFER_FILE = 8,   /* a file */
	EXPLAIN_DIFFER_LINE = 16,  /* a line */
};

struct explanation {
	struct explain_query query;
	struct explain_answer by[EXPLAIN_SOURCES];
	int best;	 /* the source to believe (enum explain_source), or -1 when none answered */
	uint32_t differ; /* EXPLAIN_DIFFER_... bits, over all sources that answered */
	const char
		*section; /* if no source answers: the section that addr lies in; "" when unknown */
};

struct explain;
/* Makes an explainer. `sources` has the EXPLAIN_BIT()s of the sources that are always asked.
 * `fallback` has those of sources that are asked only if gopclntab has no answer or was not
 * asked. */
struct error *explain_new(uint32_t sources, uint32_t fallback, struct explain **ret);
void explain_free(struct explain *explain); /* NULL is legal */
CLEANUP_FUNC(struct explain, explain_free)

/* Explains n addresses. *ret is an array of n in the same order, valid until the next call. Many
 * addresses in one call are cheaper than many calls. If a source does not know an address, that is
 * no error. Errors: out of memory. */
struct error *explain(struct explain *explain, const struct explain_query *queries, size_t n,
		      const struct explanation **ret);

/* Returns whether two function names mean one function. Equal names do. One may have "[...]" where
 * the other has type arguments. One may have a suffix that linkers and compilers add to symbols
 * (".abi0", ".cold", ".part.0"). */
bool explain_same_func(const char *a, const char *b);
/* Returns the function of a frame of an answer. If the source has only lines (assembly), it is the
 * name of the symbol there. Returns "" when no source knows it. */
const char *explain_func(const struct explanation *e, const struct explain_answer *answer,
			 size_t frame);
/* Appends the names of the EXPLAIN_DIFFER_... bits, such as "function, line". */
void explain_differ_text(uint32_t differ, struct buf *to);

#endif
