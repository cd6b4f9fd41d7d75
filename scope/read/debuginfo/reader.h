/* Reads debug information in a process of its own. Only read/explain/ uses it.
 *
 * libdw, libelf and zlib parse the file, which may be hostile, and only its sizes can be checked
 * before. The child therefore has no rights (child.c): it is nobody, without capabilities, and may
 * make only the system calls that reading needs. It can open nothing. It has the file and a socket,
 * and the parent opens the separate files that it asks for (search.c), if they are regular ELF
 * files. If the child crashes, loops or uses too much memory, this source alone has no answer, and
 * the reason is shown in its place. Its memory and the time of an answer are limited, and it dies
 * with its parent. While it inflates, the parent reads the other sources on another core. The price
 * is a fork (half a millisecond) and a copy of each answer. message.h has the messages.
 */
#ifndef READ_DEBUGINFO_READER_H
#define READ_DEBUGINFO_READER_H

#include "base/base.h"
#include "base/buf_type.h"

#include <sys/types.h>

#define DEBUGINFO_READER_BATCH (1u << 16) /* addresses in one request */

struct search;

/* What is asked about variables. */
struct debuginfo_ask {
	uint64_t
		types; /* the address of the types of the program (moduledata.types), as it is at run time */
	uint64_t made; /* where descriptors begin that are made; the process has no memory there */
};

/* A variable of a package. */
struct debuginfo_variable {
	uint64_t addr; /* link-time */
	uint64_t type; /* the address of its descriptor: one of the program, or one that was made */
};

/* The variables, as debuginfo_variable, and the descriptors that were made: those of types from ask.made on, and
 * their fields GOTYPE_MADE_FIELDS after that. All may be false, because the file is foreign. */
struct debuginfo_variables {
	struct buf variables, types, fields;
};

void debuginfo_variables_fini(struct debuginfo_variables *variables);
CLEANUP_VALUE(struct debuginfo_variables, debuginfo_variables_fini)

struct debuginfo_reader {
	pid_t pid; /* 0: not running */
	int socket;
	bool ready;	       /* it has said whether there is debug information */
	bool idle;	       /* it waits for its only question */
	uint64_t until_ns;     /* when its answer must be there; 0: PATIENCE_S after the question */
	unsigned wanted;       /* files that it asked for */
	struct search *search; /* owned; opens them */
	char *why;  /* owned; why there are no answers, or no more; NULL while there are */
	char *path; /* owned; path of the separate file that is read; "" or NULL if none */
};

/* Starts the child. fd and path are as for debuginfo_open(). On failure, child->why has the reason.
 * The process must ignore SIGPIPE, because the child may end while it is asked. It must not ignore
 * SIGCHLD. */
void debuginfo_reader_start(struct debuginfo_reader *child, int fd, const char *path);
/* Starts a child that opens the file only when it is asked for variables, and that ends after its answer. A process that gives up
 * rights later may not end it by force then: it has a few seconds of processor time. */
void debuginfo_reader_start_idle(struct debuginfo_reader *child, int fd, const char *path);
/* Ends the child and frees its data. */
void debuginfo_reader_fini(struct debuginfo_reader *child);

/* Waits until the child has opened the file. Returns false when there are no answers; child->why
 * has the reason. */
bool debuginfo_reader_wait(struct debuginfo_reader *child);
/* Asks for n addresses (1 to DEBUGINFO_READER_BATCH) and appends the bytes of the answers to `to`.
 * Returns false when there are no answers; child->why has the reason. */
bool debuginfo_reader_ask(struct debuginfo_reader *child, const uint64_t *pcs, size_t n,
			  struct buf *to);
/* Asks a child that is idle for variables, once, and waits for a few seconds. Returns false when there is no answer; child->why has the
 * reason. The caller frees *ret, also then. */
bool debuginfo_reader_variables(struct debuginfo_reader *child, const struct debuginfo_ask *ask,
				struct debuginfo_variables *ret);

#endif
