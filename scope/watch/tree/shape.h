/* Sizes that the kernel programs and user space share. */
#ifndef WATCH_TREE_SHAPE_H
#define WATCH_TREE_SHAPE_H

enum {
	TREE_MAX = 16384,	/* processes */
	TREE_TASK_SIZE = 16384, /* more than struct task_struct has */
	TREE_TASK_PIECE = 512,
};

#endif
