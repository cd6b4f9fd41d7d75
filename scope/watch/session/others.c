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
	vec_each(met, &session->met)
		if (number && (*met)->number == number && (*met)->role == GO_BUILD_PROGRAM)
			return *met;
	return NULL;
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
	if (session->wide && !engine_holds(session->engine, 0)) {
		session->wide = false;
		all_stands(session, &session->file.version, false);
	}
	vec_each(at, &session->met) {
		struct met *met = *at;

		if (!met->wide || engine_holds(session->engine, met->number))
			continue;
		met->wide = false;
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
