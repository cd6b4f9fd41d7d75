/* The traced file: it may be overwritten, replaced or deleted while its processes are traced.
 *
 * The kernel puts breakpoints into each new mapping of a probed file, at the offsets of the old
 * instructions. Therefore no probe stays in a file that is written. The engine holds a lease, and its
 * probes are gone before the writer goes on. When the file is whole again, they are placed again, and
 * the time in between is a gap. Where no lease can be had, each process gets probes of its own
 * when it is found, and no process that starts later can meet them. */
#include "watch/session/follow_priv.h"
#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <sys/stat.h>

#define RETRY_NS 50000000ull  /* between two tries to place the probes again */
#define PATH_NS	 100000000ull /* between two looks at the path */

/* ---- what the file was when it was read ---- */

struct error *session_read_file(struct session *session, const char *path)
{
	struct watched_file *file = &session->file;

	file->known = file_version_read(session->exe, &file->version);
	/* The copy stays what it is, and tells whether the file has changed. What is no file is refused
	 * below. */
	if (session->options.binary && !session->options.look_only && file->known &&
	    S_ISREG(file->version.mode)) {
		try(file_copy(session->exe, path, &file->copy));
		return image_open(file->copy, path, &session->image);
	}
	return image_open(session->exe, path, &session->image);
}

/* Compares the file with the copy, if its version is another one. Both are read in pieces. */
bool session_file_is_same(struct session *session)
{
	static char a[1 << 16], b[1 << 16];
	struct watched_file *file = &session->file;
	struct file_version now;
	off_t at = 0;
	ssize_t n, m;

	if (file->copy < 0 || !file_version_read(session->exe, &now) ||
	    now.size != file->version.size)
		return false;
	do {
		n = pread(session->exe, a, sizeof(a), at);
		m = pread(file->copy, b, sizeof(b), at);
		if (n < 0 || n != m || memcmp(a, b, (size_t)n) != 0)
			return false;
		at += n;
	} while (n > 0);
	file->version = now;
	return true;
}

/* ---- telling ---- */

/* Ends the time without probes. Each process that runs by now was not watched in its beginning. */
static void end_gap(struct session *session)
{
	if (session->file.gap_ns)
		session_upgrade_gap(session, NULL, session->file.gap_ns);
	session->file.gap_ns = 0;
}

/* ---- the probes are gone ---- */

void session_tell_changed(struct session *session)
{
	if (session->file.changed_told)
		return;
	session->file.changed_told = true;
	session_notice(session, SESSION_WARNING,
		       "%s was overwritten with another program: no removal of that is seen (start "
		       "another tophash for it)",
		       image_name(session->image));
}

static void tell_hold(struct session *session)
{
	const char *name = image_name(session->image);

	switch (session->file.hold) {
	case ENGINE_HELD: session->file.changed_told = false; break;
	case ENGINE_WRITTEN:
		if (session->file.changed_told)
			break;
		session_notice(session, SESSION_INFO,
			       "%s is open for writing: its probes are removed until it is closed",
			       name);
		break;
	case ENGINE_CHANGED: session_tell_changed(session); break;
	case ENGINE_UNHELD:
		if (!session->options.binary) {
			narrow_unheld(session);
			break;
		}
		session_notice(session, SESSION_INFO,
			       "%s: no lease can be had on this file, so each process gets its "
			       "probes when it is found, a moment after its start",
			       name);
		break;
	}
}

/* Tells whether the probes stand, or those of single processes do. */
static bool stands(const struct session *session)
{
	return session->file.hold == ENGINE_HELD || session->file.hold == ENGINE_UNHELD;
}

/* Places the probes again, if the file is closed and is the same program. */
static struct error *try_again(struct session *session)
{
	struct watched_file *file = &session->file;
	enum engine_hold before = file->hold;

	if (now_ns() < file->next_ns)
		return NULL;
	file->next_ns = now_ns() + RETRY_NS;
	if (before == ENGINE_CHANGED && !session_file_is_same(session))
		return NULL;
	try(session_place(session, &file->hold));
	if (file->hold == ENGINE_CHANGED &&
	    session_file_is_same(session)) /* the next try succeeds */
		file->hold = ENGINE_WRITTEN;
	else if (file->hold != before)
		tell_hold(session);
	if (!stands(session))
		return NULL;
	if (session->options.binary)
		try(session_find_running(session));
	end_gap(session);
	return NULL;
}

/* ---- the path ---- */

/* Reports, once, that no file has the path now. */
static void tell_gone(struct session *session, const char *path)
{
	struct watched_file *file = &session->file;

	/* A file is often missing for a moment while it is replaced. */
	if (file->path_gone && !file->path_told) {
		file->path_told = true;
		session_notice(session, SESSION_INFO,
			       "%s was deleted: the processes that run it are still traced", path);
	}
	file->path_gone = true;
}

/* Looks whether another file has the path now. If it is a program, it is traced, too. */
static struct error *watch_path(struct session *session)
{
	struct watched_file *file = &session->file;
	uint64_t before_ns =
		file->path_ns - PATH_NS; /* the last look, at which nothing had changed */
	const char *path = session->options.binary;
	struct stat st;

	if (!path || now_ns() < file->path_ns)
		return NULL;
	if (!file->path_ns)
		before_ns = session->opened_ns;
	file->path_ns = now_ns() + PATH_NS;
	if (stat(path, &st) < 0) {
		if (errno == ENOENT)
			tell_gone(session, path);
		return NULL;
	}
	file->path_gone = false;
	if (!file->path_ino) {
		file->path_dev = file->version.dev;
		file->path_ino = file->version.ino;
	}
	if (st.st_dev == file->path_dev && st.st_ino == file->path_ino)
		return NULL;
	file->path_dev = st.st_dev;
	file->path_ino = st.st_ino;
	if (session->placements.build == GO_BUILD_PROGRAM)
		return others_replace(session, path, before_ns);
	session_notice(session, SESSION_WARNING,
		       "%s was replaced by another file: the processes of the old one are still "
		       "traced, those of the new one are not (start another tophash)",
		       path);
	return NULL;
}

/* ---- a turn ---- */

struct error *session_hold_file(struct session *session)
{
	struct watched_file *file = &session->file;

	file->held_ns = now_ns();
	if (file->hold == ENGINE_CHANGED)
		return error_new(ERROR_TARGET,
				 "%s was written while tophash read it: start tophash again when "
				 "it is whole",
				 image_name(session->image));
	if (file->hold == ENGINE_WRITTEN)
		file->gap_ns = file->held_ns;
	tell_hold(session);
	return NULL;
}

struct error *watch_file(struct session *session)
{
	struct watched_file *file = &session->file;

	if (session->stopping || session->group || session->all)
		return NULL;
	try(watch_path(session));
	try(others_look(session));
	if (!engine_holds(session->engine, 0) && stands(session)) {
		file->hold = ENGINE_WRITTEN;
		vec_each(traced, &session->processes)
			traced->probed = false;
	}
	if (stands(session)) {
		end_gap(session);
		file->held_ns = now_ns();
		return file->hold == ENGINE_UNHELD && session->options.binary
			       ? session_look_for_processes(session)
			       : NULL;
	}
	if (!file->gap_ns) {
		file->gap_ns = file->held_ns;
		file->next_ns = now_ns();
		tell_hold(session);
	}
	return try_again(session);
}

void settle_file(struct session *session)
{
	if (session->file.gap_ns)
		end_gap(session);
}
