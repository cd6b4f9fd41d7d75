/* Tries what the engine needs, for `tophash doctor`: loads the kernel programs as for a small target,
 * and places a probe in this process. */
#include "watch/engine/calibrate.h"
#include "base/base.h"

#include <errno.h>

enum { FRAMES = 16, KEY_BYTES = 64 };

static int load(const struct uprobe *uprobe, struct trace_bpf *skel)
{
	skel->rodata->stack_max = FRAMES;
	skel->rodata->key_bytes = KEY_BYTES;
	skel->rodata->deep_size = sizeof(struct wire_event) + FRAMES * sizeof(uint64_t);
	skel->rodata->big_size =
		sizeof(struct wire_event) + sizeof(struct wire_key) + FRAMES * sizeof(uint64_t);
	bpf_program__set_autoload(skel->progs.on_removal_count, false);
	bpf_program__set_autoload(skel->progs.on_move, false);
	bpf_program__set_autoload(skel->progs.on_move_v1, false);
	bpf_program__set_autoload(skel->progs.on_user, false);
	bpf_map__set_autocreate(skel->maps.cgroups, false);
	bpf_map__set_autocreate(skel->maps.users, false);
	if (uprobe->multi)
		uprobe_set_multi(skel);
	return trace_bpf__load(skel);
}

/* Tries both steps. */
static void try_probe(struct uprobe *uprobe, struct engine_trial *ret)
{
	struct uprobe_module module = {.skel = trace_bpf__open()};
	int err = module.skel ? load(uprobe, module.skel) : -errno;

	if (err)
		ret->load = uprobe_failed("cannot load the kernel program", -err);
	uprobe_forget_message();
	if (!err && !vec_push(&uprobe->modules, &module))
		ret->probe = error_nomem();
	else if (!err && !calibrate_try(uprobe))
		ret->probe = uprobe_failed("cannot place a probe", errno);
	trace_bpf__destroy(module.skel);
	vec_fini(&uprobe->modules);
}

void uprobe_try_out(struct engine_trial *ret)
{
	struct uprobe uprobe = {.multi = uprobe_has_multi()};
	int stats;

	uprobe_keep_messages();
	ret->grouped = uprobe.multi;
	ret->load = uprobe_check(); /* as trace does, so that the words are the same */
	if (!ret->load)
		try_probe(&uprobe, ret);
	stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	ret->cost = stats >= 0;
	if (stats >= 0)
		close(stats);
}

enum engine_hold uprobe_try_hold(int exe)
{
	enum keeper_start lease = keeper_try(exe);

	return lease == KEEPER_STARTED	 ? ENGINE_HELD
	       : lease == KEEPER_WRITTEN ? ENGINE_WRITTEN
					 : ENGINE_UNHELD;
}
