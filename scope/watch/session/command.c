/* Starts the command. A command whose file is the Go program waits before its exec until the probes
 * stand. Another command is a wrapper: it runs, and is followed until a Go program begins, which
 * waits before its first instruction. */
#include "watch/session/follow_priv.h"
#include "base/clock.h"
#include "base/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

/* A wrapper that has started no Go program after this time is told about. */
enum { PATIENCE_MS = 2000 };

struct error *command_open(struct session *session)
{
	const struct session_options *options = &session->options;
	cleanup(spawn_user_fini) struct spawn_user user = {0};

	if (options->user)
		try(spawn_user_find(options->user, &user));
	if (options->look_only)
		try(spawn_find(options->command[0], &session->spawn.path));
	else
		try(spawn_prepare(options->command, options->user ? &user : NULL, &session->spawn));
	return judge_command(session);
}

/* ---- the way to the first Go program ---- */

/* Makes the error for a command that has ended, or that is not followed any more. */
static struct error *no_program(struct session *session)
{
	const char *path = session->spawn.path;
	int status;

	if (!pursuit_end(take_ptr(session->pursuit), &status))
		return error_new(
			ERROR_TARGET,
			"%s (process %d) continues, and nothing that it starts is followed "
			"any more: name the Go program with -b",
			path, (int)session->spawn.pid);
	return error_new(ERROR_TARGET, "%s %s %d, and no Go program had begun: nothing was traced",
			 path, WIFSIGNALED(status) ? "was ended by signal" : "exited with status",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* Lets the command begin. If it cannot be executed, nothing is followed. */
static struct error *go(struct session *session)
{
	struct error *err = spawn_go(&session->spawn);

	if (err)
		pursuit_end(take_ptr(session->pursuit), NULL);
	return err;
}

struct error *command_follow(struct session *session)
{
	struct pursuit_options options = {.judge = judge_process,
					  .ctx = session,
					  .stay = session->all != NULL,
					  .rights = kept_rights()};
	enum pursuit_state state;
	struct pursuit_held held = {0};
	struct target *target;
	pid_t pid;

	try(engine_check(session->options.engine));
	try(follow_begin(session));
	if (session->all && !session->tree)
		return error_new(ERROR_PERMISSION,
				 "--follow=all is not possible here: this kernel does not tell "
				 "which processes a command has started");
	follow_root(session, session->spawn.pid);
	try(pursuit_begin(&session->spawn, &options, &session->pursuit));
	try(go(session));
	state = pursuit_wait(session->pursuit, PATIENCE_MS, &pid);
	if (state == PURSUIT_RUNS) {
		session_notice(session, SESSION_INFO,
			       "waiting for a Go program or library: %s has not begun one yet",
			       session->spawn.path);
		state = pursuit_wait(session->pursuit, 0, &pid);
	}
	if (state == PURSUIT_LOST)
		return no_program(session);
	try(process_open(pid, &target));
	try(add_process(session, target));
	if (pursuit_next(session->pursuit, &held) && session->all) {
		/* Its row may show another program later. */
		session->exe = fcntl(target->exe, F_DUPFD_CLOEXEC, 3);
		if (session->exe < 0)
			return descriptors_error(errno, target->exe_path);
	} else {
		session->exe = target->exe;
		session->exe_shared = true;
	}
	session_notice(
		session, SESSION_DETAIL,
		held.moment == PURSUIT_THREAD
			? "%s (process %d) is the first program of %s that loads a Go library"
			: "%s (process %d) is the first Go program of %s",
		target->exe_path, (int)pid, session->spawn.path);
	return session_read_file(session, target->exe_path);
}

pid_t command_pid(const struct session *session)
{
	return session->wrapped ? session->processes.data[0].target->pid : session->spawn.pid;
}

/* ---- the run ---- */

struct error *command_start(struct session *session)
{
	struct target *target;

	if (!session->wrapped) {
		try(process_adopt(session->spawn.pid, session->spawn.path, &target));
		try(add_process(session, target));
	} else if (command_pid(session) != session->spawn.pid) {
		try(process_adopt(session->spawn.pid, session->spawn.path, &session->wrapper));
	}
	session->processes.data[0].awaits_begin = true;
	if (!session->library) /* it has not loaded anything yet */
		session->processes.data[0].looked_ns = now_ns();
	return session->wrapped ? NULL : spawn_go(&session->spawn);
}

void command_ended(struct session *session, enum target_end end, int status)
{
	session->command_end = end;
	session->command_status = status;
}

/* Keeps and reports how the command has ended, when the exit record of a process does not. */
static void note_end(struct session *session, enum target_end end, int status)
{
	command_ended(session, end, status);
	target_close(take_ptr(session->wrapper));
	if (end != TARGET_GONE)
		session_notice(session, SESSION_INFO, "%s (process %d) %s %d",
			       session->options.command[0], (int)session->spawn.pid,
			       end == TARGET_SIGNALED ? "was ended by signal"
						      : "exited with status",
			       status);
}

void command_let_go(struct session *session)
{
	pid_t pid = command_pid(session);

	if (!session->all)
		command_leave(session);
	else if (!pursuit_resume(session->pursuit, pid))
		session_gap(session, pid, session->opened_ns, now_ns(), "child");
}

void command_leave(struct session *session)
{
	int status;

	if (!pursuit_end(take_ptr(session->pursuit), &status) || !session->wrapper)
		return;
	if (WIFSIGNALED(status))
		note_end(session, TARGET_SIGNALED, WTERMSIG(status));
	else
		note_end(session, TARGET_EXITED, WEXITSTATUS(status));
}

bool command_runs(struct session *session)
{
	enum target_end end;
	int status = 0;

	if (!session->wrapper)
		return false;
	end = target_poll(session->wrapper, &status);
	if (end != TARGET_RUNS)
		note_end(session, end, status);
	return end == TARGET_RUNS;
}

/* ---- its exit status ---- */

/* Polls a command that still runs at the end of the trace. */
#define POLL_MS 20

bool session_wait_command(struct session *session, int *ret_code)
{
	struct pollfd signal = {.fd = loop_signal_fd(session->loop), .events = POLLIN};
	struct target *target =
		session->wrapper ? session->wrapper : session->processes.data[0].target;
	enum target_end end = session->command_end;
	int status = session->command_status;

	if (end == TARGET_RUNS)
		end = target_poll(target, &status);
	if (end == TARGET_RUNS)
		session_notice(session, SESSION_INFO,
			       "the trace has ended; waiting for the end of %s (process %d)",
			       session->options.command[0], (int)session->spawn.pid);
	while (end == TARGET_RUNS) {
		if (poll(&signal, 1, POLL_MS) > 0)
			return false;
		end = target_poll(target, &status);
	}
	if (session->command_end == TARGET_RUNS)
		note_end(session, end, status);
	*ret_code = end == TARGET_SIGNALED ? 128 + status : status;
	return end != TARGET_GONE;
}

void command_close(struct session *session)
{
	if (session->pursuit)
		session_notice(session, SESSION_WARNING,
			       "%s (process %d) continues without being traced",
			       session->spawn.path, (int)session->spawn.pid);
	pursuit_end(session->pursuit, NULL);
	target_close(session->wrapper);
	judge_fini(session);
	spawn_fini(&session->spawn);
}
