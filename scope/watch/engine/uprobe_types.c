/* The uprobe engine: types that a process has in several modules. A plugin may delete from a map of its
 * program, and the map's type, or that of a key in an interface, is then in the program's file. The kernel
 * programs of a module have its own types at hand. They find others by two tables:
 *
 * 	modules_of    process id -> its modules: where their types are, and which they are
 * 	module_types  module -> its types, by link-time address
 */
#include "watch/engine/uprobe.h"
#include "watch/engine/type_table.h"

/* Describes the types of a module in a map of its own. */
static struct error *make_map(const struct uprobe *uprobe, const struct engine_place *place,
			      int *ret_fd)
{
	struct gotypes types = {.tab = place->tab, .image = place->image};
	struct type_table table;
	struct error *err = type_table_init(&table, &types, uprobe->options->filter, 0);
	uint32_t n = (uint32_t)table.addrs.len;

	*ret_fd = -1;
	if (!err) {
		*ret_fd = bpf_map_create(BPF_MAP_TYPE_HASH, "module_types", sizeof(uint64_t),
					 sizeof(struct wire_type), n ? n : 1, NULL);
		if (*ret_fd < 0 || (n && bpf_map_update_batch(*ret_fd, table.addrs.data,
							      table.values.data, &n, NULL) < 0))
			err = uprobe_failed("cannot fill the kernel program's table of types",
					    errno);
	}
	type_table_fini(&table);
	return err;
}

/* Adds the types of a module to module_types. */
static struct error *add_types(struct uprobe *uprobe, const struct engine_place *place)
{
	int outer = bpf_map__fd(uprobe_main(uprobe)->skel->maps.module_types);
	uint32_t number = (uint32_t)uprobe->typed.len;
	cleanup_close int fd = -1;

	if (number >= WIRE_MODULES) /* there is no such row, and keys of its types say so */
		return NULL;
	if (!vec_reserve(&uprobe->typed, number + 1ul))
		return error_nomem();
	try(make_map(uprobe, place, &fd));
	if (bpf_map_update_elem(outer, &number, &fd, BPF_ANY))
		return uprobe_failed("cannot fill the kernel program's table of modules", errno);
	vec_push(&uprobe->typed, place->tab);
	return NULL;
}

/* Finds the number of a module in module_types, and adds it if it is new. */
static struct error *types_of(struct uprobe *uprobe, const struct engine_place *place,
			      uint64_t *ret)
{
	for (*ret = 0; *ret < uprobe->typed.len; ++*ret)
		if (uprobe->typed.data[*ret] == place->tab)
			return NULL;
	return add_types(uprobe, place);
}

struct error *uprobe_set_modules(struct engine *engine, pid_t pid,
				 const struct engine_place *places, size_t n)
{
	struct uprobe *uprobe = (struct uprobe *)engine;
	struct wire_modules modules = {0};

	if (!uprobe->options->modules)
		return NULL;
	for (size_t i = 0; i < n && i < WIRE_PROCESS_MODULES; i++) {
		const struct gopcln_module *data = gopcln_module(places[i].tab);
		struct wire_module *module = &modules.module[i];

		try(types_of(uprobe, &places[i], &module->number));
		module->bias = places[i].bias;
		module->types = data->types + module->bias;
		module->size = data->etypes - data->types;
	}
	if (bpf_map_update_elem(bpf_map__fd(uprobe_main(uprobe)->skel->maps.modules_of), &pid,
				&modules, BPF_ANY) &&
	    errno != E2BIG)
		return uprobe_failed("cannot fill the kernel program's table of processes", errno);
	return NULL;
}

void uprobe_forget_modules(struct uprobe *uprobe, pid_t pid)
{
	if (uprobe->options->modules)
		bpf_map_delete_elem(bpf_map__fd(uprobe_main(uprobe)->skel->maps.modules_of), &pid);
}
