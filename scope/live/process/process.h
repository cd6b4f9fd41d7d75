/* process: finds, watches and reads a target through target_ops: a running process, or a core file.
 *
 *   process.c    target_ops of a running process
 *   mappings.c   parses /proc/PID/maps, and opens the files of mappings
 *   bias.c       computes the load bias
 *   scan.c       goes through all processes, or those of a file
 *   status.c     reads the user, the name and the pids of a process
 *   thread.c     finds what a process executes, also if its first thread has ended
 *   spawn.c      starts a command
 *   user.c       finds the user that a command runs as
 *   pursuit.c    follows a command until a wanted program begins
 *   stop.c       holds a process while it is read
 *   timely.c     memory that is read in time, or not at all
 *   core.c       target_ops of a core file
 *   core_read.c  parses a core file
 *   core_files.c opens the files whose contents a core leaves out
 */
#ifndef LIVE_PROCESS_PROCESS_H
#define LIVE_PROCESS_PROCESS_H

#include "base/base.h"
#include "base/memory.h"

#include <sys/stat.h>
#include <sys/types.h>

/* ---- mappings ---- */

/* Tells files apart, as /proc/PID/maps shows them. On overlay and btrfs, stat() shows another device
 * number. */
struct file_id {
	uint64_t device;
	uint64_t inode; /* 0 when there is no file */
};

static inline bool file_id_equal(struct file_id a, struct file_id b)
{
	return a.device == b.device && a.inode == b.inode;
}

struct mapping {
	uint64_t start, end; /* [start, end) */
	uint64_t offset;     /* the file offset of the byte at start */
	struct file_id file;
	bool executable;
	const char *path; /* as /proc names it, without " (deleted)"; "[vdso]", "[heap]", "" */
};

struct mappings {
	VEC(struct mapping) list; /* sorted by address */
	char *text;		  /* owned; holds the paths */
};

/* Reads /proc/PID/maps. Errors: as for process_open(). */
struct error *mappings_read(pid_t pid, struct mappings *ret);
void mappings_fini(struct mappings *mappings);
CLEANUP_VALUE(struct mappings, mappings_fini)
/* Returns the mapping that holds addr, or NULL when none does. */
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
	TARGET_GONE /* it has ended, and it is not known how */
};

struct target {
	const struct target_ops *ops;
	pid_t pid;
	int exe;	/* its executable, open for reading even if it was deleted; -1: none */
	char *exe_path; /* as /proc shows it, for people */
};

/* To add a kind of target:
 *   1. write <kind>.c with a struct that begins with `struct target`, a static const struct
 * 	target_ops, and a function that opens one, <kind>_open();
 *   2. declare that function below and add the file to meson.build and to the list above;
 *   3. add its tests to tests/unit/test_<kind>.c.
 * Every operation is required. */
struct target_ops {
	const char *name; /* "process" */
	/* Returns the target's memory. It is valid until close(). */
	struct memory (*memory)(struct target *target);
	/* Reads the mappings. The caller frees *ret with mappings_fini(). */
	struct error *(*mappings)(struct target *target, struct mappings *ret);
	/* Opens the file of a mapping: mapping_open(). */
	int (*open_mapping)(struct target *target, const struct mapping *mapping);
	/* Lists the threads. The caller frees ret->list with vec_fini(). */
	struct error *(*threads)(struct target *target, struct target_threads *ret);
	/* Tells which file the target executes now. Returns false when the target is gone. */
	bool (*exe)(struct target *target, struct stat *ret);
	/* Identifies the program that the target executes: the number differs after each exec, and a
	 * core has that of the process it was made of. Returns false when the target is gone, or is in the middle of an exec. */
	bool (*image_id)(struct target *target, uint64_t *ret);
	/* Tells whether the target has ended, and how. *ret_status is the exit code or the signal
	 * number. Does not block. */
	enum target_end (*poll)(struct target *target, int *ret_status);
	/* Returns a descriptor that is readable from the end of the target on, or -1: only poll() tells.
	 * Borrowed until close(). */
	int (*end_fd)(struct target *target);
	/* Frees everything, including the target itself. */
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

static inline int target_end_fd(struct target *target)
{
	return target->ops->end_fd(target);
}

static inline void target_close(struct target *target) /* NULL is legal */
{
	if (target)
		target->ops->close(target);
}
CLEANUP_FUNC(struct target, target_close)

/* Tells in *ret whether the target executes the file whose descriptor is `exe`. Returns false when
 * the target is gone. */
bool target_executes(struct target *target, int exe, bool *ret);
/* Closes the target's executable, to save a descriptor when it is no longer needed. */
void target_drop_exe(struct target *target);
/* Tells whether all threads of the target are stopped, by SIGSTOP or a debugger. */
bool target_is_stopped(struct target *target);

/* Opens the file of a mapping. If its path leads to another file by now (replaced, deleted, in
 * another mount namespace), it is the file of the mapping all the same. "[vdso]" is no file;
 * for it, a copy of the memory is returned. Returns a descriptor, or -1. */
static inline int mapping_open(struct target *target, const struct mapping *mapping)
{
	return target->ops->open_mapping(target, mapping);
}

/* ---- a running process ---- */

/* mapping_open() of a process. */
int process_open_mapping(struct target *target, const struct mapping *mapping);

/* Opens a process. Errors (ERROR_TARGET): there is no such process, it is a kernel thread, or it
 * has just ended; (ERROR_PERMISSION): it may not be read, or /proc hides it; (ERROR_FAILED): no
 * descriptor is left. */
struct error *process_open(pid_t pid, struct target **ret);
/* Makes a target of a process whose pid and executable are known already, such as a child of this
 * process. It may have ended. exe_path is copied; target->exe is -1. Errors: no descriptor is left,
 * or no memory. */
struct error *process_adopt(pid_t pid, const char *exe_path, struct target **ret);
/* Checks that /proc can be used. Errors (ERROR_PERMISSION): it is not mounted. */
struct error *process_check_proc(void);
/* Returns a thread of the process that has its memory: pid, or another one if the first thread has ended. */
pid_t process_thread(pid_t pid);
/* Copies the path of what a process executes, cut to size - 1 bytes, with a NUL. Returns false with errno set, and copies
 * "", if it cannot be read (ENOENT: it is a kernel thread, or has ended). */
bool process_exe_path(pid_t pid, char *to, size_t size);
/* Reads the file that a process executes. Returns false in the same way. */
bool process_exe_stat(pid_t pid, struct stat *ret);
/* Copies the text of /proc/PID/NAME, cut to size - 1 bytes, with a NUL. Returns false when it is empty,
 * or cannot be read because the process is gone. */
bool process_read_text(pid_t pid, const char *name, char *to, size_t size);
/* Copies the name that the kernel shows for a process (/proc/PID/comm), cut to size - 1 bytes.
 * Copies "" when it cannot be read. */
void process_name(pid_t pid, char *to, size_t size);

/* TASK_COMM_LEN and MAX_PID_NS_LEVEL of the kernel */
enum { PROCESS_NAME_SIZE = 16, PROCESS_NAMESPACES_MAX = 32 };

/* What /proc/PID/status shows. */
struct process_status {
	char name[PROCESS_NAME_SIZE * 4]; /* \n and \\ are escaped in it */
	uid_t uid;			  /* the effective user */
	pid_t process;			  /* its own pid, also if it was asked for a thread */
	pid_t parent;
	/* The pid in each pid namespace, from ours inwards. The process itself sees the last one. */
	pid_t pids[PROCESS_NAMESPACES_MAX];
	size_t pids_n; /* at least 1 */
};

/* Reads the status of a process. Returns false when the process is gone. */
bool process_status(pid_t pid, struct process_status *ret);
/* Tells whether a process is there and is no zombie. */
bool process_runs(pid_t pid);
/* Tells whether a process runs and still has its memory, which it loses some time before it is a zombie. */
bool process_executes(pid_t pid);
/* Reads when a process was started, in ticks of the kernel. Returns false, and writes 0, when it is gone. */
bool process_started(pid_t pid, uint64_t *ret);

enum { PROCESS_AUXILIARY_WORDS = 128 }; /* that are read; the kernel's AT_VECTOR_SIZE is less */

/* Computes what target_image_id() tells of a process from the words of its auxiliary vector, of /proc/PID/auxv or of a core. They
 * have the addresses of the stack, the vDSO and the program, which each exec chooses at random. */
uint64_t process_image_of(const uint64_t auxiliary[], size_t n);

/* Returns the memory of a process that was not opened, such as one that an event names. A read may never end: see
 * timely_memory(). */
struct memory process_memory(pid_t pid);

/* ---- memory that is read in time, or not at all ----
 *
 * A process may own memory that is served by itself, with userfaultfd(2) or by a file system of its own (FUSE). Who reads it
 * waits for that, and only SIGKILL ends the wait. A thread that has other work reads processes by timely_memory().
 *
 * A process may be waited for as long as the options tell, and for 1 % of the time since it was read first. All processes
 * together may be waited for four times as long, and for 4 % of the time; when that is over, a read has 40 ms. While a read of a
 * process is not answered, the process is not read. */

struct timely;

struct timely_options {
	struct memory (*memory)(pid_t pid); /* process_memory */
	uint64_t patience_ns;
	/* Receives the first address of a process that was not read in time, once for each process. own: the process
	 * did not serve it; otherwise there is no thread to read it, because other processes do not serve theirs, or
	 * memory is out. It is called within the read. NULL: nobody is told. */
	void (*late)(void *ctx, pid_t pid, uint64_t addr, bool own);
	void *ctx;
};

/* Errors: no memory. */
struct error *timely_new(const struct timely_options *options, struct timely **ret);
/* Returns the memory of a process. A read that takes too long reads nothing. A read costs some 20 us more than one by
 * process_memory(). It is valid until the next call of this function for another process, or timely_forget(). Nothing can be
 * read if memory is out. */
struct memory timely_memory(struct timely *timely, pid_t pid);
/* Forgets a process that has ended. */
void timely_forget(struct timely *timely, pid_t pid);
/* Ends the thread that waits for the next read. Call it when this thread has given up rights: the next read has a new one,
 * which has those of this thread. */
void timely_rest(struct timely *timely);
/* Frees everything. Threads whose reads are not answered are left to the end of this process. NULL is legal. */
void timely_free(struct timely *timely);

/* Calls found(ctx, pid) for each process, in the order of /proc. `found` returns false to stop.
 * Errors: /proc cannot be read. */
struct error *process_each(bool (*found)(void *ctx, pid_t pid), void *ctx);
/* Calls found(ctx, pid) for each child of a process, as far as /proc shows them: a kernel without
 * CONFIG_PROC_CHILDREN shows none. `found` returns false to stop. */
void process_children(pid_t pid, bool (*found)(void *ctx, pid_t pid), void *ctx);
/* Calls found(ctx, pid) for each process whose executable is the file (dev, ino). `found` returns
 * false to stop. Errors: /proc cannot be read. */
struct error *process_scan(dev_t dev, ino_t ino, bool (*found)(void *ctx, pid_t pid), void *ctx);
/* Calls found(ctx, pid) in the same way for each process that has code of the file mapped, such as
 * of a library. Files are told apart by their inode alone, as bias_of_mapped() does. */
struct error *process_scan_mapped(ino_t ino, bool (*found)(void *ctx, pid_t pid), void *ctx);

/* ---- holding a process ---- */

struct stop;

/* Stops all threads of a process, also new ones, and waits until all of them stand. No signal is sent. A system call of its C code
 * may return EINTR. Others may see that it is traced (TracerPid in /proc) and cannot trace it, and that it does not answer. It runs on
 * after stop_end(), max_ns after the call, and when this process ends, whatever happens first. Until stop_end() or stop_close()
 * the thread that calls gets no signals that would stop it, and this process dumps no core. The caller frees *ret with stop_close().
 * Errors (ERROR_TARGET): another process traces it (the text says which), it has ended, it executes another program, not all
 * threads stand within max_ns; (ERROR_PERMISSION): it may not be traced; (ERROR_FAILED): no memory, no thread. After an error it
 * runs. */
struct error *stop_begin(struct target *target, uint64_t max_ns, struct stop **ret);
/* Returns the registers of all threads that had not ended, in no order. Borrowed until stop_close(). */
size_t stop_registers(const struct stop *stop, const struct registers **ret);
/* Returns the memory of the process, until stop_close(). When the time is over, nothing can be read. After a stop_end()
 * without error it is read as it is then. */
struct memory stop_memory(struct stop *stop);
/* Lets the process go. *ret_ns is how long it stood. Errors (ERROR_FAILED): it did not stand until now,
 * because the time was over; (ERROR_TARGET): it has ended. What was read since stop_begin() may then be torn. */
struct error *stop_end(struct stop *stop, uint64_t *ret_ns);
/* Lets it go if it is held, and frees everything. NULL is legal. */
void stop_close(struct stop *stop);
CLEANUP_FUNC(struct stop, stop_close)

/* ---- a core file ---- */

/* Opens a core file of gcore or of the kernel. What it leaves out is read from the files that were mapped, if they have
 * the core's build id. `binary` is the file of the program; NULL: it is where the core says. Nothing of the core is
 * copied or mapped. Errors (ERROR_TARGET): it is no core of an x86-64 program, or is damaged; the program is not here, or
 * is another one (the text has both build ids). */
struct error *core_open(const char *path, const char *binary, struct target **ret);

struct core_facts {
	uint64_t missing; /* bytes that the core should have: it is cut */
	bool unproved; /* nothing tells whether the binary that was named is the core's program */
};

void core_facts(const struct target *target, struct core_facts *ret);
/* Returns the registers of all threads. Borrowed until target_close(). */
size_t core_registers(const struct target *target, const struct registers **ret);

/* ---- the load bias: run-time address - link-time address ---- */

/* Computes the bias of a file from the mapping of a byte of its code. `exe` is the descriptor of
 * the file, `offset` is the offset of the byte, and `addr` is its link-time address. Only
 * executable mappings count, because a program may also map its own file to read it, even at a
 * lower address. The lowest one is taken. Returns false when there is none: the process is gone, or
 * is in the middle of an exec. */
bool bias_of_mapped(const struct mappings *mappings, int exe, uint64_t offset, uint64_t addr,
		    uint64_t *ret);
/* Computes the bias from both forms of one address. Returns false when the result is not a multiple
 * of the page size, which every bias is. The two are then not the same place. */
bool bias_of_addr(uint64_t run_time, uint64_t link_time, uint64_t *ret);

/* ---- starting a command ---- */

/* A child that waits before its exec until it is told to go. Probes are attached in the meantime,
 * so they see it from its first instruction. */
struct spawn {
	pid_t pid;
	char *path; /* the executable, resolved through PATH */
	int go;	    /* write end; closing it without spawn_go() makes the child exit */
	int failed; /* read end; has the child's errno if exec failed, otherwise end of file */
};

/* Looks up the executable file of a command as execvp() does. The caller frees *ret. Errors: as for
 * spawn_prepare(). */
struct error *spawn_find(const char *name, char **ret);
/* The user that a command is started as. */
struct spawn_user {
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* the supplementary ones, which may include gid */
	size_t groups_n;
	char *name, *home, *shell; /* NULL: the user database does not have the user */
};

/* Looks up a user: "NAME", "UID", and both with ":GROUP" or ":GID", which replaces the main group. The
 * caller frees *ret with spawn_user_fini(). Errors (ERROR_USAGE): there is no such user or group, or
 * the group of a number is not known. */
struct error *spawn_user_find(const char *text, struct spawn_user *ret);
void spawn_user_fini(struct spawn_user *user);
CLEANUP_VALUE(struct spawn_user, spawn_user_fini)
/* Makes this process one of the user, with the user's groups, HOME, SHELL, USER and LOGNAME, and without
 * capabilities. Returns false with errno set if that is not possible; some of it may be done then. */
bool spawn_user_become(const struct spawn_user *user);

/* Forks the child. argv is NULL-terminated; argv[0] is looked up as execvp() does. user: NULL for our
 * own. Errors (ERROR_TARGET): not found, or not executable; (ERROR_PERMISSION): the user cannot be
 * changed. */
struct error *spawn_prepare(char *const argv[], const struct spawn_user *user, struct spawn *ret);
/* Lets the child call exec, and waits until it has. Errors (ERROR_TARGET): exec failed. */
struct error *spawn_go(struct spawn *spawn);
/* Ends the child if it still waits before its exec, and frees `spawn`. A child that runs is left
 * alone. */
void spawn_fini(struct spawn *spawn);

/* ---- following a command ----
 *
 * A command may be a wrapper (env, timeout, a shell), which executes the wanted program, or starts it
 * as a child. All that the command starts is followed by ptrace until a wanted program begins, or a
 * wanted library is loaded. That process stays stopped before the first instruction, and the others
 * run on. A followed process notices nothing, except that it cannot be traced by another one. If
 * tophash dies at any instant, all of them run on. */

enum pursuit_verdict {
	PURSUIT_ON,    /* the process runs, and is followed further */
	PURSUIT_HOLD,  /* it is wanted: what is stopped of it stays stopped */
	PURSUIT_LEAVE, /* it runs, and neither it nor what it starts is followed */
};

/* When a process is judged. */
enum pursuit_moment {
	PURSUIT_FORK, /* it is new; the verdict does not matter */
	PURSUIT_EXEC, /* it has executed a program, and is stopped before its first instruction */
	/* It has made a thread, which is stopped before its first instruction. A Go library that was
	 * loaded starts its runtime in a thread, and no Go code runs before. */
	PURSUIT_THREAD,
};

struct pursuit_options {
	/* Called in another thread, at any time until pursuit_end(). */
	enum pursuit_verdict (*judge)(void *ctx, pid_t pid, enum pursuit_moment moment);
	void *ctx;
	/* More than one process is wanted: see pursuit_next(). Without it, what is held stays stopped until
	 * pursuit_end(). */
	bool stay;
	uint64_t
		rights; /* with stay: the capabilities that its thread keeps (1 << CAP_SYS_PTRACE | ...) */
};

/* A process that is held. */
struct pursuit_held {
	pid_t pid;
	enum pursuit_moment moment;
	uint64_t since_ns; /* CLOCK_MONOTONIC */
	bool late;	   /* it runs already, because it was held for three seconds */
};

enum pursuit_state {
	PURSUIT_RUNS,  /* no process is held yet */
	PURSUIT_HOLDS, /* a process is held */
	PURSUIT_LOST,  /* nothing is followed any more: all have ended, or were left */
};

struct pursuit;

/* Begins to follow a command that still waits for spawn_go(). `spawn` is only read here. Errors
 * (ERROR_PERMISSION): ptrace is forbidden. */
struct error *pursuit_begin(const struct spawn *spawn, const struct pursuit_options *options,
			    struct pursuit **ret);
/* Waits until the state is not PURSUIT_RUNS, but at most timeout_ms (0: without end). Returns the
 * state. *ret_pid is the process that is held first, or 0. */
enum pursuit_state pursuit_wait(struct pursuit *pursuit, unsigned timeout_ms, pid_t *ret_pid);
/* Returns a descriptor that is readable when pursuit_next() may have something. */
int pursuit_fd(const struct pursuit *pursuit);
/* Returns a process that is held, each once, the first one too. Returns false when there is none. With options.stay the
 * caller calls pursuit_resume() afterwards, also for one that is late. */
bool pursuit_next(struct pursuit *pursuit, struct pursuit_held *ret);
/* Lets a process run that pursuit_next() has returned. Returns false if a thread of it runs already: with
 * options.stay, nothing is held for more than three seconds. */
bool pursuit_resume(struct pursuit *pursuit, pid_t pid);
/* Lets go of all processes and frees the pursuit. NULL is legal. If the command has ended meanwhile,
 * its status as of waitpid(2) is taken: returns true and writes it to *ret_wait_status (NULL is
 * legal). */
bool pursuit_end(struct pursuit *pursuit, int *ret_wait_status);

#endif
