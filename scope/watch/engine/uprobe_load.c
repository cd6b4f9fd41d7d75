/* Loads the kernel programs: sets their configuration, fills their tables, explains their
 * errors. */
#include "watch/engine/uprobe.h"
#include "base/descriptors.h"
#include "base/namespace.h"
#include "read/layout/layout.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "read/layout/layout.h"
#include "watch/engine/key_match.h"
#include "watch/engine/probe.h"
#include "watch/engine/type_table.h"

static_assert(ENGINE_STACK_MAX + WIRE_STACK_EXTRA == WIRE_STACK_MAX, "the record has room");
static_assert((int)ENGINE_SAMPLE_GOROUTINE == WIRE_SAMPLE_GOROUTINE &&
		      (int)ENGINE_SAMPLE_KEY == WIRE_SAMPLE_KEY,
	      "the kernel program has the same");
static_assert(ENGINE_KEY_BYTES_MAX == WIRE_KEY_SEGMENT, "a segment has room for a string");

/* ---- errors: libbpf's first message has the cause, and is kept for the error's text ---- */

static __thread char last_message[512];

__attribute__((format(printf, 2, 0))) static int keep_message(enum libbpf_print_level level,
							      const char *format, va_list args)
{
	char line[512];

	if (level != LIBBPF_WARN)
		return 0;
	vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = '\0';
	/* libbpf tries to raise this limit once, because bpf(2) failed. It is never the cause. */
	if (!last_message[0] && !strstr(line, "RLIMIT_MEMLOCK"))
		memcpy(last_message, line, sizeof(line));
	return 0;
}

bool uprobe_kernel_is(unsigned major, unsigned minor)
{
	struct utsname name;
	unsigned a, b;

	return uname(&name) == 0 && sscanf(name.release, "%u.%u", &a, &b) == 2 &&
	       (a > major || (a == major && b >= minor));
}

struct error *uprobe_failed(const char *what, int errnum)
{
	if (descriptors_out(errnum))
		return descriptors_error(errnum, what);
	/* The verifier also returns EACCES. libbpf then names the program. */
	if (errnum == EPERM || (errnum == EACCES && !strstr(last_message, "prog '")))
		return error_new(ERROR_PERMISSION,
				 "%s: not permitted: run tophash as root (CAP_BPF and CAP_PERFMON)",
				 what);
	/* The verifier of an older kernel returns EINVAL for anything that it does not know. */
	if (errnum == ENOSYS || errnum == ENOENT || errnum == EOPNOTSUPP ||
	    !uprobe_kernel_is(5, 15))
		return error_new(ERROR_PERMISSION,
				 "%s: this kernel lacks something (%s): Linux 5.15 or later with "
				 "CONFIG_BPF_SYSCALL, CONFIG_UPROBES and CONFIG_UPROBE_EVENTS is "
				 "needed",
				 what, last_message[0] ? last_message : strerror(errnum));
	return error_new(ERROR_PERMISSION, "%s: %s%s%s", what, strerror(errnum),
			 last_message[0] ? ": " : "", last_message);
}

void uprobe_forget_message(void)
{
	last_message[0] = '\0';
}

void uprobe_keep_messages(void)
{
	uprobe_forget_message();
	libbpf_set_print(keep_message);
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

/* Finds the offset of a member in a struct of the kernel. */
static bool find_member(const struct btf *btf, const char *of, const char *name, uint32_t *ret)
{
	int id = btf__find_by_name_kind(btf, of, BTF_KIND_STRUCT);
	const struct btf_type *type = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;

	for (uint32_t i = 0; type && i < btf_vlen(type); i++) {
		const char *at = btf__name_by_offset(btf, btf_members(type)[i].name_off);

		if (!at || strcmp(at, name) != 0)
			continue;
		*ret = btf_member_bit_offset(type, i) / 8;
		return true;
	}
	return false;
}

/* Finds what the kernel program must know of the kernel's structs. Reading the type information takes 80 ms,
 * and only a control group of v1 needs it. */
static bool find_cgroup_members(uint32_t *ret_root, uint32_t *ret_number, uint32_t *ret_tgid)
{
	struct btf *btf = btf__load_vmlinux_btf();
	bool found = !libbpf_get_error(btf) && find_member(btf, "cgroup", "root", ret_root) &&
		     find_member(btf, "cgroup_root", "hierarchy_id", ret_number) &&
		     find_member(btf, "task_struct", "tgid", ret_tgid);

	btf__free(btf);
	return found;
}

/* Without it, processes that are moved are found by looking, a moment later. */
static void set_cgroup_v1(struct trace_bpf *skel, const struct engine_cgroup_v1 *group)
{
	size_t len = group ? strlen(group->path) : 0;
	uint32_t root_at, number_at, tgid_at;

	while (len && group->path[len - 1] == '/')
		len--;
	if (!group || len >= WIRE_CGROUP_MAX ||
	    !find_cgroup_members(&root_at, &number_at, &tgid_at))
		return;
	skel->rodata->v1_root_at = root_at;
	skel->rodata->v1_number_at = number_at;
	skel->rodata->v1_tgid_at = tgid_at;
	skel->rodata->use_cgroup_v1 = true;
	skel->rodata->v1_hierarchy = group->hierarchy;
	skel->rodata->v1_len = (uint32_t)len;
	memcpy((char *)skel->rodata->v1_path, group->path, len);
}

static void set_pid_namespace(struct trace_bpf *skel)
{
	uint64_t dev, ino;

	namespace_of_pids(&dev, &ino);
	skel->rodata->pidns_dev = dev;
	skel->rodata->pidns_ino = ino;
}

static void set_rodata(struct trace_bpf *skel, const struct uprobe *uprobe,
		       const struct uprobe_module *module, const struct type_table *types)
{
	const struct engine_options *options = uprobe->options;
	const struct engine_module *of = &module->of;
	const struct gopcln_module *data = of->tab ? gopcln_module(of->tab) : NULL;
	const struct filter *filter = options->filter;
	uint32_t stack_max = options->stack_max + WIRE_STACK_EXTRA;

	skel->rodata->stack_max = stack_max;
	skel->rodata->key_bytes = options->key_bytes;
	skel->rodata->module_number = module->number;
	if (of->tab)
		skel->rodata->goid_offset =
			go_goid_offset(gopcln_minor(of->runtime ? of->runtime : of->tab));
	skel->rodata->gcphase = of->runtime ? 0 : of->placements->gcphase;
	skel->rodata->use_gc_probe =
		of->runtime ? options->module.placements->gc : of->placements->gc;
	skel->rodata->several_modules =
		options->modules && of->image && image_is_dynamic(of->image);
	skel->rodata->use_types = filter->type_glob || filter->key;
	skel->rodata->use_key_filter = filter->key != NULL;
	skel->rodata->use_misses = options->misses;
	skel->rodata->use_counts = options->count;
	skel->rodata->use_tree = options->tree;
	skel->rodata->use_cgroup = options->tree && options->cgroup_fd >= 0;
	skel->rodata->use_group = options->group;
	skel->rodata->sample_by = (uint32_t)options->sample;
	skel->rodata->sync_map = of->placements->sync_map;
	skel->rodata->sync_inner = of->placements->sync_map ? types->sync_inner : 0;
	/* The maps in a sync.Map must be told apart before the sample is drawn. */
	skel->rodata->use_filters =
		filter->type_glob || filter->key || filter->map || filter->goid ||
		(skel->rodata->sync_inner && options->sample != ENGINE_SAMPLE_NONE);
	skel->rodata->filter_map = filter->map;
	skel->rodata->filter_goid = filter->goid;
	skel->rodata->type_multiplier = types->multiplier;
	skel->rodata->type_mask = types->mask;
	skel->rodata->types_begin = data ? data->types : 0;
	skel->rodata->types_size = data ? data->etypes - data->types : 0;
	memcpy(skel->rodata->sample_secret, uprobe->sample_secret, sizeof(uprobe->sample_secret));
	skel->rodata->deep_size = (uint32_t)(sizeof(struct wire_event) + stack_max * 8ul);
	skel->rodata->big_size =
		(uint32_t)(sizeof(struct wire_event) + sizeof(struct wire_key) + stack_max * 8ul);
	set_filter_words(skel, filter);
	if (!module->number)
		set_cgroup_v1(skel, options->cgroup_v1);
	set_pid_namespace(skel);
}

static uint32_t ring_size(uint64_t wanted)
{
	uint64_t size = (uint64_t)sysconf(_SC_PAGESIZE);

	while (size < wanted && size < 1ull << 31)
		size *= 2;
	return (uint32_t)size;
}

/* Processes with several modules whose types can be found. */
#define PROCESSES 1024
#define PENDINGS  16384 /* deletes in progress at the same time, with --misses */

static bool has_role(const struct engine_module *module, enum spot_role role)
{
	vec_each(spot, &module->placements->list)
		if (spot->role == role)
			return true;
	return false;
}

static void set_map_sizes(struct trace_bpf *skel, const struct engine_options *options,
			  const struct uprobe_module *module, const struct type_table *types)
{
	bool first = !module->number; /* only module 0 tells of the process */
	bool probes = module->of.image != NULL;

	bpf_map__set_max_entries(skel->maps.events, ring_size(options->buffer_size));
	bpf_map__set_max_entries(skel->maps.types,
				 types->values.len ? (uint32_t)types->values.len : 1);
	bpf_map__set_max_entries(skel->maps.type_buckets, types->mask + 1);
	bpf_map__set_max_entries(skel->maps.pendings, options->misses ? PENDINGS : 1);
	bpf_map__set_max_entries(skel->maps.modules_of, options->modules ? PROCESSES : 1);
	bpf_map__set_max_entries(skel->maps.chosen,
				 options->processes > 1 ? options->processes : 1);
	bpf_map__set_max_entries(skel->maps.counts, options->count ? WIRE_COUNT_ROWS : 1);
	bpf_map__set_autocreate(skel->maps.cgroups, skel->rodata->use_cgroup);
	bpf_program__set_autoload(skel->progs.on_removal, probes && !options->count);
	bpf_program__set_autoload(skel->progs.on_other, probes);
	bpf_program__set_autoload(skel->progs.on_removal_count, probes && options->count);
	bpf_program__set_autoload(skel->progs.on_gc, first && module->of.placements->gc);
	bpf_program__set_autoload(skel->progs.on_begin, has_role(&module->of, SPOT_BEGIN));
	bpf_program__set_autoload(skel->progs.on_exec,
				  first && (options->processes || options->group));
	bpf_program__set_autoload(skel->progs.on_move,
				  first && options->group && !skel->rodata->use_cgroup_v1);
	bpf_program__set_autoload(skel->progs.on_move_v1,
				  first && options->group && skel->rodata->use_cgroup_v1);
	bpf_program__set_autoload(skel->progs.on_start, has_role(&module->of, SPOT_START));
	bpf_program__set_autoload(skel->progs.on_nothing, first);
	bpf_program__set_autoload(skel->progs.on_load, first);
	bpf_program__set_autoload(skel->progs.on_entry, probes && options->misses);
	bpf_program__set_autoload(skel->progs.on_exit, probes && options->misses);
	bpf_program__set_autoload(skel->progs.on_panic, probes && options->misses);
	bpf_program__set_autoload(skel->progs.on_miss, probes && options->misses);
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
	return err ? uprobe_failed("cannot fill the kernel program's tables", err) : NULL;
}

static struct error *upload_types(struct trace_bpf *skel, const struct type_table *types)
{
	if (!types->buckets) /* the module has no file */
		return NULL;
	try(upload(skel->maps.types, types->values.data, types->values.len));
	return upload(skel->maps.type_buckets, types->buckets, types->mask + 1ul);
}

static struct error *upload_probes(struct trace_bpf *skel, const struct engine_module *of)
{
	int fd = bpf_map__fd(skel->maps.probes);
	uint32_t i = 0;

	vec_each(spot, &of->placements->list) {
		struct wire_probe probe;

		if (!probe_from_spot(spot, &probe))
			return error_new(ERROR_TARGET,
					 "%s: the arguments of %s lie too far apart: this build of "
					 "the Go runtime is not known; please report it",
					 image_name(of->image), spot->func);
		if (bpf_map_update_elem(fd, &i, &probe, BPF_ANY))
			return uprobe_failed("cannot fill the table of probes", errno);
		i++;
	}
	return NULL;
}

static struct error *upload_slow_paths(struct trace_bpf *skel)
{
	const struct bpf_program *programs[WIRE_PATHS] = {
		[WIRE_PATH_REMOVAL] = skel->progs.on_other,
		[WIRE_PATH_MISS] = skel->progs.on_miss,
	};
	int map = bpf_map__fd(skel->maps.slow_paths);

	for (uint32_t path = 0; path < WIRE_PATHS; path++) {
		int program = bpf_program__fd(programs[path]);

		/* Only --misses loads on_miss. A module without a file has none. */
		if (program >= 0 && bpf_map_update_elem(map, &path, &program, BPF_ANY))
			return uprobe_failed("cannot link the kernel programs", errno);
	}
	return NULL;
}

/* Linux 6.6 added multi-uprobe links, but before 6.10 they only looked at the main thread of a
 * process (commit 46ba0e49b642). */
bool uprobe_has_multi(void)
{
	return uprobe_kernel_is(6, 11) && !getenv("TOPHASH_NO_MULTI");
}

void uprobe_set_multi(struct trace_bpf *skel)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, skel->obj)
	{
		if (bpf_program__type(program) == BPF_PROG_TYPE_KPROBE)
			bpf_program__set_expected_attach_type(program, TRACE_UPROBE_MULTI);
	}
}

/* Makes the module use the maps of module 0, and with them its variables (.bss). */
static int share_maps(const struct uprobe *uprobe, struct trace_bpf *skel)
{
	const struct trace_bpf *main = uprobe_main(uprobe)->skel;
	struct {
		struct bpf_map *map;
		const struct bpf_map *of;
	} shared[] = {
		{skel->maps.events, main->maps.events},
		{skel->maps.counters, main->maps.counters},
		{skel->maps.counts, main->maps.counts},
		{skel->maps.pendings, main->maps.pendings},
		{skel->maps.bss, main->maps.bss},
		{skel->maps.tree, main->maps.tree},
		{skel->maps.chosen, main->maps.chosen},
		{skel->maps.modules_of, main->maps.modules_of},
		{skel->maps.module_types, main->maps.module_types},
	};
	int err = 0;

	for (size_t i = 0; !err && i < ARRAY_SIZE(shared); i++)
		err = bpf_map__reuse_fd(shared[i].map, bpf_map__fd(shared[i].of));
	if (!err && skel->rodata->use_cgroup)
		err = bpf_map__reuse_fd(skel->maps.cgroups, bpf_map__fd(main->maps.cgroups));
	return err;
}

static struct error *upload_cgroup(const struct uprobe *uprobe, const struct trace_bpf *skel)
{
	uint32_t zero = 0, fd = (uint32_t)uprobe->options->cgroup_fd;

	if (!skel->rodata->use_cgroup ||
	    !bpf_map_update_elem(bpf_map__fd(skel->maps.cgroups), &zero, &fd, BPF_ANY))
		return NULL;
	return uprobe_failed("cannot pass the control group to the kernel", errno);
}

static int load_skeleton(const struct uprobe *uprobe, struct uprobe_module *module,
			 const struct type_table *types)
{
	struct trace_bpf *skel = module->skel = trace_bpf__open();
	int err = 0;

	if (!skel)
		return -errno;
	set_rodata(skel, uprobe, module, types);
	set_map_sizes(skel, uprobe->options, module, types);
	if (module->number)
		err = share_maps(uprobe, skel);
	else if (uprobe->options->tree && !skel->rodata->use_cgroup)
		err = bpf_map__reuse_fd(skel->maps.tree, uprobe->options->tree_fd);
	if (err)
		return err;
	if (uprobe->multi)
		uprobe_set_multi(skel);
	return trace_bpf__load(skel);
}

/* Loads the smallest program of the type that is needed, "return 0", and drops it. */
struct error *uprobe_check(void)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd;

	uprobe_keep_messages();
	fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, NULL, "Dual BSD/GPL", insns, ARRAY_SIZE(insns),
			   NULL);
	if (fd < 0)
		return uprobe_failed("cannot load the kernel program", -fd);
	close(fd);
	return NULL;
}

static struct error *load(struct uprobe *uprobe, struct uprobe_module *module,
			  const struct type_table *types)
{
	int err = load_skeleton(uprobe, module, types);

	if (err)
		return uprobe_failed("cannot load the kernel program", -err);
	if (!module->number)
		try(upload_cgroup(uprobe, module->skel));
	try(upload_types(module->skel, types));
	try(upload_probes(module->skel, &module->of));
	return upload_slow_paths(module->skel);
}

static struct error *load_module(struct uprobe *uprobe, struct uprobe_module *module)
{
	struct gotypes types = {.tab = module->of.tab, .image = module->of.image};
	struct type_table table = {.multiplier = 1};
	struct error *err = NULL;

	uprobe_keep_messages();
	if (module->of.tab)
		err = type_table_init(&table, &types, uprobe->options->filter,
				      module->of.placements->sync_map);
	if (!err)
		err = load(uprobe, module, &table);
	module->types_cut = table.cut;
	type_table_fini(&table);
	return err;
}

struct error *uprobe_add(struct engine *engine, const struct engine_module *of, uint32_t *ret)
{
	struct uprobe *uprobe = (struct uprobe *)engine;
	struct uprobe_module *module;
	struct error *err;

	if (uprobe->modules.len >= WIRE_MODULES)
		return error_new(ERROR_FAILED, "more than %d Go modules", WIRE_MODULES);
	module = calloc(1, sizeof(*module));
	if (!module || !vec_reserve(&uprobe->modules, uprobe->modules.len + 1)) {
		free(module);
		return error_nomem();
	}
	module->of = *of;
	module->number = *ret = (uint32_t)uprobe->modules.len;
	uprobe->multi = uprobe_has_multi();
	err = load_module(uprobe, module);
	if (err) {
		uprobe_module_free(module);
		return err;
	}
	vec_push(&uprobe->modules, module);
	return NULL;
}

void uprobe_module_free(struct uprobe_module *module)
{
	if (!module)
		return;
	trace_bpf__destroy(module->skel);
	free(module);
}
