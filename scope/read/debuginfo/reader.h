/* Reads debug information in a process of its own. Only read/explain/ uses it.
 *
 * libdw, libelf and zlib parse the file, which may be hostile, and only its sizes can be checked
 * before. If the child crashes, loops or uses too much memory, this source alone has no answer, and
 * the reason is shown in its place. The child has only three descriptors: the file and two pipes.
 * Its memory and the time of an answer are limited, and it dies with its parent. While it inflates,
 * the parent reads the other sources on another core. The price is a fork (half a millisecond) and
 * a copy of each answer.
 *
 * The messages in the pipes, all little-endian:
 *
 *     request   n u32, n x pc u64
 *     answer    size u32, then `size` bytes:  for each pc
 *                   miss u8 (enum debuginfo_miss), n u8, entry u64
 *                   n x { inlined u8, line u32, func NUL-terminated, file NUL-terminated }
 *     and before the first answer, once:
 *               size u32, then error text and separate path, each NUL-terminated ("" for none)
 */
#ifndef READ_DEBUGINFO_READER_H
#define READ_DEBUGINFO_READER_H

#include "base/base.h"

#include <sys/types.h>

#define DEBUGINFO_READER_BATCH (1u << 16) /* addresses in one request */

struct debuginfo_reader {
	pid_t pid;	 /* 0: not running */
	int ask, answer; /* pipes */
	bool ready;	 /* the first message has been read */
	char *why;	 /* owned; why there are no answers, or no more; NULL while there are */
	char *path;	 /* owned; path of the separate file that is read; "" or NULL if none */
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
