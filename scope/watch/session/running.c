/* Finds the processes that run the traced file. */
#include "watch/session/session_priv.h"
#include "base/clock.h"
#include "base/memory.h"

#include <stdio.h>
#include <sys/stat.h>

#define LOOK_NS	    100000000ull  /* between two looks for new processes */
#define LOOK_ALL_NS 1000000000ull /* the same if all mappings of all processes must be read */
enum { STOPPED_SHOWN = 8 };	  /* stopped processes that are told about one by one */
enum { UNPROBED_SHOWN = 8 };	  /* the same of those that can have no probes of their own */
#define OTHERS_MAX 4096		  /* processes of other files that are remembered */

/* Tells whether a probe of this run stands in a process: the byte in its memory is not the one in the
 * file. */
static bool has_probe(struct session *session, pid_t pid)
{
	cleanup(mappings_fini) struct mappings mappings = {0};
	const struct spot *spot = &session->placements.list.data[0];
	struct memory memory = timely_memory(session->timely, pid);
	const uint8_t *want = image_at(session->image, spot->addr, 1);
	uint64_t offset;
	uint8_t byte;

	error_free(mappings_read(pid, &mappings));
	if (!want || !image_file_offset(session->image, spot->addr, &offset))
		return false;
	vec_each(mapping, &mappings.list)
		if (mapping->executable && offset >= mapping->offset &&
		    offset - mapping->offset < mapping->end - mapping->start &&
		    memory_read(&memory, mapping->start + (offset - mapping->offset), &byte, 1) &&
		    byte != *want)
			return true;
	return false;
}

enum match { MATCH_NO, MATCH_MAYBE, MATCH_YES };

/* Tells whether a process executes the file. An overlay file system shows the same file under other
 * numbers. */
static enum match match_process(const struct session *session, pid_t pid)
{
	const struct file_version *ours = &session->file.version;
	struct file_version exe;
	struct stat st;

	if (!process_exe_stat(pid, &st))
		return MATCH_NO;
	exe = file_version_of(&st);
	if (exe.dev == ours->dev && exe.ino == ours->ino)
		return MATCH_YES;
	exe.dev = ours->dev;
	exe.ino = ours->ino;
	return file_version_equal(&exe, ours) ? MATCH_MAYBE : MATCH_NO;
}

/* Gives a process probes of its own, if it has none. *ret tells whether it has them now. */
static struct error *probe_process(struct session *session, pid_t pid, enum match match, bool *ret)
{
	struct watched_file *file = &session->file;
	enum engine_hold hold = ENGINE_HELD;
	struct error *err;

	*ret = false;
	vec_each(other, &file->others)
		if (*other == pid)
			return NULL;
	err = engine_attach(session->engine, 0, session->exe, pid, &hold);
	if (!err && hold == ENGINE_CHANGED && session_file_is_same(session))
		err = engine_attach(session->engine, 0, session->exe, pid, &hold);
	if (err && err->code == ERROR_TARGET) { /* it has ended */
		error_free(err);
		return NULL;
	}
	try(err);
	if (hold == ENGINE_CHANGED)
		session_tell_changed(session);
	*ret = hold != ENGINE_CHANGED && (match == MATCH_YES || has_probe(session, pid));
	if (*ret)
		return NULL;
	engine_release(session->engine, pid);
	if (file->others.len == OTHERS_MAX)
		file->others.len = 0;
	return vec_push(&file->others, pid) ? NULL : error_nomem();
}

/* Reports that a process is stopped, because it would look like one that removes nothing. */
void notice_stopped(struct session *session, struct target *target)
{
	if (session->stopped_told > STOPPED_SHOWN || !target_is_stopped(target))
		return;
	if (++session->stopped_told > STOPPED_SHOWN)
		session_notice(session, SESSION_INFO, "more processes are stopped");
	else
		session_notice(session, SESSION_INFO,
			       "process %d is stopped: it removes nothing until it goes on "
			       "(kill -CONT %d, or the debugger that stopped it)",
			       (int)target->pid, (int)target->pid);
}

/* ---- processes that can have no probes of their own ---- */

/* Keeps that what a process does is not seen. It is a gap, which ends with it. */
static struct error *note_unprobed(struct session *session, pid_t pid)
{
	struct watched_file *file = &session->file;
	struct unprobed unprobed = {.pid = pid, .seen = true};

	vec_each(known, &file->unprobed) {
		if (known->pid != pid)
			continue;
		known->seen = true;
		return NULL;
	}
	if (!lost_first_thread(pid)) /* it has ended */
		return NULL;
	unprobed.from_ns = file->looked_ns ? file->looked_ns : now_ns();
	if (++file->unprobed_told <= UNPROBED_SHOWN)
		session_notice(session, SESSION_WARNING,
			       "process %d: what it removes is not seen: its first thread has "
			       "ended, and the kernel places no probes in such a process alone",
			       (int)pid);
	else if (file->unprobed_told == UNPROBED_SHOWN + 1)
		session_notice(session, SESSION_WARNING,
			       "the first threads of more processes have ended; each is a gap");
	return vec_push(&file->unprobed, unprobed) ? NULL : error_nomem();
}

/* Reports the gaps of those that were not in the last look, or of all. */
static void settle_unprobed(struct session *session, bool all)
{
	struct watched_file *file = &session->file;
	size_t kept = 0;

	vec_each(at, &file->unprobed) {
		if (at->seen && !all)
			file->unprobed.data[kept++] = *at;
		else
			session_gap(session, at->pid, at->from_ns, now_ns(), "module");
	}
	file->unprobed.len = kept;
}

void settle_running(struct session *session)
{
	settle_unprobed(session, true);
}

/* ---- a look ---- */

/* Adds a process that runs the file. */
static struct error *take_process(struct session *session, pid_t pid, enum match match)
{
	struct watched_file *file = &session->file;
	struct traced *traced = find_process(session, pid);
	bool known = traced != NULL, probed = true;

	if (traced && (traced->probed || file->hold == ENGINE_HELD)) {
		traced->seen = true;
		return NULL;
	}
	if (file->hold == ENGINE_UNHELD && process_thread(pid) != pid)
		return note_unprobed(session, pid);
	if (file->hold == ENGINE_UNHELD)
		try(probe_process(session, pid, match, &probed));
	else if (match == MATCH_MAYBE)
		probed = has_probe(session, pid);
	if (!probed)
		return NULL;
	try(find_or_add_process(session, pid, NULL, 0));
	traced = find_process(session, pid);
	if (!traced)
		return NULL;
	traced->probed = traced->seen = true;
	traced->awaits_begin = true;
	if (!known)
		notice_stopped(session, traced->target);
	if (file->looked_ns && file->hold == ENGINE_UNHELD && !file->gap_ns)
		session_gap(session, pid, file->looked_ns, now_ns(), "upgrade");
	return NULL;
}

static bool on_process(void *ctx, pid_t pid)
{
	struct session *session = ctx;
	enum match match = match_process(session, pid);

	if (match != MATCH_NO)
		session->failed = take_process(session, pid, match);
	return !session->failed;
}

static bool on_mapped(void *ctx, pid_t pid)
{
	struct session *session = ctx;

	session->failed = take_process(session, pid, MATCH_YES);
	return !session->failed;
}

struct error *session_find_running(struct session *session)
{
	vec_each(traced, &session->processes)
		traced->seen = false;
	vec_each(at, &session->file.unprobed)
		at->seen = false;
	if (session->placements.build == GO_BUILD_PROGRAM)
		try(process_each(on_process, session));
	else
		try(process_scan_mapped(session->file.version.ino, on_mapped, session));
	session->file.looked_ns = now_ns();
	settle_unprobed(session, false);
	return take_ptr(session->failed);
}

/* Looks for new processes, where each gets probes of its own. Takes the probes from those that run
 * another program by now. */
struct error *session_look_for_processes(struct session *session)
{
	struct watched_file *file = &session->file;
	bool program = session->placements.build == GO_BUILD_PROGRAM;

	if (now_ns() < file->next_ns)
		return NULL;
	file->next_ns = now_ns() + (program ? LOOK_NS : LOOK_ALL_NS);
	try(session_find_running(session));
	vec_each(traced, &session->processes)
		if (traced->probed && !traced->seen)
			session_leave_process(session, traced);
	return NULL;
}

void session_leave_process(struct session *session, struct traced *traced)
{
	if (traced->probed && session->file.hold == ENGINE_UNHELD)
		engine_release(session->engine, traced->target->pid);
	traced->probed = false;
}
