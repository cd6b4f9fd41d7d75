/* Handles the execs of the watched process, which may execute another program, or itself again. The
 * probes survive an exec by the main thread. After an exec by another thread, the kernel has
 * dropped them, unless they are those of the whole file, because children are followed. */
#include "watch/session/group_priv.h"
#include "watch/session/modules_priv.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/clock.h"

#include <stdio.h>

/* Returns the watched process. Returns NULL when there may be several, or it has ended. */
static struct target *watched_target(const struct session *session)
{
	if (session->options.binary || session->group || session->several ||
	    session->processes.data[0].ended)
		return NULL;
	return session->processes.data[0].target;
}

/* Adds a name of the program. The kernel names a program after the last part of the path that was
 * executed. */
static void add_name(struct session *session, size_t i, const char *path)
{
	snprintf(session->names[i], SESSION_NAME_SIZE, "%s", path_base(path));
}

void remember_image(struct session *session)
{
	struct target *target = watched_target(session);

	if (session->image)
		add_name(session, 1, image_name(session->image));
	add_name(session, 2, "/proc/self/exe");
	if (!target)
		return;
	add_name(session, 0, target->exe_path);
	process_name(target->pid, session->names[3],
		     SESSION_NAME_SIZE); /* it may have been executed through a link */
	target_image_id(target, &session->image_id);
	session->image_seen_ns = now_ns();
	/* The program of a wrapped command was executed before. */
	session->awaits_exec = session->options.command && !session->wrapped &&
			       engine_sends_execs(session->engine);
	session->starts = session->options.command ? 1 : 0;
}

bool is_own_name(const struct session *session, const char *name)
{
	for (size_t i = 0; i < SESSION_NAMES; i++)
		if (session->names[i][0] && !strcmp(session->names[i], name))
			return true;
	return false;
}

void note_exec(struct session *session, const char *name)
{
	bool same = is_own_name(session, name);

	if (session->awaits_exec) {
		session->awaits_exec = false;
		return;
	}
	session->has_executed = true;
	session->last_is_same = same;
	session->starts_noted += same;
}

/* Tells whether the process has executed anything since the last call of count_starts(). If the
 * engine sends no execs, the process itself is checked, and several execs look like one. */
static bool has_executed(struct session *session, struct target *target)
{
	uint64_t id;

	if (engine_sends_execs(session->engine))
		return session->has_executed;
	return target_image_id(target, &id) && id != session->image_id;
}

/* Counts the starts that the probes should have seen. Returns whether the last exec was of the
 * watched program. If the process still exists, its executable tells more than a name. */
static bool count_starts(struct session *session, struct target *target)
{
	bool same = session->last_is_same;

	if (!engine_sends_execs(session->engine)) {
		target_image_id(target, &session->image_id);
		session->last_is_same = false;
		same = true;
	}
	target_executes(target, session->exe, &same);
	session->starts += session->starts_noted + (uint32_t)same - (uint32_t)session->last_is_same;
	session->starts_noted = 0;
	session->last_is_same = same;
	session->has_executed = false;
	return same;
}

void read_gc_phase(struct session *session, const struct traced *traced)
{
	struct memory memory = timely_memory(session->timely, traced->target->pid);
	uint64_t bias;
	uint32_t phase;

	if (session->placements.gc && find_bias(session, traced, &bias) &&
	    memory_read(&memory, session->placements.gcphase + bias, &phase, sizeof(phase)) &&
	    phase <= EVENT_GC_MARKTERMINATION)
		engine_set_gc(session->engine, phase);
}

/* ---- gaps ---- */

/* Returns how many starts no probe has seen and no gap has reported. The number may be negative: if
 * the engine does not count execs, several of them look like one. */
static int64_t starts_missing(const struct session *session)
{
	return (int64_t)session->starts - session->starts_settled -
	       engine_exec_count(session->engine);
}

static void emit_gap(struct session *session)
{
	const struct event_gap *gap = &session->gap;

	session_gap(session, (pid_t)gap->pid, gap->from_ns, gap->to_ns, "exec");
	session_notice(session, SESSION_WARNING,
		       "process %d has executed itself again: removals in its first milliseconds "
		       "may have been missed",
		       (int)gap->pid);
}

/* Reports the gap after the last exec, if no probe saw the program begin. Waits until that is
 * certain, unless `now` is set. */
static void settle_gap(struct session *session, bool now)
{
	int64_t missing = session->gap_is_open ? starts_missing(session) : 0;

	if (!session->gap_is_open ||
	    (missing > 0 && !now && now_ns() < session->gap.to_ns + PROGRAM_BEGIN_NS))
		return;
	session->gap_is_open = false;
	if (missing > 0 || !engine_sends_execs(session->engine))
		session->starts_settled += missing;
	if (missing <= 0)
		return;
	emit_gap(session);
	/* No record announces the start. */
	session->processes.data[0].started = false;
	session->last_pid = 0;
	if (session->processes.data[0].end == TARGET_RUNS)
		emit_start_once(session, &session->processes.data[0], NULL);
}

/* ---- an exec ---- */

/* Attaches the probes again after an exec of the same program. Old probes that survived it and new
 * ones never count the same removal twice. Whether there was a gap is decided later, because the
 * program may not have reached its main function yet. */
static struct error *attach_again(struct session *session, struct target *target)
{
	struct error *err;

	session->gap_is_open = true;
	session->gap.pid = (uint32_t)target->pid;
	if (starts_missing(session) > 0)
		engine_forget_gc(session->engine);
	err = engine_attach(session->engine, 0, session->exe, target->pid, &session->file.hold);
	if (!err)
		err = place_modules_again(session, &session->processes.data[0]);
	session->gap.to_ns = now_ns();
	if (err && err->code == ERROR_TARGET) { /* it has ended; the next pass tells how */
		error_free(err);
		return NULL;
	}
	try(err);
	if (starts_missing(session) > 0)
		read_gc_phase(session, &session->processes.data[0]);
	return NULL;
}

struct error *watch_exec(struct session *session)
{
	struct target *target = watched_target(session);
	uint64_t before_ns = session->image_seen_ns;

	if (!target)
		return NULL;
	settle_gap(session, false);
	session->image_seen_ns = now_ns();
	if (!has_executed(session, target))
		return NULL;
	session_forget(session, target->pid);
	settle_gap(session, true); /* for the exec before */
	session->gap.from_ns = before_ns > session->gap.to_ns ? before_ns : session->gap.to_ns;
	if (count_starts(session, target))
		return session->tree && !session->narrow
			       ? place_modules_again(session, &session->processes.data[0])
			       : attach_again(session, target);
	/* In a tree, the host of a library may load it again. */
	if (session->tree && session->library)
		return NULL;
	/* It may execute the file again after that was overwritten. */
	if (session->file.hold == ENGINE_UNHELD)
		engine_release(session->engine, target->pid);
	session_notice(session, SESSION_WARNING,
		       "process %d has executed another program: no removal is seen from here on",
		       (int)target->pid);
	return NULL;
}

void settle_execs(struct session *session)
{
	struct target *target = watched_target(session);

	if (!target)
		return;
	settle_gap(session, true);
	if (!has_executed(session, target))
		return;
	count_starts(session, target);
	if (starts_missing(session) <= 0 || (session->tree && !session->narrow))
		return;
	/* It executed the program in the last milliseconds of the run. */
	session->gap_is_open = true;
	session->gap.pid = (uint32_t)target->pid;
	session->gap.from_ns = session->image_seen_ns > session->gap.to_ns ? session->image_seen_ns
									   : session->gap.to_ns;
	session->gap.to_ns = now_ns();
	settle_gap(session, true);
}
