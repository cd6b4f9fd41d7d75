/* Loads the kernel programs for modules: fills their tables, explains their errors. */
#include "watch/engine/uprobe.h"
#include "base/descriptors.h"
#include "read/layout/layout.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
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

/* ---- tables ---- */

/* Fills an array map from its first element on. The size of an element is a multiple of 8, and therefore
 * nothing is between two of them. */
static struct error *upload(struct bpf_map *map, const void *values, size_t n)
{
	size_t size = n * bpf_map__value_size(map);
	void *to;

	if (!n)
		return NULL;
	to = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
	if (to == MAP_FAILED)
		return uprobe_failed("cannot fill the kernel program's tables", errno);
	memcpy(to, values, size);
	munmap(to, size);
	return NULL;
}

static_assert(sizeof(struct wire_type) % 8 == 0 && sizeof(struct wire_bucket) % 8 == 0,
	      "an array has no gaps");

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

static struct error *upload_slow_paths(const struct uprobe_module *module)
{
	int map = bpf_map__fd(module->skel->maps.slow_paths);

	for (uint32_t path = 0; path < WIRE_PATHS; path++)
		if (module->slow[path] >= 0 &&
		    bpf_map_update_elem(map, &path, &module->slow[path], BPF_ANY))
			return uprobe_failed("cannot link the kernel programs", errno);
	return NULL;
}

static struct error *upload_cgroup(const struct uprobe *uprobe, const struct trace_bpf *skel)
{
	uint32_t zero = 0, fd = (uint32_t)uprobe->options->cgroup_fd;

	if (!skel->rodata->use_cgroup ||
	    !bpf_map_update_elem(bpf_map__fd(skel->maps.cgroups), &zero, &fd, BPF_ANY))
		return NULL;
	return uprobe_failed("cannot pass the control group to the kernel", errno);
}

static struct error *upload_users(const struct uprobe *uprobe, const struct trace_bpf *skel)
{
	const struct engine_users *users = uprobe->options->users;
	uint32_t group = users && users->gid ? *users->gid : WIRE_ANY_GROUP;

	if (!users)
		return NULL;
	if (!skel->rodata->cred_at)
		return engine_no_users();
	for (size_t i = 0; i < users->n; i++)
		if (bpf_map_update_elem(bpf_map__fd(skel->maps.users), &users->list[i], &group,
					BPF_ANY))
			return uprobe_failed("cannot pass the users to the kernel", errno);
	return NULL;
}

/* ---- modules ---- */

/* "return 0" */
int uprobe_load_smallest(uint32_t attach_type)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type = (enum bpf_attach_type)attach_type);

	return bpf_prog_load(BPF_PROG_TYPE_KPROBE, NULL, "Dual BSD/GPL", insns, ARRAY_SIZE(insns),
			     &opts);
}

struct error *uprobe_check(void)
{
	int fd;

	uprobe_keep_messages();
	fd = uprobe_load_smallest(0);
	if (fd < 0)
		return uprobe_failed("cannot load the kernel program", -fd);
	close(fd);
	return NULL;
}

static struct error *load(struct uprobe *uprobe, struct uprobe_module *module,
			  const struct type_table *types)
{
	try(uprobe_load_programs(uprobe, module, types));
	if (!module->number)
		try(upload_cgroup(uprobe, module->skel));
	if (!module->number)
		try(upload_users(uprobe, module->skel));
	try(upload_types(module->skel, types));
	try(upload_probes(module->skel, &module->of));
	return upload_slow_paths(module);
}

/* The types of a module, as they are described. */
struct description {
	const struct uprobe *uprobe;
	const struct engine_module *of;
	struct type_table table;
	struct error *err;
};

static void *describe(void *ctx)
{
	struct description *description = ctx;
	const struct engine_module *of = description->of;
	struct gotypes types = {.tab = of->tab, .image = of->image};

	description->err =
		type_table_init(&description->table, &types, description->uprobe->options->filter,
				of->placements->sync_map);
	return NULL;
}

/* Describes the types of a module, and opens its object meanwhile. */
static struct error *describe_and_open(struct uprobe_module *module,
				       struct description *description)
{
	const struct uprobe *uprobe = description->uprobe;
	pthread_t thread;
	bool threaded = uprobe->hastens && module->of.tab &&
			!pthread_create(&thread, NULL, describe, description);
	struct error *err = uprobe_open_object(uprobe, module);

	if (threaded)
		pthread_join(thread, NULL);
	else if (module->of.tab)
		describe(description);
	if (err)
		error_free(description->err);
	return err ? err : description->err;
}

static struct error *load_module(struct uprobe *uprobe, struct uprobe_module *module)
{
	struct description description = {
		.uprobe = uprobe, .of = &module->of, .table = {.multiplier = 1}};
	struct error *err;

	uprobe_keep_messages();
	err = describe_and_open(module, &description);
	if (!err)
		err = load(uprobe, module, &description.table);
	module->types_cut = description.table.cut;
	type_table_fini(&description.table);
	return err;
}

/* Finds a module of a file with the same contents, whose programs do for this one. */
static const struct uprobe_module *find_twin(const struct uprobe *uprobe,
					     const struct engine_module *of)
{
	vec_each(at, &uprobe->modules) {
		const struct engine_module *other = &(*at)->of;

		if (of->tab && other->tab == of->tab && other->image == of->image &&
		    other->runtime == of->runtime)
			return *at;
	}
	return NULL;
}

static void borrow(const struct uprobe_module *twin, struct uprobe_module *ret)
{
	ret->borrows = true;
	ret->skel = twin->skel;
	memcpy(ret->slow, twin->slow, sizeof(ret->slow));
	ret->types_cut = twin->types_cut;
}

struct error *uprobe_add(struct engine *engine, const struct engine_module *of, uint32_t *ret)
{
	struct uprobe *uprobe = (struct uprobe *)engine;
	const struct uprobe_module *twin = find_twin(uprobe, of);
	struct uprobe_module *module;
	struct error *err = NULL;

	if (uprobe->modules.len >= WIRE_MODULES)
		return error_new(ERROR_FAILED, "more than %d Go modules", WIRE_MODULES);
	module = calloc(1, sizeof(*module));
	if (!module || !vec_reserve(&uprobe->modules, uprobe->modules.len + 1)) {
		free(module);
		return error_nomem();
	}
	module->of = *of;
	memset(module->slow, -1, sizeof(module->slow));
	module->number = *ret = (uint32_t)uprobe->modules.len;
	if (twin)
		borrow(twin, module);
	else
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
	for (size_t path = 0; path < WIRE_PATHS; path++)
		if (module->owns_slow && module->slow[path] >= 0)
			close(module->slow[path]);
	if (!module->borrows)
		trace_bpf__destroy(module->skel);
	free(module);
}
