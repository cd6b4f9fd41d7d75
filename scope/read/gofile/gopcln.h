/* Functions, lines and inlined frames of a Go program, from gopclntab and moduledata.
 *
 * The table is searched in the mapping and never loaded. To open it, no pass over it is needed. If
 * the file has no section for it, opening scans the file for the magic.
 */
#ifndef READ_GOFILE_GOPCLN_H
#define READ_GOFILE_GOPCLN_H

struct gopcln;

/* Tells whether a file shows marks of Go: a section that only Go's linker makes, or no sections at
 * all. It reads no more than the section headers. A file without the marks may still be a Go program
 * whose sections were renamed or taken out; gopcln_open() finds that, and may read the whole file. */
bool gofile_is_marked(const struct image *image);

/* Opens the Go tables of an image, which is borrowed and must outlive the gopcln.
 * Errors (ERROR_TARGET): not a Go program; Go older than 1.18 (by the table's magic); corrupt
 * tables; no moduledata found. The Go version is read from the build info, from
 * runtime.buildVersion, or from the first "go1." text that fits.
 */
struct error *gopcln_open(const struct image *image, struct gopcln **ret);
void gopcln_close(struct gopcln *tab); /* NULL is legal */
CLEANUP_FUNC(struct gopcln, gopcln_close)

/* Returns the version as it is in the file: "go1.26.5", sometimes with a suffix (" X:noswissmap").
 * Returns "" when the file has none. gopcln_minor() is then a lower bound, which comes from the
 * table's magic, the shape of moduledata, and funcIDs. Borrowed. */
const char *gopcln_version(const struct gopcln *tab);
/* Returns the minor release: 26 for go1.26.5. */
unsigned gopcln_minor(const struct gopcln *tab);
/* The bounds of the module as link-time addresses: [text, etext), [types, etypes), and so on. */
struct gopcln_module {
	uint64_t moduledata; /* address of runtime.firstmoduledata */
	uint64_t pclntab;    /* address of the table's header */
	uint64_t text, etext;
	uint64_t types, etypes;
	uint64_t rodata, gofunc;
	uint64_t noptrdata, ebss; /* start of .noptrdata; the last end of data, bss and noptrbss */
};
const struct gopcln_module *gopcln_module(const struct gopcln *tab);

struct gopcln_func {
	const char *name; /* as in the table, e.g. "main.(*store).sweep"; borrowed from the image */
	uint64_t entry;	  /* link-time address of the first instruction */
	uint64_t end;	  /* one past the last instruction: the next function's entry */
	uint8_t func_id;  /* runtime's funcID */
	bool defers;	  /* it has a defer statement */
	uint32_t index;	  /* row in functab */
};

/* Finds the function that holds addr. Returns false when there is none. */
bool gopcln_func_at(const struct gopcln *tab, uint64_t addr, struct gopcln_func *ret);

/* Looks up `n` functions by exact name in one pass. ret[i].entry is 0 if names[i] is absent. A name
 * that ends in "[...]" matches the instances of a generic function. */
void gopcln_find(const struct gopcln *tab, const char *const names[], size_t n,
		 struct gopcln_func ret[]);
size_t gopcln_func_count(const struct gopcln *tab);
/* Reads the function in row `index`. Returns false when index is out of range, or when the row is
 * corrupt. */
bool gopcln_func_get(const struct gopcln *tab, uint32_t index, struct gopcln_func *ret);

#define GOPCLN_INLINE_MAX 64 /* frames of inlined calls that are followed at most */

/* Finds the source-level frames at pc, innermost first: the inlined calls, then the function
 * itself. pc is the address of an instruction. For a return address, pass the address minus 1. The
 * frame of an inlined call has the line inside the inlined function. The frame of its caller has
 * the line of the call. Returns the number of frames written (at least 1, at most max), or 0 when
 * no function holds pc. */
size_t gopcln_frames(const struct gopcln *tab, uint64_t pc, struct frame *ret, size_t max);

/* Returns how many calls of the function `name` were inlined into func. */
size_t gopcln_inlined(const struct gopcln *tab, const struct gopcln_func *func, const char *name);
/* The same for the functions whose names matches() says yes to. */
size_t gopcln_inlined_some(const struct gopcln *tab, const struct gopcln_func *func,
			   bool (*matches)(const char *name, const void *ctx), const void *ctx);
/* Returns whether the program was built with a profile (go build -pgo), which inlines functions of
 * almost any size. Also returns true if the file does not tell. */
bool gopcln_is_profiled(const struct gopcln *tab);

/* Finds the stack-pointer delta at pc in the function's pcsp table, which is the number of bytes
 * pushed since the entry, without the return address. Returns false when it is unknown. */
bool gopcln_sp_delta(const struct gopcln *tab, uint64_t pc, int32_t *ret);

#endif
