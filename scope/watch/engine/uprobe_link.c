/* Makes the links of probes. */
#include "watch/engine/uprobe.h"

#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>

struct uprobe_multi_attr {
	uint32_t prog_fd, target_fd, attach_type, flags;
	uint64_t path, offsets, ref_ctr_offsets, cookies;
	uint32_t count, multi_flags, pid, unused;
};

static struct bpf_program *program_of(const struct uprobe *uprobe, const struct placed *placed,
				      enum spot_role role)
{
	struct trace_bpf *skel = placed->module->skel;

	switch (role) {
	case SPOT_REMOVAL:
		return uprobe->options->count ? skel->progs.on_removal_count
					      : skel->progs.on_removal;
	case SPOT_CLEAR:
	case SPOT_SYNC_REMOVAL:
	case SPOT_SYNC_CLEAR: return skel->progs.on_other;
	case SPOT_ENTRY: return skel->progs.on_entry;
	case SPOT_EXIT: return skel->progs.on_exit;
	case SPOT_PANIC: return skel->progs.on_panic;
	case SPOT_GC: return skel->progs.on_gc;
	case SPOT_BEGIN: return skel->progs.on_begin;
	case SPOT_STEP: return skel->progs.on_step;
	case SPOT_STEP_END: return skel->progs.on_step_end;
	default: return skel->progs.on_start;
	}
}

static int program_fd(const struct uprobe *uprobe, const struct placed *placed, enum spot_role role)
{
	const struct uprobe_module *module = placed->module;
	const struct bpf_program *program = program_of(uprobe, placed, role);

	return program == module->skel->progs.on_other ? module->slow[WIRE_PATH_REMOVAL]
						       : bpf_program__fd(program);
}

/* Tells whether probes of this role are hit by deletes or clears. */
static bool is_hot(enum spot_role role)
{
	return role <= SPOT_PANIC;
}

static struct error *attach_failed(const struct spot *spot, pid_t pid, int errnum)
{
	if (errnum == ESRCH)
		return error_new(ERROR_TARGET, "process %d ended while probes were placed",
				 (int)pid);
	return error_wrap(uprobe_failed("cannot place a probe", errnum), "%s+%llu", spot->func,
			  (unsigned long long)spot_offset(spot));
}

static struct error *probe_offset(const struct placed *placed, const struct spot *spot,
				  uint64_t *ret)
{
	if (image_file_offset(placed->module->of.image, spot->addr, ret))
		return NULL;
	return error_new(ERROR_TARGET, "%s+%llu lies outside the file", spot->func,
			 (unsigned long long)spot_offset(spot));
}

static uint64_t cookie_of(const struct placed *placed, uint32_t i)
{
	return WIRE_COOKIE(placed->generation, placed->slot, WIRE_PROBE(placed->module->number, i));
}

/* Attaches a perf event for a probe, which works on any kernel from 5.15 on. Closing one takes a grace
 * period. */
static struct error *attach_spot(const struct uprobe *uprobe, const struct placed *placed,
				 const char *path, uint32_t i, struct attachment *to)
{
	const struct spot *spot = &placed->module->of.placements->list.data[i];
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .bpf_cookie = cookie_of(placed, i));
	struct bpf_link *link;
	uint64_t offset;

	try(probe_offset(placed, spot, &offset));
	link = bpf_program__attach_uprobe_opts(program_of(uprobe, placed, spot->role), placed->pid,
					       path, offset, &opts);
	if (!link)
		return attach_failed(spot, placed->pid, errno);
	to->links[to->n++] = link;
	return NULL;
}

/* Attaches one link for all probes of a program; `first` is one of them. Its main advantage is that
 * all of them are detached at once. */
static struct error *attach_program(const struct uprobe *uprobe, const struct placed *placed,
				    const char *path, const struct spot *first,
				    struct attachment *to)
{
	const struct placements *placements = placed->module->of.placements;
	int program = program_fd(uprobe, placed, first->role);
	uint64_t offsets[WIRE_PROBES], cookies[WIRE_PROBES];
	struct uprobe_multi_attr attr = {
		.prog_fd = (uint32_t)program,
		.attach_type = TRACE_UPROBE_MULTI,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)offsets,
		.cookies = (uintptr_t)cookies,
		.pid = placed->pid > 0 ? (uint32_t)placed->pid : 0,
	};
	long fd;

	for (uint32_t i = 0; i < placements->list.len; i++) {
		const struct spot *spot = &placements->list.data[i];

		if (program_fd(uprobe, placed, spot->role) != program)
			continue;
		try(probe_offset(placed, spot, &offsets[attr.count]));
		cookies[attr.count++] = cookie_of(placed, i);
	}
	fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	if (fd < 0)
		return attach_failed(first, placed->pid, errno);
	to->link_fds[to->n++] = (int)fd;
	return NULL;
}

/* ---- all links of a slot that are hot, or the others ---- */

struct links {
	const struct uprobe *uprobe;
	const struct placed *placed;
	char path[64];
	/* The spot of each link; with multi, the first one of a program. */
	uint32_t list[WIRE_PROBES];
	size_t n;
};

static bool is_listed(const struct links *links, int program)
{
	const struct spot *spots = links->placed->module->of.placements->list.data;

	for (size_t i = 0; i < links->n; i++)
		if (program_fd(links->uprobe, links->placed, spots[links->list[i]].role) == program)
			return true;
	return false;
}

static void list_links(struct links *links, bool hot)
{
	const struct placements *placements = links->placed->module->of.placements;

	for (uint32_t i = 0; i < placements->list.len; i++) {
		enum spot_role role = placements->list.data[i].role;

		if (is_hot(role) == hot &&
		    !(links->uprobe->multi &&
		      is_listed(links, program_fd(links->uprobe, links->placed, role))))
			links->list[links->n++] = i;
	}
}

static struct error *make_link(const struct links *links, size_t i, struct attachment *to)
{
	const struct placements *placements = links->placed->module->of.placements;

	uprobe_forget_message();
	if (!links->uprobe->multi)
		return attach_spot(links->uprobe, links->placed, links->path, links->list[i], to);
	return attach_program(links->uprobe, links->placed, links->path,
			      &placements->list.data[links->list[i]], to);
}

/* Tells whether the file is still the one that was read. */
static bool is_unchanged(void *ctx)
{
	const struct placed *placed = ((const struct links *)ctx)->placed;
	const struct file_version *version = placed->module->of.version;
	struct file_version now;

	return !version ||
	       (file_version_read(placed->exe, &now) && file_version_equal(&now, version));
}

/* Makes a link in a keeper, where it stays open. */
static struct error *make_kept_link(void *ctx, size_t i)
{
	struct attachment stays = {0};

	return make_link(ctx, i, &stays);
}

/* Lists the descriptors that a keeper needs. */
static size_t list_fds(const struct links *links, int fds[WIRE_PROBES])
{
	size_t n = 0;

	for (enum spot_role role = SPOT_REMOVAL; role <= SPOT_STEP_END; role++) {
		int fd = program_fd(links->uprobe, links->placed, role);

		if (fd >= 0)
			fds[n++] = fd;
	}
	return n;
}

/* Starts a keeper that makes the links, which are for all processes. */
static struct error *start_keeper(struct links *links, struct attachment *to)
{
	int fds[WIRE_PROBES];
	struct keeper_options options = {
		.file = links->placed->exe,
		.check = is_unchanged,
		.link = make_kept_link,
		.links = links->n,
		.ctx = links,
		.keep = fds,
		.keep_n = list_fds(links, fds),
	};

	return keeper_start(&options, &to->keeper);
}

struct error *uprobe_link_begin(const struct uprobe *uprobe, const struct placed *placed, bool hot,
				struct attachment *to, enum engine_hold *ret)
{
	struct links links = {.uprobe = uprobe, .placed = placed};

	*to = (struct attachment){.multi = uprobe->multi};
	*ret = ENGINE_HELD;
	snprintf(links.path, sizeof(links.path), "/proc/self/fd/%d", placed->exe);
	list_links(&links, hot);
	if (placed->pid < 0)
		return start_keeper(&links, to);
	*ret = is_unchanged(&links) ? ENGINE_UNHELD : ENGINE_CHANGED;
	for (size_t i = 0; i < links.n && *ret == ENGINE_UNHELD; i++)
		try(make_link(&links, i, to));
	return NULL;
}

struct error *uprobe_link_end(struct attachment *to, enum engine_hold *ret)
{
	struct error *err = NULL;

	if (!to->keeper)
		return NULL;
	switch (keeper_await(to->keeper, &err)) {
	case KEEPER_STARTED: *ret = ENGINE_HELD; return NULL;
	case KEEPER_WRITTEN: *ret = ENGINE_WRITTEN; break;
	case KEEPER_CHANGED: *ret = ENGINE_CHANGED; break;
	case KEEPER_NO_LEASE: *ret = ENGINE_UNHELD; break;
	case KEEPER_FAILED: break;
	}
	keeper_free(take_ptr(to->keeper));
	return err;
}

void uprobe_unlink(struct attachment *attachment)
{
	keeper_free(take_ptr(attachment->keeper));
	while (attachment->n) {
		attachment->n--;
		if (attachment->multi)
			close(attachment->link_fds[attachment->n]);
		else
			bpf_link__destroy(attachment->links[attachment->n]);
	}
}

/* ---- one instruction ---- */

bool uprobe_link_one(const struct uprobe *uprobe, struct bpf_program *program, const char *path,
		     pid_t pid, uint64_t offset, struct attachment *ret)
{
	struct uprobe_multi_attr attr = {
		.prog_fd = (uint32_t)bpf_program__fd(program),
		.attach_type = TRACE_UPROBE_MULTI,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)&offset,
		.count = 1,
		.pid = (uint32_t)pid,
	};
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .bpf_cookie = 0);

	*ret = (struct attachment){.n = 1, .multi = uprobe->multi};
	if (!uprobe->multi)
		ret->links[0] = bpf_program__attach_uprobe_opts(program, pid, path, offset, &opts);
	else
		ret->link_fds[0] = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	return uprobe->multi ? ret->link_fds[0] >= 0 : ret->links[0] != NULL;
}

int uprobe_link_self(int program, uint64_t offset)
{
	struct uprobe_multi_attr attr = {
		.prog_fd = (uint32_t)program,
		.attach_type = TRACE_UPROBE_MULTI,
		.path = (uintptr_t) "/proc/self/exe",
		.offsets = (uintptr_t)&offset,
		.count = 1,
		.pid = (uint32_t)getpid(),
	};

	return (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
}

bool uprobe_attach_nothing(const struct uprobe *uprobe, const char *path, pid_t pid,
			   uint64_t offset)
{
	struct attachment stays;

	return uprobe_link_one(uprobe, uprobe_main(uprobe)->skel->progs.on_nothing, path, pid,
			       offset, &stays);
}
