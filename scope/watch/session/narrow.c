/* -p while other processes execute the same file, too. Probes for all processes of the file would slow them.
 * Therefore each traced process has probes of its own. A child gets them when it has executed the file. If its
 * main function begins later, nothing was missed; otherwise there is a gap. */
#include "watch/session/follow_priv.h"
#include "watch/session/modules_priv.h"
#include "base/clock.h"

#include <stdio.h>

/* Places the probes in a process. *ret tells whether they stand. */
static struct error *place(struct session *session, pid_t pid, bool *ret)
{
	enum engine_hold hold = ENGINE_HELD;
	struct error *err = engine_attach(session->engine, 0, session->exe, pid, &hold);

	*ret = !err && (hold == ENGINE_HELD || hold == ENGINE_UNHELD);
	if (!err || err->code != ERROR_TARGET)
		return err;
	error_free(err); /* it has just ended */
	return NULL;
}

/* ---- many processes ---- */

bool is_crowd(const struct session *session)
{
	size_t n = 0;

	if (session->crowd_told)
		return true;
	vec_each(traced, &session->processes)
		n += !traced->program && !traced->ended;
	return n > SESSION_OWN_PROBES_MAX;
}

void tell_crowd(struct session *session)
{
	if (session->crowd_told)
		return;
	session->crowd_told = true;
	session_notice(session, SESSION_INFO,
		       "other processes of %s have probes, too, and are not shown: more than %d "
		       "processes with probes of their own would slow each other (--follow=none: "
		       "no probes elsewhere)",
		       image_name(session->image), SESSION_OWN_PROBES_MAX);
}

/* ---- strangers that come later ---- */

/* Places the probes in each traced process of the session's file alone. */
static struct error *place_in_each(struct session *session)
{
	vec_each(traced, &session->processes) {
		if (traced->ended || traced->program || has_ended(traced))
			continue;
		try(place(session, traced->target->pid, &traced->probed));
	}
	return NULL;
}

struct error *watch_strangers(struct session *session)
{
	if (session->narrow)
		engine_narrowed(session->engine);
	if (!session->tree || !session->options.chosen_n || session->narrow || session->stopping ||
	    session->options.follow != SESSION_FOLLOW_SAME || !engine_strangers(session->engine))
		return NULL;
	if (is_crowd(session)) {
		tell_crowd(session);
		return NULL;
	}
	session->narrow = true;
	engine_narrow(session->engine);
	session->file.hold = ENGINE_UNHELD;
	try(place_in_each(session));
	engine_narrowed(session->engine);
	session_notice(session, SESSION_WARNING,
		       "another process has executed %s: probes are in the traced processes alone "
		       "now, and what further children remove before they get theirs is a gap (to "
		       "see all: --follow=exact)",
		       image_name(session->image));
	return NULL;
}

void narrow_unheld(struct session *session)
{
	const char *name = image_name(session->image);

	if (!session->tree || session->all || session->narrow)
		return;
	/* A child that loads the library does not execute it. */
	if (session->placements.build != GO_BUILD_PROGRAM) {
		session_notice(session, SESSION_WARNING,
			       "%s: no lease can be had on this file, so children are not followed",
			       name);
		tree_free(take_ptr(session->tree));
		return;
	}
	session->narrow = true;
	engine_narrow(session->engine);
	session_notice(session, SESSION_INFO,
		       "%s: no lease can be had on this file: each child gets probes when it has "
		       "executed it, and what it removes before is a gap",
		       name);
}

/* ---- children ---- */

/* Places the probes in a child, and brings it into the table. time_ns: it has executed the file then; 0: before
 * this run. */
static struct error *take_child(struct session *session, pid_t pid, uint64_t time_ns)
{
	bool is_new = !find_process(session, pid), stands;
	struct traced *traced;

	try(place(session, pid, &stands));
	try(find_or_add_process(session, pid, NULL, 0));
	traced = find_process(session, pid);
	if (!traced)
		return NULL;
	traced->probed = stands;
	traced->awaits_begin = true;
	traced->executed_ns = time_ns;
	traced->awaited = is_new;
	traced->placed_ns = now_ns();
	return place_modules_again(session, traced);
}

struct error *narrow_find(struct session *session, pid_t pid)
{
	return find_process(session, pid) ? NULL : take_child(session, pid, 0);
}

/* Two kernel programs note the time of an exec, one after the other. */
#define NOTED_NS 1000000

bool is_last_exec(const struct session *session, pid_t pid, uint64_t time_ns)
{
	uint64_t last_ns;
	char path[2];

	return process_exe_path(pid, path, sizeof(path)) &&
	       (!tree_has(session->tree, pid, &last_ns) || last_ns < time_ns + NOTED_NS);
}

/* Reports a child that has executed the file, and has ended, or executed another one, before it was looked at.
 * `name` is the kernel's of the program. */
static void miss_child(struct session *session, pid_t pid, const char *name, uint64_t time_ns)
{
	if (!is_own_name(session, name))
		return;
	session_gap(session, pid, time_ns, now_ns(), "child");
	session_notice(session, SESSION_WARNING,
		       "process %d has executed %s, and went on before its probes stood: its "
		       "removals were missed",
		       (int)pid, name);
}

struct error *follow_executes(struct session *session, const struct event_removal *exec,
			      uint64_t time_ns)
{
	pid_t pid = (pid_t)exec->pid;
	struct traced *traced = find_process(session, pid);
	bool stays = traced && exec->tid; /* the probes that it has survive the exec */

	if (!session->narrow)
		return traced && !exec->tid ? modules_move(session, traced, time_ns) : NULL;
	if (traced && time_ns < traced->begun_ns) /* it comes late; chosen_executes() tells why */
		return NULL;
	if (traced && traced->executed_ns)
		settle_exec(session, traced); /* for the exec before */
	if (runs_file(session, pid))
		return take_child(session, pid, time_ns);
	if (!stays && !is_last_exec(session, pid, time_ns))
		miss_child(session, pid, exec->func, time_ns);
	if (traced && !has_ended(traced))
		session_leave_process(session, traced);
	return NULL;
}
