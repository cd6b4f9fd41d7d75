/* The uprobe engine: uprobes with BPF programs, and a ring buffer. */
#include "watch/engine/uprobe.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>

#define DESCRIPTORS_TO_SPARE 256

static void uprobe_close(struct engine *engine)
{
	struct uprobe *uprobe = (struct uprobe *)engine;

	uprobe_detach(engine);
	uprobe_warm_end(uprobe);
	vec_fini(&uprobe->keepers);
	ring_buffer__free(uprobe->ring);
	vec_each(placed, &uprobe->placed)
		free(*placed);
	vec_fini(&uprobe->placed);
	while (uprobe->modules.len) /* module 0 is last, because the others use its maps */
		uprobe_module_free(uprobe->modules.data[--uprobe->modules.len]);
	vec_fini(&uprobe->modules);
	vec_fini(&uprobe->typed);
	free(uprobe);
}

/* Loads module 0. */
static struct error *load(struct uprobe *uprobe)
{
	uint32_t number;

	uprobe->ncpus = libbpf_num_possible_cpus();
	if (uprobe->ncpus < 1)
		return error_new(ERROR_FAILED, "cannot tell the number of CPUs");
	if (getrandom(uprobe->sample_secret, sizeof(uprobe->sample_secret), 0) < 0)
		return error_errno(ERROR_FAILED, errno, "cannot draw a random number");
	return uprobe_add(&uprobe->engine, &uprobe->options->module, &number);
}

/* Tells whether there are descriptors to spare. */
static bool has_descriptors(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= DESCRIPTORS_TO_SPARE;
}

static struct error *uprobe_open(const struct engine_options *options, struct engine **ret)
{
	struct uprobe *uprobe = calloc(1, sizeof(*uprobe));
	struct error *err;

	if (!uprobe)
		return error_nomem();
	uprobe->options = options;
	uprobe->cost.calibrator = -1;
	uprobe->multi = uprobe_has_multi();
	uprobe->hastens = uprobe->multi && has_descriptors();
	if (uprobe->hastens)
		uprobe_warm_begin(uprobe);
	err = load(uprobe);
	if (!err && options->group)
		err = uprobe_watch_group(uprobe);
	if (err) {
		uprobe_close(&uprobe->engine);
		return err;
	}
	uprobe_measure_begin(uprobe);
	*ret = &uprobe->engine;
	return NULL;
}

/* A perf event on a uprobe needs CAP_SYS_ADMIN from Linux 6.16 on, and in the stable releases of
 * 2025 ("perf: Revert to requiring CAP_SYS_ADMIN for uprobes"). A link does not. */
static uint64_t uprobe_capabilities(const struct engine *engine)
{
	uint64_t both = 1ull << CAP_BPF | 1ull << CAP_PERFMON;

	return ((const struct uprobe *)engine)->multi ? both : both | 1ull << CAP_SYS_ADMIN;
}

static bool uprobe_types_cut(const struct engine *engine)
{
	return uprobe_main((const struct uprobe *)engine)->types_cut;
}

/* ---- data that the kernel programs share with user space ---- */

static struct trace_bpf__bss *bss_of(const struct engine *engine)
{
	return uprobe_main((const struct uprobe *)engine)->skel->bss;
}

static uint32_t uprobe_exec_count(const struct engine *engine)
{
	return __atomic_load_n(&bss_of(engine)->starts, __ATOMIC_SEQ_CST);
}

static bool uprobe_sends_execs(const struct engine *engine)
{
	return ((const struct uprobe *)engine)->sends_execs;
}

static uint32_t uprobe_strangers(const struct engine *engine)
{
	return __atomic_load_n(&bss_of(engine)->strangers, __ATOMIC_SEQ_CST);
}

static uint32_t uprobe_news_lost(const struct engine *engine)
{
	return __atomic_load_n(&bss_of(engine)->news_lost, __ATOMIC_SEQ_CST);
}

static void uprobe_forget(struct engine *engine, pid_t pid)
{
	struct trace_bpf__bss *bss = bss_of(engine);

	/* Only in a tree can there be other processes, whose hits are looked at. */
	if (!((const struct uprobe *)engine)->options->tree || bss->watched != (uint32_t)pid)
		return;
	__atomic_store_n(&bss->watched_global, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&bss->watched, 0, __ATOMIC_SEQ_CST);
}

static void uprobe_set_gc(struct engine *engine, uint32_t phase)
{
	__atomic_store_n(&bss_of(engine)->gc_first, phase + 1, __ATOMIC_SEQ_CST);
}

static void uprobe_forget_gc(struct engine *engine)
{
	__atomic_store_n(&bss_of(engine)->gc_first, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&bss_of(engine)->gc_changes, 0, __ATOMIC_SEQ_CST);
}

static void uprobe_set_sample(struct engine *engine, double fraction)
{
	uint64_t bound = (uint64_t)((1 - fraction) * (double)(1ull << WIRE_SAMPLE_BITS));

	uprobe_measure_cut((struct uprobe *)engine);
	__atomic_store_n(&bss_of(engine)->sample_bound, bound, __ATOMIC_SEQ_CST);
	uprobe_measure_soon((struct uprobe *)engine);
}

static void uprobe_stop(struct engine *engine)
{
	__atomic_store_n(&bss_of(engine)->mode, WIRE_STOPPED, __ATOMIC_SEQ_CST);
	/* From here on the programs do almost nothing, and their time is not that of a hit. */
	uprobe_measure_stop((struct uprobe *)engine);
}

/* ---- draining ---- */

/* Maps the ring buffers, once. They are read in this order. This takes the kernel 2 ms. Each later fork copies
 * the page tables, which takes longer than the rest of the fork. Therefore it comes after the first probes and
 * their keepers. */
static struct error *open_ring(struct uprobe *uprobe)
{
	if (uprobe->ring || !uprobe->modules.len)
		return NULL;
	uprobe->ring = ring_buffer__new(bpf_map__fd(uprobe_main(uprobe)->skel->maps.events),
					uprobe_on_sample, uprobe, NULL);
	if (uprobe->ring &&
	    ring_buffer__add(uprobe->ring, bpf_map__fd(uprobe_main(uprobe)->skel->maps.news),
			     uprobe_on_sample, uprobe) < 0) {
		ring_buffer__free(uprobe->ring);
		uprobe->ring = NULL;
	}
	return uprobe->ring ? NULL : uprobe_failed("cannot map the ring buffer", errno);
}

static int uprobe_wake_fd(const struct engine *engine)
{
	struct uprobe *uprobe = (struct uprobe *)engine;

	error_free(open_ring(uprobe)); /* uprobe_drain() will return the error */
	return uprobe->ring ? ring_buffer__epoll_fd(uprobe->ring) : -1;
}

int uprobe_on_sample(void *ctx, void *record, size_t size)
{
	struct uprobe *uprobe = ctx;

	return uprobe->on_record(uprobe->ctx, record, size) ? 0 : -ECANCELED;
}

static struct error *uprobe_drain(struct engine *engine,
				  bool (*on_record)(void *ctx, const void *record, size_t size),
				  void *ctx)
{
	struct uprobe *uprobe = (struct uprobe *)engine;
	struct epoll_event ready[2];
	int n;

	try(open_ring(uprobe));
	uprobe->on_record = on_record;
	uprobe->ctx = ctx;
	n = ring_buffer__consume(uprobe->ring);
	/* Takes the rings off epoll's list of ready descriptors if they are empty. */
	epoll_wait(ring_buffer__epoll_fd(uprobe->ring), ready, ARRAY_SIZE(ready), 0);
	if (n < 0 && n != -ECANCELED && n != -EINTR)
		return error_errno(ERROR_FAILED, -n, "cannot read the ring buffer");
	return NULL;
}

/* ---- counted hits ---- */

static_assert(WIRE_COUNT_ROWS <= UINT16_MAX, "a row's number must fit wire_count_key.parent");

struct count_record {
	struct wire_event event;
	uint64_t stack[WIRE_COUNT_CHAIN * WIRE_STACK_SMALL];
};

/* Makes a record for a row: a hit of the same kind, type, place and stack. */
static void count_record(const struct wire_count *rows, const struct wire_count *row,
			 struct count_record *ret)
{
	const struct wire_count_key *chain[WIRE_COUNT_CHAIN];
	size_t n = 0, frames = 0;

	chain[n++] = &row->key;
	while (n < WIRE_COUNT_CHAIN && chain[n - 1]->parent &&
	       chain[n - 1]->parent <= WIRE_COUNT_ROWS) {
		chain[n] = &rows[chain[n - 1]->parent - 1].key;
		n++;
	}
	while (n--) {
		size_t some =
			chain[n]->nstack < WIRE_STACK_SMALL ? chain[n]->nstack : WIRE_STACK_SMALL;

		memcpy(ret->stack + frames, chain[n]->stack, some * sizeof(ret->stack[0]));
		frames += some;
	}
	ret->event = (struct wire_event){
		.ip = row->key.ip,
		.type = row->key.type,
		.probe = row->key.probe,
		.nstack = (uint16_t)frames,
		.kind = row->key.kind,
		.flags = row->key.flags,
	};
}

static bool give_row(const struct wire_count *rows, const struct wire_count *row,
		     bool (*on_count)(void *ctx, const struct engine_count *count), void *ctx)
{
	struct count_record record;
	uint64_t goroutines[WIRE_GOROUTINE_SLOTS];
	struct engine_count count = {
		.record = &record, .hits = row->hits, .goroutines = goroutines};

	count_record(rows, row, &record);
	count.size = offsetof(struct count_record, stack) + record.event.nstack * 8ul;
	if (row->key.kind == WIRE_CLEAR)
		count.elements = row->elements;
	else if (row->key.flags & WIRE_REMOVED)
		count.elements = row->hits;
	for (size_t slot = 0; slot < WIRE_GOROUTINE_SLOTS; slot++)
		if (row->goroutines[slot])
			goroutines[count.goroutines_n++] = row->goroutines[slot];
	return on_count(ctx, &count);
}

static struct error *uprobe_drain_counts(struct engine *engine,
					 bool (*on_count)(void *ctx,
							  const struct engine_count *count),
					 void *ctx)
{
	struct uprobe *uprobe = (struct uprobe *)engine;
	size_t size = WIRE_COUNT_ROWS * sizeof(struct wire_count);
	const struct wire_count *rows;
	bool more = true;

	if (!uprobe->options->count)
		return NULL;
	rows = mmap(NULL, size, PROT_READ, MAP_SHARED,
		    bpf_map__fd(uprobe_main(uprobe)->skel->maps.counts), 0);
	if (rows == MAP_FAILED)
		return error_errno(ERROR_FAILED, errno, "cannot read the counted deletes");
	for (size_t i = 0; more && i < WIRE_COUNT_ROWS; i++)
		if (rows[i].hits)
			more = give_row(rows, &rows[i], on_count, ctx);
	munmap((void *)rows, size);
	return NULL;
}

static void uprobe_counters(const struct engine *engine, struct engine_counters *ret)
{
	const struct uprobe *uprobe = (const struct uprobe *)engine;
	struct wire_counters *each = calloc((size_t)uprobe->ncpus, sizeof(*each));
	uint32_t zero = 0;

	*ret = (struct engine_counters){0};
	if (!each)
		return;
	if (bpf_map_lookup_elem(bpf_map__fd(uprobe_main(uprobe)->skel->maps.counters), &zero,
				each) == 0) {
		for (int i = 0; i < uprobe->ncpus; i++) {
			uint64_t removed = each[i].removed + each[i].removed_filtered;

			ret->hits += each[i].other_hits + removed;
			ret->filtered += each[i].filtered + each[i].removed_filtered;
			ret->filtered_shapes += each[i].filtered_shapes;
			ret->removed += removed;
			ret->cleared += each[i].cleared;
			ret->clears_unknown += each[i].clears_unknown;
			ret->misses += each[i].misses;
			ret->sampled += each[i].sampled;
			ret->paused += each[i].paused;
			ret->lost_ring += each[i].lost_ring;
			ret->lost_pending += each[i].lost_pending;
			ret->lost_internal += each[i].lost_internal;
		}
	}
	free(each);
}

const struct engine_ops engine_uprobe = {
	.name = "uprobe",
	.check = uprobe_check,
	.try_out = uprobe_try_out,
	.try_hold = uprobe_try_hold,
	.open = uprobe_open,
	.close = uprobe_close,
	.types_cut = uprobe_types_cut,
	.add = uprobe_add,
	.capabilities = uprobe_capabilities,
	.attach = uprobe_attach,
	.release = uprobe_release,
	.set_modules = uprobe_set_modules,
	.holds = uprobe_holds,
	.watch_loads = uprobe_watch_loads,
	.exec_count = uprobe_exec_count,
	.sends_execs = uprobe_sends_execs,
	.strangers = uprobe_strangers,
	.news_lost = uprobe_news_lost,
	.narrow = uprobe_narrow,
	.narrowed = uprobe_narrowed,
	.forget = uprobe_forget,
	.set_gc = uprobe_set_gc,
	.forget_gc = uprobe_forget_gc,
	.set_sample = uprobe_set_sample,
	.pause = uprobe_pause,
	.resume = uprobe_resume,
	.stop = uprobe_stop,
	.detach = uprobe_detach,
	.wake_fd = uprobe_wake_fd,
	.drain = uprobe_drain,
	.drain_counts = uprobe_drain_counts,
	.counters = uprobe_counters,
	.measure = uprobe_measure,
	.cost = uprobe_cost,
};
