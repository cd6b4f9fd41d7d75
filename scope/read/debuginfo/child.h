/* The process that reads debug information. No file outside this room includes this. */
#ifndef READ_DEBUGINFO_CHILD_H
#define READ_DEBUGINFO_CHILD_H

#include "base/base.h"

#include <sys/types.h>

/* Runs in the child, and ends it. fd is the program's file, `socket` leads to the parent. idle: debuginfo_reader_start_idle(). */
_Noreturn void debuginfo_child(int fd, int socket, pid_t parent, bool idle);

#endif
