/* target: the processes that are traced: found, started, watched, read.
 */
#ifndef LIVE_PROCESS_PROCESS_H
#define LIVE_PROCESS_PROCESS_H

#include "base/base.h"

#include <sys/types.h>

/* ---- a running process ---- */

struct process {
	pid_t pid;
	int pidfd; /* readable once the process has ended; -1: none */
	int exe;   /* its executable, open for reading (also when deleted or replaced on disk) */
	char *exe_path; /* as /proc names it, for people */
};

/* Errors (ERROR_TARGET): no such process, a kernel thread, it ended meanwhile;
 * (ERROR_PERMISSION): not ours to look at. */
struct error *process_open(pid_t pid, struct process **ret);
/* A process of which the pid and the executable are known already (a child of ours): it may have
 * ended by now. exe_path is copied; there is no `exe`. */
struct error *process_adopt(pid_t pid, const char *exe_path, struct process **ret);
void process_close(struct process *process); /* NULL is legal */
CLEANUP_FUNC(struct process, process_close)

/* Where offset `offset` of the file `exe` (a descriptor) is mapped to be executed in the process:
 * the lowest such mapping. (A program may map its own file to read it, and lower.) Returns false
 * when there is none (not yet, or the process is gone). */
bool process_mapping(pid_t pid, int exe, uint64_t offset, uint64_t *ret_addr);

/* Reads the process's memory; false unless all of it could be read. `ctx` is a struct process. */
bool process_peek(void *ctx, uint64_t addr, void *to, size_t size);

/* Tells one program that a process executes from the next: another number after each exec. Returns
 * false when the process is gone, or between two. */
bool process_image_id(pid_t pid, uint64_t *ret);
/* Whether the process executes the file `exe` (a descriptor), in *ret. Returns false when it is
 * gone. */
bool process_executes(pid_t pid, int exe, bool *ret);

enum process_end {
	PROCESS_RUNS,
	PROCESS_EXITED,
	PROCESS_SIGNALED,
	PROCESS_GONE /* how: unknown */
};
/* Whether it has ended, and how where the kernel tells (a child of ours; any process from Linux
 * 6.15 on). ret_status: exit code or signal number. Does not block. */
enum process_end process_poll(struct process *process, int *ret_status);

/* Calls found(ctx, pid) for each process whose executable is the file (dev, ino). */
struct error *process_scan(dev_t dev, ino_t ino, bool (*found)(void *ctx, pid_t pid), void *ctx);

/* ---- what is mapped where ---- */

struct mapping {
	uint64_t start, end; /* [start, end) */
	uint64_t offset;     /* of the file, that stands at start */
	uint64_t inode;	     /* 0: no file */
	bool executable;
	const char *path; /* as /proc names it, without " (deleted)"; "[vdso]", "[heap]", "" */
};

struct mappings {
	VEC(struct mapping) list; /* sorted by address */
	struct buf text;	  /* what the paths stand in */
};

/* Reads /proc/PID/maps. Errors as process_open(). */
struct error *mappings_read(pid_t pid, struct mappings *ret);
void mappings_fini(struct mappings *mappings);
/* The mapping that holds addr, or NULL. */
const struct mapping *mappings_find(const struct mappings *mappings, uint64_t addr);

/* Opens the file of a mapping, the very one: where its path leads to another file by now (replaced,
 * deleted, another mount namespace), by way of /proc/PID/map_files. Returns a descriptor, or -1.
 * For "[vdso]", which is no file, a copy of its memory. */
int mapping_open(struct process *process, const struct mapping *mapping);

/* ---- a command that is started ---- */

/* A child that waits, before exec, until it is told to go: probes are attached meanwhile and see
 * it from its first instruction. */
struct spawn {
	pid_t pid;
	char *path; /* the executable, resolved through PATH */
	int go;	    /* write end: closing it without spawn_go() makes the child leave */
	int failed; /* read end: the child's errno when exec failed; end of file when it did not */
};

/* The executable file of a command, looked up as execvp does; *ret is the caller's to free. Errors
 * as spawn_prepare. */
struct error *spawn_find(const char *name, char **ret);
/* argv: NULL-terminated, argv[0] looked up as execvp does. Errors (ERROR_TARGET): not found, not
 * executable. */
struct error *spawn_prepare(char *const argv[], struct spawn *ret);
/* Lets the child exec and waits until it has. Errors (ERROR_TARGET): exec failed. */
struct error *spawn_go(struct spawn *spawn);
/* Ends the child if it still waits before exec; frees. A running child is left alone. */
void spawn_fini(struct spawn *spawn);

#endif
