/* The uprobe engine: uprobes with BPF programs, and a ring buffer. */
#include "watch/engine/uprobe.h"

#include <errno.h>
#include <sys/epoll.h>

static void uprobe_close(struct engine *engine)
{
	struct uprobe *uprobe = (struct uprobe *)engine;

	uprobe_measure_end(uprobe);
	uprobe_detach(engine);
	ring_buffer__free(uprobe->ring);
	trace_bpf__destroy(uprobe->skel);
	free(uprobe);
}

static struct error *uprobe_open(const struct engine_options *options, struct engine **ret)
{
	struct uprobe *uprobe = calloc(1, sizeof(*uprobe));
	struct error *err;

	if (!uprobe)
		return error_nomem();
	uprobe->options = options;
	uprobe->cost.calibrator = uprobe->cost.stats_fd = -1;
	uprobe->ncpus = libbpf_num_possible_cpus();
	err = uprobe->ncpus < 1 ? error_new(ERROR_FAILED, "cannot tell the number of CPUs")
				: uprobe_load(uprobe);
	if (err) {
		uprobe_close(&uprobe->engine);
		return err;
	}
	uprobe_measure_begin(uprobe);
	*ret = &uprobe->engine;
	return NULL;
}

static bool uprobe_types_cut(const struct engine *engine)
{
	return ((const struct uprobe *)engine)->types_cut;
}

/* ---- data that the kernel programs share with user space ---- */

static struct trace_bpf__bss *bss_of(const struct engine *engine)
{
	return ((const struct uprobe *)engine)->skel->bss;
}

static uint32_t uprobe_exec_count(const struct engine *engine)
{
	return __atomic_load_n(&bss_of(engine)->begun, __ATOMIC_SEQ_CST);
}

static bool uprobe_sends_execs(const struct engine *engine)
{
	return ((const struct uprobe *)engine)->sends_execs;
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

static void uprobe_stop(struct engine *engine)
{
	__atomic_store_n(&bss_of(engine)->stopped, true, __ATOMIC_SEQ_CST);
	/* This may wait for the calibrating child, during which the target's hits would fill the
	 * ring. */
	uprobe_measure_end((struct uprobe *)engine);
}

/* ---- draining ---- */

static int uprobe_wake_fd(const struct engine *engine)
{
	return ring_buffer__epoll_fd(((const struct uprobe *)engine)->ring);
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
	struct epoll_event ready;
	int n;

	uprobe->on_record = on_record;
	uprobe->ctx = ctx;
	n = ring_buffer__consume(uprobe->ring);
	/* Takes the ring off epoll's list of ready descriptors if it is empty. */
	epoll_wait(ring_buffer__epoll_fd(uprobe->ring), &ready, 1, 0);
	if (n < 0 && n != -ECANCELED && n != -EINTR)
		return error_errno(ERROR_FAILED, -n, "cannot read the ring buffer");
	return NULL;
}

/* Makes a record for a row: a delete of the same type, place and stack. */
static void count_record(const struct wire_count *row, struct wire_event *event,
			 uint64_t stack[WIRE_STACK_SMALL])
{
	const struct wire_count_key *key = &row->key;

	*event = (struct wire_event){
		.ip = key->ip,
		.type = key->type,
		.probe = key->probe,
		.nstack = key->nstack < WIRE_STACK_SMALL ? key->nstack : WIRE_STACK_SMALL,
		.kind = WIRE_DELETE,
		.flags = key->flags | WIRE_REMOVED,
	};
	memcpy(stack, key->stack, sizeof(key->stack));
}

static struct error *uprobe_drain_counts(struct engine *engine,
					 bool (*on_count)(void *ctx,
							  const struct engine_count *count),
					 void *ctx)
{
	struct uprobe *uprobe = (struct uprobe *)engine;
	int fd = bpf_map__fd(uprobe->skel->maps.counts);
	bool more = uprobe->options->count;

	for (uint32_t i = 0; more && i < WIRE_COUNT_ROWS; i++) {
		struct {
			struct wire_event event;
			uint64_t stack[WIRE_STACK_SMALL];
		} record;
		uint64_t goroutines[WIRE_GOROUTINE_SLOTS];
		struct engine_count count = {.record = &record, .goroutines = goroutines};
		struct wire_count row;

		if (bpf_map_lookup_elem(fd, &i, &row))
			return error_errno(ERROR_FAILED, errno, "cannot read what was counted");
		if (!row.hits)
			continue;
		count_record(&row, &record.event, record.stack);
		count.size = sizeof(record.event) + record.event.nstack * 8ul;
		count.hits = row.hits;
		for (size_t slot = 0; slot < WIRE_GOROUTINE_SLOTS; slot++)
			if (row.goroutines[slot])
				goroutines[count.goroutines_n++] = row.goroutines[slot];
		more = on_count(ctx, &count);
	}
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
	if (bpf_map_lookup_elem(bpf_map__fd(uprobe->skel->maps.counters), &zero, each) == 0) {
		for (int i = 0; i < uprobe->ncpus; i++) {
			ret->hits += each[i].other_hits + each[i].removed;
			ret->filtered += each[i].filtered;
			ret->filtered_shapes += each[i].filtered_shapes;
			ret->removed += each[i].removed;
			ret->cleared += each[i].cleared;
			ret->misses += each[i].misses;
			ret->lost_ring += each[i].lost_ring;
			ret->lost_pending += each[i].lost_pending;
			ret->lost_internal += each[i].lost_internal;
		}
	}
	free(each);
}

const struct engine_ops engine_uprobe = {
	.name = "uprobe",
	.open = uprobe_open,
	.close = uprobe_close,
	.types_cut = uprobe_types_cut,
	.attach = uprobe_attach,
	.exec_count = uprobe_exec_count,
	.sends_execs = uprobe_sends_execs,
	.set_gc = uprobe_set_gc,
	.forget_gc = uprobe_forget_gc,
	.stop = uprobe_stop,
	.detach = uprobe_detach,
	.wake_fd = uprobe_wake_fd,
	.drain = uprobe_drain,
	.drain_counts = uprobe_drain_counts,
	.counters = uprobe_counters,
	.measure = uprobe_measure,
	.cost = uprobe_cost,
};
