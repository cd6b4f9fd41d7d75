/* Programs besides the session's file. Each has kernel programs of its own, and its probes are for all of
 * its processes if a lease guards the file, as those of the session's file are. */
#include "watch/session/session_priv.h"
#include "base/clock.h"
#include "base/file.h"

struct error *others_get(struct session *session, int exe, const char *path, struct met **ret)
{
	struct file_version version;

	*ret = NULL;
	if (!file_version_read(exe, &version))
		return met_add_program(session, exe, path, ret);
	if (session->file.known && file_version_equal(&version, &session->file.version))
		return NULL;
	vec_each(met, &session->met) {
		*ret = *met;
		if ((*met)->module == &(*met)->own &&
		    file_version_equal(&version, &(*met)->version))
			return NULL;
	}
	return met_add_program(session, exe, path, ret);
}

struct met *others_numbered(const struct session *session, uint32_t number)
{
	struct met *met = met_numbered(session, number);

	return met && met->role == GO_BUILD_PROGRAM ? met : NULL;
}

/* Does for the session's file what program_attach() does for another one. */
static struct error *attach_main(struct session *session, pid_t pid, enum engine_hold *ret)
{
	*ret = ENGINE_HELD;
	if (session->wide)
		return NULL;
	try(engine_attach(session->engine, 0, session->exe, -1, ret));
	session->wide = *ret == ENGINE_HELD;
	return *ret == ENGINE_UNHELD ? engine_attach(session->engine, 0, session->exe, pid, ret)
				     : NULL;
}

struct error *others_place(struct session *session, struct met *met, pid_t pid,
			   enum engine_hold *ret)
{
	if (met && !met->number) { /* it removes nothing */
		all_stands(session, &met->version, true);
		*ret = ENGINE_HELD;
		return NULL;
	}
	try(met ? program_attach(session, met, pid, ret) : attach_main(session, pid, ret));
	all_stands(session, met ? &met->version : &session->file.version,
		   met ? met->wide : session->wide);
	return NULL;
}

void watch_others(struct session *session)
{
	if (session->group)
		return;
	if (session->wide && !engine_holds(session->engine, 0)) {
		session->wide = false;
		all_stands(session, &session->file.version, false);
	}
	vec_each(at, &session->met) {
		struct met *met = *at;

		if (!met->wide || engine_holds(session->engine, met->number))
			continue;
		group_lost(met, now_ns());
		if (session->all) /* the next execution waits until they stand again */
			met->lost_ns = 0;
		all_stands(session, &met->version, false);
	}
}

struct error *others_begin(struct session *session, struct target *target, struct met *met,
			   const struct event_removal *event)
{
	struct traced *traced = find_process(session, target->pid);

	target_drop_exe(target); /* the file of the program is the same, and is open */
	session_modules_forget(session->modules, target->pid);
	session->last_pid = 0;
	if (!traced) {
		try(add_process(session, target));
		traced = &session->processes.data[session->processes.len - 1];
	} else {
		settle_modules(session, traced, now_ns());
		target_close(traced->target);
		traced->target = target;
		traced->met.len = 0;
		traced->linker_watched = false;
	}
	traced->program = met;
	traced->started = false;
	traced->awaits_begin = !event;
	traced->looked_ns = now_ns(); /* it has not loaded anything yet */
	emit_start_once(session, traced, event);
	return NULL;
}

/* Opens the process of an event. If it has ended, or gone on to another program, its path is that of the
 * program. */
static struct error *open_process(struct session *session, pid_t pid, const struct met *met,
				  struct target **ret)
{
	struct error *err = process_open(pid, ret);
	bool same = false;

	if (err && err->code == ERROR_FAILED) /* no free descriptor; it may still run */
		return err;
	if (!err && target_executes(*ret, met ? met->exe : session->exe, &same) && same)
		return NULL;
	if (!err)
		target_close(*ret);
	error_free(err);
	return process_adopt(pid, met ? met->module->path : image_name(session->image), ret);
}

struct error *others_started(struct session *session, const struct event_removal *event)
{
	struct met *met = others_numbered(session, event->module);
	struct target *target;

	try(open_process(session, (pid_t)event->pid, met, &target));
	return others_begin(session, target, met, event);
}

/* ---- -b: another file has the path ---- */

struct running {
	struct session *session;
	struct met *met;
	uint64_t from_ns;
};

/* Adds a process that runs the new file already. What it did before may have been missed. */
static bool on_running(void *ctx, pid_t pid)
{
	struct running *running = ctx;
	struct session *session = running->session;
	struct target *target;
	struct error *err;

	if (find_process(session, pid))
		return true;
	err = process_open(pid, &target);
	if (err) { /* it has ended */
		error_free(err);
		return true;
	}
	session->failed = others_begin(session, target, running->met, NULL);
	if (!session->failed)
		session_gap(session, pid, running->from_ns, now_ns(), "upgrade");
	return !session->failed;
}

/* Says why another file is not traced. Returns NULL if it is. */
static const char *why_not(const struct met *met, enum engine_hold hold)
{
	if (met->why)
		return met->why;
	switch (hold) {
	case ENGINE_HELD: return NULL;
	case ENGINE_UNHELD: return "no lease can be had on it";
	default: return "it is being written";
	}
}

struct error *others_replace(struct session *session, const char *path, uint64_t from_ns)
{
	struct running running = {.session = session, .from_ns = from_ns};
	cleanup_close int fd = file_open_regular(path);
	enum engine_hold hold = ENGINE_HELD;
	const char *why = "it cannot be opened";

	if (fd >= 0) {
		try(others_get(session, fd, path, &running.met));
		if (!running.met) /* the session's file is back */
			return NULL;
		if (!running.met->why)
			try(others_place(session, running.met, -1, &hold));
		why = why_not(running.met, hold);
	}
	if (why) {
		session_notice(session, SESSION_WARNING,
			       "%s was replaced by another file: the processes of the old one are "
			       "still traced, those of the new one are not: %s",
			       path, why);
		return NULL;
	}
	session_notice(session, SESSION_INFO,
		       "%s was replaced by another file: the processes of both are traced", path);
	try(process_scan(running.met->version.dev, running.met->version.ino, on_running, &running));
	return take_ptr(session->failed);
}
