/* A group that is a tree: the chosen processes, and all that these start (-p --follow=all). Nobody in it is ever
 * stopped. The kernel keeps the set (watch/tree), and reports each exec. */
#include "watch/session/follow_priv.h"
#include "watch/session/group_priv.h"
#include "base/clock.h"
#include "live/module/module.h"

#include <stdio.h>
#include <sys/stat.h>

/* Names that are remembered. If there are more, all are forgotten. */
enum { NAMES_MAX = 4096 };
/* Processes that tophash was started through. */
enum { PARENTS_MAX = 64 };
/* Processes that were missed and are told about one by one. */
enum { MISSED_SHOWN = 8 };

/* The kernel's name of a program. */
struct name {
	char text[WIRE_COMM];
};

/* A process that has ended, or executed something else, before it was looked at. */
struct missed {
	pid_t pid;
	uint64_t exec_ns, noted_ns;
	struct name name;
};

struct group_tree {
	VEC(struct name) foreign; /* programs that are not Go */
	VEC(struct missed) missed;
	unsigned missed_told; /* messages about them */
};

void group_tree_free(struct group_tree *tree)
{
	if (!tree)
		return;
	vec_fini(&tree->foreign);
	vec_fini(&tree->missed);
	free(tree);
}

/* ---- the set ---- */

/* Opens a chosen process, to see that it is there, and adds it to the tree. Nobody else can have its pid
 * meanwhile. */
static struct error *add_root(struct session *session, pid_t pid)
{
	cleanup(target_close) struct target *target = NULL;

	try(process_open(pid, &target));
	if (tree_add(session->tree, pid))
		return NULL;
	return error_new(ERROR_FAILED, "process %d cannot be followed: too many are already",
			 (int)pid);
}

struct error *group_tree_open(struct session *session, struct group_tree **ret)
{
	const struct session_group *of = session->options.group;

	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return error_nomem();
	try(tree_new(&session->tree));
	if (!tree_has_pids(session->tree))
		return error_new(ERROR_PERMISSION,
				 "--follow=all is not possible here: the kernel does not tell a "
				 "tophash in a pid namespace which processes another one has "
				 "started");
	for (size_t i = 0; i < of->roots_n; i++)
		try(add_root(session, of->roots[i].pid));
	return NULL;
}

struct error *group_tree_begin(struct session *session)
{
	const struct session_group *of = session->options.group;
	struct pids family = {0};

	for (size_t i = 0; i < of->roots_n; i++)
		pids_add(&family, of->roots[i].pid);
	family_find(session, &family);
	vec_fini(&family.list);
	return family.nomem ? error_nomem() : NULL;
}

struct each {
	bool (*found)(void *ctx, pid_t pid);
	void *ctx;
};

static bool on_each(void *ctx, pid_t pid, uint64_t time_ns)
{
	const struct each *each = ctx;

	(void)time_ns;
	return each->found(each->ctx, pid);
}

void group_tree_each(struct session *session, bool (*found)(void *ctx, pid_t pid), void *ctx)
{
	struct each each = {found, ctx};

	tree_each(session->tree, on_each, &each);
}

/* Tells whether a process is one of those that tophash was started through, such as sudo, below the roots. */
static bool is_wrapper(const struct session_group *of, pid_t pid)
{
	struct process_status status;
	pid_t parent = getpid();

	for (int i = 0; i < PARENTS_MAX && process_status(parent, &status); i++) {
		parent = status.parent;
		for (size_t k = 0; k < of->roots_n; k++)
			if (of->roots[k].pid == parent)
				return false;
		if (parent == pid)
			return true;
	}
	return false;
}

/* Tells whether a process reads what tophash writes. */
static bool is_reader(pid_t pid)
{
	struct stat out, in;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/0", (int)pid);
	return fstat(STDOUT_FILENO, &out) == 0 && S_ISFIFO(out.st_mode) && stat(path, &in) == 0 &&
	       in.st_dev == out.st_dev && in.st_ino == out.st_ino;
}

/* tophash is in the tree if that is the one of the shell that it was started from. Tells whether a process runs as
 * long as tophash does. */
static bool is_own(const struct session_group *of, pid_t pid)
{
	struct process_status status;

	return pid == getpid() || (process_status(pid, &status) && status.parent == getpid()) ||
	       is_wrapper(of, pid) || is_reader(pid);
}

struct running {
	const struct session_group *of;
	bool found;
};

static bool on_running(void *ctx, pid_t pid, uint64_t time_ns)
{
	struct running *running = ctx;

	(void)time_ns;
	running->found = process_runs(pid) && !is_own(running->of, pid);
	return !running->found;
}

bool group_tree_is_over(struct session *session)
{
	struct running running = {.of = session->options.group};

	tree_each(session->tree, on_running, &running);
	return !running.found;
}

/* ---- programs that are not Go ---- */

bool group_tree_is_foreign(const struct group_tree *tree, const char *program)
{
	vec_each(at, &tree->foreign)
		if (!strncmp(at->text, program, sizeof(at->text)))
			return true;
	return false;
}

/* Tells whether a process has executed a program by this name, which is the kernel's. The kernel gives the name of a
 * script to the program that interprets it. */
static bool is_called(pid_t pid, const char *name)
{
	char text[4096];
	const char *base;

	if (!process_read_text(pid, "cmdline", text, sizeof(text)))
		return false;
	base = strrchr(text, '/');
	return !strncmp(base ? base + 1 : text, name, WIRE_COMM - 1);
}

/* Tells whether the program of a process is Go. One that has ended is taken for one that may be. */
static struct error *is_go(pid_t pid, bool *ret)
{
	cleanup(target_close) struct target *target = NULL;
	cleanup(module_fini) struct module module = {0};
	struct error *err = process_open(pid, &target);

	*ret = true;
	if (err) {
		error_free(err);
		return NULL;
	}
	try(module_open(target->exe, target->exe_path, &module));
	*ret = module_is_go(&module);
	return NULL;
}

void group_tree_go(struct group_tree *tree, const char *program)
{
	size_t kept = 0;

	vec_each(at, &tree->foreign)
		if (strncmp(at->text, program, sizeof(at->text)) != 0)
			tree->foreign.data[kept++] = *at;
	tree->foreign.len = kept;
}

struct error *group_tree_look(struct session *session, struct group_tree *tree, pid_t pid,
			      const char *program, uint64_t exec_ns)
{
	struct name name = {""};
	bool go;

	snprintf(name.text, sizeof(name.text), "%s", program);
	if (group_tree_is_foreign(tree, name.text) || !is_called(pid, name.text))
		return NULL;
	try(is_go(pid, &go));
	if (go || !is_last_exec(session, pid, exec_ns)) /* that was another program */
		return NULL;
	if (tree->foreign.len >= NAMES_MAX)
		tree->foreign.len = 0;
	vec_push(&tree->foreign, name); /* if memory is out, there may be a gap too many */
	return NULL;
}

/* ---- what was missed ---- */

struct error *group_tree_miss(struct group_tree *tree, pid_t pid, const char *program,
			      uint64_t exec_ns)
{
	struct missed missed = {.pid = pid, .exec_ns = exec_ns, .noted_ns = now_ns()};

	snprintf(missed.name.text, sizeof(missed.name.text), "%s", program);
	return vec_push(&tree->missed, missed) ? NULL : error_nomem();
}

/* Reports it, unless its program is known as one that is not Go. */
static void tell_missed(struct session *session, struct group_tree *tree,
			const struct missed *missed)
{
	if (group_tree_is_foreign(tree, missed->name.text))
		return;
	session_gap(session, missed->pid, missed->exec_ns, missed->noted_ns, "child");
	if (++tree->missed_told <= MISSED_SHOWN)
		session_notice(
			session, SESSION_WARNING,
			"process %d has executed %s, and went on before it was looked at: if "
			"that is a Go program, its removals were missed",
			(int)missed->pid, missed->name.text);
	else if (tree->missed_told == MISSED_SHOWN + 1)
		session_notice(session, SESSION_WARNING,
			       "more processes went on before they were looked at; each is a gap");
}

void group_tree_settle(struct session *session, struct group_tree *tree, pid_t pid, bool now)
{
	uint64_t time_ns = now_ns();
	size_t kept = 0;

	vec_each(at, &tree->missed) {
		if (now || at->pid == pid || time_ns > at->noted_ns + PROGRAM_BEGIN_NS)
			tell_missed(session, tree, at);
		else
			tree->missed.data[kept++] = *at;
	}
	tree->missed.len = kept;
}

void group_tree_begins(struct group_tree *tree, pid_t pid)
{
	size_t kept = 0;

	vec_each(at, &tree->missed)
		if (at->pid != pid)
			tree->missed.data[kept++] = *at;
	tree->missed.len = kept;
}
