/* --follow=all: every Go program that a command starts. The pursuit stays with all processes. A Go program
 * that this run has not met waits at its exec until its probes stand, which are for all processes of its
 * file. Later executions of the file do not wait. */
#include "watch/session/follow_priv.h"
#include "watch/session/modules_priv.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/table.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>

/* Files and processes that the thread remembers. If there are more, it forgets all. */
enum { FILES_MAX = 4096, HOSTS_MAX = 4096 };

/* A file that was executed. */
struct judged {
	struct file_version version;
	bool go; /* otherwise its processes run on, whatever they do */
};

/* A process, by the Go modules that it had when it was last looked at. */
struct host {
	pid_t pid;
	uint64_t modules; /* mix_modules(); 0: none, or unknown */
	bool go;	  /* it executes a Go program: its plugins are found by other means */
};

struct all {
	pthread_mutex_t mutex;
	VEC(struct file_version) standing; /* files whose probes stand; guarded by the mutex */
	/* Only the thread of the pursuit uses these. */
	struct modules *modules;
	VEC(struct judged) files;
	VEC(struct host) hosts;
};

struct error *all_open(struct session *session)
{
	struct all *all = calloc(1, sizeof(*all));

	if (!all)
		return error_nomem();
	pthread_mutex_init(&all->mutex, NULL);
	session->all = all;
	session->several = true;
	return modules_new(&all->modules);
}

void all_free(struct all *all)
{
	if (!all)
		return;
	modules_free(all->modules);
	vec_fini(&all->standing);
	vec_fini(&all->files);
	vec_fini(&all->hosts);
	pthread_mutex_destroy(&all->mutex);
	free(all);
}

/* ---- files whose probes stand ---- */

void all_stands(struct session *session, const struct file_version *version, bool stands)
{
	struct all *all = session->all;
	size_t kept = 0;

	if (!all)
		return;
	pthread_mutex_lock(&all->mutex);
	vec_each(at, &all->standing)
		if (!file_version_equal(at, version))
			all->standing.data[kept++] = *at;
	all->standing.len = kept;
	/* If memory is out, each execution waits. */
	if (stands)
		vec_push(&all->standing, *version);
	pthread_mutex_unlock(&all->mutex);
}

static bool has_standing(struct all *all, const struct file_version *version)
{
	bool found = false;

	pthread_mutex_lock(&all->mutex);
	vec_each(at, &all->standing)
		found |= file_version_equal(at, version);
	pthread_mutex_unlock(&all->mutex);
	return found;
}

/* ---- in the thread of the pursuit ---- */

static struct host *get_host(struct all *all, pid_t pid)
{
	vec_each(host, &all->hosts)
		if (host->pid == pid)
			return host;
	if (all->hosts.len >= HOSTS_MAX)
		all->hosts.len = 0;
	if (!vec_push(&all->hosts, ((struct host){.pid = pid})))
		return NULL;
	return &all->hosts.data[all->hosts.len - 1];
}

static const struct judged *find_judged(const struct all *all, const struct file_version *version)
{
	vec_each(judged, &all->files)
		if (file_version_equal(&judged->version, version))
			return judged;
	return NULL;
}

static void remember(struct all *all, const struct file_version *version, bool go)
{
	if (all->files.len >= FILES_MAX)
		all->files.len = 0;
	if (!vec_push(&all->files, ((struct judged){*version, go})))
		all->files.len = 0;
}

static enum pursuit_verdict judge_exec(struct session *session, pid_t pid)
{
	struct all *all = session->all;
	struct host *host = get_host(all, pid);
	enum pursuit_verdict verdict;
	const struct judged *judged;
	struct file_version version;
	struct stat st;
	bool always;

	if (!host || !process_exe_stat(pid, &st))
		return PURSUIT_ON;
	version = file_version_of(&st);
	*host = (struct host){.pid = pid};
	judged = find_judged(all, &version);
	if (!judged) {
		verdict = judge_program(session, pid, &always);
		if (!always || verdict == PURSUIT_LEAVE)
			return verdict;
		remember(all, &version, verdict == PURSUIT_HOLD);
		judged = find_judged(all, &version);
	}
	host->go = judged && judged->go;
	return host->go && !has_standing(all, &version) ? PURSUIT_HOLD : PURSUIT_ON;
}

/* Returns a value that tells one set of modules from another. */
static uint64_t mix_modules(const struct module_list *found)
{
	uint64_t mixed = found->list.len;

	vec_each(at, &found->list)
		mixed = table_mix(mixed ^ (uintptr_t)at->module);
	return mixed;
}

/* Decides about a process that has made a thread. */
static enum pursuit_verdict judge_thread(struct session *session, pid_t pid)
{
	cleanup(module_list_fini) struct module_list found = {0};
	cleanup(target_close) struct target *target = NULL;
	struct host *host = get_host(session->all, pid);
	uint64_t former;
	struct error *err;

	if (!host)
		return PURSUIT_HOLD;
	if (host->go)
		return PURSUIT_ON;
	err = process_open(pid, &target);
	if (!err)
		err = modules_of(session->all->modules, target, &found);
	former = host->modules;
	host->modules = err ? 0 : mix_modules(&found);
	if (err) {
		judge_unread(session, pid, err);
		return PURSUIT_ON;
	}
	return found.list.len && host->modules != former ? PURSUIT_HOLD : PURSUIT_ON;
}

/* Forgets what is known of a pid: a new process has it. */
static void forget_host(struct all *all, pid_t pid)
{
	vec_each(host, &all->hosts)
		if (host->pid == pid)
			*host = (struct host){.pid = pid};
}

enum pursuit_verdict all_judge(struct session *session, pid_t pid, enum pursuit_moment moment)
{
	if (moment == PURSUIT_EXEC)
		return judge_exec(session, pid);
	if (moment == PURSUIT_THREAD)
		return judge_thread(session, pid);
	forget_host(session->all, pid);
	return PURSUIT_ON;
}

/* ---- the session's side ---- */

/* Tells that a process runs without probes, which is a gap. A program is told about once. */
static void tell_unwatched(struct session *session, const struct pursuit_held *held,
			   const struct target *target, struct met *met, const char *why)
{
	if (!met || !met->told)
		session_notice(session, SESSION_WARNING, "process %d is not traced: %s: %s",
			       (int)held->pid, target->exe_path, why);
	if (met)
		met->told = true;
	session_gap(session, held->pid, held->since_ns, now_ns(), "child");
}

/* Tells of a process that was held, and could not be looked at. It is a gap until the end of the run. One that has ended
 * removed nothing meanwhile. */
static void tell_unread(struct session *session, const struct pursuit_held *held, struct error *err)
{
	struct left left = {.pid = held->pid, .from_ns = held->since_ns, .why = "child"};

	if (process_executes(held->pid)) {
		session_notice(session, SESSION_WARNING, "process %d is not traced: %s",
			       (int)held->pid, err->text);
		vec_push(&session->unread, left); /* if memory is out, the message remains */
	}
	error_free(err);
}

/* Removes a process from the table that has ended, and whose pid another one has now. */
static void forget_former(struct session *session, pid_t pid)
{
	struct traced *former = find_process(session, pid);

	if (!former)
		return;
	engine_release(session->engine, pid); /* what was placed for its former program */
	if (!has_ended(former))
		return;
	emit_exit(session, former);
	forget_process(session, (size_t)(former - session->processes.data));
}

/* Says why a program has no probes. Returns NULL if it has. */
static const char *why_not(const struct met *met, const struct error *err, enum engine_hold hold)
{
	if (met && met->why)
		return met->why;
	if (err)
		return err->text;
	return hold == ENGINE_WRITTEN	? "its file is open for writing"
	       : hold == ENGINE_CHANGED ? "its file was overwritten"
					: NULL;
}

/* Places probes, if that is possible, and makes the table show what the process runs. */
static struct error *begin(struct session *session, const struct pursuit_held *held,
			   struct target **target, struct met *met)
{
	enum engine_hold hold = ENGINE_HELD;
	struct error *err = NULL;
	const char *why;

	forget_former(session, held->pid);
	if (!met || !met->why)
		err = others_place(session, met, held->pid, &hold);
	if (err && err == error_nomem())
		return err;
	why = why_not(met, err, hold);
	if (why && !(err && err->code == ERROR_TARGET)) /* it has not ended */
		tell_unwatched(session, held, *target, met, why);
	error_free(err);
	if (met && !met->number) /* it removes nothing */
		return NULL;
	return why ? NULL : others_begin(session, take_ptr(*target), met, NULL);
}

/* Places the probes of a Go program that a process has executed, and brings the process into the table. It owns the
 * target then, and *target is NULL. */
static struct error *meet_program(struct session *session, const struct pursuit_held *held,
				  struct target **target)
{
	struct met *met;

	try(others_get(session, (*target)->exe, (*target)->exe_path, &met));
	return begin(session, held, target, met);
}

/* A process that is not in the table has a Go library, or more. */
static struct error *meet_host(struct session *session, const struct pursuit_held *held,
			       struct target **target)
{
	cleanup(module_list_fini) struct module_list found = {0};
	struct error *err = session_modules_list(session->modules, *target, &found);
	const struct module_at *first = found.list.data;
	struct traced *traced;
	struct met *met = NULL;

	if (err && err == error_nomem())
		return err;
	if (err)
		tell_unread(session, held, err);
	if (err || !found.list.len || first->role == GO_BUILD_PROGRAM)
		return NULL;
	if (!session->library || strcmp(first->module->path, session->library) != 0)
		try(met_get(session, first, NULL, &met));
	try(begin(session, held, target, met));
	traced = find_process(session, held->pid);
	if (!traced)
		return NULL;
	traced->looked_ns = 0; /* nothing of the others is missed */
	return meet_modules(session, traced);
}

/* A process has made a thread, which may be that of a Go library. */
static struct error *meet_library(struct session *session, const struct pursuit_held *held,
				  struct target **target)
{
	struct traced *traced = find_process(session, held->pid);
	uint64_t id;

	if (!traced || has_ended(traced) || !target_image_id(traced->target, &id) ||
	    (traced->image_id && id != traced->image_id))
		return meet_host(session, held, target);
	traced->looked_ns = 0;
	return meet_modules(session, traced);
}

static struct error *meet(struct session *session, const struct pursuit_held *held)
{
	cleanup(target_close) struct target *target = NULL;
	struct error *err = process_open(held->pid, &target);

	if (err && err == error_nomem())
		return err;
	if (err) {
		tell_unread(session, held, err);
		return NULL;
	}
	return held->moment == PURSUIT_EXEC ? meet_program(session, held, &target)
					    : meet_library(session, held, &target);
}

struct error *all_meet(struct session *session)
{
	struct pursuit_held held;
	bool resumed;

	while (session->pursuit && pursuit_next(session->pursuit, &held)) {
		try(session_drain_until(session, held.since_ns));
		try(meet(session, &held));
		resumed = pursuit_resume(session->pursuit, held.pid);
		if (held.late || !resumed)
			session_gap(session, held.pid, held.since_ns, now_ns(), "child");
	}
	return NULL;
}

void all_settle(struct session *session)
{
	struct pursuit_held held;

	while (session->all && session->pursuit && pursuit_next(session->pursuit, &held))
		if (held.late)
			session_gap(session, held.pid, held.since_ns, now_ns(), "child");
	vec_each(left, &session->unread)
		session_gap(session, left->pid, left->from_ns, now_ns(), left->why);
}
