/* Gives up rights of this process for good: its user, its capabilities, its system calls. Nothing
 * of it can be taken back.
 */
#ifndef BASE_CONFINE_H
#define BASE_CONFINE_H

#include "base/base.h"

#include <sys/types.h>

/* The user and the group "nobody": the kernel's ids for owners that have no id here. */
#define CONFINE_NOBODY 65534u

/* Returns whether this process has the capability (CAP_KILL, ...) in effect. */
bool confine_has(int capability);

/* Becomes nobody, without supplementary groups, for whom no program has capabilities. Returns false if this process keeps its user,
 * because it may not become another one, or because its parent could not end it afterwards. When
 * the user changes, the kernel forgets PR_SET_PDEATHSIG. */
bool confine_to_nobody(void);

/* Keeps only the capabilities of the set (1 << CAP_KILL | ...), and only those of them that this
 * process has. If it has CAP_SETPCAP, nothing that it executes can get others. Applies to the
 * calling thread, and to threads and processes that it starts later. Errors (ERROR_FAILED). */
struct error *confine_capabilities(uint64_t keep);

/* Tells whether this program has rights that its caller lacks: file capabilities (setcap) or a
 * set-user-ID bit. Root lacks none. */
bool confine_is_for_caller(void);
/* If it has such rights, takes the user and the group of the caller, and keeps only these
 * capabilities. Files and processes are then opened with the rights of the caller, and nothing that
 * is executed gets more. Otherwise changes nothing. Errors (ERROR_FAILED). */
struct error *confine_to_caller(uint64_t keep);

/* A system call that is allowed. */
struct confine_call {
	int number; /* SCMP_SYS(name) of libseccomp */
	/* If mask is not 0, these bits of the argument with this index must have this value. */
	unsigned arg;
	uint64_t mask, value;
};

/* Answers all other system calls with the error EPERM. No call is answered by a signal: a library
 * that tries something else goes on without it. Sets no_new_privs. Errors (ERROR_FAILED): the kernel
 * has no filters of system calls, or this process has one that forbids it. */
struct error *confine_calls(const struct confine_call *calls, size_t n);
/* Does the opposite: answers these system calls with EPERM, and allows all others. The other threads
 * of this process get the filter, too. Errors: as above. */
struct error *confine_without_calls(const int *numbers, size_t n);

/* Answers with EPERM all requests of ptrace(2) but those that stop a thread and read its registers: none that writes, and none
 * that lets a thread run. The other threads of this process get the filter, too. Errors: as above. */
struct error *confine_ptrace(void);

/* Makes a new child process one that parses foreign bytes and can do nothing else. It becomes nobody, has no
 * capability, and may only read and send on what is open. It ends with its parent. All descriptors but
 * *fds are closed; the standard ones lead to /dev/null. *fds change. memory: bytes of address space.
 * Errors (ERROR_FAILED): as above. */
struct error *confine_reader(pid_t parent, int *fds[], size_t n, uint64_t memory);

#endif
