/* Meets the Go modules that the watched processes have besides the session's file: plugins, and further
 * libraries. Each gets its kernel programs once, and its probes in each process that has it. A
 * program may load a plugin at any time. What the plugin has removed before its probes stood is a
 * gap. */
#include "watch/session/follow_priv.h"
#include "watch/session/group_priv.h"
#include "watch/session/modules_priv.h"
#include "base/clock.h"
#include "base/table.h"
#include "base/path.h"
#include "read/layout/layout.h"

#include <fcntl.h>

/* The mappings of a process are looked at this often: first at once, then less and less. Most plugins
 * are loaded at the start. Later ones are reported by a probe in the dynamic linker. */
#define LOOK_FIRST_NS 10000000ull
#define LOOK_NS	      1000000000ull
/* After a report of the linker the process is looked at without delay, but not more often than this. A
 * process may load files all the time. */
enum { LOADS_A_SECOND = 50 };
/* With -b, at most this many processes are looked at in one turn. */
enum { LOOKS_MAX = 16 };

static void fill_module(const struct session *session, const struct traced *traced,
			const struct met_at *at, struct event_module *ret)
{
	const struct module *module = at->met->module;
	/* The linker makes plugins only of the same release. Some have no version. */
	const struct gopcln *tab =
		at->role == GO_BUILD_PLUGIN ? program_of(session, traced).tab : module->tab;

	*ret = (struct event_module){
		.pid = (uint32_t)traced->target->pid,
		.path = module->path,
		.build = go_build_name(at->role),
		.build_id = image_build_id(module->image),
		.bias = at->bias,
		.go = gopcln_version(tab),
		.layout = layout_get(module->maps)->name,
		.stripped = image_is_stripped(module->image),
	};
}

size_t met_of(const struct session *session, const struct traced *traced,
	      struct event_module ret[MET_SHOWN])
{
	size_t n = 0;

	vec_each(at, &traced->met)
		if (at->here && at->met->number && n < MET_SHOWN)
			fill_module(session, traced, at, &ret[n++]);
	return n;
}

static void emit_module(struct session *session, const struct traced *traced,
			const struct met_at *at)
{
	struct event event = {.kind = EVENT_MODULE, .time_ns = now_ns()};
	struct event_probe probes[PLACEMENTS_MAX];

	fill_module(session, traced, at, &event.module);
	event.module.probes = session_probes(&at->met->placements, probes);
	fan_event(session->output.sinks, &event);
}

/* Tells that a module of a process is not watched. */
static void tell_unwatched(struct session *session, const struct traced *traced,
			   const struct met_at *at, const char *why)
{
	session_notice(session, SESSION_WARNING,
		       "process %d: what the Go %s %s removes is not seen: %s",
		       (int)traced->target->pid, go_build_name(at->role), at->met->module->path,
		       why ? why : "no memory is left");
}

/* Places the probes of a module in a process. *ret tells whether they stand. */
static struct error *watch(struct session *session, struct traced *traced, const struct met_at *at,
			   bool *ret)
{
	struct error *err = NULL;
	enum engine_hold hold = ENGINE_HELD;

	*ret = at->met->number != 0;
	if (*ret)
		err = attach_probes(session, at->met->number, at->met->exe, traced->target->pid,
				    &hold);
	else if (at->met->why)
		tell_unwatched(session, traced, at, at->met->why);
	if (hold == ENGINE_WRITTEN) {
		*ret = false;
		at->met->retry_ns = now_ns() + LOOK_NS;
	}
	if (!err && hold == ENGINE_CHANGED)
		err = error_new(ERROR_TARGET, "its file was overwritten");
	if (!err)
		return NULL;
	*ret = false;
	if (err == error_nomem())
		return err;
	/* If the process has ended, a gap tells the time that it has run. */
	if (!has_ended(traced))
		tell_unwatched(session, traced, at, err->text);
	error_free(err);
	return NULL;
}

/* Notes a module that the process did not have at the last look, at from_ns (0: it was not looked at
 * before). */
static struct error *meet(struct session *session, struct traced *traced,
			  const struct module_at *found, uint64_t from_ns)
{
	struct met_at at = {.role = found->role, .bias = found->bias, .here = true};
	bool stands;

	try(met_get(session, found, program_of(session, traced).tab, &at.met));
	try(watch(session, traced, &at, &stands));
	if (!stands && (at.met->why || at.met->number))
		at.unwatched_ns = from_ns;
	/* One that has ended was held until the look, and removed nothing since. */
	if (!stands && !from_ns && (at.met->why || (at.met->number && !has_ended(traced))))
		at.unwatched_ns = now_ns();
	if (stands && from_ns) {
		at.late_ns = from_ns;
		at.placed_ns = now_ns();
	}
	if (!vec_push(&traced->met, at))
		return error_nomem();
	if (!stands || !traced->started)
		return NULL;
	emit_module(session, traced, &at);
	tell_late_modules(session, traced);
	return NULL;
}

void tell_late_modules(struct session *session, struct traced *traced)
{
	vec_each(at, &traced->met) {
		if (!at->late_ns)
			continue;
		session_gap(session, traced->target->pid, at->late_ns, at->placed_ns, "module");
		at->late_ns = 0;
		session_notice(session, SESSION_WARNING,
			       "process %d has loaded the Go %s %s: removals in its first "
			       "moments may have been missed",
			       (int)traced->target->pid, go_build_name(at->role),
			       at->met->module->path);
	}
}

/* ---- the dynamic linker ---- */

/* The function that the dynamic linkers of glibc and musl call before and after they map files, for
 * debuggers. No code of a new file has run at the second call. */
#define LINKER_CALLS "_dl_debug_state"

/* Finds the dynamic linker among the mapped files, by its name (ld-linux-x86-64.so.2, ld-musl-...). */
static int open_linker(struct target *target)
{
	cleanup(mappings_fini) struct mappings mappings = {0};
	struct error *err = target_mappings(target, &mappings);

	error_free(err);
	vec_each(mapping, &mappings.list)
		if (mapping->executable && !strncmp(path_base(mapping->path), "ld-", 3))
			return mapping_open(target, mapping);
	return -1;
}

/* Places a probe in the dynamic linker of a process, once. Without it, new modules are found later. */
static void watch_linker(struct session *session, struct traced *traced)
{
	cleanup(image_close) struct image *image = NULL;
	uint64_t addr, size, offset;
	cleanup_close int fd = -1;
	struct error *err;

	if (traced->linker_watched)
		return;
	traced->linker_watched = true;
	fd = open_linker(traced->target);
	if (fd < 0)
		return;
	err = image_open(fd, "the dynamic linker", &image);
	if (!err && image_symbol(image, LINKER_CALLS, &addr, &size) &&
	    image_file_offset(image, addr, &offset))
		err = engine_watch_loads(session->engine, fd, offset, traced->target->pid);
	error_free(err);
}

/* ---- a look at a process ---- */

/* Tells whether the module is the program of the process. The session's file is mapped once, but was
 * opened for the session and for the list of modules. */
static bool is_main(const struct session *session, const struct traced *traced,
		    const struct module_at *at)
{
	if (traced->program)
		return at->module == traced->program->module ||
		       (at->role == GO_BUILD_PROGRAM && traced->program->role == GO_BUILD_PROGRAM);
	if (session->placements.build == GO_BUILD_PROGRAM)
		return at->role == GO_BUILD_PROGRAM;
	return session->library && !strcmp(at->module->path, session->library);
}

static struct met_at *find_met(struct traced *traced, const struct module *module)
{
	vec_each(at, &traced->met)
		if (at->met->module == module)
			return at;
	return NULL;
}

/* Takes in one module of a look. A module that is known may be back, because the process has executed
 * itself; its probes have stayed. */
static struct error *take_module(struct session *session, struct traced *traced,
				 const struct module_at *found, uint64_t from_ns)
{
	struct met_at *known;

	if (is_main(session, traced, found))
		return NULL;
	known = find_met(traced, found->module);
	if (!known)
		return meet(session, traced, found, from_ns);
	if (known->here)
		return NULL;
	known->here = true;
	known->bias = found->bias;
	if (known->moved_ns) {
		known->late_ns = known->moved_ns;
		known->placed_ns = now_ns();
	}
	if (known->met->number && traced->started)
		emit_module(session, traced, known);
	return NULL;
}

/* -b names one library, and no other file of its processes. */
bool may_have_modules(const struct session *session, const struct image *program)
{
	return image_is_dynamic(program) &&
	       (!session->options.binary || session->placements.build == GO_BUILD_PROGRAM);
}

/* Tells the engine where a process has its modules, if they are several. */
static struct error *tell_modules(struct session *session, struct traced *traced,
				  const struct module_list *found)
{
	struct engine_place places[WIRE_PROCESS_MODULES];
	uint64_t told = 0;
	size_t n = 0;

	vec_each(at, &found->list) {
		if (!at->module->tab || n >= WIRE_PROCESS_MODULES)
			continue;
		places[n++] = (struct engine_place){at->module->image, at->module->tab, at->bias};
		told = table_mix(told ^ at->bias ^ (uintptr_t)at->module->tab);
	}
	if (n < 2 || told == traced->modules_told)
		return NULL;
	traced->modules_told = told;
	return engine_set_modules(session->engine, traced->target->pid, places, n);
}

/* Tells whether a new library in this process waits for its probes, as its first thread is held. */
static bool is_held_at_loads(const struct session *session, const struct traced *traced)
{
	enum go_build role = traced->program ? traced->program->role : session->placements.build;

	return session->all && session->pursuit && role != GO_BUILD_PROGRAM;
}

/* Tells whether the modules of a process are watched at all. */
static bool is_looked_at(const struct session *session, const struct traced *traced)
{
	return !traced->ended && !(session->group && !traced->program) &&
	       may_have_modules(session, program_of(session, traced).image);
}

/* Looks at a process. A module that is new may have been there since from_ns. */
static struct error *look(struct session *session, struct traced *traced, uint64_t from_ns)
{
	cleanup(module_list_fini) struct module_list found = {0};
	struct error *err;

	if (!is_looked_at(session, traced))
		return NULL;
	traced->look_after_ns = !traced->look_after_ns ? LOOK_FIRST_NS : 2 * traced->look_after_ns;
	if (traced->look_after_ns > LOOK_NS)
		traced->look_after_ns = LOOK_NS;
	traced->looked_ns = now_ns();
	watch_linker(session, traced);
	err = session_modules_list(session->modules, traced->target, &found);
	if (err && err == error_nomem())
		return err;
	/* If it is ending, what could not be opened may be a module. */
	if (!err && !(found.unseen && is_ending(traced))) {
		traced->seen_ns = traced->looked_ns;
		traced->unseen_ns = 0;
	}
	/* It has executed a Go program, which waits at its exec to be met as such. */
	if (is_held_at_loads(session, traced) && found.list.len &&
	    found.list.data[0].role == GO_BUILD_PROGRAM) {
		error_free(err);
		return NULL;
	}
	/* A new library of a host is held, and none of it is missed unless it could not be looked at. */
	if (is_held_at_loads(session, traced))
		from_ns = traced->blind_ns;
	if (!err)
		traced->blind_ns = 0;
	else if (!traced->blind_ns && !is_ending(traced))
		traced->blind_ns = traced->looked_ns;
	error_free(err); /* the process is gone, or between two programs */
	try(tell_modules(session, traced, &found));
	/* Stacks may go through several files. */
	if (found.list.len > 1 || (found.list.len && found.list.data->role != GO_BUILD_PROGRAM))
		session_modules_note(session->modules, traced->target->pid, &found);
	vec_each(at, &found.list)
		try(take_module(session, traced, at, from_ns));
	return NULL;
}

/* Only programs that call dlopen() load plugins. */
void expect_modules(const struct session *session, struct traced *traced, uint64_t time_ns)
{
	const struct image *program;

	if (traced->seen_ns || traced->unseen_ns || !is_looked_at(session, traced))
		return;
	program = program_of(session, traced).image;
	if (judge_imports(program, "dlopen"))
		traced->unseen_ns = time_ns;
}

struct error *meet_modules(struct session *session, struct traced *traced)
{
	return look(session, traced, traced->looked_ns);
}

struct error *process_loads(struct session *session, pid_t pid, uint64_t time_ns)
{
	struct traced *traced = find_process(session, pid);

	if (!traced || !is_looked_at(session, traced))
		return NULL;
	/* A Go library of a host is met by the first thread of its runtime, which is held. */
	if (time_ns > traced->seen_ns && !traced->unseen_ns && !is_held_at_loads(session, traced))
		traced->unseen_ns = time_ns;
	if (now_ns() - traced->loads_ns >= LOOK_NS) {
		traced->loads_ns = now_ns();
		traced->loads = 0;
	}
	if (traced->loads++ < LOADS_A_SECOND || now_ns() - traced->looked_ns >= LOOK_FIRST_NS)
		return look(session, traced, time_ns);
	traced->look_after_ns = LOOK_FIRST_NS;
	return NULL;
}

/* Places the probes of a file again, which were removed because it was written. If it has changed, the
 * gap lasts until the process ends. */
static struct error *regain(struct session *session, struct traced *traced, struct met_at *at)
{
	bool here;

	if (traced->ended || !at->here)
		return NULL;
	try(watch(session, traced, at, &here));
	if (!here)
		return NULL;
	session_gap(session, traced->target->pid, at->unwatched_ns, now_ns(), "module");
	at->unwatched_ns = 0;
	return NULL;
}

/* Handles the probes that are gone because their file was opened for writing. */
static struct error *watch_files(struct session *session)
{
	uint64_t time_ns = now_ns();

	vec_each(at, &session->met) {
		struct met *met = *at;

		if (met->wide && !session->group) /* others.c */
			continue;
		met->due = met->number && !engine_holds(session->engine, met->number);
		if (met->due && met->wide)
			group_lost(met, time_ns);
		met->due |= met->retry_ns && met->retry_ns <= time_ns;
		if (met->due)
			met->retry_ns = 0;
	}
	vec_each(traced, &session->processes) {
		vec_each(at, &traced->met) {
			if (!at->met->due)
				continue;
			at->unwatched_ns = at->unwatched_ns ? at->unwatched_ns : time_ns;
			try(regain(session, traced, at));
		}
	}
	return NULL;
}

struct error *modules_move(struct session *session, struct traced *traced, uint64_t time_ns)
{
	session_forget(session, traced->target->pid);
	try(place_modules_again(session, traced));
	vec_each(at, &traced->met)
		at->moved_ns = time_ns;
	try(meet_modules(session, traced));
	/* What the process has not loaded until now is seen from its first instruction. */
	vec_each(at, &traced->met)
		at->moved_ns = 0;
	if (traced->started)
		tell_late_modules(session, traced);
	return NULL;
}

struct error *watch_modules(struct session *session)
{
	uint64_t time_ns = now_ns();
	size_t looks = 0;

	if (!session->group && !session->several && !may_have_modules(session, session->image))
		return NULL;
	try(watch_files(session));
	for (size_t i = 0; i < session->processes.len && looks < LOOKS_MAX; i++) {
		struct traced *traced = &session->processes.data[i];

		if (traced->ended || time_ns - traced->looked_ns < traced->look_after_ns)
			continue;
		looks++;
		try(meet_modules(session, traced));
	}
	return NULL;
}

/* ---- changes of a process ---- */

struct error *place_modules_again(struct session *session, struct traced *traced)
{
	bool stands;

	traced->linker_watched = false;
	vec_each(at, &traced->met) {
		at->here = false;
		if (at->met->number)
			try(watch(session, traced, at, &stands));
	}
	return NULL;
}

/* Reports the time from which nobody knows what a process had loaded, because it ended before it was looked at. */
static void settle_unseen(struct session *session, struct traced *traced, uint64_t to_ns)
{
	uint64_t from_ns = traced->unseen_ns ? traced->unseen_ns : traced->blind_ns;

	if (!from_ns)
		return;
	traced->unseen_ns = traced->blind_ns = 0;
	session_gap(session, traced->target->pid, from_ns, to_ns > from_ns ? to_ns : from_ns,
		    "module");
	session_notice(session, SESSION_WARNING,
		       "process %d ended before tophash could look at what it had loaded: if that "
		       "was a Go module, its removals were not seen",
		       (int)traced->target->pid);
}

void settle_modules(struct session *session, struct traced *traced, uint64_t to_ns)
{
	settle_unseen(session, traced, to_ns);
	vec_each(at, &traced->met) {
		if (at->unwatched_ns)
			session_gap(session, traced->target->pid, at->unwatched_ns, to_ns,
				    "module");
		at->unwatched_ns = 0;
	}
}
