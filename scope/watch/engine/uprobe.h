/* What the files of the uprobe engine share. */
#ifndef WATCH_ENGINE_UPROBE_H
#define WATCH_ENGINE_UPROBE_H

#include "watch/engine/engine.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "trace.skel.h"

/* include/uapi/linux/bpf.h, Linux 6.6: BPF_TRACE_UPROBE_MULTI. libbpf 1.1 and its headers are older. */
#define TRACE_UPROBE_MULTI 48

/* The probes as they are attached. */
struct attachment {
	struct bpf_link *links[WIRE_PROBES]; /* !multi */
	int link_fds[WIRE_PROBES];	     /* multi */
	size_t n;
	uint32_t generation;
	bool multi; /* link_fds, not links */
};

struct uprobe {
	struct engine engine; /* first, for the cast */
	const struct engine_options *options;
	struct trace_bpf *skel;
	struct ring_buffer *ring;
	bool types_cut;
	bool multi; /* one link a program, for all its probes */
	struct attachment attachment;
	struct former *formers;	    /* attachments that threads take off; see uprobe_attach.c */
	struct bpf_link *exec_link; /* counts what the one process executes */
	bool counts_execs;	    /* exec_link was attached; also after it is gone */
	int ncpus;
	bool (*on_record)(void *ctx, const void *record, size_t size);
	void *ctx;
};

/* ---- uprobe_load.c ---- */

/* Loads the kernel programs and fills their tables. uprobe->options are set. */
struct error *uprobe_load(struct uprobe *uprobe);
/* Makes the error for a failed call of libbpf or bpf(2), with what libbpf said since the last call of
 * uprobe_forget_message(). */
struct error *uprobe_failed(const char *what, int errnum);
void uprobe_forget_message(void);
/* Is this Linux major.minor or later? */
bool uprobe_kernel_is(unsigned major, unsigned minor);

/* ---- uprobe_attach.c: ops ---- */

struct error *uprobe_attach(struct engine *engine, int exe, pid_t pid);
void uprobe_detach(struct engine *engine);

/* ---- uprobe.c ---- */

/* The ring buffer's callback; ctx: struct uprobe. */
int uprobe_on_sample(void *ctx, void *record, size_t size);

#endif
