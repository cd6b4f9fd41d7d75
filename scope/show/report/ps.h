/* The lines of `tophash ps`, put into one buffer.
 */
#ifndef SHOW_REPORT_PS_H
#define SHOW_REPORT_PS_H

#include "base/base.h"

/* A Go module of a process. All strings are borrowed. */
struct process_module {
	const char *kind; /* "program", "plugin", "library" */
	const char *path;
	const char *go;	      /* "go1.26.5"; "" when unknown */
	const char *layout;   /* "swiss", "classic"; NULL when unknown */
	const char *build_id; /* "" when none */
	bool stripped;
	const char *why_not; /* why trace cannot place probes in it; NULL: it can */
};

struct process_row {
	uint32_t pid;	  /* as we see it */
	uint32_t own_pid; /* as the process sees it, in its own pid namespace */
	uint32_t uid;
	const char *user; /* NULL: the user has no name here */
	const char *name; /* as the kernel shows it */
	const char *exe;
	const char *runtime;   /* of its container: "docker"; NULL: in no known container */
	const char *container; /* its id */
	const char *pod;       /* the UID of its pod; "" when none */
	/* What its runtime tells; each may be NULL. */
	const char *container_name, *pod_name, *namespace, *image;
	/* At least one. If the process executes a Go program, that module comes first. */
	const struct process_module *modules;
	size_t modules_n;
};

struct process_report {
	const struct process_row *rows; /* the rows to show, in order */
	size_t rows_n;
	size_t hidden; /* processes that could not be looked at */
	/* text */
	bool color;
	size_t width; /* of a line; TEXT_UNLIMITED: nothing is cut */
};

/* Append the list. As JSON Lines it has {"event":"process",...} for each process, then
 * {"event":"end",...}. */
void process_json(struct buf *to, const struct process_report *report);
void process_text(struct buf *to, const struct process_report *report);

#endif
