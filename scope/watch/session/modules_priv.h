/* The modules of the processes: which there are, the files with Go code, where a process runs. For the files of
 * this folder. */
#ifndef WATCH_SESSION_MODULES_PRIV_H
#define WATCH_SESSION_MODULES_PRIV_H

#include "watch/session/session_priv.h"

/* ---- modules.c ---- */

struct session_modules;

/* Returns NULL when memory is out. */
struct session_modules *session_modules_new(void);
void session_modules_free(struct session_modules *modules); /* NULL is legal */
/* Finds a Go module of process `pid` by a run-time address in it: find_module() of the resolver.
 * ctx: a struct session_modules. */
const struct gotype_module *session_modules_find(void *ctx, pid_t pid, uint64_t addr);
/* Finds the first Go library of a process that is not Go itself, and opens its file. Sets
 * session->library. If the process has none, but may load one, waits for that. not_go: the error for a
 * process without any; it is returned or freed. Errors (ERROR_TARGET): there is none. */
struct error *session_find_library(struct session *session, struct error *not_go, int *ret_fd);
/* Finds the Go modules that a process has now: modules_of(). */
struct error *session_modules_list(struct session_modules *modules, struct target *target,
				   struct module_list *ret);
/* Reads what a process has mapped, while this is possible, unless it is known. */
void session_modules_look(struct session_modules *modules, pid_t pid);
/* Notes the modules that a process has now, as session_modules_list() has found them. */
void session_modules_note(struct session_modules *modules, pid_t pid,
			  const struct module_list *found);
/* Forgets what a process has mapped, because it executes a program again, or has ended. */
void session_modules_forget(struct session_modules *modules, pid_t pid);

/* ---- looks.c ---- */

/* Begins to look maps up, if that is wanted. It is done by a thread that has the rights of this one: call it after
 * session_confine(). Errors: no memory, no thread. */
struct error *looks_begin(struct session *session);
/* Takes what was found, and begins the next look. Call it often. */
struct error *looks_turn(struct session *session);
/* Puts into an event what is known of its map. Returns false if the event is not to be shown: the exact type of the map
 * does not match --type. */
bool looks_tell(struct session *session, struct event *event);
void looks_sum_up(const struct session *session, struct event_end *end);
/* Forgets what a process has mapped and what its heap has told, because it executes a program, or has ended. */
void session_forget(struct session *session, pid_t pid);

/* ---- met.c ---- */

void met_fini(struct session *session);
/* Finds what is known of a file that a process has, or opens it and chooses its places. met->why tells
 * if it cannot be watched. `program` is that of the process; it may be NULL for a program or a library.
 * *ret is NULL when memory is out. */
struct error *met_get(struct session *session, const struct module_at *at,
		      const struct gopcln *program, struct met **ret);
/* Returns the file with a number of the engine, or NULL: the session's file has number 0. */
struct met *met_numbered(const struct session *session, uint32_t number);
/* Removes a file from session->met. */
void met_drop(struct session *session, const struct met *met);
/* Loads the kernel programs of the files that were met before the engine was open. */
struct error *met_load(struct session *session);
/* Opens a further program, and loads its kernel programs. exe: its file, borrowed. met->why tells if it cannot
 * be watched. *ret is NULL when memory is out. */
struct error *met_add_program(struct session *session, int exe, const char *path, struct met **ret);

/* ---- meet.c ---- */

/* Looks at what the process has mapped now. Places probes in modules that are new, and reports them.
 * The main probes must be attached. Errors: out of memory; the engine failed. */
struct error *meet_modules(struct session *session, struct traced *traced);
/* Notes that a process in which a program has begun at time_ns may load modules before it is looked at. */
void expect_modules(const struct session *session, struct traced *traced, uint64_t time_ns);
/* Looks at a process that has loaded a file at time_ns. */
struct error *process_loads(struct session *session, pid_t pid, uint64_t time_ns);
/* Does the same for all processes, for each once a second. Call it often. */
struct error *watch_modules(struct session *session);
/* Lists the modules of a process for its start record. Returns how many there are. */
size_t met_of(const struct session *session, const struct traced *traced,
	      struct event_module ret[MET_SHOWN]);
/* Reports the gaps of modules whose probes came late. The start record must have been emitted. */
void tell_late_modules(struct session *session, struct traced *traced);
/* Does the same for a process that has executed a program at time_ns by another thread than the first. The probes
 * in its modules are gone. */
struct error *modules_move(struct session *session, struct traced *traced, uint64_t time_ns);
/* Places the probes in all modules of a process again, because it has executed the program again. */
struct error *place_modules_again(struct session *session, struct traced *traced);
/* Reports the gaps of modules that could not be watched, or may have been there unseen. */
void settle_modules(struct session *session, struct traced *traced, uint64_t to_ns);

/* ---- place.c ---- */

/* Fills in where a process runs, as far as it still tells. `group` has room for the path of its control
 * group; the other texts are borrowed until the next call. */
void place_of(struct session *session, pid_t pid, char group[CONTAINER_PATH_SIZE],
	      struct event_start *to);
/* Keeps what events of a process show of it. */
void place_keep(struct traced *traced, const struct event_start *start);
void place_fini(struct session *session);

#endif
