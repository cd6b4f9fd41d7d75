/* Whose addresses `tophash addr` explains: one file, or a process with all that it has mapped.
 */
#ifndef CMD_ADDR_TARGET_H
#define CMD_ADDR_TARGET_H

#include "cmd/addr_options.h"
#include "read/explain/explain.h"
#include "live/process/process.h"

struct addr_file { /* a mapped file, opened when an address of it is met */
	uint64_t inode;
	const char *path;	       /* borrowed from the mappings; by inode and path */
	struct explain_module *module; /* NULL: it cannot be opened; why says why */
	char *why;		       /* owned */
};

struct addr_target {
	struct explain_module *main; /* the BINARY, or the process's executable */
	uint64_t bias;		     /* of the BINARY */
	struct target *process;	     /* -p; else NULL */
	struct mappings mappings;
	VEC(struct addr_file) files;
};

/* Opens the file or the process. Errors: those of process_open() and image_open(). */
struct error *addr_target_open(const struct addr_options *options, struct addr_target *ret);
void addr_target_fini(struct addr_target *target);

/* Finds the file that an address lies in. Fills query->module and query->pc, or query->place. step
 * is 1 for a return address, which is looked up one byte before; else 0. */
void addr_target_locate(struct addr_target *target, uint64_t addr, unsigned step,
			struct explain_query *query);
/* Finds the address of an offset in the file at `path`. perf names addresses by these two. step is
 * as above. Returns false when the target has no such file, or when no segment of the file holds
 * the offset. */
bool addr_target_locate_offset(struct addr_target *target, const char *path, size_t path_len,
			       uint64_t offset, unsigned step, struct explain_query *query);
/* Returns whether addr may be an address of code. Only then is a number in a text taken for one. */
bool addr_target_has_code(const struct addr_target *target, uint64_t addr);
/* Returns the run-time address of a link-time address of the main module. */
uint64_t addr_target_runtime(const struct addr_target *target, uint64_t pc);

#endif
