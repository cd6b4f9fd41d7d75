/* choice: which processes a user of tophash means. Ways to name processes that run now give a list of
 * them. Users are named once, and their processes are asked for again and again.
 *
 *   choice.c   the ways, and the list of processes that they give together
 *   name.c     processes by the name of their program
 *   user.c     users, and their processes
 *
 * To add a way to name processes that run (cmd/trace_group.h has those that come and go):
 *   1. add it to enum choice_way;
 *   2. write its function, in a file of its own, and add a row to ways[] in choice.c;
 *   3. add its option to the verbs (scope/cmd/trace_options.c), where parse() calls choice_add();
 *   4. add its tests to tests/system/test_choice.py.
 */
#ifndef LIVE_CHOICE_CHOICE_H
#define LIVE_CHOICE_CHOICE_H

#include "base/base.h"

#include <sys/types.h>

enum choice_way {
	CHOICE_PROCESS, /* -p: an id, or the name of one process */
};

/* Options that can be given. */
enum { CHOICE_WORDS = 64 };

/* What the user has written: words that are separated by commas. Texts are borrowed. */
struct choice_words {
	struct {
		enum choice_way way;
		const char *texts;
	} list[CHOICE_WORDS];
	size_t n;
};

/* A process that is meant. */
struct chosen {
	pid_t pid;
	/* When it has executed its program (CLOCK_MONOTONIC), if the user waited for that. What it
	 * does before its probes stand is a gap. 0: it ran already. */
	uint64_t since_ns;
};

struct choice {
	VEC(struct chosen) list; /* in the order of the words; none twice */
};

/* Adds words that are separated by commas. Errors (ERROR_USAGE): too many of them. */
struct error *choice_add(struct choice_words *words, enum choice_way way, const char *texts);

/* Finds the processes that run now. The caller frees *ret with choice_fini(). Errors (ERROR_TARGET):
 * nothing has this name, or several processes have it; (ERROR_FAILED): /proc cannot be read. */
struct error *choice_find(const struct choice_words *words, struct choice *ret);
void choice_fini(struct choice *choice);
CLEANUP_VALUE(struct choice, choice_fini)

/* Finds the processes with Go code that have a name: any number of them. The caller frees *ret. Errors: as
 * for choice_find(). */
struct error *choice_named(const char *name, struct choice *ret);
/* Makes the error for several processes of one name. It lists them. */
struct error *choice_ambiguous(const char *name, const struct choice *found);
/* Tells whether a process has Go code. One that may not be looked at counts as having none, and so does one
 * that has ended. Errors: no memory or no descriptor is left. */
struct error *choice_has_go(pid_t pid, bool *ret);

/* Finds one process by its id or its name. Errors: as for choice_find(). */
struct error *choice_one(const char *text, pid_t *ret);

/* ---- users ---- */

struct choice_users {
	VEC(uid_t) list; /* none twice */
	char *name;	 /* for people: "user www-data" */
};

/* Finds a user by name or number. Errors (ERROR_USAGE): there is none. */
struct error *choice_user(const char *text, uid_t *ret);
/* Adds users that are separated by commas. Errors: as for choice_user(). */
struct error *choice_users_add(struct choice_users *users, const char *texts);
void choice_users_fini(struct choice_users *users);
/* Calls found(ctx, pid) for each process whose effective user is one of them. `found` returns false to
 * stop. Errors (ERROR_FAILED): /proc cannot be read. */
struct error *choice_users_each(const struct choice_users *users,
				bool (*found)(void *ctx, pid_t pid), void *ctx);

/* Tells whether a process has a name: that of its program's file, without its folder, or the one that
 * the kernel shows. */
bool choice_has_name(pid_t pid, const char *name);

#endif
