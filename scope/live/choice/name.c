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
	size_t len;

	if (!process_exe_path(pid, to, size))
		return false;
	len = strlen(to);
	if (len > strlen(mark) && !strcmp(to + len - strlen(mark), mark))
		to[len - strlen(mark)] = '\0';
	return true;
}

bool choice_has_name(pid_t pid, const char *name)
{
	char comm[PROCESS_NAME_SIZE], exe[4096];

	process_name(pid, comm, sizeof(comm));
	return !strcmp(comm, name) ||
	       (read_exe(pid, exe, sizeof(exe)) && !strcmp(path_base(exe), name));
}

/* ---- Go code ---- */

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

struct error *choice_has_go(pid_t pid, bool *ret)
{
	cleanup(modules_free) struct modules *modules = NULL;

	try(modules_new(&modules));
	return has_go(modules, pid, ret);
}

/* ---- the processes of a name ---- */

struct namesakes {
	const char *name;
	struct choice *to;
	struct error *failed;
};

static bool on_process(void *ctx, pid_t pid)
{
	struct namesakes *found = ctx;

	if (pid != getpid() && choice_has_name(pid, found->name))
		found->failed = choice_take(found->to, pid);
	return !found->failed;
}

/* Finds all processes of a name. */
static struct error *find_all(const char *name, struct choice *ret)
{
	struct namesakes found = {.name = name, .to = ret};

	try(process_check_proc());
	try(process_each(on_process, &found));
	return found.failed;
}

/* Returns how many processes have Go code, which are then the first of the list. */
static struct error *put_go_first(struct choice *list, size_t *ret)
{
	cleanup(modules_free) struct modules *modules = NULL;

	*ret = 0;
	try(modules_new(&modules));
	vec_each(at, &list->list) {
		struct chosen chosen = *at;
		bool go;

		try(has_go(modules, chosen.pid, &go));
		if (!go)
			continue;
		*at = list->list.data[*ret];
		list->list.data[(*ret)++] = chosen;
	}
	return NULL;
}

struct error *choice_named(const char *name, struct choice *ret)
{
	cleanup(choice_fini) struct choice found = {0};
	size_t go;

	try(find_all(name, &found));
	try(put_go_first(&found, &go));
	found.list.len = go;
	*ret = found;
	found = (struct choice){0};
	return NULL;
}

struct error *choice_ambiguous(const char *name, const struct choice *found)
{
	cleanup_buf struct buf list = {0};
	size_t n = found->list.len;
	char exe[4096];

	for (size_t i = 0; i < n && i < SHOWN_MAX; i++) {
		int pid = (int)found->list.data[i].pid;
		bool known = read_exe(pid, exe, sizeof(exe));

		buf_printf(&list, "%s%d%s%.80s%s", i ? ", " : "", pid, known ? " (" : "",
			   known ? exe : "", known ? ")" : "");
	}
	if (n > SHOWN_MAX)
		buf_printf(&list, " and %zu more", n - SHOWN_MAX);
	return error_new(
		ERROR_TARGET,
		"%zu processes are named %.80s: %s: give the ids of those that you mean, or "
		"-b FILE for all of one program",
		n, name, buf_cstr(&list));
}

/* Finds the process of a name. If none has Go code, it is the first one, and whoever opens it tells why it
 * cannot be traced. */
static struct error *find_one(const char *name, struct choice *to)
{
	cleanup(choice_fini) struct choice found = {0};
	size_t go = 0;

	try(find_all(name, &found));
	if (!found.list.len)
		return error_new(ERROR_TARGET,
				 "no process is named %.80s: tophash ps lists Go programs", name);
	if (found.list.len > 1)
		try(put_go_first(&found, &go));
	found.list.len = go ? go : 1;
	if (go > 1)
		return choice_ambiguous(name, &found);
	return choice_take(to, found.list.data[0].pid);
}

struct error *choice_by_name(const char *text, struct choice *to)
{
	if (strspn(text, "0123456789") == strlen(text))
		return choice_take(to, (pid_t)strtol(text, NULL, 10));
	return find_one(text, to);
}
