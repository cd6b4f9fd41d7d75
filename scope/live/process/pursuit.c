/* Follows a started command through its execs and its children, by ptrace, until a wanted program
 * begins, or to the end.
 *
 * A thread of its own is the tracer, because the kernel knows tracers as threads. Its end lets go of
 * everything, and so does the death of tophash at any instant: the kernel then detaches all processes,
 * resumes those that it has stopped for the tracer, and delivers the signals that they have not got
 * yet. For that, a stop is looked at with WNOWAIT. A wait that takes the stop would also take its
 * signal, which would be lost if tophash died before it passed the signal on. */
#include "live/process/process.h"
#include "base/clock.h"
#include "base/confine.h"
#include "base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

/* The children, threads and programs of a traced process are traced, too. There is no
 * PTRACE_O_EXITKILL: nobody must die because tophash does. */
#define OPTIONS \
	(PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE)

/* __WALL: threads too. __WNOTHREAD: only what this thread traces, and no other child of tophash. */
#define WAIT_OPTIONS (__WALL | __WNOTHREAD)

/* With options.stay: a process is not held longer than this, whatever its owner does. */
#define HOLD_NS 3000000000ull
#define LOOK_NS 200000000ull /* the longest time between two looks for events */

enum {
	TASKS_MAX = 1 << 20, /* more are traced, but have no turn */
	TURNS = 8,	     /* tasks that have their turn after each event */
	EVENTS = 64,	     /* that are taken before what is held has its turn */
};

/* A thread that is held. */
struct held {
	pid_t tid;
	struct pursuit_held of;
	bool told; /* pursuit_next() has returned it */
	bool go;   /* it is to be resumed */
};

struct pursuit {
	struct pursuit_options options;
	pid_t command;
	/* Only the thread uses these. */
	VEC(pid_t) tasks; /* what is traced */
	size_t turn;	  /* the next of these to be looked at */
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	sigset_t saved; /* the signals that the caller blocked before */
	int wake;	/* an eventfd: a process is held, and was not told */
	/* Guarded by the mutex. */
	int seize_errno; /* -1: not known yet; 0: the command is traced */
	enum pursuit_state state;
	pid_t first; /* the process that was held first */
	bool quit;
	VEC(struct held) held;
	bool reaped;	 /* the command has ended, and the thread has taken its status */
	int wait_status; /* that status */
};

static void tell(struct pursuit *pursuit, enum pursuit_state state, pid_t first)
{
	pursuit->state = state;
	pursuit->first = first;
	pthread_cond_broadcast(&pursuit->changed);
}

/* ---- one event; all of this runs in the thread ---- */

static void resume(pid_t tid, int signal)
{
	ptrace(PTRACE_CONT, tid, NULL, (void *)(intptr_t)signal);
}

/* Takes a stop that has no signal. Returns false if the thread was killed. */
static bool take(pid_t tid)
{
	return waitpid(tid, NULL, WNOHANG | WAIT_OPTIONS) == tid;
}

/* Keeps a stopped thread stopped, as a part of process `pid`. The stop was taken, so that the next wait does
 * not show it again. */
static void hold(struct pursuit *pursuit, pid_t tid, struct held held)
{
	bool known;

	held.tid = tid;
	held.of.since_ns = now_ns();
	pthread_mutex_lock(&pursuit->mutex);
	known = vec_push(&pursuit->held, held);
	if (known && pursuit->state == PURSUIT_RUNS)
		tell(pursuit, PURSUIT_HOLDS, held.of.pid);
	pthread_mutex_unlock(&pursuit->mutex);
	if (known && !held.told)
		eventfd_write(pursuit->wake, 1);
	else if (!known)
		resume(tid, 0);
}

/* Tells whether a new thread waits with another one of its process, which is held. The library that this one is held for
 * may start its runtime in the new one. The new one is resumed with it, and is told only if that was not told yet. */
static bool waits_with_another(struct pursuit *pursuit, pid_t pid, bool *ret_told)
{
	bool found = false;

	*ret_told = true;
	pthread_mutex_lock(&pursuit->mutex);
	vec_each(held, &pursuit->held) {
		if (held->of.pid != pid || held->of.late || held->go)
			continue;
		found = true;
		*ret_told &= held->told;
	}
	pthread_mutex_unlock(&pursuit->mutex);
	return found;
}

/* Forgets the threads of a process that were held: it has executed a program, and they are gone. */
static void forget_threads(struct pursuit *pursuit, pid_t pid)
{
	size_t kept = 0;

	pthread_mutex_lock(&pursuit->mutex);
	vec_each(held, &pursuit->held)
		if (held->of.pid != pid)
			pursuit->held.data[kept++] = *held;
	pursuit->held.len = kept;
	pthread_mutex_unlock(&pursuit->mutex);
}

/* The stop at an exec must be taken in any case. After an exec by a thread that was not the first of its
 * process, the kernel refuses all requests until then (looks_like_a_spurious_pid() in kernel/ptrace.c). */
static void decide(struct pursuit *pursuit, pid_t tid, pid_t pid, enum pursuit_moment moment)
{
	struct held held = {.of = {.pid = pid, .moment = moment}};
	enum pursuit_verdict verdict;

	if (!take(tid))
		return;
	if (moment == PURSUIT_EXEC)
		forget_threads(pursuit, pid);
	verdict = pursuit->options.judge(pursuit->options.ctx, pid, moment);
	if (verdict == PURSUIT_ON && moment == PURSUIT_THREAD &&
	    waits_with_another(pursuit, pid, &held.told))
		verdict = PURSUIT_HOLD;
	switch (verdict) {
	case PURSUIT_ON: resume(tid, 0); break;
	case PURSUIT_HOLD: hold(pursuit, tid, held); break;
	case PURSUIT_LEAVE: ptrace(PTRACE_DETACH, tid, NULL, NULL); break;
	}
}

/* A new task stands before its first instruction. If it is a thread, its process may have loaded a
 * library. */
static void on_new(struct pursuit *pursuit, pid_t tid)
{
	struct process_status status;

	if (!process_status(tid, &status) || status.process == tid) {
		pursuit->options.judge(pursuit->options.ctx, tid, PURSUIT_FORK);
		resume(tid, 0);
	} else {
		decide(pursuit, tid, status.process, PURSUIT_THREAD);
	}
}

/* Notes the new task that a stopped one has made. It may be gone already. */
static void note_task(struct pursuit *pursuit, pid_t tid)
{
	unsigned long made = 0;

	if (!ptrace(PTRACE_GETEVENTMSG, tid, NULL, &made) && made && pursuit->tasks.len < TASKS_MAX)
		vec_push(&pursuit->tasks, (pid_t)made);
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
	default: /* it has made a child or a thread */
		note_task(pursuit, tid);
		resume(tid, 0);
		break;
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

/* ---- the thread ---- */

/* Resumes the threads that need not be held any more. Returns when the next one is due, or 0 when none
 * is. */
static uint64_t resume_held(struct pursuit *pursuit)
{
	uint64_t time_ns = now_ns(), next_ns = 0;
	size_t kept = 0;

	pthread_mutex_lock(&pursuit->mutex);
	vec_each(held, &pursuit->held) {
		uint64_t due_ns = held->of.since_ns + HOLD_NS;
		bool waits = pursuit->options.stay && !held->of.late;
		bool due = waits && time_ns >= due_ns;

		/* One that is late runs already, and a stop that it is in now has its own reason. */
		if (due || (held->go && !held->of.late))
			resume(held->tid, 0);
		held->of.late |= due;
		if (held->go)
			continue;
		if (waits && !due && (!next_ns || due_ns < next_ns))
			next_ns = due_ns;
		pursuit->held.data[kept++] = *held;
	}
	pursuit->held.len = kept;
	pthread_mutex_unlock(&pursuit->mutex);
	return next_ns;
}

/* Takes an event of one task, or of any. Returns false when there is none, and what waitid(2) returned in *ret_n. */
static bool take_event(struct pursuit *pursuit, idtype_t which, pid_t tid, int *ret_n)
{
	siginfo_t info = {0};

	*ret_n = waitid(which, (id_t)tid, &info,
			WEXITED | WSTOPPED | WNOWAIT | WNOHANG | WAIT_OPTIONS);
	if (*ret_n < 0 && errno == EINTR)
		return true;
	if (*ret_n < 0 || !info.si_pid)
		return false;
	if (info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED)
		on_stop(pursuit, info.si_pid, info.si_status);
	else
		on_end(pursuit, info.si_pid);
	return true;
}

/* Takes the events of the tasks whose turn it is. Of all that wait, the kernel tells the newest first. While a process
 * makes threads all the time, an older one would wait without end. */
static void take_turns(struct pursuit *pursuit)
{
	int n;

	for (int i = 0; i < TURNS && pursuit->tasks.len; i++) {
		pursuit->turn = (pursuit->turn + 1) % pursuit->tasks.len;
		if (!take_event(pursuit, P_PID, pursuit->tasks.data[pursuit->turn], &n) && n < 0)
			pursuit->tasks.data[pursuit->turn] =
				pursuit->tasks.data[--pursuit->tasks.len]; /* it is gone */
	}
}

/* Takes the events that there are, EVENTS at most: there may be more of them all the time. *ret_more tells whether there may
 * be more. Returns false when nothing is traced any more. */
static bool take_events(struct pursuit *pursuit, bool *ret_more)
{
	int n;

	for (int i = 0; i < EVENTS; i++) {
		*ret_more = take_event(pursuit, P_ALL, 0, &n);
		if (!*ret_more)
			return n >= 0;
		take_turns(pursuit);
	}
	return true;
}

/* Waits until something happens, or the time has come. Each event sends a SIGCHLD, and so does wake(). The
 * signal is blocked, and stays pending if it comes before this. A process that was made to end without a
 * signal sends none, and is looked for. */
static void wait_for_events(uint64_t until_ns)
{
	uint64_t time_ns = now_ns(), rest_ns = LOOK_NS;
	struct timespec rest;
	sigset_t child;

	if (until_ns && until_ns < time_ns + rest_ns)
		rest_ns = until_ns > time_ns ? until_ns - time_ns : 0;
	rest = (struct timespec){.tv_sec = (time_t)(rest_ns / 1000000000),
				 .tv_nsec = (long)(rest_ns % 1000000000)};
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigtimedwait(&child, NULL, &rest);
}

static bool is_over(struct pursuit *pursuit)
{
	bool quit;

	pthread_mutex_lock(&pursuit->mutex);
	quit = pursuit->quit;
	pthread_mutex_unlock(&pursuit->mutex);
	return quit;
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
	uint64_t next_ns;
	bool more;

	seize(pursuit);
	if (pursuit->seize_errno)
		return NULL;
	vec_push(&pursuit->tasks, pursuit->command);
	if (pursuit->options.stay)
		error_free(confine_capabilities(pursuit->options.rights));
	while (!is_over(pursuit) && take_events(pursuit, &more)) {
		next_ns = resume_held(pursuit);
		if (!more)
			wait_for_events(next_ns);
	}
	pthread_mutex_lock(&pursuit->mutex);
	if (pursuit->state == PURSUIT_RUNS)
		tell(pursuit, PURSUIT_LOST, 0);
	pthread_mutex_unlock(&pursuit->mutex);
	return NULL;
}

/* ---- the caller's side ---- */

/* Makes the thread look at what it is asked for. */
static void wake(struct pursuit *pursuit)
{
	pthread_kill(pursuit->thread, SIGCHLD);
}

/* Starts the thread with all signals blocked: they are for the thread that handles them. SIGCHLD is blocked
 * in the caller, too, because a thread that does not block it would take it, and drop it. It would also
 * interrupt the caller, and loading the kernel programs fails if that happens often. */
static int start_thread(struct pursuit *pursuit)
{
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	pthread_sigmask(SIG_BLOCK, &child, &pursuit->saved);
	return thread_start(&pursuit->thread, run, pursuit);
}

static void pursuit_free(struct pursuit *pursuit)
{
	if (!sigismember(&pursuit->saved, SIGCHLD)) {
		sigset_t child;

		sigemptyset(&child);
		sigaddset(&child, SIGCHLD);
		pthread_sigmask(SIG_UNBLOCK, &child, NULL);
	}
	close(pursuit->wake);
	vec_fini(&pursuit->held);
	vec_fini(&pursuit->tasks);
	pthread_cond_destroy(&pursuit->changed);
	pthread_mutex_destroy(&pursuit->mutex);
	free(pursuit);
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
	pursuit->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pursuit->wake < 0) {
		errnum = errno;
		free(pursuit);
		return error_errno(ERROR_FAILED, errnum, "cannot follow %s", spawn->path);
	}
	pthread_mutex_init(&pursuit->mutex, NULL);
	pthread_cond_init(&pursuit->changed, NULL);
	errnum = start_thread(pursuit);
	if (errnum) {
		pursuit_free(pursuit);
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
	*ret_pid = pursuit->first;
	pthread_mutex_unlock(&pursuit->mutex);
	return state;
}

int pursuit_fd(const struct pursuit *pursuit)
{
	return pursuit->wake;
}

bool pursuit_next(struct pursuit *pursuit, struct pursuit_held *ret)
{
	eventfd_t value;
	bool found = false, more = false, late = false;

	eventfd_read(pursuit->wake, &value);
	pthread_mutex_lock(&pursuit->mutex);
	vec_each(held, &pursuit->held) {
		if (held->told)
			continue;
		if (found && held->of.pid != ret->pid) {
			more = true;
			continue;
		}
		if (!found)
			*ret = held->of;
		held->told = found = true;
		late |= held->of.late;
	}
	if (found)
		ret->late = late;
	pthread_mutex_unlock(&pursuit->mutex);
	if (more) /* the caller may wait for the descriptor before it asks again */
		eventfd_write(pursuit->wake, 1);
	return found;
}

bool pursuit_resume(struct pursuit *pursuit, pid_t pid)
{
	bool late = false;

	pthread_mutex_lock(&pursuit->mutex);
	vec_each(held, &pursuit->held) {
		if (held->of.pid != pid || !held->told)
			continue;
		held->go = true;
		late |= held->of.late;
	}
	pthread_mutex_unlock(&pursuit->mutex);
	wake(pursuit);
	return !late;
}

bool pursuit_end(struct pursuit *pursuit, int *ret_wait_status)
{
	bool reaped;

	if (!pursuit)
		return false;
	pthread_mutex_lock(&pursuit->mutex);
	pursuit->quit = true;
	pthread_mutex_unlock(&pursuit->mutex);
	wake(pursuit);
	pthread_join(pursuit->thread, NULL);
	reaped = pursuit->reaped;
	if (reaped && ret_wait_status)
		*ret_wait_status = pursuit->wait_status;
	pursuit_free(pursuit);
	return reaped;
}
