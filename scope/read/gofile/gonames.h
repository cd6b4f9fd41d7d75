/* Functions of a Go program by name, as tracebacks print names.
 */
#ifndef READ_GOFILE_GONAMES_H
#define READ_GOFILE_GONAMES_H

struct gonames;

/* Goes once through all functions of the table, which is borrowed and must outlive the names.
 * Errors: out of memory. */
struct error *gonames_open(const struct gopcln *tab, struct gonames **ret);
void gonames_close(struct gonames *names); /* NULL is legal */
CLEANUP_FUNC(struct gonames, gonames_close)

/* Calls found(ctx, func) for each function that a traceback prints as `name`. A traceback prints
 * "[...]" in place of type arguments (Go: runtime/symtab.go funcNameForPrint), so many functions
 * may have one name. runtime.gopanic is printed as "panic". `found` returns false to stop. */
void gonames_find(const struct gonames *names, const char *name, size_t len,
		  bool (*found)(void *ctx, const struct gopcln_func *func), void *ctx);

#endif
