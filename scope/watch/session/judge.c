/* Decides what a command is, and each process that it starts: a Go program, a host of Go libraries, or a
 * program that must be left alone. */
#include "watch/session/follow_priv.h"
#include "watch/session/modules_priv.h"
#include "base/clock.h"
#include "base/confine.h"
#include "base/file.h"
#include "base/path.h"
#include "live/module/module.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <linux/capability.h>

/* Programs that are left alone, and have a gap. */
enum { LEFT_MAX = 4096 };

/* ---- what cannot be followed ---- */

/* Tells whether a section of dynamic symbols imports a function. */
static bool imports_from(const struct image *image, const struct image_section *symbols,
			 const char *name)
{
	struct image_section strings;
	size_t len = strlen(name) + 1;

	if (!symbols->bytes || !image_section_get(image, symbols->link, &strings) || !strings.bytes)
		return false;
	for (uint64_t at = 0; symbols->size - at >= sizeof(Elf64_Sym); at += sizeof(Elf64_Sym)) {
		Elf64_Sym symbol;

		memcpy(&symbol, symbols->bytes + at, sizeof(symbol));
		if (symbol.st_shndx == SHN_UNDEF && symbol.st_name < strings.size &&
		    strings.size - symbol.st_name >= len &&
		    !memcmp(strings.bytes + symbol.st_name, name, len))
			return true;
	}
	return false;
}

bool judge_imports(const struct image *image, const char *name)
{
	struct image_section section;

	for (size_t i = 0; image_section_get(image, i, &section); i++)
		if (section.type == SHT_DYNSYM && imports_from(image, &section, name))
			return true;
	return false;
}

/* Tells whether a Go program has the functions that call ptrace(2). The linker leaves out what is not
 * used. */
static bool go_traces(const struct gopcln *tab)
{
	static const char *const names[] = {
		"syscall.ptrace",
		"syscall.ptracePtr",
		"golang.org/x/sys/unix.ptrace",
		"golang.org/x/sys/unix.ptracePtr",
	};
	struct gopcln_func found[ARRAY_SIZE(names)];

	gopcln_find(tab, names, ARRAY_SIZE(names), found);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (found[i].entry)
			return true;
	return false;
}

/* Tells whether a program is a tracer itself (strace, gdb, dlv). A process has one tracer at most, and what
 * such a program starts must be left to it. sudo imports ptrace(), too, but nobody gives a debugger the
 * set-user-ID bit. */
static bool is_tracer(const struct module *module, const struct stat *st)
{
	const struct image *image = module->image;

	if (!image || st->st_mode & S_ISUID)
		return false;
	if (module->tab)
		return go_traces(module->tab);
	return judge_imports(image, "ptrace");
}

/* Tells whether a word is --scope, which may be shortened as long as it is clear. */
static bool is_scope(const char *word)
{
	size_t len = strlen(word);

	return len >= 4 && len <= 7 && !strncmp(word, "--scope", len);
}

/* Tells whether a command is systemd-run without --scope. The service manager then starts the
 * program, which is no child of the command. `words` is as /proc/PID/cmdline: each word ends with a
 * NUL. */
static bool starts_service(const char *path, const char *words, size_t size)
{
	if (strcmp(path_base(path), "systemd-run") != 0)
		return false;
	for (size_t at = 0; at < size; at += strnlen(words + at, size - at) + 1)
		if (is_scope(words + at))
			return false;
	return true;
}

/* The kernel ignores the set-user-ID bit of a program that is traced by somebody without
 * CAP_SYS_PTRACE. */
static bool loses_privilege(const struct stat *st)
{
	return st->st_mode & S_ISUID && st->st_uid != geteuid() && !confine_has(CAP_SYS_PTRACE);
}

/* Joins the words of a command as /proc/PID/cmdline has them, cut to `size` bytes. */
static size_t join_words(char **words, char *to, size_t size)
{
	size_t at = 0;

	for (; *words && at + strlen(*words) + 1 <= size; words++) {
		memcpy(to + at, *words, strlen(*words) + 1);
		at += strlen(*words) + 1;
	}
	return at;
}

/* Returns an error if the command starts nothing that can be followed. Then it is not started. */
static struct error *check_wrapper(const struct session *session, const struct module *module,
				   const struct stat *st)
{
	const char *path = session->spawn.path;
	char words[4096];
	size_t size = join_words(session->options.command, words, sizeof(words));

	if (session->options.look_only)
		return error_new(
			ERROR_TARGET,
			"%s is not a Go program, and --dry-run starts nothing: name the Go "
			"program itself",
			path);
	if (is_tracer(module, st))
		return error_new(ERROR_TARGET,
				 "%s traces programs itself, and a process has only one tracer: "
				 "start it without tophash, and name the Go program with -b or -p",
				 path);
	if (starts_service(path, words, size))
		return error_new(ERROR_TARGET,
				 "%s: the service manager would start the program, and not this "
				 "command: use systemd-run --scope, or trace the service by its "
				 "control group (--cgroup /system.slice/NAME.service)",
				 path);
	if (loses_privilege(st))
		return error_new(ERROR_PERMISSION,
				 "%s would run without its set-user-ID privilege, because tophash "
				 "follows it without CAP_SYS_PTRACE: run tophash as root",
				 path);
	return NULL;
}

/* ---- what a command is ---- */

struct error *judge_command(struct session *session)
{
	cleanup(module_fini) struct module module = {0};
	const char *path = session->spawn.path;
	cleanup_close int fd = -1;
	char head[2] = "";
	struct stat st;

	try(file_open(path, &fd));
	if (fstat(fd, &st) < 0)
		return NULL;
	if (pread(fd, head, sizeof(head), 0) != sizeof(head) || memcmp(head, "#!", 2) != 0) {
		try(module_open(fd, path, &module));
		if (!module.image || image_is_packed(module.image))
			return NULL;
		/* With --follow=all, a Go program is a wrapper of what it starts. */
		if (module_is_go(&module) && (!session->all || session->options.look_only))
			return NULL;
	}
	try(check_wrapper(session, &module, &st));
	session->wrapped = true;
	return NULL;
}

/* ---- what a followed process is ---- */

/* Lets a process run on by itself. What it starts is a gap until the end of the run; `why` is as in struct
 * event_gap. */
static enum pursuit_verdict leave(struct session *session, pid_t pid, const char *why,
				  const char *text)
{
	struct left left = {.pid = pid, .from_ns = now_ns(), .why = why};
	char name[SESSION_NAME_SIZE];

	process_name(pid, name, sizeof(name));
	session_notice(session, SESSION_WARNING,
		       "%s (process %d) %s: neither it nor what it starts is traced", name,
		       (int)pid, text);
	if (session->tree)
		tree_remove(session->tree, pid);
	if (session->left.len < LEFT_MAX)
		vec_push(&session->left, left);
	return PURSUIT_LEAVE;
}

/* Leaves a program alone that must be left alone. Returns PURSUIT_ON for all others. */
static enum pursuit_verdict judge_tracer(struct session *session, struct target *target,
					 const struct module *module, const struct stat *st)
{
	char words[4096] = "";

	if (is_tracer(module, st))
		return leave(session, target->pid, "tracer", "traces programs itself");
	process_read_text(target->pid, "cmdline", words, sizeof(words));
	if (starts_service(target->exe_path, words, sizeof(words)))
		return leave(session, target->pid, "child",
			     "lets the service manager start the program (see --cgroup)");
	return PURSUIT_ON;
}

/* Tells whether a process executes the wanted file, which another one is held for. */
static bool has_wanted_program(const struct session *session, const struct stat *st)
{
	return session->options.follow != SESSION_FOLLOW_NONE &&
	       st->st_ino == session->wanted.ino && st->st_dev == session->wanted.dev;
}

/* Tells whether nothing about a single process matters for the verdict. */
static bool is_plain(const struct target *target, const struct stat *st)
{
	return !(st->st_mode & S_ISUID) && strcmp(path_base(target->exe_path), "systemd-run") != 0;
}

enum pursuit_verdict judge_program(struct session *session, pid_t pid, bool *ret_always)
{
	cleanup(target_close) struct target *target = NULL;
	cleanup(module_fini) struct module module = {0};
	struct error *err = process_open(pid, &target);
	struct stat st;

	*ret_always = false;
	if (err || fstat(target->exe, &st) < 0) {
		error_free(err); /* it may be killed at any moment, or be another user's */
		return PURSUIT_ON;
	}
	*ret_always = is_plain(target, &st);
	if (session->wanted.found && has_wanted_program(session, &st))
		return PURSUIT_HOLD;
	err = module_open(target->exe, target->exe_path, &module);
	error_free(err);
	if (err)
		return PURSUIT_ON;
	if (judge_tracer(session, target, &module, &st) == PURSUIT_LEAVE)
		return PURSUIT_LEAVE;
	if (module_is_go(&module) && (!session->wanted.found || session->all)) {
		session->wanted =
			(struct wanted){.found = true, .dev = st.st_dev, .ino = st.st_ino};
		return PURSUIT_HOLD;
	}
	if (loses_privilege(&st))
		session_notice(session, SESSION_WARNING,
			       "%s (process %d) runs without its set-user-ID privilege, because "
			       "tophash follows it without CAP_SYS_PTRACE",
			       target->exe_path, (int)target->pid);
	return PURSUIT_ON;
}

void judge_unread(struct session *session, pid_t pid, struct error *err)
{
	struct left left = {.pid = pid, .from_ns = now_ns(), .why = "child"};
	bool known = !process_executes(pid);

	vec_each(other, &session->left)
		known |= other->pid == pid;
	if (!known) {
		session_notice(
			session, SESSION_WARNING,
			"what process %d has loaded is not known: %s: if it is a Go library, "
			"its removals are not seen",
			(int)pid, err->text);
		if (session->left.len < LEFT_MAX)
			vec_push(&session->left, left);
	}
	error_free(err);
}

/* Decides about a process that has made a thread. A Go library in it has not run yet: the thread is that of
 * its runtime. */
static enum pursuit_verdict judge_libraries(struct session *session, pid_t pid)
{
	cleanup(module_list_fini) struct module_list found = {0};
	cleanup(target_close) struct target *target = NULL;
	struct error *err = process_open(pid, &target);

	if (!err)
		err = session_modules_list(session->modules, target, &found);
	if (err)
		judge_unread(session, pid, err);
	if (err || !found.list.len || found.list.data[0].role == GO_BUILD_PROGRAM)
		return PURSUIT_ON;
	session->wanted =
		(struct wanted){.found = true, .library = found.list.data[0].module->file};
	return PURSUIT_HOLD;
}

/* Decides the same when a process is held already. */
static enum pursuit_verdict judge_same_library(const struct session *session, pid_t pid)
{
	cleanup(mappings_fini) struct mappings mappings = {0};
	const struct wanted *wanted = &session->wanted;

	if (!wanted->library.inode || session->options.follow == SESSION_FOLLOW_NONE)
		return PURSUIT_ON;
	error_free(mappings_read(pid, &mappings));
	vec_each(mapping, &mappings.list)
		if (file_id_equal(mapping->file, wanted->library))
			return PURSUIT_HOLD;
	return PURSUIT_ON;
}

/* Until a process is held, the session waits for it; later, this uses nothing that the session changes. */
enum pursuit_verdict judge_process(void *ctx, pid_t pid, enum pursuit_moment moment)
{
	struct session *session = ctx;
	bool always;

	if (session->all)
		return all_judge(session, pid, moment);
	if (moment == PURSUIT_FORK)
		return PURSUIT_ON;
	if (moment == PURSUIT_EXEC)
		return judge_program(session, pid, &always);
	return session->wanted.found ? judge_same_library(session, pid)
				     : judge_libraries(session, pid);
}

void judge_settle(struct session *session)
{
	vec_each(left, &session->left)
		session_gap(session, left->pid, left->from_ns, now_ns(), left->why);
}

void judge_fini(struct session *session)
{
	vec_fini(&session->left);
	vec_fini(&session->unread);
}
