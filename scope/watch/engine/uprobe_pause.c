/* A pause (--max-overhead): the probes at deletes and clears are taken off, and placed again later. */
#include "base/clock.h"
#include "watch/engine/uprobe.h"

static void set_mode(struct uprobe *uprobe, enum wire_mode mode)
{
	__atomic_store_n(&uprobe_main(uprobe)->skel->bss->mode, (uint32_t)mode, __ATOMIC_SEQ_CST);
}

void uprobe_pause(struct engine *engine)
{
	struct uprobe *uprobe = (struct uprobe *)engine;

	if (uprobe_is_stopped(uprobe))
		return;
	uprobe->paused = true;
	set_mode(uprobe, WIRE_PAUSES);
	vec_each(placed, &uprobe->placed)
		uprobe_detach_formers(uprobe, &(*placed)->hot);
	uprobe_measure_cut(uprobe); /* last, because it may wait for other CPUs */
}

/* Drops the deletes that were under way when the probes were removed, because their ends were not
 * seen. */
static void forget_pendings(struct uprobe *uprobe)
{
	const struct bpf_map *pendings = uprobe_main(uprobe)->skel->maps.pendings;
	int fd = bpf_map__fd(pendings);
	uint8_t key[16]; /* struct pending_key */

	assert(bpf_map__key_size(pendings) == sizeof(key));
	while (!bpf_map_get_next_key(fd, NULL, key) && !bpf_map_delete_elem(fd, key))
		;
}

/* Places the hot probes of all slots. A file that can have no lease any more loses the others, too, and
 * uprobe_holds() tells. */
static struct error *attach_hot(struct uprobe *uprobe)
{
	vec_each(at, &uprobe->placed) {
		struct placed *placed = *at;
		enum engine_hold hold;

		if (!placed->module)
			continue;
		try(uprobe_link_begin(uprobe, placed, true, &placed->hot, &hold));
		try(uprobe_link_end(&placed->hot, &hold));
		if (!uprobe_stands(placed, hold) && placed->cold.keeper)
			keeper_end(placed->cold.keeper);
		if (!uprobe_still_runs(uprobe, placed->pid)) /* uprobe_release() follows */
			uprobe_unlink(&placed->hot);
	}
	return NULL;
}

/* Places the probes again, with the generation of the other probes. A hit must not meet an old and
 * a new probe, and therefore the old ones are removed before. No hit counts while they are being
 * placed, because tophash could see the beginning of a delete and not its end. */
struct error *uprobe_resume(struct engine *engine, uint64_t *ret_ns)
{
	struct uprobe *uprobe = (struct uprobe *)engine;
	struct error *err;

	*ret_ns = 0;
	uprobe_join_formers(uprobe, false);
	if (uprobe->formers || uprobe->keepers.len || uprobe_is_stopped(uprobe))
		return NULL;
	forget_pendings(uprobe);
	err = attach_hot(uprobe);
	if (err) {
		vec_each(placed, &uprobe->placed)
			uprobe_unlink(&(*placed)->hot);
		return err;
	}
	uprobe->paused = false;
	*ret_ns = now_ns();
	set_mode(uprobe, WIRE_RUNS);
	uprobe_measure_soon(uprobe);
	return NULL;
}
