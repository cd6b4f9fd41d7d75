/* Reads /proc/PID/status. */
#include "live/process/process.h"

#include <stdio.h>
#include <string.h>

/* Returns the position after "
 * Name:" and white space, or NULL. */
static const char *find_field(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? at + strlen(name) + strspn(at + strlen(name), "\t ") : NULL;
}

static void take_name(const char *text, struct process_status *ret)
{
	const char *name = strncmp(text, "Name:\t", 6) ? "" : text + 6;

	snprintf(ret->name, sizeof(ret->name), "%.*s", (int)strcspn(name, "\n"), name);
}

/* Reads the numbers of "NSpid:", the outermost namespace first. A kernel without pid namespaces has
 * no such line. */
static void take_pids(const char *text, pid_t pid, struct process_status *ret)
{
	const char *at = find_field(text, "\nNSpid:");

	while (at && *at >= '0' && *at <= '9' && ret->pids_n < PROCESS_NAMESPACES_MAX) {
		char *end;

		ret->pids[ret->pids_n++] = (pid_t)strtol(at, &end, 10);
		at = end + strspn(end, "\t ");
	}
	if (!ret->pids_n)
		ret->pids[ret->pids_n++] = pid;
}

bool process_runs(pid_t pid)
{
	char text[512], state;
	const char *at;
	long threads;

	if (!process_read_text(pid, "stat", text, sizeof(text)))
		return false;
	at = strrchr(text, ')');
	/* The state is that of the first thread, which may have ended before the others: proc_pid_stat(5). */
	return at &&
	       sscanf(at,
		      ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %ld",
		      &state, &threads) == 2 &&
	       ((state != 'Z' && state != 'X') || threads > 1);
}

bool process_status(pid_t pid, struct process_status *ret)
{
	const char *uid, *parent, *process;
	unsigned effective;
	char text[4096];

	if (!process_read_text(pid, "status", text, sizeof(text)))
		return false;
	uid = find_field(text, "\nUid:");
	parent = find_field(text, "\nPPid:");
	process = find_field(text, "\nTgid:");
	if (!uid || !parent || !process || sscanf(uid, "%*u %u", &effective) != 1)
		return false;
	*ret = (struct process_status){
		.uid = effective, .parent = (pid_t)atoi(parent), .process = (pid_t)atoi(process)};
	take_name(text, ret);
	take_pids(text, pid, ret);
	return true;
}
