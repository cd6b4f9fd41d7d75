/* The thread that looks. It waits for a process, looks at it, and waits until its result is taken. */
#include "watch/look/look_priv.h"
#include "base/thread.h"

#include <sys/resource.h>
#include <time.h>

enum {
	NICE = 10, /* weaker than any usual program, and a look still ends on a busy machine */
	END_S = 1, /* the thread has so long to end */
};

struct worker {
	pthread_t thread;
	pthread_mutex_t lock; /* of the members up to `ended` */
	pthread_cond_t asked;
	enum { WORKER_IDLE, WORKER_ASKED, WORKER_LOOKS, WORKER_DONE } state;
	pid_t pid;
	uint32_t generation;
	struct look_result *result;
	bool ended;
	atomic_bool stop; /* for the look that is under way */
	struct looker *looker;
};

/* Waits for a process. Returns false when the thread is to end. */
static bool next(struct worker *worker, pid_t *ret_pid)
{
	bool more;

	pthread_mutex_lock(&worker->lock);
	while (worker->state != WORKER_ASKED && !worker->ended)
		pthread_cond_wait(&worker->asked, &worker->lock);
	more = !worker->ended;
	if (more)
		worker->state = WORKER_LOOKS;
	*ret_pid = worker->pid;
	pthread_mutex_unlock(&worker->lock);
	return more;
}

static void *work(void *ctx)
{
	struct worker *worker = ctx;
	pid_t pid;

	setpriority(PRIO_PROCESS, 0, NICE); /* on Linux: of this thread */
	while (next(worker, &pid)) {
		struct look_result *result = looker_look(worker->looker, pid);

		pthread_mutex_lock(&worker->lock);
		worker->result = result;
		worker->state = WORKER_DONE;
		pthread_mutex_unlock(&worker->lock);
	}
	return NULL;
}

static struct error *start(struct worker *worker)
{
	int errnum = thread_start(&worker->thread, work, worker);

	return errnum ? error_errno(ERROR_FAILED, errnum,
				    "cannot start a thread that looks at maps")
		      : NULL;
}

static void dispose(struct worker *worker)
{
	looker_free(worker->looker);
	pthread_cond_destroy(&worker->asked);
	pthread_mutex_destroy(&worker->lock);
	free(worker);
}

struct error *worker_new(bool holders, struct worker **ret)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	struct error *err;

	if (!worker)
		return error_nomem();
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->asked, NULL);
	err = looker_new(holders, &worker->stop, &worker->looker);
	if (!err)
		err = start(worker);
	if (err)
		dispose(worker);
	else
		*ret = worker;
	return err;
}

/* Waits for the end of the thread. Returns false if it does not end: it reads memory that the process has given to
 * userfaultfd(2), and only SIGKILL, which exit(3) sends to each thread, ends that. */
static bool join(const struct worker *worker)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += END_S;
	return !pthread_timedjoin_np(worker->thread, NULL, &until);
}

void worker_free(struct worker *worker)
{
	if (!worker)
		return;
	atomic_store(&worker->stop, true);
	pthread_mutex_lock(&worker->lock);
	worker->ended = true;
	pthread_cond_signal(&worker->asked);
	pthread_mutex_unlock(&worker->lock);
	if (!join(worker))
		return; /* the thread has all this until the process ends */
	look_result_free(worker->result);
	dispose(worker);
}

void worker_look(struct worker *worker, pid_t pid, uint32_t generation)
{
	pthread_mutex_lock(&worker->lock);
	worker->pid = pid;
	worker->generation = generation;
	worker->state = WORKER_ASKED;
	pthread_cond_signal(&worker->asked);
	pthread_mutex_unlock(&worker->lock);
}

bool worker_is_idle(struct worker *worker)
{
	bool idle;

	pthread_mutex_lock(&worker->lock);
	idle = worker->state == WORKER_IDLE;
	pthread_mutex_unlock(&worker->lock);
	return idle;
}

bool worker_take(struct worker *worker, struct look_result **ret)
{
	bool done;

	pthread_mutex_lock(&worker->lock);
	done = worker->state == WORKER_DONE;
	if (done) {
		*ret = worker->result;
		worker->result = NULL;
		worker->state = WORKER_IDLE;
		if (*ret)
			(*ret)->generation = worker->generation;
	}
	pthread_mutex_unlock(&worker->lock);
	return done;
}
