/* The objects of the kernel programs: their configuration, their maps, and loading them. */
#include "watch/engine/uprobe.h"
#include "base/namespace.h"

#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>

#include "read/layout/layout.h"
#include "watch/engine/key_match.h"
#include "watch/engine/type_table.h"

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
 * and only groups need it: those of v1, and those of users. */
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

/* Finds what the kernel program must know to see the user of a process. Returns false if the kernel does not
 * tell it. */
static bool find_user_members(uint32_t *ret_cred, uint32_t *ret_euid)
{
	struct btf *btf = btf__load_vmlinux_btf();
	bool found = !libbpf_get_error(btf) && find_member(btf, "task_struct", "cred", ret_cred) &&
		     find_member(btf, "cred", "euid", ret_euid);

	btf__free(btf);
	return found;
}

/* Module 0 asks the kernel, which takes 80 ms, and the others take what it has found. */
static void set_users(struct trace_bpf *skel, const struct uprobe *uprobe, bool first)
{
	uint32_t cred = 0, euid = 0;

	if (!uprobe->options->users)
		return;
	skel->rodata->use_users = true;
	if (!first) {
		cred = uprobe_main(uprobe)->skel->rodata->cred_at;
		euid = uprobe_main(uprobe)->skel->rodata->euid_at;
	} else if (!find_user_members(&cred, &euid)) {
		cred = euid = 0; /* upload_users() refuses this */
	}
	skel->rodata->cred_at = cred;
	skel->rodata->euid_at = euid;
}

/* Finds what the kernel program must know of the kernel's structs for processes in pid namespaces below that
 * of tophash. Only a tophash that is in one itself needs it. */
static void set_pid_members(struct trace_bpf *skel)
{
	struct btf *btf = btf__load_vmlinux_btf();
	uint32_t ns, inum, numbers;

	if (!libbpf_get_error(btf) &&
	    find_member(btf, "task_struct", "group_leader", &skel->rodata->pid_leader_at) &&
	    find_member(btf, "task_struct", "thread_pid", &skel->rodata->pid_thread_at) &&
	    find_member(btf, "pid", "level", &skel->rodata->pid_level_at) &&
	    find_member(btf, "pid_namespace", "ns", &ns) &&
	    find_member(btf, "ns_common", "inum", &inum) &&
	    find_member(btf, "pid", "numbers", &numbers)) {
		skel->rodata->pid_inum_at = ns + inum;
		skel->rodata->pid_numbers_at = numbers;
	}
	btf__free(btf);
}

static void set_namespace(struct trace_bpf *skel, const struct uprobe *uprobe,
			  const struct uprobe_module *module)
{
	const struct trace_bpf *main = module->number ? uprobe_main(uprobe)->skel : NULL;

	namespace_of_pids(&skel->rodata->pidns_dev, &skel->rodata->pidns_ino);
	if (!skel->rodata->pidns_ino)
		return;
	if (!main) {
		set_pid_members(skel);
		return;
	}
	skel->rodata->pid_leader_at = main->rodata->pid_leader_at;
	skel->rodata->pid_thread_at = main->rodata->pid_thread_at;
	skel->rodata->pid_level_at = main->rodata->pid_level_at;
	skel->rodata->pid_numbers_at = main->rodata->pid_numbers_at;
	skel->rodata->pid_inum_at = main->rodata->pid_inum_at;
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
	set_users(skel, uprobe, !module->number);
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
	set_namespace(skel, uprobe, module);
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
#define STEPS	  64	/* of the one map that is watched, in progress at the same time */

static bool has_role(const struct engine_module *module, enum spot_role role)
{
	vec_each(spot, &module->placements->list)
		if (spot->role == role)
			return true;
	return false;
}

static void set_map_sizes(struct trace_bpf *skel, const struct engine_module *module,
			  const struct engine_options *options, const struct type_table *types)
{
	bpf_map__set_max_entries(skel->maps.types,
				 types->values.len ? (uint32_t)types->values.len : 1);
	bpf_map__set_max_entries(skel->maps.type_buckets, types->mask + 1);
	bpf_map__set_max_entries(skel->maps.pendings, options->misses ? PENDINGS : 1);
	bpf_map__set_max_entries(skel->maps.map_steps, has_role(module, SPOT_STEP) ? STEPS : 1);
	bpf_map__set_max_entries(skel->maps.modules_of, options->modules ? PROCESSES : 1);
	bpf_map__set_max_entries(skel->maps.chosen,
				 options->processes > 1 ? options->processes : 1);
	bpf_map__set_max_entries(skel->maps.counts, options->count ? WIRE_COUNT_ROWS : 1);
	bpf_map__set_autocreate(skel->maps.cgroups, skel->rodata->use_cgroup);
	bpf_map__set_autocreate(skel->maps.users, skel->rodata->use_users);
	bpf_map__set_max_entries(skel->maps.users,
				 options->users ? (uint32_t)options->users->n : 1);
}

/* Chooses the programs of an object that are loaded: those that others tail-call, the others, or all. */
static void choose_programs(struct trace_bpf *skel, const struct engine_options *options,
			    const struct uprobe_module *module, bool slow, bool others)
{
	/* Only the programs of module 0 report execs and exits. */
	bool first = others && !module->number;
	bool probes = others && module->of.image && !has_role(&module->of, SPOT_STEP);
	bool steps = others && has_role(&module->of, SPOT_STEP);
	bool v1 = skel->rodata->use_cgroup_v1, users = skel->rodata->use_users;

	slow = slow && module->of.image && !has_role(&module->of, SPOT_STEP);
	bpf_program__set_autoload(skel->progs.on_removal, probes && !options->count);
	bpf_program__set_autoload(skel->progs.on_removal_count, probes && options->count);
	bpf_program__set_autoload(skel->progs.on_gc, first && module->of.placements->gc);
	bpf_program__set_autoload(skel->progs.on_begin,
				  others && has_role(&module->of, SPOT_BEGIN));
	bpf_program__set_autoload(skel->progs.on_exec,
				  first && (options->processes || options->group));
	bpf_program__set_autoload(skel->progs.on_move, first && options->group && !v1 && !users);
	bpf_program__set_autoload(skel->progs.on_user, first && options->group && users);
	bpf_program__set_autoload(skel->progs.on_move_v1, first && options->group && v1);
	bpf_program__set_autoload(skel->progs.on_start,
				  others && has_role(&module->of, SPOT_START));
	bpf_program__set_autoload(skel->progs.on_nothing, first);
	bpf_program__set_autoload(skel->progs.on_load, first);
	bpf_program__set_autoload(skel->progs.on_entry, probes && options->misses);
	bpf_program__set_autoload(skel->progs.on_exit, probes && options->misses);
	bpf_program__set_autoload(skel->progs.on_panic, probes && options->misses);
	bpf_program__set_autoload(skel->progs.on_step, steps);
	bpf_program__set_autoload(skel->progs.on_step_end, steps);
	bpf_program__set_autoload(skel->progs.on_miss, slow && options->misses);
	bpf_program__set_autoload(skel->progs.on_other, slow);
}

/* ---- objects ---- */

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
		if (bpf_program__type(program) == BPF_PROG_TYPE_KPROBE &&
		    program != skel->progs.on_user)
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
		{skel->maps.news, main->maps.news},
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
	if (!err && skel->rodata->use_users)
		err = bpf_map__reuse_fd(skel->maps.users, bpf_map__fd(main->maps.users));
	return err;
}

static int create_map(struct bpf_map *map)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = bpf_map__map_flags(map));
	struct bpf_map *inner = bpf_map__inner_map(map);
	const char *name = bpf_map__name(map);
	cleanup_close int inner_fd = inner ? create_map(inner) : -1;

	if (inner && inner_fd < 0)
		return inner_fd;
	opts.inner_map_fd = inner ? (uint32_t)inner_fd : 0;
	return bpf_map_create(bpf_map__type(map), *name == '.' ? NULL : name,
			      bpf_map__key_size(map), bpf_map__value_size(map),
			      bpf_map__max_entries(map), &opts);
}

/* Fills a map of constants or variables, as libbpf does. Constants do not change from then on. */
static int fill_map(int fd, const struct bpf_map *map)
{
	size_t size;
	const void *value = bpf_map__initial_value((struct bpf_map *)map, &size);
	uint32_t zero = 0;
	int err = value ? bpf_map_update_elem(fd, &zero, value, BPF_ANY) : 0;

	return !err && value && bpf_map__map_flags(map) & BPF_F_RDONLY_PROG ? bpf_map_freeze(fd)
									    : err;
}

/* Makes a map of both objects of a module, unless it is shared with module 0. */
static int make_map(struct bpf_map *map, struct bpf_map *slow)
{
	cleanup_close int made = -1;
	int fd = bpf_map__fd(map), err = 0;

	if (!bpf_map__autocreate(map))
		return 0;
	if (fd < 0) {
		made = create_map(map);
		if (made < 0)
			return made;
		fd = made;
		err = fill_map(fd, map);
		if (!err)
			err = bpf_map__reuse_fd(map, fd);
	}
	return err || !bpf_map__autocreate(slow) ? err : bpf_map__reuse_fd(slow, fd);
}

/* Makes all maps. Both objects have the same ones, in the same order. */
static int make_maps(struct trace_bpf *skel, struct trace_bpf *slow)
{
	struct bpf_map *map = NULL, *slow_map = NULL;
	int err = 0;

	while (!err && (map = bpf_object__next_map(skel->obj, map))) {
		slow_map = bpf_object__next_map(slow->obj, slow_map);
		err = make_map(map, slow_map);
	}
	return err;
}

/* Leaves out the maps that the programs that others tail-call do not use: each takes a descriptor. */
static void leave_maps(struct trace_bpf *slow, const struct engine_options *options)
{
	bpf_map__set_autocreate(slow->maps.slow_paths, false);
	bpf_map__set_autocreate(slow->maps.news, false);
	bpf_map__set_autocreate(slow->maps.counts, options->count);
	bpf_map__set_autocreate(slow->maps.pendings, options->misses);
	bpf_map__set_autocreate(slow->maps.map_steps, false);
	bpf_map__set_autocreate(slow->maps.no_step, false);
	bpf_map__set_autocreate(slow->maps.tree, options->tree);
	bpf_map__set_autocreate(slow->maps.chosen, false);
}

static struct error *load_failed(int err)
{
	return err ? uprobe_failed("cannot load the kernel program", -err) : NULL;
}

/* Makes the ring buffer, whose memory takes the kernel 2 ms. */
static int make_ring(const struct uprobe *uprobe, struct trace_bpf *skel)
{
	cleanup_close int ring = -1;

	bpf_map__set_max_entries(skel->maps.events, ring_size(uprobe->options->buffer_size));
	ring = create_map(skel->maps.events);
	return ring < 0 ? ring : bpf_map__reuse_fd(skel->maps.events, ring);
}

struct error *uprobe_open_object(const struct uprobe *uprobe, struct uprobe_module *module)
{
	module->skel = trace_bpf__open();
	if (!module->skel)
		return load_failed(-errno);
	return load_failed(module->number ? 0 : make_ring(uprobe, module->skel));
}

/* Configures the object of a module. */
static int configure(const struct uprobe *uprobe, struct uprobe_module *module,
		     const struct type_table *types)
{
	struct trace_bpf *skel = module->skel;

	set_rodata(skel, uprobe, module, types);
	set_map_sizes(skel, &module->of, uprobe->options, types);
	choose_programs(skel, uprobe->options, module, !uprobe->hastens, true);
	if (uprobe->multi)
		uprobe_set_multi(skel);
	if (module->number)
		return share_maps(uprobe, skel);
	return uprobe->options->tree && uprobe->options->tree_fd >= 0
		       ? bpf_map__reuse_fd(skel->maps.tree, uprobe->options->tree_fd)
		       : 0;
}

/* Opens an object with the same constants and maps, for the programs that others tail-call. */
static int open_slow(const struct uprobe *uprobe, const struct uprobe_module *module,
		     struct trace_bpf **ret)
{
	struct trace_bpf *slow = *ret = trace_bpf__open();

	if (!slow)
		return -errno;
	memcpy((void *)slow->rodata, module->skel->rodata, sizeof(*slow->rodata));
	bpf_map__set_autocreate(slow->maps.cgroups, slow->rodata->use_cgroup);
	bpf_map__set_autocreate(slow->maps.users, slow->rodata->use_users);
	choose_programs(slow, uprobe->options, module, true, false);
	leave_maps(slow, uprobe->options);
	uprobe_set_multi(slow);
	return make_maps(module->skel, slow);
}

/* Notes the programs that others tail-call. With `own`, they stay when their object is gone. */
static struct error *note_slow(const struct trace_bpf *skel, bool own, struct uprobe_module *module)
{
	const struct bpf_program *programs[WIRE_PATHS] = {
		[WIRE_PATH_REMOVAL] = skel->progs.on_other,
		[WIRE_PATH_MISS] = skel->progs.on_miss,
	};

	module->owns_slow = own;
	for (uint32_t path = 0; path < WIRE_PATHS; path++) {
		int fd = bpf_program__fd(programs[path]);

		if (fd >= 0 && own) /* only --misses loads on_miss */
			fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		else if (fd < 0)
			continue;
		if (fd < 0)
			return load_failed(-errno);
		module->slow[path] = fd;
	}
	return NULL;
}

static void *load_in_thread(void *ctx)
{
	uprobe_forget_message();
	return load_failed(trace_bpf__load(ctx));
}

/* Loads both objects, at the same time if a thread can be had. */
static struct error *load_both(struct trace_bpf *skel, struct trace_bpf *slow)
{
	struct error *err, *slow_err;
	pthread_t thread;
	bool threaded = !pthread_create(&thread, NULL, load_in_thread, slow);
	void *result;

	err = load_failed(trace_bpf__load(skel));
	if (!threaded)
		return err ? err : load_failed(trace_bpf__load(slow));
	pthread_join(thread, &result);
	slow_err = result;
	if (!err)
		return slow_err;
	error_free(slow_err);
	return err;
}

/* The kernel verifies one program after the other. Those that others tail-call are therefore in a second
 * object, with the same maps, which a thread loads. */
struct error *uprobe_load_programs(const struct uprobe *uprobe, struct uprobe_module *module,
				   const struct type_table *types)
{
	struct trace_bpf *slow = NULL;
	struct error *err;

	try(load_failed(configure(uprobe, module, types)));
	if (!uprobe->hastens) {
		try(load_failed(trace_bpf__load(module->skel)));
		return note_slow(module->skel, false, module);
	}
	err = load_failed(open_slow(uprobe, module, &slow));
	if (!err)
		err = load_both(module->skel, slow);
	if (!err)
		err = note_slow(slow, true, module);
	trace_bpf__destroy(slow);
	return err;
}
