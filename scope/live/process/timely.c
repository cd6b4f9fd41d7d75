/* Memory of processes for a thread that must not wait. Each read is made by a thread of its own. If it is not answered in time,
 * the thread is left in it, and the next read gets another one. */
#include "live/process/process.h"
#include "base/clock.h"
#include "base/table.h"
#include "base/thread.h"

#include <errno.h>

#define SLICE_NS 20000000ull /* a shorter wait does not count */
enum {
	SHARE = 100, /* 1 % */
	/* All processes together have so many times the patience, and of the share. */
	ALL = 4,
	CHUNK = 16384,
	STUCK_MAX = 64,	      /* reads that are not answered yet */
	PROCESSES_MAX = 4096, /* that are known */
};

/* A thread that reads. Who asks owns it, and frees it when it has ended. */
struct reader {
	pthread_t thread;
	struct memory memory;
	struct from *of; /* the process, while its read is not answered; NULL: it was forgotten */
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t asked, answered;
	enum { READER_IDLE, READER_ASKED, READER_READS, READER_DONE } state;
	bool ended;
	uint64_t addr;
	size_t size; /* that is wanted, and then: that was read */
	uint8_t bytes[CHUNK];
};

/* A process that is read. */
struct from {
	struct timely *timely;
	pid_t pid;
	uint64_t since_ns, waited_ns;
	struct reader *stuck; /* a read that is not answered yet */
	bool told;
};

struct timely {
	struct timely_options options;
	VEC(struct from *) list;
	struct table index; /* pid -> place in the list */
	struct reader *idle;
	VEC(struct reader *) stuck;
	uint64_t since_ns, waited_ns;
};

/* ---- the thread ---- */

static void *work(void *ctx)
{
	struct reader *reader = ctx;

	pthread_mutex_lock(&reader->lock);
	for (;;) {
		while (reader->state != READER_ASKED && !reader->ended)
			pthread_cond_wait(&reader->asked, &reader->lock);
		if (reader->ended)
			break;
		reader->state = READER_READS;
		pthread_mutex_unlock(&reader->lock);
		reader->size = reader->memory.read(reader->memory.ctx, reader->addr, reader->bytes,
						   reader->size);
		pthread_mutex_lock(&reader->lock);
		reader->state = READER_DONE;
		pthread_cond_signal(&reader->answered);
	}
	pthread_mutex_unlock(&reader->lock);
	return NULL;
}

static void dispose(struct reader *reader)
{
	pthread_cond_destroy(&reader->asked);
	pthread_cond_destroy(&reader->answered);
	pthread_mutex_destroy(&reader->lock);
	free(reader);
}

/* Returns NULL if there is no memory or no thread for it. */
static struct reader *reader_new(void)
{
	struct reader *reader = malloc(sizeof(*reader));
	pthread_condattr_t attr;

	if (!reader)
		return NULL;
	reader->of = NULL;
	reader->state = READER_IDLE;
	reader->ended = false;
	pthread_mutex_init(&reader->lock, NULL);
	pthread_cond_init(&reader->asked, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&reader->answered, &attr);
	pthread_condattr_destroy(&attr);
	if (!thread_start(&reader->thread, work, reader))
		return reader;
	dispose(reader);
	return NULL;
}

/* Waits for an answer, but not longer than `patience_ns`. The lock is held. A slice counts only when it has passed while the
 * thread was in its read: a busy machine may not run the thread for a while, and a tophash that was stopped may find
 * all time over. Returns the time that has counted. */
static uint64_t wait_for_answer(struct reader *reader, uint64_t patience_ns)
{
	uint64_t waited_ns = 0;

	while (reader->state != READER_DONE && waited_ns < patience_ns) {
		uint64_t until_ns = now_ns() + SLICE_NS;
		struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000),
					 .tv_nsec = (long)(until_ns % 1000000000)};
		bool reads = reader->state == READER_READS;

		if (pthread_cond_timedwait(&reader->answered, &reader->lock, &until) == ETIMEDOUT &&
		    reads)
			waited_ns += SLICE_NS;
	}
	return waited_ns;
}

/* Ends a thread that is in no read. */
static void reader_free(struct reader *reader)
{
	if (!reader)
		return;
	pthread_mutex_lock(&reader->lock);
	reader->ended = true;
	pthread_cond_signal(&reader->asked);
	pthread_mutex_unlock(&reader->lock);
	pthread_join(reader->thread, NULL);
	dispose(reader);
}

static bool is_done(struct reader *reader)
{
	bool done;

	pthread_mutex_lock(&reader->lock);
	done = reader->state == READER_DONE;
	pthread_mutex_unlock(&reader->lock);
	return done;
}

/* ---- one read ---- */

/* Frees the threads whose reads were answered in the end. Their processes can be read again. */
static void sweep(struct timely *timely)
{
	size_t kept = 0;

	for (size_t i = 0; i < timely->stuck.len; i++) {
		struct reader *reader = timely->stuck.data[i];

		if (!is_done(reader)) {
			timely->stuck.data[kept++] = reader;
			continue;
		}
		if (reader->of)
			reader->of->stuck = NULL;
		reader_free(reader);
	}
	timely->stuck.len = kept;
}

static void tell(struct from *from, uint64_t addr, bool own)
{
	const struct timely_options *options = &from->timely->options;

	if (from->told || !options->late)
		return;
	from->told = true;
	options->late(options->ctx, from->pid, addr, own);
}

/* Returns how long may be waited of a time: `base` and a share of the time since `since_ns`, less what was waited. */
static uint64_t left_ns(uint64_t base, uint64_t since_ns, unsigned share, uint64_t waited_ns)
{
	uint64_t allowed_ns = base + (now_ns() - since_ns) / share;

	return allowed_ns > waited_ns ? allowed_ns - waited_ns : 0;
}

/* Returns how long the next read of a process may take. 0: it is not read. When the time of all processes is over, it is two
 * slices. */
static uint64_t patience(const struct from *from)
{
	const struct timely *timely = from->timely;
	uint64_t whole_ns = timely->options.patience_ns;
	uint64_t own_ns = left_ns(whole_ns, from->since_ns, SHARE, from->waited_ns);
	uint64_t all_ns = left_ns(ALL * whole_ns, timely->since_ns, SHARE / ALL, timely->waited_ns);

	if (own_ns < SLICE_NS)
		return 0;
	if (own_ns > whole_ns)
		own_ns = whole_ns;
	return own_ns < all_ns ? own_ns : 2 * SLICE_NS;
}

/* Leaves a thread in its read. */
static void leave(struct from *from, struct reader *reader)
{
	from->stuck = reader;
	reader->of = from;
	from->timely->stuck.data[from->timely->stuck.len++] = reader; /* there is room */
	from->timely->idle = NULL;
}

/* Returns a thread that waits for a read of this process, or NULL: there can be none now. */
static struct reader *get_reader(struct from *from)
{
	struct timely *timely = from->timely;

	if (timely->stuck.len)
		sweep(timely);
	if (from->stuck || timely->stuck.len >= STUCK_MAX || !patience(from) ||
	    !vec_reserve(&timely->stuck, timely->stuck.len + 1))
		return NULL;
	if (!timely->idle)
		timely->idle = reader_new();
	return timely->idle;
}

static size_t read_chunk(struct from *from, uint64_t addr, void *to, size_t size)
{
	struct reader *reader = get_reader(from);
	uint64_t waited_ns;
	bool done;

	if (!reader) {
		tell(from, addr, from->stuck || !patience(from));
		return 0;
	}
	pthread_mutex_lock(&reader->lock);
	reader->memory = from->timely->options.memory(from->pid);
	reader->addr = addr;
	reader->size = size;
	reader->state = READER_ASKED;
	pthread_cond_signal(&reader->asked);
	waited_ns = wait_for_answer(reader, patience(from));
	done = reader->state == READER_DONE;
	if (done)
		reader->state = READER_IDLE;
	pthread_mutex_unlock(&reader->lock);
	from->waited_ns += waited_ns;
	from->timely->waited_ns += waited_ns;
	if (!done) {
		leave(from, reader);
		tell(from, addr, true);
		return 0;
	}
	memcpy(to, reader->bytes, reader->size);
	return reader->size;
}

static size_t read_timely(void *ctx, uint64_t addr, void *to, size_t size)
{
	size_t done = 0;

	while (done < size) {
		size_t want = size - done < CHUNK ? size - done : CHUNK;
		size_t n = read_chunk(ctx, addr + done, (uint8_t *)to + done, want);

		done += n;
		if (n < want)
			break;
	}
	return done;
}

/* ---- the processes ---- */

struct error *timely_new(const struct timely_options *options, struct timely **ret)
{
	struct timely *timely = calloc(1, sizeof(*timely));

	if (!timely)
		return error_nomem();
	timely->options = *options;
	timely->since_ns = now_ns();
	*ret = timely;
	return NULL;
}

/* Forgets processes whose ends nobody tells. */
static void make_room(struct timely *timely)
{
	for (size_t i = timely->list.len; i-- > 0;)
		if (!timely->list.data[i]->stuck)
			timely_forget(timely, timely->list.data[i]->pid);
}

struct memory timely_memory(struct timely *timely, pid_t pid)
{
	const uint32_t *at = table_find(&timely->index, (uint64_t)pid);
	struct from *from = at ? timely->list.data[*at] : NULL;

	if (from)
		return (struct memory){.ctx = from, .read = read_timely};
	if (timely->list.len >= PROCESSES_MAX)
		make_room(timely);
	from = calloc(1, sizeof(*from));
	if (!from || !vec_push(&timely->list, from)) {
		free(from);
		return (struct memory){0};
	}
	*from = (struct from){.timely = timely, .pid = pid, .since_ns = now_ns()};
	if (table_put(&timely->index, (uint64_t)pid, (uint32_t)timely->list.len - 1) < 0) {
		timely->list.len--;
		free(from);
		return (struct memory){0};
	}
	return (struct memory){.ctx = from, .read = read_timely};
}

void timely_forget(struct timely *timely, pid_t pid)
{
	const uint32_t *found = table_find(&timely->index, (uint64_t)pid);
	uint32_t at = found ? *found : 0, *last;
	struct from *from;

	if (!found)
		return;
	from = timely->list.data[at];
	timely->list.data[at] = timely->list.data[--timely->list.len];
	last = table_find(&timely->index, (uint64_t)timely->list.data[at]->pid);
	if (last)
		*last = at;
	table_delete(&timely->index, (uint64_t)pid);
	if (from->stuck)
		from->stuck->of = NULL;
	free(from);
}

void timely_rest(struct timely *timely)
{
	reader_free(timely->idle);
	timely->idle = NULL;
}

void timely_free(struct timely *timely)
{
	if (!timely)
		return;
	timely_rest(timely);
	sweep(timely); /* the others have their threads until the process ends */
	vec_each(from, &timely->list)
		free(*from);
	vec_fini(&timely->list);
	vec_fini(&timely->stuck);
	table_fini(&timely->index);
	free(timely);
}
