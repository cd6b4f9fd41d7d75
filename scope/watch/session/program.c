/* The programs of a group (group.c). Each is a file of session->met, with a module of the engine. Its probes
 * stand in all its processes if a lease guards the file. They are gone when the file is written, and
 * placed again when it is whole, as with the session's file (file.c). Otherwise each process gets probes
 * of its own. A process that has Go code only in a library is watched by that. */
#include "watch/session/group_priv.h"
#include "watch/session/modules_priv.h"
#include "base/clock.h"

#define RETRY_NS 50000000ull /* between two tries to place probes again */

/* ---- which program ---- */

struct error *program_is_there(struct session *session, struct target *target, bool *ret)
{
	cleanup(module_list_fini) struct module_list found = {0};
	struct error *err = session_modules_list(session->modules, target, &found);

	*ret = !err && found.list.len;
	if (!err || err == error_nomem())
		return err;
	error_free(err); /* it has just ended, or executes another program at this moment */
	return NULL;
}

/* Reports, once, a file that cannot be traced. */
static void tell_untraced(struct session *session, const struct traced *traced, struct met *met)
{
	if (met->told)
		return;
	met->told = true;
	session_notice(session, SESSION_WARNING,
		       "process %d (%s), and others of this file, are not traced: %s",
		       (int)traced->target->pid, met->module->path, met->why);
}

struct error *program_find(struct session *session, struct traced *traced)
{
	cleanup(module_list_fini) struct module_list found = {0};
	struct error *err = session_modules_list(session->modules, traced->target, &found);
	struct met *met;

	traced->program = NULL;
	if (err && err != error_nomem()) {
		error_free(err);
		return NULL;
	}
	try(err);
	if (!found.list.len)
		return NULL;
	try(met_get(session, &found.list.data[0], NULL, &met));
	if (met->number)
		traced->program = met;
	else if (met->why)
		tell_untraced(session, traced, met);
	if (met->why && group_is_tree(session))
		session_gap(session, traced->target->pid, traced->begun_ns, now_ns(), "child");
	return NULL;
}

struct met *program_of_event(const struct session *session, const struct event_removal *event)
{
	struct met *met = met_numbered(session, event->module);

	/* A process of a group may have Go code only in a library. */
	return met && (session->group || met->role == GO_BUILD_PROGRAM) ? met : NULL;
}

static const char *path_of(const struct session *session, const struct met *met)
{
	if (met)
		return met->module->path;
	return session->image ? image_name(session->image) : "";
}

struct error *program_open(struct session *session, pid_t pid, const struct met *met,
			   bool must_execute, struct target **ret)
{
	struct error *err = process_open(pid, ret);
	bool same = !must_execute;

	if (err && err->code == ERROR_FAILED) /* no free descriptor; it may still run */
		return err;
	if (!err && must_execute && !target_executes(*ret, met ? met->exe : session->exe, &same))
		same = false;
	if (!err && same)
		return NULL;
	if (!err)
		target_close(*ret);
	error_free(err);
	return process_adopt(pid, path_of(session, met), ret);
}

/* Tells whether a file with a number of the engine is known to be of the process. */
static bool has_file(const struct traced *traced, uint32_t number)
{
	if (traced->program && traced->program->number == number)
		return true;
	vec_each(at, &traced->met)
		if (at->here && at->met->number == number)
			return true;
	return false;
}

void program_take(struct session *session, struct traced *traced, const struct event_removal *event)
{
	if (has_file(traced, event->module))
		return;
	traced->program = program_of_event(session, event);
	vec_each(at, &traced->met)
		at->here = false;
}

void group_begins(struct session *session, struct traced *traced, const struct event_removal *event)
{
	/* Its start record, which came before this, was of a program that it has executed since then. */
	if (has_file(traced, event->module))
		return;
	traced->started = false;
	session->last_pid = 0;
}

/* ---- gaps of one process ---- */

void program_note_late(struct traced *traced, uint64_t from_ns, bool counted, const char *why)
{
	const struct met *met = traced->program;

	if (!from_ns || (counted && met->wide && met->wide_ns <= from_ns))
		return;
	traced->late_ns = from_ns;
	traced->placed_ns = now_ns();
	traced->late_why = why;
}

void group_begun(struct traced *traced, uint64_t time_ns)
{
	if (traced->begun_ns < time_ns)
		traced->begun_ns = time_ns;
	traced->former_ns = 0;
	if (time_ns >= traced->placed_ns)
		traced->late_ns = 0;
}

void settle_late(struct session *session, struct traced *traced, bool now)
{
	if (!traced->late_ns || (!now && now_ns() < traced->placed_ns + PROGRAM_BEGIN_NS))
		return;
	session_gap(session, traced->target->pid, traced->late_ns, traced->placed_ns,
		    traced->late_why);
	session_notice(session, SESSION_WARNING,
		       "process %d has come to %s: removals in its first moments there may have "
		       "been missed",
		       (int)traced->target->pid, session->options.group->name);
	traced->late_ns = 0;
}

/* ---- probes ---- */

struct error *program_attach(struct session *session, struct met *met, pid_t pid,
			     enum engine_hold *ret)
{
	bool *wide = met ? &met->wide : &session->wide;
	bool *not_wide = met ? &met->not_wide : &session->not_wide;
	uint32_t number = met ? met->number : 0;
	int exe = met ? met->exe : session->exe;

	*ret = ENGINE_HELD;
	if (*wide)
		return NULL;
	*not_wide |= session->group && session->options.group->looked_at;
	if (!*not_wide) {
		try(engine_attach(session->engine, number, exe, -1, ret));
		*wide = *ret == ENGINE_HELD;
		*(met ? &met->wide_ns : &session->wide_ns) = now_ns();
		*not_wide = *ret == ENGINE_UNHELD;
		if (!*not_wide)
			return NULL;
	}
	return attach_probes(session, number, exe, pid, ret);
}

static void note_hold(struct session *session, struct met *met, enum engine_hold hold)
{
	if (hold == ENGINE_WRITTEN || hold == ENGINE_CHANGED)
		group_lost(met, now_ns());
	if (hold != ENGINE_CHANGED || met->told)
		return;
	met->told = true;
	session_notice(session, SESSION_WARNING,
		       "%s was overwritten with another program: no removal of that is seen (start "
		       "another tophash for it)",
		       met->module->path);
}

struct error *program_place(struct session *session, struct traced *traced)
{
	struct met *met = traced->program;
	enum engine_hold hold;
	struct error *err = program_attach(session, met, traced->target->pid, &hold);

	if (!err) {
		note_hold(session, met, hold);
		return NULL;
	}
	if (err == error_nomem() || (err->code != ERROR_FAILED && err->code != ERROR_TARGET))
		return err;
	if (err->code == ERROR_FAILED || !has_ended(traced)) { /* otherwise nothing is missed */
		session_notice(session, SESSION_WARNING, "process %d is not traced: %s",
			       (int)traced->target->pid, err->text);
		session_gap(session, traced->target->pid, traced->begun_ns, now_ns(), "child");
	}
	traced->program = NULL;
	error_free(err);
	return NULL;
}

void program_leave_modules(struct session *session, struct traced *traced)
{
	settle_modules(session, traced, now_ns());
	traced->met.len = 0;
	traced->linker_watched = false;
	traced->look_after_ns = 0;
}

void program_leave(struct session *session, struct traced *traced)
{
	settle_late(session, traced, true);
	program_leave_modules(session, traced);
	engine_release(session->engine, traced->target->pid);
	traced->program = NULL;
}

/* ---- files that are written ---- */

void group_lost(struct met *met, uint64_t time_ns)
{
	met->wide = false;
	if (!met->lost_ns)
		met->lost_ns = time_ns;
}

static void end_lost(struct session *session, struct met *met)
{
	session_upgrade_gap(session, met, met->lost_ns);
	met->lost_ns = 0;
}

struct error *watch_programs(struct session *session)
{
	uint64_t time_ns = now_ns();

	vec_each(at, &session->met) {
		struct met *met = *at;
		enum engine_hold hold;

		if (!met->lost_ns || time_ns < met->lost_next_ns)
			continue;
		met->lost_next_ns = time_ns + RETRY_NS;
		try(program_attach(session, met, -1, &hold));
		note_hold(session, met, hold);
		if (met->wide)
			end_lost(session, met);
	}
	return NULL;
}

void settle_programs(struct session *session)
{
	vec_each(met, &session->met)
		if ((*met)->lost_ns)
			end_lost(session, *met);
}
