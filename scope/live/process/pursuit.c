/* Follows a started command through its execs and its children, by ptrace, until a wanted program
 * begins.
 *
 * A thread of its own is the tracer, because the kernel knows tracers as threads. Its end lets go of
 * everything, and so does the death of tophash at any instant: the kernel then detaches all processes,
 * resumes those that it has stopped for the tracer, and delivers the signals that they have not got
 * yet. For that, a stop is looked at with WNOWAIT. A wait that takes the stop would also take its
 * signal, which would be lost if tophash died before it passed the signal on. */
#include "live/process/process.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

/* The children, threads and programs of a traced process are traced, too. There is no
 * PTRACE_O_EXITKILL: nobody must die because tophash does. */
#define OPTIONS \
	(PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE)

/* __WALL: threads too. __WNOTHREAD: only what this thread traces, and no other child of tophash. */
#define WAIT_OPTIONS (__WALL | __WNOTHREAD)

struct pursuit {
	struct pursuit_options options;
	pid_t command;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	/* Guarded by the mutex. */
	int seize_errno; /* -1: not known yet; 0: the command is traced */
	enum pursuit_state state;
	pid_t held;
	bool reaped;	 /* the command has ended, and the thread has taken its status */
	int wait_status; /* that status */
};

static void tell(struct pursuit *pursuit, enum pursuit_state state, pid_t held)
{
	pthread_mutex_lock(&pursuit->mutex);
	pursuit->state = state;
	pursuit->held = held;
	pthread_cond_broadcast(&pursuit->changed);
	pthread_mutex_unlock(&pursuit->mutex);
}

/* ---- one event; all of this runs in the thread ---- */

static void resume(pid_t tid, int signal)
{
	ptrace(PTRACE_CONT, tid, NULL, (void *)(intptr_t)signal);
}

/* Keeps a stopped thread stopped, as a part of process `pid`. The wait takes this stop, which has no signal,
 * so that the next one does not show it again. */
static void hold(struct pursuit *pursuit, pid_t tid, pid_t pid)
{
	if (waitpid(tid, NULL, WNOHANG | WAIT_OPTIONS) == tid && pursuit->state == PURSUIT_RUNS)
		tell(pursuit, PURSUIT_HOLDS, pid);
}

static void decide(struct pursuit *pursuit, pid_t tid, pid_t pid, enum pursuit_moment moment)
{
	switch (pursuit->options.judge(pursuit->options.ctx, pid, moment)) {
	case PURSUIT_ON: resume(tid, 0); break;
	case PURSUIT_HOLD: hold(pursuit, tid, pid); break;
	case PURSUIT_LEAVE: ptrace(PTRACE_DETACH, tid, NULL, NULL); break;
	}
}

/* A new task stands before its first instruction. If it is a thread, its process may have loaded a
 * library. */
static void on_new(struct pursuit *pursuit, pid_t tid)
{
	struct process_status status;

	if (process_status(tid, &status) && status.process != tid)
		decide(pursuit, tid, status.process, PURSUIT_THREAD);
	else
		resume(tid, 0);
}

static void on_stop(struct pursuit *pursuit, pid_t tid, int status)
{
	int signal = status & 0xff, event = status >> 8;

	switch (event) {
	case 0: resume(tid, signal); break; /* a signal is about to be delivered */
	case PTRACE_EVENT_EXEC: decide(pursuit, tid, tid, PURSUIT_EXEC); break;
	case PTRACE_EVENT_STOP:
		/* It stays stopped until SIGCONT, if it was stopped as a whole by one of these. */
		if (signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN ||
		    signal == SIGTTOU)
			ptrace(PTRACE_LISTEN, tid, NULL, NULL);
		else
			on_new(pursuit, tid);
		break;
	default: resume(tid, 0); break; /* it has made a child or a thread */
	}
}

static void on_end(struct pursuit *pursuit, pid_t pid)
{
	int status;

	if (waitpid(pid, &status, WNOHANG | WAIT_OPTIONS) != pid || pid != pursuit->command)
		return;
	pthread_mutex_lock(&pursuit->mutex);
	pursuit->reaped = true;
	pursuit->wait_status = status;
	pthread_mutex_unlock(&pursuit->mutex);
}

/* Waits for the next event. Returns false when nothing is traced any more. This is the only place
 * where pursuit_end() can end the thread. */
static bool next_event(siginfo_t *ret)
{
	int n, errnum;

	do {
		*ret = (siginfo_t){0};
		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
		n = waitid(P_ALL, 0, ret, WEXITED | WSTOPPED | WNOWAIT | WAIT_OPTIONS);
		errnum = errno;
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	} while (n < 0 && errnum == EINTR);
	return n == 0;
}

static void seize(struct pursuit *pursuit)
{
	long failed = ptrace(PTRACE_SEIZE, pursuit->command, NULL, (void *)(intptr_t)OPTIONS);

	pthread_mutex_lock(&pursuit->mutex);
	pursuit->seize_errno = failed ? errno : 0;
	pthread_cond_broadcast(&pursuit->changed);
	pthread_mutex_unlock(&pursuit->mutex);
}

static void *run(void *ctx)
{
	struct pursuit *pursuit = ctx;
	siginfo_t info;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	seize(pursuit);
	if (pursuit->seize_errno)
		return NULL;
	while (next_event(&info)) {
		if (info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED)
			on_stop(pursuit, info.si_pid, info.si_status);
		else
			on_end(pursuit, info.si_pid);
	}
	if (pursuit->state == PURSUIT_RUNS)
		tell(pursuit, PURSUIT_LOST, 0);
	return NULL;
}

/* ---- the caller's side ---- */

/* Starts the thread with signals blocked: they are for the thread that handles them. Each stop sends a
 * SIGCHLD. If that is not blocked here, the kernel drops it at once, because its default is to be
 * ignored. Otherwise it would interrupt the main thread, and loading the kernel programs fails if that
 * happens often. */
static int start_thread(struct pursuit *pursuit)
{
	sigset_t all, saved;
	int errnum;

	sigfillset(&all);
	sigdelset(&all, SIGCHLD);
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	errnum = pthread_create(&pursuit->thread, NULL, run, pursuit);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	return errnum;
}

static struct error *seize_failed(const struct spawn *spawn, int errnum)
{
	if (errnum == EPERM)
		return error_new(
			ERROR_PERMISSION,
			"%s is not a Go program, and it is not permitted to follow what it "
			"starts (ptrace: a debugger watches tophash, or "
			"kernel.yama.ptrace_scope forbids it): give the Go program itself",
			spawn->path);
	return error_errno(ERROR_FAILED, errnum, "cannot follow %s", spawn->path);
}

struct error *pursuit_begin(const struct spawn *spawn, const struct pursuit_options *options,
			    struct pursuit **ret)
{
	struct pursuit *pursuit = calloc(1, sizeof(*pursuit));
	int errnum;

	if (!pursuit)
		return error_nomem();
	pursuit->options = *options;
	pursuit->command = spawn->pid;
	pursuit->seize_errno = -1;
	pthread_mutex_init(&pursuit->mutex, NULL);
	pthread_cond_init(&pursuit->changed, NULL);
	errnum = start_thread(pursuit);
	if (errnum) {
		free(pursuit);
		return error_errno(ERROR_FAILED, errnum, "cannot start a thread");
	}
	pthread_mutex_lock(&pursuit->mutex);
	while (pursuit->seize_errno < 0)
		pthread_cond_wait(&pursuit->changed, &pursuit->mutex);
	errnum = pursuit->seize_errno;
	pthread_mutex_unlock(&pursuit->mutex);
	if (errnum) {
		pursuit_end(pursuit, NULL);
		return seize_failed(spawn, errnum);
	}
	*ret = pursuit;
	return NULL;
}

enum pursuit_state pursuit_wait(struct pursuit *pursuit, unsigned timeout_ms, pid_t *ret_pid)
{
	enum pursuit_state state;
	struct timespec end;
	int n = 0;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += timeout_ms / 1000;
	end.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	end.tv_sec += end.tv_nsec / 1000000000;
	end.tv_nsec %= 1000000000;
	pthread_mutex_lock(&pursuit->mutex);
	while (pursuit->state == PURSUIT_RUNS && !n)
		n = timeout_ms ? pthread_cond_timedwait(&pursuit->changed, &pursuit->mutex, &end)
			       : pthread_cond_wait(&pursuit->changed, &pursuit->mutex);
	state = pursuit->state;
	*ret_pid = pursuit->held;
	pthread_mutex_unlock(&pursuit->mutex);
	return state;
}

bool pursuit_end(struct pursuit *pursuit, int *ret_wait_status)
{
	bool reaped;

	if (!pursuit)
		return false;
	pthread_cancel(pursuit->thread);
	pthread_join(pursuit->thread, NULL);
	reaped = pursuit->reaped;
	if (reaped && ret_wait_status)
		*ret_wait_status = pursuit->wait_status;
	pthread_cond_destroy(&pursuit->changed);
	pthread_mutex_destroy(&pursuit->mutex);
	free(pursuit);
	return reaped;
}
