/* space: turns addresses into a file and a link-time address of that file. An address space is that
 * of a process with all its mappings, or that of a single file at a load bias.
 *
 *   space.c   finds the files, and the addresses in them
 *   text.h    finds the addresses in a text: crash reports, profiles, logs
 */
#ifndef LIVE_SPACE_SPACE_H
#define LIVE_SPACE_SPACE_H

#include "base/base.h"
#include "live/process/process.h"
#include "read/explain/explain.h"

struct space_file { /* a mapped file, opened when one of its addresses occurs */
	struct file_id id;
	struct explain_module *module; /* NULL when it cannot be opened; `why` says why */
	char *why;		       /* owned */
};

struct space {
	struct explain_module *main; /* the single file, or the executable of the process */
	uint64_t bias;		     /* of main */
	struct target *process;	     /* NULL for a single file */
	struct mappings mappings;
	VEC(struct space_file) files;
};

/* Opens the address space of one file at a load bias. Errors: as for image_open(). */
struct error *space_of_file(const char *path, uint64_t bias, struct space *ret);
/* Opens the address space of a process. Errors: as for process_open() and image_open(). */
struct error *space_of_process(pid_t pid, struct space *ret);
void space_fini(struct space *space);
CLEANUP_VALUE(struct space, space_fini)

/* Finds the file that an address lies in. Fills in query->module and query->pc, or query->place.
 * `step` is 1 for a return address, which is looked up one byte before, and otherwise 0. */
void space_locate(struct space *space, uint64_t addr, unsigned step, struct explain_query *query);
/* Finds the address for an offset in the file at `path`, which is how perf names addresses. `step`
 * is as above. Returns false when the space has no such file, or when no segment of the file holds
 * the offset. */
bool space_locate_offset(struct space *space, const char *path, size_t path_len, uint64_t offset,
			 unsigned step, struct explain_query *query);
/* Returns whether addr may be an address of code. Only then is a number in a text taken for an
 * address. */
bool space_has_code(const struct space *space, uint64_t addr);

#include "live/space/text.h"

#endif
