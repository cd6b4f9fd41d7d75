/* Brings processes into the table, and emits their start and exit records. Nothing here takes records out
 * of the engine. */
#include "watch/session/follow_priv.h"
#include "watch/session/group_priv.h"
#include "watch/session/modules_priv.h"
#include "base/clock.h"
#include "read/layout/layout.h"

#include "version.h"

bool session_program(const struct session *session, size_t i, struct session_program *ret)
{
	const struct met *met = NULL;

	vec_each(at, &session->met) {
		if (!i || (*at)->why ||
		    (session->placements.build == GO_BUILD_PROGRAM &&
		     (*at)->role != GO_BUILD_PROGRAM))
			continue;
		if (!--i)
			met = *at;
	}
	if (i)
		return false;
	*ret = met ? (struct session_program){met->module->image, met->module->tab,
					      &met->placements, met->exe}
		   : (struct session_program){session->image, session->tab, &session->placements,
					      session->exe};
	return true;
}

struct session_program program_of(const struct session *session, const struct traced *traced)
{
	const struct met *met = traced->program;

	if (!met)
		return (struct session_program){session->image, session->tab, &session->placements,
						session->exe};
	return (struct session_program){met->module->image, met->module->tab, &met->placements,
					met->exe};
}

bool find_bias(const struct session *session, const struct traced *traced, uint64_t *ret)
{
	struct session_program program = program_of(session, traced);
	struct image_segment code;
	struct mappings mappings;
	struct error *err;
	bool found;

	*ret = 0;
	if (!image_is_pie(program.image) || !image_code(program.image, &code))
		return true;
	err = target_mappings(traced->target, &mappings);
	if (err) {
		error_free(err);
		return false;
	}
	found = bias_of_mapped(&mappings, program.exe, code.offset, code.addr, ret);
	mappings_fini(&mappings);
	return found;
}

/* ---- the table ---- */

/* Adds a process to the table. A process that has already ended still gets its records. */
static struct error *add_new_process(struct session *session, pid_t pid,
				     const struct event_removal *event)
{
	const struct met *met = event ? program_of_event(session, event) : NULL;
	struct target *target;

	try(program_open(session, pid, met, false, &target));
	target_drop_exe(target); /* session->exe is the same file, and one descriptor is enough */
	try(add_process(session, target));
	session->processes.data[session->processes.len - 1].child = session->tree != NULL;
	return NULL;
}

struct error *find_or_add_process(struct session *session, pid_t pid,
				  const struct event_removal *event, uint64_t time_ns)
{
	struct traced *traced = find_process(session, pid);

	if (!traced && has_many(session)) {
		try(add_new_process(session, pid, event));
		traced = &session->processes.data[session->processes.len - 1];
		traced->begun_ns = session->group ? time_ns : 0;
	}
	/* By now it may execute another program than the one of the event. */
	if (traced && !traced->started && event &&
	    (session->group || session->all || session->options.binary))
		program_take(session, traced, event);
	/* A module that is there at the first look may have come since this event. */
	if (traced && !traced->looked_ns)
		traced->looked_ns = time_ns;
	if (traced && !traced->started && time_ns)
		expect_modules(session, traced, time_ns);
	if (traced && !traced->started)
		try(meet_modules(session, traced));
	if (traced)
		emit_start_once(session, traced, event);
	return NULL;
}

/* Tells whether a process has begun a program that has no start record yet. A process may be found
 * before its main function begins. Its first begin is then that of the program that it was found
 * with. */
static bool begins_anew(const struct session *session, struct traced *traced,
			const struct event_removal *event)
{
	uint64_t id;

	if (!traced->awaits_begin)
		return true;
	traced->awaits_begin = false;
	/* A process of our own was found before its first instruction, and no record was missed. It may
	 * execute another program by now. */
	if (session->options.command)
		return event->module != (traced->program ? traced->program->number : 0);
	return traced->image_id && target_image_id(traced->target, &id) && id != traced->image_id;
}

/* Tells whether the begin of a process is known already: its record came after that of a removal, because
 * it found no room in the ring (wire.h, WIRE_START). */
static bool is_late(const struct session *session, const struct traced *traced, uint64_t time_ns)
{
	uint64_t id;

	return traced->started && time_ns < session->reached_ns && traced->image_id &&
	       target_image_id(traced->target, &id) && id == traced->image_id;
}

/* Tells whether a process of -b runs another file than before. */
static bool is_other(const struct session *session, const struct traced *traced,
		     const struct event_removal *event)
{
	return session->options.binary &&
	       event->module != (traced->program ? traced->program->number : 0);
}

/* Tells whether a process that begins at time_ns is another one than `former`, which had the same pid.
 * In a tree, one that has ended by now may have executed itself before. */
static bool is_another(const struct session *session, struct traced *former, uint64_t time_ns)
{
	if (session->options.binary)
		return has_ended(former);
	return (session->tree || session->group) && former->end != TARGET_RUNS &&
	       time_ns > former->end_ns;
}

/* Notes that a process has begun to execute the program. With -b, the process with this pid in the
 * table may have ended without notice. This is then another process. */
struct error *process_begins(struct session *session, const struct event_removal *event,
			     uint64_t time_ns)
{
	struct traced *former = find_process(session, (pid_t)event->pid);
	struct error *err;
	bool is_new;

	session_forget(session, (pid_t)event->pid);
	group_begin_seen(session, (pid_t)event->pid);
	if (former)
		chosen_begins(former, time_ns);
	if (former && !former->awaits_begin && is_late(session, former, time_ns))
		return NULL;
	if (former && is_another(session, former, time_ns)) {
		emit_exit(session, former);
		forget_process(session, (size_t)(former - session->processes.data));
	} else if (former && session->group) {
		group_begins(session, former, event);
	} else if (former && begins_anew(session, former, event)) {
		if (session->all || is_other(session, former, event))
			return others_started(session, event);
		former->started = false;
		vec_each(at, &former->met)
			at->here = false;
	}
	is_new = !find_process(session, (pid_t)event->pid);
	if (session->all && is_new)
		return others_started(session, event);
	err = find_or_add_process(session, (pid_t)event->pid, event, time_ns);
	former = find_process(session, (pid_t)event->pid);
	if (session->group && former)
		group_begun(former, time_ns);
	if (!err && is_new)
		begin_unwatched(session, (pid_t)event->pid, time_ns);
	return err;
}

/* ---- start and exit records ---- */

struct event_probes session_probes(const struct placements *placements, struct event_probe *room)
{
	for (size_t i = 0; i < placements->list.len; i++) {
		const struct spot *spot = &placements->list.data[i];

		room[i] = (struct event_probe){
			.func = spot->func,
			.offset = spot_offset(spot),
			.addr = spot->addr,
			.role = spot_role_name(spot->role),
			.why = spot->why,
		};
	}
	return (struct event_probes){room, placements->list.len};
}

/* Returns the path of what a process executes. One of a group may have executed another program since it
 * was opened. */
static const char *exe_of(const struct session *session, const struct traced *traced)
{
	const struct met *met = traced->program;

	return session->group && met && met->role == GO_BUILD_PROGRAM ? met->module->path
								      : traced->target->exe_path;
}

/* Tells whether the probes of a process are those of all processes of its file. */
static bool is_wide(const struct session *session, const struct traced *traced)
{
	return traced->program ? traced->program->wide
			       : session->wide || session->file.hold == ENGINE_HELD;
}

static const char *links_of(const struct session *session, const struct traced *traced)
{
	if (!traced)
		return "";
	return is_wide(session, traced) ? "file" : "process";
}

/* Counts the processes with probes of their own, for each file. Reports once that they are many. */
static void count_own_probes(struct session *session, struct traced *traced, bool own)
{
	struct own_probes *of =
		traced->program ? &traced->program->own_probes : &session->own_probes;

	if (traced->own_probes)
		traced->own_probes->processes--;
	traced->own_probes = own ? of : NULL;
	if (!own || ++of->processes <= SESSION_OWN_PROBES_MAX || of->told)
		return;
	of->told = true;
	session_notice(session, SESSION_INFO,
		       "more than %d processes of %s have probes of their own: the more they are, "
		       "the longer each removal and the end of the trace take",
		       SESSION_OWN_PROBES_MAX, image_name(program_of(session, traced).image));
}

/* Returns the pid that a process has for itself. If it has ended, that is the one that is known. */
static uint32_t own_pid(pid_t pid)
{
	struct process_status status;

	if (!process_status(pid, &status))
		return (uint32_t)pid;
	return (uint32_t)status.pids[status.pids_n - 1];
}

/* Emits a start record. With traced NULL, the record belongs to no process. */
static void emit_start(struct session *session, struct fan *sinks,
		       const struct session_program *program, struct traced *traced, uint64_t bias)
{
	struct event_probe probes[PLACEMENTS_MAX];
	struct event_module modules[MET_SHOWN];
	struct event event = {.kind = EVENT_START, .time_ns = now_ns()};
	const struct target *target = traced ? traced->target : NULL;
	char group[CONTAINER_PATH_SIZE];

	event.start = (struct event_start){
		.version = TOPHASH_VERSION,
		.engine = session->options.engine->name,
		.arch = image_machine(program->image)->name,
		.pid = target ? (uint32_t)target->pid : 0,
		.own_pid = target ? own_pid(target->pid) : 0,
		.exe = target ? exe_of(session, traced) : image_name(program->image),
		.build_id = image_build_id(program->image),
		.bias = bias,
		.go = gopcln_version(program->tab),
		.layout = layout_get(program->placements->maps)->name,
		.stripped = image_is_stripped(program->image),
		.links = links_of(session, traced),
		.wall_ns = event.time_ns + session->wall_offset_ns,
		.ready_ms = session->ready_ms,
		.probes = session_probes(program->placements, probes),
		.modules = modules,
		.modules_n = traced ? met_of(session, traced, modules) : 0,
	};
	if (target)
		place_of(session, target->pid, group, &event.start);
	if (traced)
		place_keep(traced, &event.start);
	fan_event(sinks, &event);
}

void session_describe(struct session *session, struct fan *sinks)
{
	struct session_program program;

	for (size_t i = 0; session_program(session, i, &program); i++)
		emit_start(session, sinks, &program, NULL, 0);
}

static void emit_process_start(struct session *session, struct traced *traced, uint64_t bias)
{
	struct session_program program = program_of(session, traced);

	if (!program.image) /* a process of a group that executes something else now */
		return;
	count_own_probes(session, traced, !is_wide(session, traced));
	emit_start(session, session->output.sinks, &program, traced, bias);
}

void emit_start_once(struct session *session, struct traced *traced,
		     const struct event_removal *event)
{
	uint64_t bias;

	if (traced->started || (session->group && !traced->program))
		return;
	if (event)
		bias = event->bias;
	else if (!find_bias(session, traced, &bias))
		return;
	traced->started = true;
	/* The stacks of this process may go through several files. */
	if (session->placements.build != GO_BUILD_PROGRAM || traced->met.len || traced->program)
		session_modules_look(session->modules, traced->target->pid);
	traced->image_id = 0;
	target_image_id(traced->target, &traced->image_id);
	emit_process_start(session, traced, bias);
	tell_late_modules(session, traced);
}

static void notice_exit(struct session *session, const struct traced *traced)
{
	const char *name =
		session->wrapped ? traced->target->exe_path : session->options.command[0];
	int pid = (int)traced->target->pid;

	if (traced->end == TARGET_GONE)
		session_notice(session, SESSION_INFO,
			       "%s (process %d) has ended; the kernel does not tell how", name,
			       pid);
	else
		session_notice(session, SESSION_INFO, "%s (process %d) %s %d", name, pid,
			       traced->end == TARGET_SIGNALED ? "was ended by signal"
							      : "exited with status",
			       traced->status);
}

void emit_exit(struct session *session, struct traced *traced)
{
	struct event event = {.kind = EVENT_EXIT, .time_ns = traced->end_ns};
	bool nothing; /* no program of it is traced, and it has no start record */

	settle_execs(session);
	settle_late(session, traced, true);
	session_leave_process(session, traced);
	session_forget(session, traced->target->pid);
	timely_forget(session->timely, traced->target->pid);
	session->last_pid = 0; /* the kernel may give the pid to another process */
	nothing = session->group && !traced->started && !traced->program;
	if (!traced->started) /* it ended before it could be read, and removed nothing */
		emit_process_start(session, traced, 0);
	traced->started = traced->ended = true;
	count_own_probes(session, traced, false);
	settle_overhead(session, traced, traced->end_ns);
	settle_modules(session, traced, traced->end_ns);
	if (traced->met.len || traced->linker_watched || traced->program)
		engine_release(session->engine, traced->target->pid);
	if (session->group)
		group_forget(session, traced->target->pid);
	engine_forget(session->engine, traced->target->pid);
	event.exit = (struct event_exit){
		.pid = (uint32_t)traced->target->pid,
		.known = traced->end != TARGET_GONE,
		.signaled = traced->end == TARGET_SIGNALED,
		.status = traced->status,
	};
	if (!nothing)
		fan_event(session->output.sinks, &event);
	/* Children have exit records, and no messages. */
	if (!session->options.command || traced != &session->processes.data[0])
		return;
	notice_exit(session, traced);
	if (traced->target->pid == session->spawn.pid)
		command_ended(session, traced->end, traced->status);
}
