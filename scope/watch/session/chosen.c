/* The running processes that the user has chosen. One process is watched closely (exec.c). Several are
 * watched as those of -b are, but each has probes of its own, and they may run different programs. The
 * first program is the session's file; the others are in session->met. */
#include "watch/session/follow_priv.h"
#include "watch/session/group_priv.h"
#include "watch/session/modules_priv.h"
#include "base/clock.h"
#include "base/descriptors.h"
#include "live/module/module.h"

#include <errno.h>
#include <fcntl.h>

/* ---- opening ---- */

/* Finds the program of a process, or its first Go library, and notes it in *ret. It stays NULL if the
 * process has neither. */
static struct error *find_program(struct session *session, struct target *target, struct met **ret)
{
	cleanup(module_list_fini) struct module_list found = {0};

	*ret = NULL;
	try(session_modules_list(session->modules, target, &found));
	if (!found.list.len)
		return NULL;
	return met_get(session, &found.list.data[0], NULL, ret);
}

static struct error *refuse(const struct target *target, const struct met *met)
{
	int pid = (int)target->pid;

	if (met)
		return error_new(ERROR_TARGET, "process %d: %s", pid, met->why);
	return error_new(ERROR_TARGET, "process %d: %s is not a Go program, and has no Go library",
			 pid, target->exe_path);
}

/* Opens a chosen process, and adds it to the table. */
static struct error *open_one(struct session *session, const struct chosen *chosen)
{
	cleanup(target_close) struct target *target = NULL;
	struct traced *traced;
	struct met *met;

	try(process_open(chosen->pid, &target));
	try(find_program(session, target, &met));
	if (!met || met->why)
		return refuse(target, met);
	target_drop_exe(target); /* met->exe is the same file, and one descriptor is enough */
	try(add_process(session, take_ptr(target)));
	traced = &session->processes.data[session->processes.len - 1];
	traced->program = met;
	met->chosen++;
	traced->executed_ns = chosen->since_ns;
	traced->awaited = chosen->since_ns != 0;
	return NULL;
}

/* Tells whether a file is better as the session's file: a program rather than a library, and the one with
 * more processes, because its probes may be for all of them. */
static bool is_better(const struct met *met, const struct met *than)
{
	bool program = met->role == GO_BUILD_PROGRAM, than_program = than->role == GO_BUILD_PROGRAM;

	return program != than_program ? program : met->chosen > than->chosen;
}

/* Makes a file the session's file: the best, and the first of equal ones. In the processes that run it,
 * traced->program becomes NULL. */
static struct error *choose_main(struct session *session)
{
	const struct met *main = session->processes.data[0].program;

	vec_each(met, &session->met)
		if (!(*met)->why && is_better(*met, main))
			main = *met;
	session->exe = fcntl(main->exe, F_DUPFD_CLOEXEC, 3);
	if (session->exe < 0)
		return descriptors_error(errno, main->module->path);
	if (main->role != GO_BUILD_PROGRAM) {
		session->library = strdup(main->module->path);
		if (!session->library)
			return error_nomem();
	}
	vec_each(traced, &session->processes)
		if (traced->program == main)
			traced->program = NULL;
	try(session_read_file(session, main->module->path));
	met_drop(session, main);
	return NULL;
}

static struct error *open_single(struct session *session)
{
	struct target *target;

	try(process_open(session->options.chosen->pid, &target));
	try(add_process(session, target));
	session->pid = target->pid;
	session->exe = target->exe;
	session->exe_shared = true;
	return session_read_file(session, target->exe_path);
}

struct error *chosen_open(struct session *session)
{
	const struct session_options *options = &session->options;

	if (options->chosen_n == 1 && !options->chosen->since_ns)
		return open_single(session);
	descriptors_raise();
	session->several = true;
	for (size_t i = 0; i < options->chosen_n; i++)
		try(open_one(session, &options->chosen[i]));
	return choose_main(session);
}

/* ---- probes ---- */

/* Places the probes of the program of one process. */
static struct error *place(struct session *session, struct traced *traced, enum engine_hold *ret)
{
	uint32_t module = traced->program ? traced->program->number : 0;
	struct session_program program = program_of(session, traced);
	struct error *err = attach_probes(session, module, program.exe, traced->target->pid, ret);

	traced->probed = !err && (*ret == ENGINE_HELD || *ret == ENGINE_UNHELD);
	traced->placed_ns = now_ns();
	if (!err && *ret == ENGINE_CHANGED && module)
		session_notice(session, SESSION_WARNING,
			       "process %d: what it removes is not seen: %s was overwritten",
			       (int)traced->target->pid, image_name(program.image));
	if (err && err->code == ERROR_TARGET && has_ended(traced)) {
		error_free(err); /* nothing is missed, and its exit record follows */
		return NULL;
	}
	return err;
}

struct error *chosen_place(struct session *session, enum engine_hold *ret)
{
	bool placed = false;

	*ret = ENGINE_UNHELD;
	vec_each(traced, &session->processes) {
		enum engine_hold hold;

		if (traced->ended || has_ended(traced))
			continue;
		/* Probes that are for all processes of the file are placed once. */
		if (!traced->program && placed && *ret != ENGINE_UNHELD) {
			traced->probed = *ret == ENGINE_HELD;
			continue;
		}
		try(place(session, traced, &hold));
		if (traced->program)
			continue;
		*ret = hold;
		placed = true;
	}
	return NULL;
}

void chosen_begin(struct session *session)
{
	for (size_t i = 0; i < session->processes.len; i++) {
		struct traced *traced = &session->processes.data[i];

		/* It may have been found before its main function began. */
		traced->awaits_begin = session->several || session->options.command;
		emit_start_once(session, traced, NULL);
		if (session->options.chosen_n)
			notice_stopped(session, traced->target);
	}
}

/* ---- execs ---- */

/* Places the probes again. Those that were there before may be gone, because the exec was not by the main
 * thread. */
static struct error *place_again(struct session *session, struct traced *traced)
{
	enum engine_hold hold;

	if (!traced->program && session->file.hold == ENGINE_HELD)
		return place_modules_again(session, traced);
	try(place(session, traced, &hold));
	return place_modules_again(session, traced);
}

void settle_exec(struct session *session, struct traced *traced)
{
	int pid = (int)traced->target->pid;

	session_gap(session, traced->target->pid, traced->executed_ns, traced->placed_ns,
		    traced->awaited && traced->child ? "child" : "exec");
	session_notice(session, SESSION_WARNING,
		       "process %d has %s: removals in its first milliseconds may have been missed",
		       pid,
		       traced->awaited ? "begun before its probes stood" : "executed itself again");
	traced->executed_ns = 0;
	traced->awaits_begin = false; /* the next begin is that of another exec */
	if (traced->awaited)
		return;
	/* No record announces the start. */
	traced->started = false;
	session->last_pid = 0;
	if (traced->end == TARGET_RUNS)
		emit_start_once(session, traced, NULL);
}

struct error *chosen_executes(struct session *session, pid_t pid, uint64_t time_ns)
{
	struct traced *traced = find_process(session, pid);
	bool same = false;

	/* The record of the exec may come late (wire.h, WIRE_EXEC): after that of its begin. */
	if (!traced || has_ended(traced) || time_ns < traced->begun_ns)
		return NULL;
	session_forget(session, pid);
	if (!target_executes(traced->target, program_of(session, traced).exe, &same))
		return NULL;
	if (traced->executed_ns)
		settle_exec(session, traced); /* for the exec before */
	if (!same) {
		session_leave_process(session, traced);
		if (traced->program)
			engine_release(session->engine, pid);
		session_notice(
			session, SESSION_WARNING,
			"process %d has executed another program: no removal is seen from here "
			"on",
			(int)pid);
		return NULL;
	}
	traced->executed_ns = time_ns;
	traced->awaited = false;
	try(place_again(session, traced));
	traced->placed_ns = now_ns();
	return NULL;
}

void chosen_begins(struct traced *traced, uint64_t time_ns)
{
	traced->begun_ns = time_ns;
	traced->executed_ns = 0;
	traced->awaited = false;
}

void chosen_settle(struct session *session, bool now)
{
	uint64_t time_ns = now_ns();

	if (!session->several && !session->narrow)
		return;
	vec_each(traced, &session->processes)
		if (traced->executed_ns && (now || traced->end != TARGET_RUNS ||
					    time_ns > traced->placed_ns + PROGRAM_BEGIN_NS))
			settle_exec(session, traced);
}
