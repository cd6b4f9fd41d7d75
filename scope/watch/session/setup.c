/* Takes a session from its options to attached probes. */
#include "watch/session/follow_priv.h"
#include "watch/session/group_priv.h"
#include "watch/session/modules_priv.h"
#include "base/confine.h"
#include "base/descriptors.h"
#include "base/lockdown.h"
#include "base/file.h"
#include "base/clock.h"
#include "read/layout/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

enum { ENDING_LOOKS = 10, ENDING_US = 1000 }; /* at a process whose first thread has ended */

/* ---- the target's file ---- */

static struct error *open_file(struct session *session, const char *path)
{
	try(file_open(path, &session->exe));
	return session_read_file(session, path);
}

static struct error *open_target(struct session *session)
{
	const struct session_options *options = &session->options;

	if (options->group)
		return group_open(session);
	if (options->follow == SESSION_FOLLOW_ALL)
		try(all_open(session));
	if (options->chosen_n)
		return chosen_open(session);
	if (options->binary)
		return open_file(session, options->binary);
	try(command_open(session));
	/* The file of a wrapper's program is known only when it has begun. */
	return session->wrapped ? NULL : open_file(session, session->spawn.path);
}

/* ---- its symbols and places ---- */

/* Opens the Go tables of the target's file. A process that is not Go may have a library that is. */
static struct error *open_tables(struct session *session)
{
	struct error *err = NULL;
	int fd = -1;

	if (session->wrapped)
		try(command_follow(session));
	err = gopcln_open(session->image, &session->tab);
	if (!err || !(session->options.chosen_n || session->all || session->wanted.library.inode))
		return err;
	try(session_find_library(session, err, &fd));
	image_close(take_ptr(session->image));
	if (!session->exe_shared)
		close(session->exe);
	session->exe = fd;
	session->exe_shared = false;
	try(session_read_file(session, session->library));
	return gopcln_open(session->image, &session->tab);
}

static struct error *check_release(struct session *session)
{
	unsigned minor = gopcln_minor(session->tab);

	try(place_check_release(session->image, session->tab));
	if (minor > GO_MINOR_MAX)
		session_notice(session, SESSION_INFO,
			       "%s: built with go1.%u, which is newer than this tophash was "
			       "tested with (1.%d): continuing",
			       image_name(session->image), minor, GO_MINOR_MAX);
	return NULL;
}

static struct error *choose_places(struct session *session)
{
	struct placement_options options = {
		.misses = session->options.misses,
		.start = session->options.binary || session->several,
		.one = !session->options.binary && !session->several,
		.no_sync_map = session->options.no_sync_map,
		.may_be_empty = session->all != NULL, /* what it starts may have some */
	};

	try(placement_find(session->image, session->tab, &options, &session->placements));
	if (options.misses && session->placements.sync_inlined)
		session_notice(session, SESSION_WARNING,
			       "%s: its build inlined methods of sync.Map: --misses does not show "
			       "those that removed nothing there",
			       image_name(session->image));
	return NULL;
}

/* Makes SIGINT and SIGTERM end this process. A shell starts background commands of a script with
 * SIGINT ignored. The kernel sends no SIGCHLD, which tells of followed processes, if it is ignored. */
static void heed_signals(void)
{
	signal(SIGCHLD, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
}

/* Opens what the target's file has. */
static struct error *open_module(struct session *session)
{
	try(open_tables(session));
	try(check_release(session));
	try(choose_places(session));
	if (!session->met.len && !session->all)
		hint_filters(session);
	return NULL;
}

/* Tells that what a process does not serve is not known. */
static void on_late(void *ctx, pid_t pid, uint64_t addr, bool own)
{
	session_notice(
		ctx, SESSION_WARNING,
		!own ? "process %d: its memory at 0x%llx was not read, because no thread is left for that: "
		       "what stands there is shown as unknown"
		     : "process %d does not serve its memory at 0x%llx in time (userfaultfd, FUSE): what stands "
		       "there is shown as unknown",
		(int)pid, (unsigned long long)addr);
}

static struct error *open_timely(struct session *session)
{
	struct timely_options options = {.memory = process_memory,
					 .patience_ns = 1000000000,
					 .late = on_late,
					 .ctx = session};

	return timely_new(&options, &session->timely);
}

struct error *session_open(const struct session_options *options, struct session **ret)
{
	cleanup(session_close) struct session *session = calloc(1, sizeof(*session));

	if (!session)
		return error_nomem();
	session->options = *options;
	session->opened_ns = now_ns();
	session->wall_offset_ns = clock_wall_offset(0);
	session->exe = session->file.copy = -1;
	session->spawn = (struct spawn){.go = -1, .failed = -1};
	session->modules = session_modules_new();
	if (!session->modules)
		return error_nomem();
	try(open_timely(session));
	try(loop_new(&session->loop));
	try(process_check_proc());
	try(open_target(session));
	/* The command was forked before this. Therefore it keeps the signals and limits that
	 * tophash was started with. */
	heed_signals();
	descriptors_raise();
	if (!options->look_only)
		try(descriptors_check(SESSION_DESCRIPTORS_MIN));
	if (!session->group)
		try(open_module(session));
	*ret = take_ptr(session);
	return NULL;
}

void session_close(struct session *session)
{
	if (!session)
		return;
	error_free(session->failed);
	/* It ends its children: command_close() must not wait for them. look_close() may take a second. */
	engine_close(session->engine);
	look_close(session->look);
	command_close(session);
	tree_free(session->tree);
	group_free(session->group);
	all_free(session->all);
	resolver_close(session->resolver);
	timely_free(session->timely);
	session_modules_free(session->modules);
	free(session->library);
	placements_fini(&session->placements);
	gopcln_close(session->tab);
	met_fini(session);
	place_fini(session);
	image_close(session->image);
	loop_free(session->loop);
	vec_each(traced, &session->processes)
		traced_fini(traced);
	vec_fini(&session->processes);
	vec_fini(&session->gone);
	process_index_free(session->index);
	if (session->exe >= 0 && !session->exe_shared)
		close(session->exe);
	if (session->file.copy >= 0)
		close(session->file.copy);
	vec_fini(&session->file.others);
	vec_fini(&session->file.unprobed);
	free(session);
}

int session_exe(const struct session *session)
{
	return session->exe;
}

const struct image *session_image(const struct session *session)
{
	return session->image;
}

const struct gopcln *session_gopcln(const struct session *session)
{
	return session->tab;
}

const struct placements *session_placements(const struct session *session)
{
	return &session->placements;
}

/* ---- the engine ---- */

static struct memory memory_of(void *ctx, pid_t pid)
{
	return timely_memory(((struct session *)ctx)->timely, pid);
}

static struct error *open_resolver(struct session *session)
{
	struct resolver_options options = {
		.filter = session->options.filter,
		.stack_max = session->options.stack_max,
		.seeds = session->options.look != SESSION_LOOK_NONE,
		.memory = memory_of,
		.memory_ctx = session,
		.find_module = session_modules_find,
	};

	options.find_module_ctx = session->modules;
	try(resolver_open(&options, &session->resolver));
	return resolver_add(session->resolver, &session->engine_options.module);
}

/* Tells whether a process has not ended. Those that are not in the table yet are held, or are a child of
 * ours, and nobody else gets their pid. */
static bool runs(void *ctx, pid_t pid)
{
	struct traced *traced = find_process(ctx, pid);

	return !traced || !has_ended(traced);
}

/* Prepares to follow children. A wrapped command is followed already. */
static struct error *open_tree(struct session *session)
{
	if (session->options.binary || session->wrapped || session->group)
		return NULL;
	try(engine_check(session->options.engine));
	if (session->options.chosen_n)
		return follow_chosen(session);
	try(follow_begin(session));
	follow_root(session, session->spawn.pid);
	return NULL;
}

struct error *session_check_caller(void)
{
	return confine_is_for_caller()
		       ? lockdown_check("a tophash with more rights than its caller does not work")
		       : NULL;
}

/* Returns the users whose processes may be shown, or NULL: all. The kernel has checked each process that was
 * opened for the caller of a tophash with more rights. A process may execute a program that makes it one of
 * another user or group, and then the traced file again. */
static const struct engine_users *users_of(struct session *session)
{
	if (session->group && session->options.group->users)
		return session->options.group->users;
	if (!confine_is_for_caller())
		return NULL;
	session->caller.uid = getuid();
	session->caller.gid = getgid();
	session->caller.users =
		(struct engine_users){&session->caller.uid, 1, &session->caller.gid};
	return &session->caller.users;
}

struct error *session_load(struct session *session)
{
	const struct engine_users *users = users_of(session);

	try(session_check_caller());
	try(open_tree(session));
	session->engine_options = (struct engine_options){
		.module = {.image = session->image,
			   .tab = session->tab,
			   .placements = &session->placements,
			   .version = session->file.known ? &session->file.version : NULL},
		.filter = session->options.filter,
		.stack_max = session->options.stack_max,
		.key_bytes = session->options.key_bytes,
		.buffer_size = session->options.buffer_size,
		.count = session->options.count && !getenv("TOPHASH_NO_COUNT"),
		.misses = session->options.misses,
		.sample = session->options.max_overhead > 0 ? session->options.sample
							    : ENGINE_SAMPLE_NONE,
		.modules = session->group || session->several || session->all ||
			   may_have_modules(session, session->image),
		.processes = session->options.binary || session->group || session->all ? 0
			     : session->several ? (uint32_t)session->processes.len
						: 1,
		.tree = session->tree || session->group,
		.tree_fd = session->tree ? tree_fd(session->tree) : -1,
		.cgroup_fd = group_cgroup(session),
		.cgroup_v1 = session->group ? session->options.group->cgroup_v1 : NULL,
		.users = users,
		.group = session->group != NULL,
		.runs = runs,
		.runs_ctx = session,
	};
	try(open_resolver(session));
	try(engine_open(session->options.engine, &session->engine_options, &session->engine));
	if (session->narrow)
		engine_narrow(session->engine);
	try(met_load(session));
	prepare_limit(session);
	if (engine_types_cut(session->engine))
		session_notice(session, SESSION_INFO,
			       "%s: too many types to read all of them: some keys will be shown "
			       "as unread",
			       image_name(session->image));
	return NULL;
}

bool lost_first_thread(pid_t pid)
{
	for (int i = 0; i < ENDING_LOOKS; i++) {
		if (process_thread(pid) == pid)
			return false;
		usleep(ENDING_US);
	}
	return true;
}

struct error *attach_probes(struct session *session, uint32_t module, int exe, pid_t pid,
			    enum engine_hold *ret)
{
	/* To know its processes, the kernel compares the memory of the first thread, which has none any more
	 * (kernel/trace/bpf_trace.c). */
	if (pid > 0 && lost_first_thread(pid))
		return error_new(
			ERROR_TARGET,
			"the first thread of process %d has ended, and the kernel places no "
			"probes in such a process alone: trace the file (-b)",
			(int)pid);
	return engine_attach(session->engine, module, exe, pid, ret);
}

struct error *session_place(struct session *session, enum engine_hold *ret)
{
	pid_t pid = session->options.command ? command_pid(session)
		    : session->pid	     ? session->pid
					     : -1;

	if (session->all)
		return others_place(session, NULL, pid, ret);
	if (session->several)
		return chosen_place(session, ret);
	return attach_probes(session, 0, session->exe, pid, ret);
}

struct error *session_attach(struct session *session)
{
	if (session->group) /* processes get their probes when they are found */
		return NULL;
	try(session_place(session, &session->file.hold));
	if (session->narrow)
		session->file.hold = ENGINE_UNHELD;
	try(session_hold_file(session));
	if (session->options.chosen_n || session->library)
		vec_each(traced, &session->processes)
			try(meet_modules(session, traced));
	if (session->options.command)
		engine_set_gc(session->engine, 0); /* it has not begun yet */
	else if (session->pid)
		read_gc_phase(session, &session->processes.data[0]);
	session->ready_ms = (double)(now_ns() - session->opened_ns) / 1e6;
	return NULL;
}

/* ---- the first processes ---- */

static struct error *find_running(struct session *session)
{
	try(session_find_running(session));
	if (!session->processes.len && !session->file.unprobed.len)
		session_notice(session, SESSION_INFO, "waiting for a process of %s to start",
			       image_name(session->image));
	return NULL;
}

struct error *session_begin(struct session *session, const struct session_output *output)
{
	session->output = *output;
	if (session->options.command)
		try(command_start(session));
	if (session->group) {
		session->ready_ms = (double)(now_ns() - session->opened_ns) / 1e6;
		try(group_begin(session));
		family_tell(session);
		return NULL;
	}
	if (session->options.binary)
		try(find_running(session));
	else
		chosen_begin(session);
	if (session->library_ns) {
		session_gap(session, session->pid, session->library_ns, now_ns(), "module");
		session_notice(session, SESSION_WARNING,
			       "process %d has loaded the Go library %s: removals in its first "
			       "moments may have been missed",
			       (int)session->pid, session->library);
	}
	if (session->options.chosen_n)
		try(follow_descendants(session));
	family_tell(session);
	remember_image(session);
	if (session->wrapped)
		command_let_go(session);
	return NULL;
}
