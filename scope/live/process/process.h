/* process: what lives. A target is found, watched and read through target_ops, whatever it is; a
 * running process is the one kind so far.
 *
 *   process.c    target_ops of a running process
 *   mappings.c   /proc/PID/maps, the one place that parses it, and the files behind the mappings
 *   bias.c       the load bias, the one place that computes it
 *   scan.c       the processes of a file
 *   spawn.c      a command that is started
 */
#ifndef LIVE_PROCESS_PROCESS_H
#define LIVE_PROCESS_PROCESS_H

#include "base/base.h"

#include <sys/stat.h>
#include <sys/types.h>

/* ---- what is mapped where ---- */

struct mapping {
	uint64_t start, end; /* [start, end) */
	uint64_t offset;     /* of the byte at start, in the file */
	uint64_t inode;	     /* 0: no file */
	bool executable;
	const char *path; /* as /proc names it, without " (deleted)"; "[vdso]", "[heap]", "" */
};

struct mappings {
	VEC(struct mapping) list; /* sorted by address */
	struct buf text;	  /* holds the paths */
};

/* Reads /proc/PID/maps. Errors as process_open(). */
struct error *mappings_read(pid_t pid, struct mappings *ret);
void mappings_fini(struct mappings *mappings);
/* Returns the mapping that holds addr, or NULL. */
const struct mapping *mappings_find(const struct mappings *mappings, uint64_t addr);

/* ---- a target ---- */

struct target_thread {
	pid_t tid;
	char state; /* as in /proc/PID/stat: 'R', 'S', 'D', 'T' (stopped), 't' (traced), 'Z' ... */
};

struct target_threads {
	VEC(struct target_thread) list;
};

enum target_end {
	TARGET_RUNS,
	TARGET_EXITED,
	TARGET_SIGNALED,
	TARGET_GONE /* it has ended; how is unknown */
};

struct target {
	const struct target_ops *ops;
	pid_t pid;
	int exe;	/* its executable, open for reading, also when it was deleted; -1: none */
	char *exe_path; /* as /proc names it, for people */
};

/* To add a kind of target (a core file, for instance):
 *   1. write <kind>.c with a struct that begins with `struct target`, a static const struct
 *	target_ops, and a function that opens one, <kind>_open();
 *   2. declare that function below and add the file to meson.build and to the list above;
 *   3. add its tests to tests/unit/test_<kind>.c.
 * Every operation must be there. */
struct target_ops {
	const char *name; /* "process" */
	/* Returns the target's memory. It is valid until close(). */
	struct memory (*memory)(struct target *target);
	/* Reads what is mapped where. The caller frees *ret with mappings_fini(). */
	struct error *(*mappings)(struct target *target, struct mappings *ret);
	/* Lists the threads. The caller frees ret->list with vec_fini(). */
	struct error *(*threads)(struct target *target, struct target_threads *ret);
	/* Tells which file the target executes now. Returns false when it is gone. */
	bool (*exe)(struct target *target, struct stat *ret);
	/* Tells one program that the target executes from the next: the number differs after each
	 * exec. Returns false when it is gone, or between two. */
	bool (*image_id)(struct target *target, uint64_t *ret);
	/* Tells whether it has ended, and how: exit code or signal number in *ret_status. Does not
	 * block. */
	enum target_end (*poll)(struct target *target, int *ret_status);
	/* Frees everything, target itself included. */
	void (*close)(struct target *target);
};

static inline struct memory target_memory(struct target *target)
{
	return target->ops->memory(target);
}

static inline struct error *target_mappings(struct target *target, struct mappings *ret)
{
	return target->ops->mappings(target, ret);
}

static inline struct error *target_threads(struct target *target, struct target_threads *ret)
{
	return target->ops->threads(target, ret);
}

static inline bool target_image_id(struct target *target, uint64_t *ret)
{
	return target->ops->image_id(target, ret);
}

static inline enum target_end target_poll(struct target *target, int *ret_status)
{
	return target->ops->poll(target, ret_status);
}

static inline void target_close(struct target *target) /* NULL is legal */
{
	if (target)
		target->ops->close(target);
}
CLEANUP_FUNC(struct target, target_close)

/* Tells in *ret whether the target executes the file `exe` (a descriptor). Returns false when the
 * target is gone. */
bool target_executes(struct target *target, int exe, bool *ret);
/* Closes the target's executable where it is not needed: a descriptor less. */
void target_drop_exe(struct target *target);
/* Tells whether all threads of the target are stopped (SIGSTOP, a debugger): it does nothing. */
bool target_is_stopped(struct target *target);

/* Opens the file of a mapping, the very one. If its path leads to another file by now (replaced,
 * deleted, in another mount namespace), the way is /proc/PID/map_files. Returns a descriptor, or
 * -1. For "[vdso]", which is no file, it returns a copy of the memory. */
int mapping_open(struct target *target, const struct mapping *mapping);

/* ---- a running process ---- */

/* Errors (ERROR_TARGET): no such process, a kernel thread, it ended meanwhile; (ERROR_PERMISSION):
 * we may not look at it, or /proc hides it; (ERROR_FAILED): no descriptor is left. */
struct error *process_open(pid_t pid, struct target **ret);
/* Makes a target of a process of which the pid and the executable are known already (a child of
 * ours). It may have ended. exe_path is copied; target->exe is -1. Errors: no descriptor or no
 * memory is left. */
struct error *process_adopt(pid_t pid, const char *exe_path, struct target **ret);
/* Tells whether /proc can be used at all. Errors (ERROR_PERMISSION): it is not mounted. */
struct error *process_check_proc(void);
/* Copies the name that the kernel shows for a process (/proc/PID/comm), cut to size - 1 bytes; "" when
 * it cannot be read. */
void process_name(pid_t pid, char *to, size_t size);
/* Returns the memory of a process that is not open: of every process that an event names. */
struct memory process_memory(pid_t pid);

/* Calls found(ctx, pid) for each process whose executable is the file (dev, ino), until it returns
 * false. Errors: /proc cannot be read. */
struct error *process_scan(dev_t dev, ino_t ino, bool (*found)(void *ctx, pid_t pid), void *ctx);

/* ---- the load bias: run-time address less link-time address ---- */

/* Computes the bias of a file from where a byte of its code is mapped. `exe` is the file, a
 * descriptor; `offset` is the byte's place in it, `addr` its link-time address. The lowest mapping
 * that may be executed counts: a program may map its own file to read it, and lower. Returns false
 * when there is none, since the process is gone or between two programs. */
bool bias_of_mapped(const struct mappings *mappings, int exe, uint64_t offset, uint64_t addr,
		    uint64_t *ret);
/* Computes the bias from one address of which both forms are known. Returns false when the result
 * is not a multiple of the page size, as every bias is: the two are not the same place. */
bool bias_of_addr(uint64_t run_time, uint64_t link_time, uint64_t *ret);

/* ---- a command that is started ---- */

/* A child that waits, before exec, until it is told to go. Probes are attached meanwhile and see it
 * from its first instruction. */
struct spawn {
	pid_t pid;
	char *path; /* the executable, resolved through PATH */
	int go;	    /* write end: closing it without spawn_go() makes the child leave */
	int failed; /* read end: the child's errno when exec failed; end of file when it did not */
};

/* Looks up the executable file of a command as execvp() does; *ret is the caller's to free. Errors
 * as spawn_prepare(). */
struct error *spawn_find(const char *name, char **ret);
/* Forks the child. argv is NULL-terminated; argv[0] is looked up as execvp() does. Errors
 * (ERROR_TARGET): not found, not executable. */
struct error *spawn_prepare(char *const argv[], struct spawn *ret);
/* Lets the child exec and waits until it has. Errors (ERROR_TARGET): exec failed. */
struct error *spawn_go(struct spawn *spawn);
/* Ends the child if it still waits before exec, and frees. A running child is left alone. */
void spawn_fini(struct spawn *spawn);

#endif
