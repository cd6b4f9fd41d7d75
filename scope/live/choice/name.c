/* Finds processes by the name of their program. */
#include "live/choice/choice_priv.h"
#include "base/buf.h"
#include "base/path.h"
#include "live/module/module.h"

#include <stdio.h>
#include <string.h>

/* A message lists this many processes. */
enum { SHOWN_MAX = 8 };

/* Reads the path of the executable, without the mark of a deleted file. Returns false when it cannot be
 * read. */
static bool read_exe(pid_t pid, char *to, size_t size)
{
	static const char mark[] = " (deleted)";
	char link[64];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	len = readlink(link, to, size - 1);
	if (len < 0)
		return false;
	to[len] = '\0';
	if (len > (ssize_t)strlen(mark) && !strcmp(to + len - strlen(mark), mark))
		to[len - (ssize_t)strlen(mark)] = '\0';
	return true;
}

bool choice_has_name(pid_t pid, const char *name)
{
	char comm[PROCESS_NAME_SIZE], exe[4096];

	process_name(pid, comm, sizeof(comm));
	return !strcmp(comm, name) ||
	       (read_exe(pid, exe, sizeof(exe)) && !strcmp(path_base(exe), name));
}

/* ---- the processes of a name ---- */

struct namesakes {
	const char *name;
	VEC(pid_t) list;
	bool nomem;
};

static bool on_process(void *ctx, pid_t pid)
{
	struct namesakes *found = ctx;

	if (pid != getpid() && choice_has_name(pid, found->name))
		found->nomem |= !vec_push(&found->list, pid);
	return !found->nomem;
}

/* Tells whether a process has Go code. One that may not be looked at counts as having none. */
static struct error *has_go(struct modules *modules, pid_t pid, bool *ret)
{
	cleanup(module_list_fini) struct module_list list = {0};
	cleanup(target_close) struct target *target = NULL;
	struct error *err = process_open(pid, &target);

	if (!err)
		err = modules_of(modules, target, &list);
	*ret = list.list.len > 0;
	if (!err || err == error_nomem() || err->code == ERROR_FAILED)
		return err;
	error_free(err);
	return NULL;
}

/* Keeps the processes with Go code. If there are none, the first one is kept, and whoever opens it tells
 * why it cannot be traced. */
static struct error *keep_go(struct namesakes *found)
{
	cleanup(modules_free) struct modules *modules = NULL;
	size_t kept = 0;

	try(modules_new(&modules));
	vec_each(pid, &found->list) {
		bool go;

		try(has_go(modules, *pid, &go));
		if (go)
			found->list.data[kept++] = *pid;
	}
	found->list.len = kept ? kept : 1;
	return NULL;
}

static struct error *ambiguous(const struct namesakes *found)
{
	cleanup_buf struct buf list = {0};
	size_t n = found->list.len;
	char exe[4096];

	for (size_t i = 0; i < n && i < SHOWN_MAX; i++) {
		bool known = read_exe(found->list.data[i], exe, sizeof(exe));

		buf_printf(&list, "%s%d%s%.80s%s", i ? ", " : "", (int)found->list.data[i],
			   known ? " (" : "", known ? exe : "", known ? ")" : "");
	}
	if (n > SHOWN_MAX)
		buf_printf(&list, " and %zu more", n - SHOWN_MAX);
	return error_new(
		ERROR_TARGET,
		"%zu processes are named %.80s: %s: give the ids of those that you mean, or "
		"-b FILE for all of one program",
		n, found->name, buf_cstr(&list));
}

static struct error *find_named(struct namesakes *found, struct choice *to)
{
	try(process_check_proc());
	try(process_each(on_process, found));
	if (found->nomem)
		return error_nomem();
	if (!found->list.len)
		return error_new(ERROR_TARGET,
				 "no process is named %.80s: tophash ps lists Go programs",
				 found->name);
	if (found->list.len > 1)
		try(keep_go(found));
	if (found->list.len > 1)
		return ambiguous(found);
	return choice_take(to, found->list.data[0], true);
}

struct error *choice_by_name(const char *text, struct choice *to)
{
	struct namesakes found = {.name = text};
	struct error *err;

	if (strspn(text, "0123456789") == strlen(text))
		return choice_take(to, (pid_t)strtol(text, NULL, 10), true);
	err = find_named(&found, to);
	vec_fini(&found.list);
	return err;
}
