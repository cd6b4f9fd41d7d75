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

#include <sys/types.h>

#define DEBUGINFO_READER_BATCH (1u << 16) /* addresses in one request */

struct search;

struct debuginfo_reader {
	pid_t pid; /* 0: not running */
	int socket;
	bool ready;	       /* it has said whether there is debug information */
	unsigned wanted;       /* files that it asked for */
	struct search *search; /* owned; opens them */
	char *why;  /* owned; why there are no answers, or no more; NULL while there are */
	char *path; /* owned; path of the separate file that is read; "" or NULL if none */
};

/* Starts the child. fd and path are as for debuginfo_open(). On failure, child->why has the reason.
 * The process must ignore SIGPIPE, because the child may end while it is asked. It must not ignore
 * SIGCHLD. */
void debuginfo_reader_start(struct debuginfo_reader *child, int fd, const char *path);
/* Ends the child and frees its data. */
void debuginfo_reader_fini(struct debuginfo_reader *child);

/* Waits until the child has opened the file. Returns false when there are no answers; child->why
 * has the reason. */
bool debuginfo_reader_wait(struct debuginfo_reader *child);
/* Asks for n addresses (1 to DEBUGINFO_READER_BATCH) and appends the bytes of the answers to `to`.
 * Returns false when there are no answers; child->why has the reason. */
bool debuginfo_reader_ask(struct debuginfo_reader *child, const uint64_t *pcs, size_t n,
			  struct buf *to);

#endif
