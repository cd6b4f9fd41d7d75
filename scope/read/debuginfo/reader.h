/* Debug information, read in a process of its own. Only read/explain/ uses it.
 *
 * libdw, libelf and zlib parse the file, which may be made to do harm, and we can check no more
 * than its sizes. When a child crashes, loops or eats memory, only this source has no answer. The
 * other sources answer, and the reason stands in place of the answer. The child has no descriptors
 * but the file and two pipes. It has a limit on memory and one on the time of an answer, and it
 * dies with its parent. While it inflates, the parent reads the other sources on another core. The
 * price is a fork (half a millisecond) and a copy of each answer.
 *
 * The messages in the pipes, all little-endian:
 *
 *     request   n u32, n x pc u64
 *     answer    size u32, then `size` bytes:  for each pc
 *                   miss u8 (enum debuginfo_miss), n u8, entry u64
 *                   n x { inlined u8, line u32, func NUL-terminated, file NUL-terminated }
 *     and before the first answer, once:
 *               size u32, then error text and separate path, each NUL-terminated; "": none
 */
#ifndef READ_DEBUGINFO_READER_H
#define READ_DEBUGINFO_READER_H

#include "base/base.h"

#include <sys/types.h>

#define DEBUGINFO_READER_BATCH (1u << 16) /* addresses a request */

struct debuginfo_reader {
	pid_t pid;	 /* 0: not running */
	int ask, answer; /* pipes */
	bool ready;	 /* the first message has come */
	char *why;	 /* owned; why there are no answers (any more); NULL: there are */
	char *path;	 /* owned; the separate file that is read; "" or NULL: none */
};

/* Starts the child. fd and path are as for debuginfo_open(). On failure child->why has the reason.
 * The process must ignore SIGPIPE, since a child may end while it is asked, and must not ignore
 * SIGCHLD. */
void debuginfo_reader_start(struct debuginfo_reader *child, int fd, const char *path);
/* Ends the child and frees what it had. */
void debuginfo_reader_fini(struct debuginfo_reader *child);

/* Waits until the child has opened the file. Returns false when there are no answers; child->why
 * has the reason. */
bool debuginfo_reader_wait(struct debuginfo_reader *child);
/* Asks for n addresses (1 to DEBUGINFO_READER_BATCH) and appends the bytes of the answers to `to`.
 * Returns false when there are none; child->why has the reason. */
bool debuginfo_reader_ask(struct debuginfo_reader *child, const uint64_t *pcs, size_t n,
			  struct buf *to);

#endif
