/* Programs besides the session's file. Each has kernel programs of its own, and its probes are for all of
 * its processes if a lease guards the file, as those of the session's file are. */
#include "watch/session/follow_priv.h"
#include "watch/session/group_priv.h"
#include "watch/session/modules_priv.h"
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
		if ((*met)->role == GO_BUILD_PROGRAM &&
		    file_version_equal(&version, &(*met)->version))
			return NULL;
	}
	return met_add_program(session, exe, path, ret);
}

struct error *others_place(struct session *session, struct met *met, pid_t pid,
			   enum engine_hold *ret)
{
	if (met && !met->number) { /* it removes nothing */
		all_stands(session, &met->version, true);
		*ret = ENGINE_HELD;
		return NULL;
	}
	try(program_attach(session, met, pid, ret));
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
	session_forget(session, target->pid);
	session->last_pid = 0;
	if (!traced) {
		try(add_process(session, target));
		traced = &session->processes.data[session->processes.len - 1];
	} else {
		program_leave_modules(session, traced);
		target_close(traced->target);
		traced->target = target;
	}
	traced->program = met;
	traced->started = false;
	traced->awaits_begin = !event;
	traced->looked_ns = now_ns(); /* it has not loaded anything yet */
	emit_start_once(session, traced, event);
	return NULL;
}

struct error *others_started(struct session *session, const struct event_removal *event)
{
	struct met *met = program_of_event(session, event);
	struct target *target;

	try(program_open(session, (pid_t)event->pid, met, true, &target));
	return others_begin(session, target, met, event);
}

/* ---- -b: another file has the path ---- */

#define LOOK_NS 100000000ull /* between two looks for new processes */

struct running {
	struct session *session;
	struct met *met;
	uint64_t from_ns;
};

/* Places the probes in a process alone, if no lease guards its file. *ret tells whether it has probes now.
 * Errors: as engine_attach(), but none if it has ended. */
static struct error *place_in(struct session *session, struct met *met, pid_t pid, bool *ret)
{
	enum engine_hold hold = ENGINE_HELD;
	struct error *err = met->wide ? NULL : program_attach(session, met, pid, &hold);

	*ret = !err && (hold == ENGINE_HELD || hold == ENGINE_UNHELD);
	if (!err || err->code != ERROR_TARGET)
		return err;
	error_free(err);
	return NULL;
}

/* Takes a process to the file that it runs now. What it did before may have been missed. */
static struct error *take(struct running *running, pid_t pid)
{
	struct session *session = running->session;
	struct traced *traced = find_process(session, pid);
	cleanup(target_close) struct target *target = NULL;
	struct error *err = process_open(pid, &target);
	bool placed;

	if (err && err->code != ERROR_FAILED && err != error_nomem()) { /* it has ended */
		error_free(err);
		return NULL;
	}
	try(err);
	if (traced && !running->met->wide) { /* it has executed the new file */
		engine_release(session->engine, pid);
		traced->probed = false;
	}
	try(place_in(session, running->met, pid, &placed));
	if (!placed)
		return NULL;
	try(others_begin(session, take_ptr(target), running->met, NULL));
	session_gap(session, pid, running->from_ns, now_ns(), "upgrade");
	return NULL;
}

static bool on_running(void *ctx, pid_t pid)
{
	struct running *running = ctx;
	const struct traced *traced = find_process(running->session, pid);

	/* With probes in all processes of the file, a record tells what a known process executes. */
	if (!traced || (!running->met->wide && traced->program != running->met))
		running->session->failed = take(running, pid);
	return !running->session->failed;
}

/* Adds the processes that run the file, and were not known at from_ns. */
static struct error *find_running(struct session *session, struct met *met, uint64_t from_ns)
{
	struct running running = {.session = session, .met = met, .from_ns = from_ns};

	if (!met->wide)
		met->sought_ns = now_ns();
	try(process_scan(met->version.dev, met->version.ino, on_running, &running));
	return take_ptr(session->failed);
}

struct error *others_look(struct session *session)
{
	for (size_t i = 0; i < session->met.len; i++) {
		struct met *met = session->met.data[i];

		if (met->sought_ns && now_ns() >= met->sought_ns + LOOK_NS)
			try(find_running(session, met, met->sought_ns));
	}
	return NULL;
}

/* Says why another file is not traced. Returns NULL if it is. */
static const char *why_not(const struct met *met, enum engine_hold hold)
{
	if (met->why)
		return met->why;
	return hold == ENGINE_HELD || hold == ENGINE_UNHELD ? NULL : "it is being written";
}

struct error *others_replace(struct session *session, const char *path, uint64_t from_ns)
{
	struct met *met = NULL;
	cleanup_close int fd = file_open_regular(path);
	enum engine_hold hold = ENGINE_HELD;
	const char *why = "it cannot be opened";

	if (fd >= 0) {
		try(others_get(session, fd, path, &met));
		if (!met) /* the session's file is back */
			return NULL;
		if (!met->why)
			try(others_place(session, met, -1, &hold));
		why = why_not(met, hold);
	}
	if (why) {
		session_notice(session, SESSION_WARNING,
			       "%s was replaced by another file: the processes of the old one are "
			       "still traced, those of the new one are not: %s",
			       path, why);
		return NULL;
	}
	/* A process that begins when this is told is none of those that ran already. */
	try(find_running(session, met, from_ns));
	session_notice(session, SESSION_INFO,
		       "%s was replaced by another file: the processes of both are traced%s", path,
		       hold == ENGINE_HELD
			       ? ""
			       : ". No lease can be had on it, so each process gets "
				 "its probes when it is found, a moment after its start");
	return NULL;
}
