/* The table of watched processes. There may be ten thousand. Therefore a process is found by an index, and
 * the kernel tells which have ended: nobody asks each process again and again. */
#include "watch/session/session_priv.h"
#include "base/clock.h"
#include "tophash/map.h"

#include <errno.h>
#include <sys/epoll.h>

/* Where a process was in the table. It has moved towards the front since then, if others were removed. */
TOPHASH_MAP(places, uint32_t, size_t);

/* Processes whose end the kernel does not report are looked at: so many in 10 ms, or all of them. Up to
 * ASKED_MAX processes are asked instead, which saves a descriptor. */
enum { LOOKS = 64, ASKED_MAX = 16 };
#define TURN_NS 10000000ull

struct process_index {
	struct places places;
	int ends; /* epoll: processes that end; -1: none yet */
};

static struct process_index *get_index(struct session *session)
{
	struct process_index *index = session->index;

	if (index)
		return index;
	index = session->index = calloc(1, sizeof(*index));
	if (index)
		index->ends = -1;
	return index;
}

void process_index_free(struct process_index *index)
{
	if (!index)
		return;
	if (index->ends >= 0)
		close(index->ends);
	places_fini(&index->places);
	free(index);
}

/* ---- rows ---- */

/* Asks the kernel to report the end of a process. Without that, the process is looked at. */
static void watch_end(const struct process_index *index, struct traced *traced)
{
	int fd = target_end_fd(traced->target);
	struct epoll_event event = {.events = EPOLLIN | EPOLLET,
				    .data.u64 = (uint64_t)traced->target->pid};

	traced->end_watched = fd >= 0 && index->ends >= 0 &&
			      epoll_ctl(index->ends, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* Does so for a new process; for all of them when they become many. */
static void watch_ends(struct session *session, struct process_index *index)
{
	size_t n = session->processes.len;

	if (n <= ASKED_MAX)
		return;
	if (index->ends >= 0) {
		watch_end(index, &session->processes.data[n - 1]);
		return;
	}
	index->ends = epoll_create1(EPOLL_CLOEXEC);
	vec_each(traced, &session->processes)
		watch_end(index, traced);
}

struct error *add_process(struct session *session, struct target *target)
{
	struct process_index *index = get_index(session);
	struct traced traced = {.target = target};

	if (!index || !vec_reserve(&session->processes, session->processes.len + 1) ||
	    places_put(&index->places, (uint32_t)target->pid, session->processes.len) < 0) {
		target_close(target);
		return error_nomem();
	}
	vec_push(&session->processes, traced);
	watch_ends(session, index);
	return NULL;
}

struct traced *find_process(struct session *session, pid_t pid)
{
	size_t *place = session->index ? places_find(&session->index->places, (uint32_t)pid) : NULL;
	size_t at;

	if (!place || !session->processes.len)
		return NULL;
	at = *place < session->processes.len ? *place : session->processes.len - 1;
	for (;; at--) {
		struct traced *traced = &session->processes.data[at];

		if (traced->target->pid == pid) {
			*place = at;
			return traced->ended ? NULL : traced;
		}
		if (!at)
			return NULL;
	}
}

void traced_fini(struct traced *traced)
{
	target_close(traced->target);
	vec_fini(&traced->met);
	free(traced->container);
	free(traced->pod);
}

bool forget_process(struct session *session, size_t i)
{
	struct traced *at = &session->processes.data[i];
	pid_t pid = at->target->pid;

	/* exec.c and command.c find their process in the first row. */
	if (!session->options.binary && !session->group && (!session->several || session->all) &&
	    i == 0)
		return false;
	traced_fini(at);
	session->forgotten++;
	memmove(at, at + 1, (--session->processes.len - i) * sizeof(*at));
	if (!find_process(session, pid)) /* a later process may have the same pid */
		places_delete(&session->index->places, (uint32_t)pid);
	return true;
}

/* ---- ends ---- */

bool has_ended(struct traced *traced)
{
	if (traced->end != TARGET_RUNS)
		return true;
	traced->end = target_poll(traced->target, &traced->status);
	traced->end_ns = now_ns();
	return traced->end != TARGET_RUNS;
}

bool is_ending(struct traced *traced)
{
	uint64_t id;

	return has_ended(traced) || !target_image_id(traced->target, &id);
}

bool may_have_ended(const struct session *session, struct traced *traced, uint64_t time_ns)
{
	uint64_t after_ns = session->processes.len / LOOKS * TURN_NS;

	if (traced->end != TARGET_RUNS || traced->end_seen)
		return true;
	if (traced->end_watched || time_ns < traced->end_looked_ns + after_ns)
		return false;
	traced->end_looked_ns = time_ns;
	return true;
}

void note_ends(struct session *session)
{
	struct epoll_event events[64];
	int n;

	if (!session->index || session->index->ends < 0)
		return;
	do {
		n = epoll_wait(session->index->ends, events, ARRAY_SIZE(events), 0);
		for (int i = 0; i < n; i++) {
			struct traced *traced = find_process(session, (pid_t)events[i].data.u64);

			if (traced)
				traced->end_seen = true;
		}
	} while (n == ARRAY_SIZE(events));
}
