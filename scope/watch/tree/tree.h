/* tree: a process and all that it has started, directly or not, also when the processes between have
 * ended. The kernel keeps the set up to date at each fork. An engine may look there whether a hit is
 * of the tree.
 *
 *   tree.c   loads the kernel programs (bpf/), and reads the set
 *   shape.h  sizes
 */
#ifndef WATCH_TREE_TREE_H
#define WATCH_TREE_TREE_H

#include "base/base.h"

#include <sys/types.h>

struct tree;

/* Begins to watch forks. There is no process in the tree yet. Errors (ERROR_PERMISSION): no privilege, or
 * this kernel is not understood. */
struct error *tree_new(struct tree **ret);
void tree_free(struct tree *tree); /* NULL is legal */
CLEANUP_FUNC(struct tree, tree_free)

/* Sets the root. What it forks from now on is in the tree. */
void tree_set_root(struct tree *tree, pid_t pid);
/* Tells whether the ids of tree_each() are those of /proc. They are not if tophash is in a pid namespace of
 * its own. */
bool tree_has_pids(const struct tree *tree);
/* Adds a process that runs already. Returns false if that is not possible (see tree_has_pids()), or there is no
 * room, which tree_missed() counts. */
bool tree_add(struct tree *tree, pid_t pid);
/* Takes a process out. Its children stay, and what it starts from now on is not in the tree. Does nothing if
 * that is not possible: see tree_has_pids(). */
void tree_remove(struct tree *tree, pid_t pid);

/* Tells whether a process is in the tree. *ret_time_ns is when it was forked, or has last executed a program. */
bool tree_has(const struct tree *tree, pid_t pid, uint64_t *ret_time_ns);

/* Returns the descriptor of the set, a BPF hash: the key is the id (uint32_t) of a process in the
 * initial pid namespace, the value is the time (uint64_t) of its fork or last exec. Borrowed. */
int tree_fd(const struct tree *tree);
/* Calls found() for each process of the tree that was not reaped yet. The ids are those of the initial
 * pid namespace. time_ns, of CLOCK_MONOTONIC, is when it was forked, or has last executed a program.
 * found() returns false to stop. */
void tree_each(const struct tree *tree, bool (*found)(void *ctx, pid_t pid, uint64_t time_ns),
	       void *ctx);
/* Returns how many processes could not be added, because there was no room. */
uint64_t tree_missed(const struct tree *tree);

#endif
