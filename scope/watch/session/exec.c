/* The one process that is watched may execute another program, or its own anew. The probes survive
 * an exec by the main thread. Where another thread executes, the kernel forgets them. */
#include "watch/session/session_priv.h"

/* Returns the pid of the one watched process; -1: there may be several, or it has ended. */
static pid_t watched_pid(const struct session *session)
{
	if (session->options.binary || session->processes.data[0].ended)
		return -1;
	return session->processes.data[0].process->pid;
}

void remember_image(struct session *session)
{
	pid_t pid = watched_pid(session);

	if (pid < 0)
		return;
	process_image_id(pid, &session->image_id);
	session->exec_count = session->options.command ? 1 : 0;
}

void read_gc_phase(struct session *session, pid_t pid)
{
	struct process process = {.pid = pid};
	uint64_t bias;
	uint32_t phase;

	if (session->placements.gc && find_bias(session, pid, &bias) &&
	    process_peek(&process, session->placements.gcphase + bias, &phase, sizeof(phase)) &&
	    phase <= EVENT_GC_MARKTERMINATION)
		engine_set_gc(session->engine, phase);
}

/* Attaches again after an exec of the same program. Probes that survived it and new ones never
 * count one removal twice. */
static struct error *attach_again(struct session *session, pid_t pid)
{
	struct error *err;

	if (engine_exec_count(session->engine) == session->exec_count)
		engine_forget_gc(session->engine);
	err = engine_attach(session->engine, session->exe, pid);
	if (err &&
	    err->code == ERROR_TARGET) { /* it has ended meanwhile: the next pass tells how */
		error_free(err);
		return NULL;
	}
	try(err);
	if (engine_exec_count(session->engine) ==
	    session->exec_count) { /* no probe saw the start */
		read_gc_phase(session, pid);
		session_notice(session, SESSION_WARNING,
			       "process %d has executed itself anew: removals in its first "
			       "milliseconds may not have been seen",
			       (int)pid);
	}
	session->exec_count = engine_exec_count(session->engine);
	return NULL;
}

struct error *watch_exec(struct session *session)
{
	pid_t pid = watched_pid(session);
	uint64_t id;
	bool same;

	if (pid < 0 || !process_image_id(pid, &id) || id == session->image_id ||
	    !process_executes(pid, session->exe, &same))
		return NULL;
	session->image_id = id;
	if (same)
		return attach_again(session, pid);
	session_notice(session, SESSION_WARNING,
		       "process %d has executed another program: no removal is seen from here on",
		       (int)pid);
	return NULL;
}
