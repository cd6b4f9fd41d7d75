/* Debug information, read in a process of its own. Inside explain/.
 *
 * A file made to do harm is parsed by libdw, libelf and zlib, where we can check no more than
 * sizes. A child that crashes, loops or eats memory costs this source alone: the others answer, and
 * the reason stands where the answer would. It has no descriptors but the file and two pipes, a
 * limit on memory and one on the time of an answer, and dies with its parent. And while it
 * inflates, the parent reads the other sources on another core. The price: a fork (half a
 * millisecond) and a copy of each answer.
 *
 * What goes through the pipes, all little-endian:
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

/* The process must ignore SIGPIPE (a child may end while it is asked) and not ignore SIGCHLD.
 * Starts the child; fd and path as for debuginfo_open(). What fails is in child->why. */
void debuginfo_reader_start(struct debuginfo_reader *child, int fd, const char *path);
/* Ends the child; frees. */
void debuginfo_reader_fini(struct debuginfo_reader *child);

/* Waits until the child has opened the file. False: child->why says why it has no answers. */
bool debuginfo_reader_wait(struct debuginfo_reader *child);
/* Asks for n (1 to DEBUGINFO_READER_BATCH) addresses; the answers' bytes are appended to `to`. False:
 * child->why says why there are none. */
bool debuginfo_reader_ask(struct debuginfo_reader *child, const uint64_t *pcs, size_t n,
			  struct buf *to);

#endif
