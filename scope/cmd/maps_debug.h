/* Debug information for `tophash maps`: the types of global variables.
 */
#ifndef CMD_MAPS_DEBUG_H
#define CMD_MAPS_DEBUG_H

#include "base/base.h"
#include "live/gomap/gomap.h"
#include "live/module/module.h"
#include "read/debuginfo/debuginfo.h"

/* The debug information of one module. */
struct maps_debug {
	uint64_t types; /* run-time address of its types */
	uint64_t bias;
	bool there; /* its file has some, or names a file that has */
	struct debuginfo_reader reader;
	bool asked;
	char *why; /* owned; why it was not read; NULL: it was, or nobody asked */
};

struct maps_debugs {
	VEC(struct maps_debug) list; /* by module */
};

/* Starts a process that will read the debug information of a module, if it has some. Nothing is read yet. To be called before rights
 * are given up. Errors: no memory. */
struct error *maps_debug_add(struct maps_debugs *debugs, const struct module *module,
			     uint64_t bias);
/* Describes the variables of a module: a gomap_describe; ctx is the maps_debugs. */
void maps_debug_describe(void *ctx, size_t module, uint64_t made, struct gomap_described *ret);
/* Tells whether a process waits to be asked. */
bool maps_debug_waits(const struct maps_debugs *debugs);
/* Tells whether debug information was asked for. */
bool maps_debug_asked(const struct maps_debugs *debugs);
/* Returns why debug information was asked for and not read, or NULL. Borrowed. */
const char *maps_debug_why(const struct maps_debugs *debugs);
void maps_debugs_fini(struct maps_debugs *debugs);

#endif
