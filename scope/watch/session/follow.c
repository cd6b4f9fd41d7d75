/* Follows the children of the traced process that execute the same file. */
#include "watch/session/session_priv.h"
#include "base/clock.h"

#include <stdio.h>
#include <sys/stat.h>

/* A process of the tree that has been forked, or has executed a program, in this last time may still be on
 * its way to the file, such as a daemon by way of a shell. */
#define ON_ITS_WAY_NS 1000000000ull

bool has_many(const struct session *session)
{
	return session->options.binary || session->tree;
}

/* Tells whether a process executes the file of the session now. */
static bool executes_file(const struct session *session, pid_t pid)
{
	struct stat own, other;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	return fstat(session->exe, &own) == 0 && stat(path, &other) == 0 &&
	       own.st_ino == other.st_ino && own.st_dev == other.st_dev;
}

/* ---- the beginning ---- */

struct error *follow_begin(struct session *session)
{
	struct error *err;

	if (session->options.follow == SESSION_FOLLOW_NONE || session->tree)
		return NULL;
	err = tree_new(&session->tree);
	if (!err)
		return NULL;
	session_notice(session, SESSION_WARNING, "children are not followed: %s", err->text);
	error_free(err);
	return NULL;
}

void follow_root(struct session *session, pid_t pid)
{
	if (session->tree)
		tree_set_root(session->tree, pid);
}

/* Processes of the file, and whether each descends from the traced one. */
struct relatives {
	struct session *session;
	VEC(pid_t) list;
	bool nomem;
};

static bool on_relative(void *ctx, pid_t pid)
{
	struct relatives *relatives = ctx;

	relatives->nomem |= !vec_push(&relatives->list, pid);
	return !relatives->nomem;
}

/* Tells whether a process descends from the traced one, as far as its parents still exist. */
static bool descends(const struct session *session, pid_t pid)
{
	struct process_status status;

	for (int i = 0; i < 1024 && pid > 1; i++) {
		if (pid == session->options.pid)
			return true;
		if (!process_status(pid, &status))
			return false;
		pid = status.parent;
	}
	return false;
}

/* Adds the descendants that run already. Counts processes of the file that are none. */
static size_t add_descendants(struct session *session, const struct relatives *relatives)
{
	size_t others = 0;

	vec_each(pid, &relatives->list) {
		if (*pid == session->options.pid)
			continue;
		if (descends(session, *pid))
			tree_add(session->tree, *pid);
		else
			others++;
	}
	return others;
}

struct error *follow_process(struct session *session)
{
	struct relatives relatives = {.session = session};
	struct error *err;
	size_t others = 0;
	struct stat st;

	if (session->placements.build != GO_BUILD_PROGRAM || fstat(session->exe, &st) < 0)
		return NULL;
	try(follow_begin(session));
	if (!session->tree)
		return NULL;
	follow_root(session, session->options.pid);
	err = process_scan(st.st_dev, st.st_ino, on_relative, &relatives);
	if (!err && relatives.nomem)
		err = error_nomem();
	if (!err)
		others = add_descendants(session, &relatives);
	vec_fini(&relatives.list);
	if (err || !others)
		return err;
	/* Probes for children are in the file, and would be in the way of the others. */
	tree_free(take_ptr(session->tree));
	session_notice(session, SESSION_INFO,
		       "children of process %d will not be traced, because other processes execute "
		       "the same file, and probes for children would slow them (to see all: -b)",
		       (int)session->options.pid);
	return NULL;
}

/* Adds the descendants that were there before the trace to the table. */
static bool on_descendant(void *ctx, pid_t pid, uint64_t time_ns)
{
	struct session *session = ctx;

	(void)time_ns;
	if (pid == session->options.pid || !executes_file(session, pid))
		return true;
	session->failed = find_or_add_process(session, pid, NULL, 0);
	return !session->failed;
}

struct error *follow_descendants(struct session *session)
{
	if (session->tree)
		tree_each(session->tree, on_descendant, session);
	return take_ptr(session->failed);
}

/* ---- the end ---- */

struct remaining {
	struct session *session;
	uint64_t now_ns;
	bool found;
};

static bool runs(pid_t pid)
{
	char text[512];
	const char *at;

	if (!process_read_text(pid, "stat", text, sizeof(text)))
		return false;
	at = strrchr(text, ')');
	return at && at[1] == ' ' && at[2] != 'Z' && at[2] != 'X';
}

static bool on_remaining(void *ctx, pid_t pid, uint64_t time_ns)
{
	struct remaining *remaining = ctx;
	struct session *session = remaining->session;
	bool young = remaining->now_ns < time_ns + ON_ITS_WAY_NS;

	remaining->found = (young && runs(pid)) || executes_file(session, pid);
	return !remaining->found;
}

bool follow_goes_on(struct session *session)
{
	struct remaining remaining = {.session = session, .now_ns = now_ns()};

	if (session->tree)
		tree_each(session->tree, on_remaining, &remaining);
	return remaining.found;
}

void follow_settle(struct session *session)
{
	uint64_t missed = session->tree ? tree_missed(session->tree) : 0;

	if (missed)
		session_notice(session, SESSION_WARNING,
			       "%llu processes were not followed, because too many ran at the same "
			       "time",
			       (unsigned long long)missed);
}
