/* The one process that is watched may execute another program, or its own anew. The probes survive
 * an exec by the main thread. Where another thread executes, the kernel forgets them. */
#include "watch/session/session_priv.h"

/* Returns the one watched process; NULL: there may be several, or it has ended. */
static struct target *watched_target(const struct session *session)
{
	if (session->options.binary || session->processes.data[0].ended)
		return NULL;
	return session->processes.data[0].target;
}

void remember_image(struct session *session)
{
	struct target *target = watched_target(session);

	if (!target)
		return;
	target_image_id(target, &session->image_id);
	session->exec_count = session->options.command ? 1 : 0;
}

void read_gc_phase(struct session *session, struct target *target)
{
	struct memory memory = target_memory(target);
	uint64_t bias;
	uint32_t phase;

	if (session->placements.gc && find_bias(session, target, &bias) &&
	    memory_read(&memory, session->placements.gcphase + bias, &phase, sizeof(phase)) &&
	    phase <= EVENT_GC_MARKTERMINATION)
		engine_set_gc(session->engine, phase);
}

/* Attaches again after an exec of the same program. Probes that survived it and new ones never
 * count one removal twice. */
static struct error *attach_again(struct session *session, struct target *target)
{
	struct error *err;

	if (engine_exec_count(session->engine) == session->exec_count)
		engine_forget_gc(session->engine);
	err = engine_attach(session->engine, session->exe, target->pid);
	if (err &&
	    err->code == ERROR_TARGET) { /* it has ended meanwhile: the next pass tells how */
		error_free(err);
		return NULL;
	}
	try(err);
	/* No probe, old or new, saw the start. */
	if (engine_exec_count(session->engine) == session->exec_count) {
		read_gc_phase(session, target);
		session_notice(session, SESSION_WARNING,
			       "process %d has executed itself anew: removals in its first "
			       "milliseconds may not have been seen",
			       (int)target->pid);
	}
	session->exec_count = engine_exec_count(session->engine);
	return NULL;
}

struct error *watch_exec(struct session *session)
{
	struct target *target = watched_target(session);
	uint64_t id;
	bool same;

	if (!target || !target_image_id(target, &id) || id == session->image_id ||
	    !target_executes(target, session->exe, &same))
		return NULL;
	session->image_id = id;
	if (same)
		return attach_again(session, target);
	session_notice(session, SESSION_WARNING,
		       "process %d has executed another program: no removal is seen from here on",
		       (int)target->pid);
	return NULL;
}
