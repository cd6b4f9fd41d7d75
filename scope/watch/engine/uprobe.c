/* The uprobe engine: the BPF object, its configuration, its attachments, its ring. */
#include "watch/engine/engine.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "watch/engine/key_match.h"
#include "watch/engine/probe.h"
#include "watch/engine/type_table.h"
#include "trace.skel.h"

/* include/uapi/linux/bpf.h, Linux 6.6: BPF_TRACE_UPROBE_MULTI and the link_create attributes for
 * it; libbpf 1.1 and its headers are older. */
#define TRACE_UPROBE_MULTI 48

struct uprobe_multi_attr {
	uint32_t prog_fd, target_fd, attach_type, flags;
	uint64_t path, offsets, ref_ctr_offsets, cookies;
	uint32_t count, multi_flags, pid, unused;
};

/* The probes as they are attached. */
struct attachment {
	struct bpf_link *links[WIRE_PROBES]; /* !multi */
	int link_fds[WIRE_PROBES];	     /* multi */
	size_t n;
	uint32_t generation;
};

struct engine {
	const struct probe_options *options;
	struct trace_bpf *skel;
	struct ring_buffer *ring;
	bool types_cut;
	bool multi; /* one link a program, for all its probes */
	struct attachment attachment;
	int ncpus;
	bool (*on_record)(void *ctx, const void *record, size_t size);
	void *ctx;
};

/* ---- libbpf's messages: kept, for the one line that an error shows ---- */

static __thread char last_message[512];

__attribute__((format(printf, 2, 0))) static int keep_message(enum libbpf_print_level level,
							      const char *format, va_list args)
{
	char line[512];

	if (level != LIBBPF_WARN)
		return 0;
	vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = '\0';
	if (!last_message[0]) /* the first is the cause, the rest its consequences */
		memcpy(last_message, line, sizeof(line));
	return 0;
}

/* Is it Linux major.minor or later? */
static bool kernel_is(unsigned major, unsigned minor)
{
	struct utsname name;
	unsigned a, b;

	return uname(&name) == 0 && sscanf(name.release, "%u.%u", &a, &b) == 2 &&
	       (a > major || (a == major && b >= minor));
}

static struct error *bpf_failed(const char *what, int errnum)
{
	/* The verifier says EACCES as well, of a program that libbpf then names. */
	if (errnum == EPERM || (errnum == EACCES && !strstr(last_message, "prog '")))
		return error_new(ERROR_PERMISSION,
				 "%s: not permitted: run tophash as root (CAP_BPF and CAP_PERFMON)",
				 what);
	/* The verifier of an older kernel says EINVAL to what it does not know. */
	if (errnum == ENOSYS || errnum == ENOENT || errnum == EOPNOTSUPP || !kernel_is(5, 15))
		return error_new(ERROR_PERMISSION,
				 "%s: this kernel lacks something (%s): Linux 5.15 or later with "
				 "CONFIG_BPF_SYSCALL, CONFIG_UPROBES and CONFIG_UPROBE_EVENTS is "
				 "needed",
				 what, last_message[0] ? last_message : strerror(errnum));
	return error_new(ERROR_PERMISSION, "%s: %s%s%s", what, strerror(errnum),
			 last_message[0] ? ": " : "", last_message);
}

/* ---- configuration ---- */

static void set_filter_words(struct trace_bpf *skel, const struct filter *filter)
{
	struct key_words words;

	key_match_words(filter, &words);
	skel->rodata->filter_len = words.len;
	skel->rodata->filter_prefix = words.prefix;
	memcpy(skel->rodata->filter_words, words.words, sizeof(words.words));
	memcpy(skel->rodata->filter_masks, words.masks, sizeof(words.masks));
}

/* include/linux/proc_ns.h, PROC_PID_INIT_INO: the initial pid namespace. */
#define INITIAL_PIDNS 0xEFFFFFFCu

static void set_pid_namespace(struct trace_bpf *skel)
{
	struct stat st;

	if (stat("/proc/self/ns/pid", &st) < 0 || st.st_ino == INITIAL_PIDNS)
		return;
	skel->rodata->pidns_dev = st.st_dev;
	skel->rodata->pidns_ino = st.st_ino;
}

static void set_rodata(struct trace_bpf *skel, const struct probe_options *options,
		       const struct type_table *types)
{
	const struct filter *filter = options->filter;
	uint32_t stack_max = options->stack_max + WIRE_STACK_EXTRA;

	skel->rodata->stack_max = stack_max;
	skel->rodata->key_bytes = options->key_bytes;
	skel->rodata->goid_offset = go_goid_offset(gopcln_minor(options->tab));
	skel->rodata->gcphase = options->placements->gcphase;
	skel->rodata->use_gc_probe = options->placements->gc;
	skel->rodata->use_types = filter->type_glob || filter->key;
	skel->rodata->use_key_filter = filter->key != NULL;
	skel->rodata->use_misses = options->misses;
	skel->rodata->use_filters = filter->type_glob || filter->key || filter->map || filter->goid;
	skel->rodata->filter_map = filter->map;
	skel->rodata->filter_goid = filter->goid;
	skel->rodata->type_multiplier = types->multiplier;
	skel->rodata->type_mask = types->mask;
	skel->rodata->deep_size = (uint32_t)(sizeof(struct wire_event) + stack_max * 8ul);
	skel->rodata->big_size =
		(uint32_t)(sizeof(struct wire_event) + sizeof(struct wire_key) + stack_max * 8ul);
	set_filter_words(skel, filter);
	set_pid_namespace(skel);
}

static uint32_t ring_size(uint64_t wanted)
{
	uint64_t size = (uint64_t)sysconf(_SC_PAGESIZE);

	while (size < wanted && size < 1ull << 31)
		size *= 2;
	return (uint32_t)size;
}

#define PENDINGS 16384 /* deletes in flight at once, with --misses */

static void set_map_sizes(struct trace_bpf *skel, const struct probe_options *options,
			  const struct type_table *types)
{
	bpf_map__set_max_entries(skel->maps.events, ring_size(options->buffer_size));
	bpf_map__set_max_entries(skel->maps.types,
				 types->values.len ? (uint32_t)types->values.len : 1);
	bpf_map__set_max_entries(skel->maps.type_buckets, types->mask + 1);
	bpf_map__set_max_entries(skel->maps.pendings, options->misses ? PENDINGS : 1);
	bpf_program__set_autoload(skel->progs.on_gc, options->placements->gc);
	bpf_program__set_autoload(skel->progs.on_begin, !options->start);
	bpf_program__set_autoload(skel->progs.on_start, options->start);
	bpf_program__set_autoload(skel->progs.on_entry, options->misses);
	bpf_program__set_autoload(skel->progs.on_exit, options->misses);
	bpf_program__set_autoload(skel->progs.on_panic, options->misses);
}

/* Fills an array map from its first element on. */
static struct error *upload(struct bpf_map *map, const void *values, size_t n)
{
	uint32_t *keys = n ? malloc(n * sizeof(*keys)) : NULL;
	uint32_t count = (uint32_t)n;
	int err = 0;

	if (!n)
		return NULL;
	if (!keys)
		return error_nomem();
	for (uint32_t i = 0; i < n; i++)
		keys[i] = i;
	if (bpf_map_update_batch(bpf_map__fd(map), keys, values, &count, NULL) < 0)
		err = errno;
	free(keys);
	return err ? bpf_failed("cannot fill the kernel program's tables", err) : NULL;
}

static struct error *upload_types(struct trace_bpf *skel, const struct type_table *types)
{
	try(upload(skel->maps.types, types->values.data, types->values.len));
	return upload(skel->maps.type_buckets, types->buckets, types->mask + 1ul);
}

static_assert(ENGINE_STACK_MAX + WIRE_STACK_EXTRA == WIRE_STACK_MAX, "the record has room");
static_assert(ENGINE_KEY_BYTES_MAX == WIRE_KEY_SEGMENT, "a segment has room for a string");
static struct error *upload_probes(struct trace_bpf *skel, const struct probe_options *options)
{
	int fd = bpf_map__fd(skel->maps.probes);
	uint32_t i = 0;

	vec_each(spot, &options->placements->list) {
		struct wire_probe probe;

		if (!probe_from_spot(spot, &probe))
			return error_new(ERROR_TARGET,
					 "%s: the arguments of %s lie too far apart: this build of "
					 "the Go runtime is not known; please report it",
					 image_name(options->image), spot->func);
		if (bpf_map_update_elem(fd, &i, &probe, BPF_ANY))
			return bpf_failed("cannot fill the table of probes", errno);
		i++;
	}
	return NULL;
}

static struct error *upload_slow_path(struct trace_bpf *skel)
{
	int program = bpf_program__fd(skel->progs.on_removal_slow);
	uint32_t zero = 0;

	if (bpf_map_update_elem(bpf_map__fd(skel->maps.slow_paths), &zero, &program, BPF_ANY))
		return bpf_failed("cannot link the kernel programs", errno);
	return NULL;
}

static int on_sample(void *ctx, void *record, size_t size)
{
	struct engine *engine = ctx;

	return engine->on_record(engine->ctx, record, size) ? 0 : -ECANCELED;
}

/* Multi-uprobe links came with Linux 6.6, but looked only at the main thread of a process until
 * 6.10 (commit 46ba0e49b642). */
static bool kernel_has_multi(void)
{
	return kernel_is(6, 11);
}

static int load_skeleton(struct engine *engine, const struct type_table *types)
{
	struct bpf_program *program;

	engine->skel = trace_bpf__open();
	if (!engine->skel)
		return -errno;
	set_rodata(engine->skel, engine->options, types);
	set_map_sizes(engine->skel, engine->options, types);
	if (engine->multi)
		bpf_object__for_each_program(program, engine->skel->obj)
			bpf_program__set_expected_attach_type(program, TRACE_UPROBE_MULTI);
	return trace_bpf__load(engine->skel);
}

static struct error *engine_load(struct engine *engine, const struct type_table *types)
{
	const struct probe_options *options = engine->options;
	int err;

	engine->multi = kernel_has_multi() && !getenv("TOPHASH_NO_MULTI");
	err = load_skeleton(engine, types);
	if (err)
		return bpf_failed("cannot load the kernel program", -err);
	try(upload_types(engine->skel, types));
	try(upload_probes(engine->skel, options));
	try(upload_slow_path(engine->skel));
	engine->ring =
		ring_buffer__new(bpf_map__fd(engine->skel->maps.events), on_sample, engine, NULL);
	if (!engine->ring)
		return bpf_failed("cannot map the ring buffer", errno);
	return NULL;
}

struct error *engine_open(const struct probe_options *options, struct engine **ret)
{
	cleanup(engine_close) struct engine *engine = calloc(1, sizeof(*engine));
	struct gotypes types = {.tab = options->tab, .image = options->image};
	struct type_table table;
	struct error *err;

	if (!engine)
		return error_nomem();
	last_message[0] = '\0';
	libbpf_set_print(keep_message);
	engine->options = options;
	engine->ncpus = libbpf_num_possible_cpus();
	if (engine->ncpus < 1)
		return error_new(ERROR_FAILED, "cannot tell the number of CPUs");
	err = type_table_init(&table, &types, options->filter);
	if (!err)
		err = engine_load(engine, &table);
	engine->types_cut = table.cut;
	type_table_fini(&table);
	if (!err)
		*ret = take_ptr(engine);
	return err;
}

void engine_close(struct engine *engine)
{
	if (!engine)
		return;
	engine_detach(engine);
	ring_buffer__free(engine->ring);
	trace_bpf__destroy(engine->skel);
	free(engine);
}

bool engine_types_cut(const struct engine *engine)
{
	return engine->types_cut;
}

/* ---- attaching ---- */

static struct bpf_program *program_of(struct trace_bpf *skel, enum spot_role role)
{
	switch (role) {
	case SPOT_REMOVAL: return skel->progs.on_removal;
	case SPOT_CLEAR: return skel->progs.on_clear;
	case SPOT_ENTRY: return skel->progs.on_entry;
	case SPOT_EXIT: return skel->progs.on_exit;
	case SPOT_PANIC: return skel->progs.on_panic;
	case SPOT_GC: return skel->progs.on_gc;
	case SPOT_BEGIN: return skel->progs.on_begin;
	default: return skel->progs.on_start;
	}
}

static struct error *attach_failed(const struct spot *spot, pid_t pid, int errnum)
{
	if (errnum == ESRCH)
		return error_new(ERROR_TARGET, "process %d ended while probes were placed",
				 (int)pid);
	return error_wrap(bpf_failed("cannot place a probe", errnum), "%s+%llu", spot->func,
			  (unsigned long long)spot_offset(spot));
}

static struct error *probe_offset(const struct engine *engine, const struct spot *spot,
				  uint64_t *ret)
{
	if (image_file_offset(engine->options->image, spot->addr, ret))
		return NULL;
	return error_new(ERROR_TARGET, "%s+%llu lies outside the file", spot->func,
			 (unsigned long long)spot_offset(spot));
}

/* One perf event a probe: any kernel from 5.15 on. Each costs a grace period when it is closed. */
static struct error *attach_each(struct engine *engine, const char *path, pid_t pid,
				 struct attachment *to)
{
	const struct placements *placements = engine->options->placements;

	for (uint32_t i = 0; i < placements->list.len; i++) {
		const struct spot *spot = &placements->list.data[i];
		LIBBPF_OPTS(bpf_uprobe_opts, opts, .bpf_cookie = WIRE_COOKIE(to->generation, i));
		struct bpf_link *link;
		uint64_t offset;

		try(probe_offset(engine, spot, &offset));
		link = bpf_program__attach_uprobe_opts(program_of(engine->skel, spot->role), pid,
						       path, offset, &opts);
		if (!link)
			return attach_failed(spot, pid, errno);
		to->links[to->n++] = link;
	}
	return NULL;
}

/* One link for all probes of a role: attached and, above all, taken off in one go. */
static struct error *attach_role(struct engine *engine, const char *path, pid_t pid,
				 enum spot_role role, struct attachment *to)
{
	const struct placements *placements = engine->options->placements;
	uint64_t offsets[WIRE_PROBES], cookies[WIRE_PROBES];
	struct uprobe_multi_attr attr = {
		.prog_fd = (uint32_t)bpf_program__fd(program_of(engine->skel, role)),
		.attach_type = TRACE_UPROBE_MULTI,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)offsets,
		.cookies = (uintptr_t)cookies,
		.pid = pid > 0 ? (uint32_t)pid : 0,
	};
	const struct spot *first = NULL;
	long fd;

	for (uint32_t i = 0; i < placements->list.len; i++) {
		const struct spot *spot = &placements->list.data[i];

		if (spot->role != role)
			continue;
		try(probe_offset(engine, spot, &offsets[attr.count]));
		cookies[attr.count++] = WIRE_COOKIE(to->generation, i);
		first = first ? first : spot;
	}
	if (!first)
		return NULL;
	fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	if (fd < 0)
		return attach_failed(first, pid, errno);
	to->link_fds[to->n++] = (int)fd;
	return NULL;
}

static struct error *attach_all(struct engine *engine, const char *path, pid_t pid,
				struct attachment *to)
{
	if (!engine->multi)
		return attach_each(engine, path, pid, to);
	for (enum spot_role role = SPOT_REMOVAL; role <= SPOT_BEGIN; role++)
		try(attach_role(engine, path, pid, role, to));
	return NULL;
}

static void detach_all(const struct engine *engine, struct attachment *attachment)
{
	while (attachment->n) {
		attachment->n--;
		if (engine->multi)
			close(attachment->link_fds[attachment->n]);
		else
			bpf_link__destroy(attachment->links[attachment->n]);
	}
}

struct error *engine_attach(struct engine *engine, int exe, pid_t pid)
{
	struct attachment attachment = {.generation = engine->attachment.generation + 1};
	struct error *err;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", exe);
	last_message[0] = '\0';
	err = attach_all(engine, path, pid, &attachment);
	if (err) {
		detach_all(engine, &attachment);
		return err;
	}
	__atomic_store_n(&engine->skel->bss->generation, attachment.generation, __ATOMIC_SEQ_CST);
	detach_all(engine, &engine->attachment);
	engine->attachment = attachment;
	return NULL;
}

uint32_t engine_begun(const struct engine *engine)
{
	return __atomic_load_n(&engine->skel->bss->begun, __ATOMIC_SEQ_CST);
}

void engine_set_gc(struct engine *engine, uint32_t phase)
{
	if (engine->skel && engine->skel->bss)
		__atomic_store_n(&engine->skel->bss->gc_first, phase + 1, __ATOMIC_SEQ_CST);
}

void engine_forget_gc(struct engine *engine)
{
	__atomic_store_n(&engine->skel->bss->gc_first, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&engine->skel->bss->gc_changes, 0, __ATOMIC_SEQ_CST);
}

void engine_stop(struct engine *engine)
{
	if (engine->skel && engine->skel->bss)
		__atomic_store_n(&engine->skel->bss->stopped, true, __ATOMIC_SEQ_CST);
}

void engine_detach(struct engine *engine)
{
	detach_all(engine, &engine->attachment);
}

/* ---- draining ---- */

int engine_wake_fd(const struct engine *engine)
{
	return ring_buffer__epoll_fd(engine->ring);
}

struct error *engine_drain(struct engine *engine,
			   bool (*on_record)(void *ctx, const void *record, size_t size), void *ctx)
{
	struct epoll_event ready;
	int n;

	engine->on_record = on_record;
	engine->ctx = ctx;
	n = ring_buffer__consume(engine->ring);
	/* Takes the ring off the list of what is ready, if it is empty. */
	epoll_wait(ring_buffer__epoll_fd(engine->ring), &ready, 1, 0);
	if (n < 0 && n != -ECANCELED && n != -EINTR)
		return error_errno(ERROR_FAILED, -n, "cannot read the ring buffer");
	return NULL;
}

void engine_counters(const struct engine *engine, struct engine_counters *ret)
{
	struct wire_counters *each = calloc((size_t)engine->ncpus, sizeof(*each));
	uint32_t zero = 0;

	*ret = (struct engine_counters){0};
	if (!each)
		return;
	if (bpf_map_lookup_elem(bpf_map__fd(engine->skel->maps.counters), &zero, each) == 0) {
		for (int i = 0; i < engine->ncpus; i++) {
			ret->hits += each[i].other_hits + each[i].removed;
			ret->filtered += each[i].filtered;
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
