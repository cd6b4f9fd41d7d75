/* The record of an exec, for the kernel program and its reader. */
#ifndef WATCH_EXECS_SHAPE_H
#define WATCH_EXECS_SHAPE_H

#define EXECS_NAME 16	       /* TASK_COMM_LEN of the kernel */
#define EXECS_RING (256 << 10) /* bytes */

/* A process that has just executed a program. */
struct exec_seen {
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	uint32_t pid;	  /* as tophash sees it */
	uint32_t unused;
	char name[EXECS_NAME]; /* as the kernel shows it: the file's name, shortened */
};

#endif
