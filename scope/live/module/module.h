/* module: the Go modules of a process. A process that has Go code has one or more of them: its
 * executable, plugins (plugin.Open), and libraries (-buildmode=c-shared) in a host that need not be
 * Go itself. Each has a runtime's functions, function table and types of its own.
 *
 *   module.c    one file: is it a Go module, of which kind
 *   modules.c   the files that were seen, and those that a process has mapped
 *
 * Files are told apart by the device and the inode that /proc/PID/maps shows. Each is opened once,
 * however many processes map it.
 */
#ifndef LIVE_MODULE_MODULE_H
#define LIVE_MODULE_MODULE_H

#include "base/base.h"
#include "live/process/process.h"
#include "read/gofile/gofile.h"

/* A file of which a process has code mapped. All is borrowed until modules_free(). */
struct module {
	char *path;	     /* as /proc names it where it was seen first */
	struct file_id file; /* 0 from module_open() */
	enum go_build build; /* only with tab */
	struct image *image; /* NULL: the file could not be opened */
	struct gopcln *tab;  /* NULL: it is no Go module, or one that is not read: see refused */
	bool kept;	     /* `fd` is open: Go modules of modules_of() */
	int fd;
	bool borrows; /* image and tab are those of a module whose file has the same contents */
	enum go_maps maps; /* the layout of its maps; only with tab */
	/* Why a file that shows marks of Go is not read: one line. NULL for all other files. */
	char *refused;
};

/* Returns whether the file has Go code, also where it is not read. */
static inline bool module_is_go(const struct module *module)
{
	return module->tab || module->refused;
}

/* Opens the file `fd`, which stays the caller's, as a module. It fills *ret; the caller frees it
 * with module_fini(). A file that is not Go is no error. Errors: no memory is left. */
struct error *module_open(int fd, const char *path, struct module *ret);
/* Does the same with an image of the file, which becomes that of the module, also on error. NULL: it is no
 * ELF file. */
struct error *module_of_image(struct image *image, const char *path, struct module *ret);
/* Makes the module of a file that has the contents of another one's. The other must be there as long. */
struct error *module_of_twin(const struct module *twin, const char *path, struct module *ret);
void module_fini(struct module *module);
/* Opens the file of a module that modules_of() has found. The process that has it may be gone. Returns a
 * descriptor, or -1. */
int module_file(const struct module *module);
CLEANUP_VALUE(struct module, module_fini)

/* ---- all files that were seen ---- */

struct modules;

struct error *modules_new(struct modules **ret);
void modules_free(struct modules *modules); /* NULL is legal */
CLEANUP_FUNC(struct modules, modules_free)
/* Returns how many files are known. Each is mapped, and a Go module keeps a descriptor. */
size_t modules_count(const struct modules *modules);
/* Closes the descriptors. module_file() of these modules returns -1 from now on. */
void modules_close_files(struct modules *modules);

/* A Go module of a process. */
struct module_at {
	const struct module *module;
	enum go_build
		role;  /* GO_BUILD_PROGRAM for what the process executes, however it was built */
	uint64_t bias; /* run-time address less link-time address; 0 when it is not known */
};

struct module_list {
	VEC(struct module_at) list; /* the program first, then by address */
	/* Files with code that were not looked at: they could not be opened, or there are too many. */
	size_t unseen;
};

/* Finds the Go modules that a process has mapped now. The list is empty when it has none. The
 * caller frees it with module_list_fini(). Errors: as target_mappings(); no memory is left. */
struct error *modules_of(struct modules *modules, struct target *target, struct module_list *ret);
void module_list_fini(struct module_list *list);
CLEANUP_VALUE(struct module_list, module_list_fini)

#endif
