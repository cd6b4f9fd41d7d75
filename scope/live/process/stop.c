/* Holds all threads of a process by ptrace(2). A thread of this process does it, and only that thread is the tracer: when it
 * ends, for whatever reason, the kernel lets go of all threads at once, also of those that have not stopped yet. It ends when
 * the time is over, whatever the others do. If the whole of tophash is killed, it ends, too.
 *
 * PTRACE_SEIZE and PTRACE_INTERRUPT send no signal: the parent of the process sees nothing, and a process that was stopped
 * by SIGSTOP before stays so. A signal that comes in just now is left where it is (WNOWAIT), and is delivered afterwards. */
#include "live/process/process.h"
#include "base/clock.h"
#include "base/registers.h"
#include "base/table.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

enum {
	POLL_NS = 20000,
	DEATH_EVERY = 32, /* looks */
	ENDING_LOOKS = 20,
	ENDING_NS = 50000000,
	THREADS_MAX = 1 << 17,
};

/* A thread of the target. */
struct held {
	pid_t tid;
	bool stands; /* it has stopped, or has ended */
};

struct stop {
	struct target *target;
	struct memory memory; /* of the target */
	uint64_t max_ns;
	pthread_t tracer;
	bool joined;
	bool passes; /* it stood until the end, and runs again: its memory can be read as before */
	sigset_t signals; /* as they were before */
	bool dumpable;	  /* as it was before */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* under the lock */
	bool settled; /* all stand, or it has failed: `failed` */
	bool wanted;  /* not to be let go yet */
	struct error *failed;
	/* of the tracer until it has settled */
	VEC(struct held) threads;
	struct table held_at; /* thread id -> its index in threads */
	VEC(struct registers) registers;
	pid_t witness; /* a thread that stands */
	uint64_t begun_ns;
	atomic_bool released; /* the time is over, or all was let go */
	uint64_t held_ns;
};

/* ---- reasons ---- */

/* Returns the process that traces a thread, or 0. */
static pid_t tracer_of(pid_t tid)
{
	static const char field[] = "\nTracerPid:";
	char text[4096];
	const char *at;

	if (!process_read_text(tid, "status", text, sizeof(text)))
		return 0;
	at = strstr(text, field);
	return at ? (pid_t)atoi(at + strlen(field)) : 0;
}

static struct error *refused(const struct stop *stop, pid_t tid, int errnum)
{
	pid_t pid = stop->target->pid, tracer = tracer_of(tid);
	char name[PROCESS_NAME_SIZE];

	if (tracer > 0) {
		process_name(tracer, name, sizeof(name));
		return error_new(
			ERROR_TARGET,
			"process %d cannot be stopped, because process %d (%s) traces it: end "
			"that first, or leave --stop out",
			(int)pid, (int)tracer, name);
	}
	if (errnum == EPERM || errnum == EACCES)
		return error_new(
			ERROR_PERMISSION,
			"not allowed to stop process %d: run tophash as root, or leave --stop "
			"out (CAP_SYS_PTRACE is missing, or kernel.yama.ptrace_scope forbids it)",
			(int)pid);
	return error_errno(ERROR_TARGET, errnum, "process %d cannot be stopped", (int)pid);
}

static struct error *ended(const struct stop *stop)
{
	return error_new(ERROR_TARGET, "process %d has ended", (int)stop->target->pid);
}

/* Tells which thread does not stand; while threads are still being told to stop, none of them has been looked at. */
static struct error *too_slow(const struct stop *stop, const struct held *thread)
{
	if (thread)
		return error_new(
			ERROR_TARGET,
			"process %d did not stand still within %.0f ms, because its thread "
			"%d is inside the kernel: it runs on; try again, or with a longer "
			"--max-stop",
			(int)stop->target->pid, (double)stop->max_ns / 1e6, (int)thread->tid);
	return error_new(
		ERROR_TARGET,
		"process %d did not stand still within %.0f ms, because it has many threads or makes new ones (%zu "
		"were stopped), or the machine is busy: it runs on; try again, or with a longer --max-stop",
		(int)stop->target->pid, (double)stop->max_ns / 1e6, stop->threads.len);
}

/* ---- stopping ---- */

static bool is_over(const struct stop *stop)
{
	return now_ns() - stop->begun_ns >= stop->max_ns;
}

/* Returns the state of a thread as the kernel shows it: 't' while it is held; 0 if it is gone. */
static char state_of(pid_t tid)
{
	static const char field[] = "\nState:\t";
	char text[4096];
	const char *at =
		process_read_text(tid, "status", text, sizeof(text)) ? strstr(text, field) : NULL;

	return at ? at[strlen(field)] : '\0';
}

static bool is_dead(pid_t tid)
{
	char state = state_of(tid);

	return state == '\0' || state == 'Z' || state == 'X';
}

/* Tells whether a thread that may not be seized is about to end: the kernel refuses that with EPERM, too. */
static bool is_ending(const struct stop *stop, pid_t tid)
{
	const struct timespec pause = {.tv_nsec = ENDING_NS / ENDING_LOOKS};

	for (int i = 0; i < ENDING_LOOKS && !is_over(stop); i++) {
		if (is_dead(tid))
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

/* Seizes a thread, unless it has ended. */
static struct error *seize(struct stop *stop, pid_t tid, size_t *ret)
{
	struct held held = {.tid = tid};

	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) != 0) {
		int errnum = errno;

		if (errnum == ESRCH || is_dead(tid) ||
		    (errnum == EPERM && tracer_of(tid) <= 0 && is_ending(stop, tid)))
			return NULL;
		return is_over(stop) ? too_slow(stop, NULL) : refused(stop, tid, errnum);
	}
	ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
	++*ret;
	return stop->threads.len < THREADS_MAX &&
			       table_put(&stop->held_at, (uint64_t)tid,
					 (uint32_t)stop->threads.len) >= 0 &&
			       vec_push(&stop->threads, held)
		       ? NULL
		       : error_nomem();
}

/* Seizes the threads that are not held yet. Writes how many that were. Only the names of the threads are read, and the clock
 * between them: the first ones stand already, and there may be thousands. */
static struct error *seize_new(struct stop *stop, size_t *ret)
{
	const struct dirent *entry;
	struct error *err = NULL;
	char path[64];
	DIR *threads;

	*ret = 0;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)stop->target->pid);
	threads = opendir(path);
	if (!threads)
		return ended(stop);
	while (!err && (entry = readdir(threads))) {
		pid_t tid = (pid_t)atoi(entry->d_name);

		if (tid <= 0 || table_find(&stop->held_at, (uint64_t)tid))
			continue;
		err = is_over(stop) ? too_slow(stop, NULL) : seize(stop, tid, ret);
	}
	closedir(threads);
	return err;
}

/* Looks whether a thread has stopped or ended. What it has to tell is left to be told. The first thread of a process tells its
 * end only when the others are gone. */
static void look_at(struct held *thread, unsigned tries)
{
	siginfo_t info = {0};

	if (waitid(P_PID, (id_t)thread->tid, &info,
		   WSTOPPED | WEXITED | WNOHANG | WNOWAIT | __WALL) != 0)
		thread->stands = errno != EINTR;
	else
		thread->stands = info.si_pid == thread->tid ||
				 (tries % DEATH_EVERY == 1 && is_dead(thread->tid));
}

static struct error *wait_all(struct stop *stop)
{
	const struct timespec pause = {.tv_nsec = POLL_NS};

	vec_each(thread, &stop->threads) {
		unsigned tries = 0;

		for (look_at(thread, tries); !thread->stands; look_at(thread, ++tries)) {
			if (is_over(stop))
				return too_slow(stop, thread);
			nanosleep(&pause, NULL);
		}
	}
	return NULL;
}

static bool read_registers(pid_t tid, struct registers *ret)
{
	struct user_regs_struct all;
	struct iovec to = {.iov_base = &all, .iov_len = sizeof(all)};

	if (ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRSTATUS, &to) != 0)
		return false;
	*ret = (struct registers){.sp = all.rsp,
				  .general = {all.r15, all.r14, all.r13, all.r12, all.rbp, all.rbx,
					      all.r11, all.r10, all.r9, all.r8, all.rax, all.rcx,
					      all.rdx, all.rsi, all.rdi}};
	return true;
}

/* Stops all threads. While they are being stopped, others may make new ones. */
static struct error *stop_all(struct stop *stop)
{
	uint64_t before = 0, after = 0;
	size_t new;

	if (!target_image_id(stop->target, &before))
		return ended(stop);
	do {
		try(seize_new(stop, &new));
		try(wait_all(stop));
		if (is_over(stop) && new)
			return too_slow(stop, NULL);
	} while (new);
	vec_each(thread, &stop->threads) {
		struct registers registers;

		if (!read_registers(thread->tid, &registers))
			continue; /* it has ended */
		if (!vec_push(&stop->registers, registers))
			return error_nomem();
		stop->witness = thread->tid;
	}
	if (!stop->registers.len || !target_image_id(stop->target, &after))
		return ended(stop);
	if (after != before)
		return error_new(ERROR_TARGET, "process %d has executed another program: try again",
				 (int)stop->target->pid);
	return NULL;
}

/* ---- the tracer ---- */

static void settle(struct stop *stop, struct error *err)
{
	pthread_mutex_lock(&stop->lock);
	stop->failed = err;
	stop->settled = true;
	pthread_cond_broadcast(&stop->changed);
	pthread_mutex_unlock(&stop->lock);
}

/* Waits until the target is not wanted any more, but not longer than the time. */
static void hold(struct stop *stop)
{
	uint64_t end_ns = stop->begun_ns + stop->max_ns;
	struct timespec end = {.tv_sec = (time_t)(end_ns / 1000000000),
			       .tv_nsec = (long)(end_ns % 1000000000)};

	pthread_mutex_lock(&stop->lock);
	while (stop->wanted &&
	       pthread_cond_clockwait(&stop->changed, &stop->lock, CLOCK_MONOTONIC, &end) == 0)
		;
	atomic_store(&stop->released, true);
	pthread_mutex_unlock(&stop->lock);
}

static void *trace(void *ctx)
{
	struct stop *stop = ctx;
	struct error *err;

	stop->begun_ns = now_ns();
	err = stop_all(stop);
	settle(stop, err);
	if (!err)
		hold(stop);
	stop->held_ns = now_ns() - stop->begun_ns;
	return NULL;
}

/* Blocks all signals while the target is held. One that stops tophash (of the terminal) would stop the target, too. The
 * tracer gets none. */
static void block_signals(struct stop *stop)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &stop->signals);
}

static void unblock_signals(struct stop *stop)
{
	sigset_t end;

	sigemptyset(&end);
	sigaddset(&end, SIGTSTP);
	sigaddset(&end, SIGTTIN);
	sigaddset(&end, SIGTTOU);
	for (int signal = 1; signal < NSIG; signal++)
		if (sigismember(&stop->signals, signal) == 1)
			sigaddset(&end, signal);
	pthread_sigmask(SIG_SETMASK, &end, NULL);
}

/* Lets this process dump no core while the target is held. The kernel writes a core before the tracer ends, and the target
 * would be held as long as that takes. */
static void refuse_core(struct stop *stop)
{
	stop->dumpable = prctl(PR_GET_DUMPABLE) == 1;
	if (stop->dumpable)
		prctl(PR_SET_DUMPABLE, 0);
}

static void allow_core(const struct stop *stop)
{
	if (stop->dumpable)
		prctl(PR_SET_DUMPABLE, 1);
}

/* Waits until the tracer has let go. */
static void join(struct stop *stop)
{
	pthread_mutex_lock(&stop->lock);
	stop->wanted = false;
	pthread_cond_broadcast(&stop->changed);
	pthread_mutex_unlock(&stop->lock);
	pthread_join(stop->tracer, NULL);
	stop->joined = true;
	allow_core(stop);
	pthread_sigmask(SIG_SETMASK, &stop->signals, NULL);
}

void stop_close(struct stop *stop)
{
	if (!stop)
		return;
	if (!stop->joined)
		join(stop);
	pthread_cond_destroy(&stop->changed);
	pthread_mutex_destroy(&stop->lock);
	vec_fini(&stop->threads);
	table_fini(&stop->held_at);
	vec_fini(&stop->registers);
	free(stop);
}

struct error *stop_begin(struct target *target, uint64_t max_ns, struct stop **ret)
{
	struct stop *stop = calloc(1, sizeof(*stop));
	struct error *err;

	if (!stop)
		return error_nomem();
	*stop = (struct stop){.target = target,
			      .memory = target_memory(target),
			      .max_ns = max_ns,
			      .wanted = true,
			      .lock = PTHREAD_MUTEX_INITIALIZER,
			      .changed = PTHREAD_COND_INITIALIZER};
	refuse_core(stop);
	block_signals(stop);
	if (pthread_create(&stop->tracer, NULL, trace, stop) != 0) {
		allow_core(stop);
		pthread_sigmask(SIG_SETMASK, &stop->signals, NULL);
		free(stop);
		return error_new(
			ERROR_FAILED,
			"cannot make a thread: raise the limit of processes (ulimit -u), or leave --stop out");
	}
	unblock_signals(stop); /* but those that would stop this process */
	pthread_mutex_lock(&stop->lock);
	while (!stop->settled)
		pthread_cond_wait(&stop->changed, &stop->lock);
	err = stop->failed;
	pthread_mutex_unlock(&stop->lock);
	if (err)
		stop_close(stop);
	else
		*ret = stop;
	return err;
}

size_t stop_registers(const struct stop *stop, const struct registers **ret)
{
	*ret = stop->registers.data;
	return stop->registers.len;
}

/* Reads nothing any more when the target runs: what was being read is of no use then, and should end soon. */
static size_t read_held(void *ctx, uint64_t addr, void *to, size_t size)
{
	const struct stop *stop = ctx;

	return atomic_load(&stop->released) && !stop->passes
		       ? 0
		       : stop->memory.read(stop->memory.ctx, addr, to, size);
}

struct memory stop_memory(struct stop *stop)
{
	return (struct memory){.ctx = stop, .read = read_held};
}

struct error *stop_end(struct stop *stop, uint64_t *ret_ns)
{
	struct error *err = NULL;

	pthread_mutex_lock(&stop->lock);
	if (atomic_load(&stop->released))
		err = error_new(
			ERROR_FAILED,
			"given up, because reading took longer than --max-stop (%.0f ms): process "
			"%d runs on; give a longer --max-stop, or leave --stop out",
			(double)stop->max_ns / 1e6, (int)stop->target->pid);
	else if (state_of(stop->witness) != 't')
		err = ended(stop);
	pthread_mutex_unlock(&stop->lock);
	join(stop);
	stop->passes = !err;
	*ret_ns = stop->held_ns;
	return err;
}
