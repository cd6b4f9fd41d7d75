/* The module as the files of explain/ share it.
 */
#ifndef READ_EXPLAIN_MODULE_H
#define READ_EXPLAIN_MODULE_H

#include "read/explain/explain.h"
#include "base/buf_type.h"
#include "read/debuginfo/debuginfo.h"

struct explain_module {
	int fd;	    /* owned */
	char *path; /* owned */
	struct image *image;
	struct gopcln *tab;	/* NULL when not opened, or when it cannot be (`why` says why) */
	struct elfsym *symbols; /* the same */
	struct debuginfo_reader child;
	bool opened[EXPLAIN_SOURCES];
	char *why[EXPLAIN_SOURCES]; /* owned; NULL while the source can answer */
	/* One batch: the addresses that the child is asked for, and its answers. */
	VEC(uint64_t) pcs;
	VEC(uint32_t) asked_by; /* pcs[i] was asked for explanation asked_by[i] */
	struct buf answers;	/* a batch's answers, borrowed by its explanations */
};

/* Opens a source if it was not opened yet. Returns false when it cannot answer; `why` says why. */
bool module_source(struct explain_module *module, enum explain_source source);

#endif
