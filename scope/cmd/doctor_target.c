/* The checks of a process and of a file. They open it as trace does, and load and attach nothing. */
#include "cmd/doctor.h"
#include "live/choice/choice.h"
#include "live/container/container.h"
#include "live/machine/machine.h"
#include "live/process/process.h"
#include "read/explain/explain.h"
#include "read/layout/layout.h"
#include "watch/session/session.h"

#include <fcntl.h>
#include <stdio.h>

enum { SUBJECT = 512 };

static void ignore_notice(void *ctx, enum session_notice kind, const char *text)
{
	(void)ctx, (void)kind, (void)text;
}

/* ---- its program ---- */

/* Adds what the program is, or why trace refuses it. Returns the opened session, or NULL. */
static struct session *check_program(struct doctor *doctor, const char *subject, pid_t pid,
				     const char *path)
{
	static const struct filter filter;
	struct chosen chosen = {.pid = pid};
	struct session_options options = {
		.chosen = pid ? &chosen : NULL,
		.chosen_n = pid ? 1 : 0,
		.binary = path,
		.look_only = true,
		.engine = engine_find(NULL),
		.filter = &filter,
		.notice = ignore_notice,
	};
	struct session *session = NULL;
	struct error *err = session_open(&options, &session);
	char found[128] = "";

	if (session)
		snprintf(found, sizeof(found), "%s, %s maps",
			 gopcln_version(session_gopcln(session)),
			 layout_get(session_placements(session)->maps)->name);
	doctor_add(doctor, subject, "program", found);
	doctor_fail(doctor, err);
	return session;
}

/* ---- its debug information ---- */

static struct error *read_debuginfo(int fd, const char *path, char *found, size_t size,
				    char **ret_why)
{
	cleanup(explain_module_close) struct explain_module *module = NULL;
	cleanup(explain_free) struct explain *explainer = NULL;
	const struct explanation *answer;
	struct explain_query query = {0};
	struct image_segment code;
	const char *why;

	if (fd < 0)
		return error_new(ERROR_TARGET, "cannot open %s", path);
	try(explain_module_open(fd, path, &module));
	try(explain_new(EXPLAIN_BIT(EXPLAIN_DWARF), 0, &explainer));
	if (image_code(explain_module_image(module), &code))
		query = (struct explain_query){.pc = code.addr, .module = module};
	try(explain(explainer, &query, 1, &answer));
	why = explain_module_why(module, EXPLAIN_DWARF);
	*ret_why = why ? strdup(why) : NULL;
	snprintf(found, size, "%s",
		 why				    ? ""
		 : *explain_module_separate(module) ? explain_module_separate(module)
						    : "in the file");
	return NULL;
}

/* Adds whether debug information can be read. Closes fd. */
static void check_debuginfo(struct doctor *doctor, const char *subject, int fd, const char *path)
{
	char found[256] = "none";
	cleanup_free char *why = NULL;
	struct error *err = read_debuginfo(fd, path, found, sizeof(found), &why);

	doctor_add(doctor, subject, "debug information", *found ? found : "none");
	if (err || why)
		doctor_limit(doctor, "addr has no lines of C code (%s)", err ? err->text : why);
	error_free(err);
}

static void check_symbols(struct doctor *doctor, const char *subject, const struct session *session)
{
	bool stripped = image_is_stripped(session_image(session));

	doctor_add(doctor, subject, "symbols", stripped ? "stripped, not needed" : "yes");
}

/* ---- a file ---- */

/* Tells whether trace -b can have its probes in all processes of the file at once. */
static void check_lease(struct doctor *doctor, const char *subject, int exe)
{
	enum engine_hold hold = engine_try_hold(engine_find(NULL), exe);

	doctor_add(doctor, subject, "lease",
		   hold == ENGINE_HELD	    ? "possible"
		   : hold == ENGINE_WRITTEN ? "the file is open for writing"
					    : "not possible");
	if (hold == ENGINE_WRITTEN)
		doctor_limit(doctor, "-b places no probe before it is closed");
	else if (hold != ENGINE_HELD)
		doctor_limit(doctor,
			     "with -b, each process gets its probes after it has started: what it "
			     "removes before may be missed (the file system, or the owner of the "
			     "file, allows no lease)");
}

void doctor_file(struct doctor *doctor, const char *path)
{
	char subject[SUBJECT];
	cleanup(session_close) struct session *session = NULL;

	snprintf(subject, sizeof(subject), "file %s", path);
	session = check_program(doctor, subject, 0, path);
	if (!session)
		return;
	check_symbols(doctor, subject, session);
	check_lease(doctor, subject, session_exe(session));
	check_debuginfo(doctor, subject, fcntl(session_exe(session), F_DUPFD_CLOEXEC, 3), path);
}

/* ---- a process ---- */

/* Tries to read a byte of the process's program. */
static void check_memory(struct doctor *doctor, const char *subject, struct target *target)
{
	cleanup(mappings_fini) struct mappings mappings = {0};
	struct memory memory = target_memory(target);
	struct error *err = target_mappings(target, &mappings);
	char byte;
	bool reads = false;

	vec_each(mapping, &mappings.list)
		reads |= mapping->executable && *mapping->path == '/' &&
			 memory_read(&memory, mapping->start, &byte, 1);
	error_free(err);
	doctor_add(doctor, subject, "memory", reads ? "readable" : "not readable");
	if (!reads)
		doctor_limit(doctor,
			     "types that the program makes by reflect will have no names "
			     "(CAP_SYS_PTRACE, kernel.yama.ptrace_scope, or a security module)");
}

static void check_state(struct doctor *doctor, const char *subject, struct target *target)
{
	int tracer = machine_status(target->pid, "TracerPid");
	char found[64] = "none";

	if (tracer > 0)
		snprintf(found, sizeof(found), "process %d", tracer);
	doctor_add(doctor, subject, "debugger", found);
	if (target_is_stopped(target))
		doctor_limit(doctor, "the process is stopped: it removes nothing until it goes on");
}

/* Adds the filter of system calls that the process has. A probe needs none: the kernel lets its own
 * calls of uprobes pass. */
static void check_target_seccomp(struct doctor *doctor, const char *subject, pid_t pid)
{
	int mode = machine_status(pid, "Seccomp");

	doctor_add(doctor, subject, "seccomp",
		   mode == 2   ? "filter, does not matter"
		   : mode == 1 ? "strict, does not matter"
			       : "none");
}

static void check_container(struct doctor *doctor, const char *subject, pid_t pid)
{
	cleanup(container_facts_fini) struct container_facts facts = {0};
	struct process_status status;
	struct container container;
	char found[CONTAINER_ID_SIZE + 4 * CONTAINER_TEXT_MAX] = "none";

	if (container_of(pid, &container) && container.runtime) {
		container_facts(&container, NULL, &facts);
		snprintf(found, sizeof(found), "%s %s%s%s%s%s", container.runtime,
			 facts.namespace ? facts.namespace : "", facts.namespace ? "/" : "",
			 facts.pod ? facts.pod : "", facts.pod ? "/" : "",
			 container_title(&container, &facts));
	}
	doctor_add(doctor, subject, "container", found);
	if (process_status(pid, &status) && status.pids_n > 1) {
		snprintf(found, sizeof(found), "%d in its own namespace",
			 (int)status.pids[status.pids_n - 1]);
		doctor_add(doctor, subject, "pid", found);
	}
}

static void check_process(struct doctor *doctor, pid_t pid)
{
	char subject[SUBJECT];
	cleanup(session_close) struct session *session = NULL;
	cleanup(target_close) struct target *target = NULL;
	struct error *err;

	snprintf(subject, sizeof(subject), "process %d", (int)pid);
	session = check_program(doctor, subject, pid, NULL);
	err = process_open(pid, &target);
	if (err) {
		error_free(err); /* the row of the program has it */
		return;
	}
	check_target_seccomp(doctor, subject, pid);
	check_memory(doctor, subject, target);
	check_state(doctor, subject, target);
	check_container(doctor, subject, pid);
	if (!session)
		return;
	check_symbols(doctor, subject, session);
	check_debuginfo(doctor, subject, fcntl(session_exe(session), F_DUPFD_CLOEXEC, 3),
			image_name(session_image(session)));
}

void doctor_process(struct doctor *doctor, const char *process)
{
	char subject[SUBJECT];
	pid_t pid;
	struct error *err = choice_one(process, &pid);

	if (!err) {
		check_process(doctor, pid);
		return;
	}
	snprintf(subject, sizeof(subject), "process %s", process);
	doctor_add(doctor, subject, "program", NULL);
	doctor_fail(doctor, err);
}
