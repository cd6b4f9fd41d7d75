#include "read/place/placer.h"
#include "read/layout/layout.h"

const char *spot_role_name(enum spot_role role)
{
	static const char *const names[] = {
		[SPOT_REMOVAL] = "removal",
		[SPOT_CLEAR] = "clear",
		[SPOT_ENTRY] = "entry",
		[SPOT_EXIT] = "exit",
		[SPOT_PANIC] = "panic",
		[SPOT_START] = "start",
		[SPOT_GC] = "gc",
		[SPOT_BEGIN] = "begin",
		[SPOT_SYNC_REMOVAL] = "sync removal",
		[SPOT_SYNC_CLEAR] = "sync clear",
		[SPOT_STEP] = "step",
		[SPOT_STEP_END] = "step end",
	};

	return role < ARRAY_SIZE(names) && names[role] ? names[role] : "unknown";
}

struct error *place_check_release(const struct image *image, const struct gopcln *tab)
{
	unsigned minor = gopcln_minor(tab);

	if (minor >= GO_MINOR_MIN)
		return NULL;
	return error_new(
		ERROR_TARGET,
		"%s: built with go1.%u, which is too old: rebuild it with Go 1.%d or later",
		image_name(image), minor, GO_MINOR_MIN);
}

static struct error *find_all(struct placer *placer)
{
	if (placer->options->steps)
		return step_place(placer);
	try(removal_place(placer));
	try(entry_place_clears(placer));
	try(sync_place(placer));
	if (!placer->found->list.len && placer->options->may_be_empty)
		return NULL;
	if (!placer->found->list.len)
		return error_new(ERROR_TARGET,
				 "%s: the program never deletes from a map: none of the runtime's "
				 "delete functions is linked into it",
				 image_name(placer->image));
	if (placer->options->misses)
		try(entry_place_misses(placer));
	if (placer->options->start)
		try(entry_place_start(placer));
	try(gc_find_phase(placer));
	if (!placer->options->one)
		return NULL;
	try(entry_place_begin(placer));
	return gc_place(placer);
}

struct error *placement_find(const struct image *image, const struct gopcln *tab,
			     const struct placement_options *options, struct placements *ret)
{
	struct placer placer = {.image = image, .tab = tab, .options = options, .found = ret};
	struct error *err;

	*ret = (struct placements){0};
	try(image_check_traced(image));
	placer.machine = machine_get(image_machine(image)->number);
	placer_add_go_entries(&placer);
	entry_add_names(&placer);
	sync_add_names(&placer);
	gc_add_names(&placer);
	step_add_names(&placer);
	placer_add_build_names(&placer);
	placer_find_funcs(&placer);
	ret->build = placer_build(&placer);
	ret->maps = placer_maps(&placer);
	placer.layout = (uint8_t)(1u << ret->maps);
	err = find_all(&placer);
	if (err)
		placements_fini(ret);
	return err;
}

void placements_fini(struct placements *placements)
{
	vec_each(spot, &placements->list)
		free(spot->why);
	vec_fini(&placements->list);
}

struct error *placements_copy(const struct placements *placements, struct placements *ret)
{
	cleanup(placements_fini) struct placements copy = *placements;

	memset(&copy.list, 0, sizeof(copy.list));
	vec_each(spot, &placements->list) {
		struct spot one = *spot;

		one.why = strdup(spot->why);
		if (!one.why || !vec_push(&copy.list, one)) {
			free(one.why);
			return error_nomem();
		}
	}
	*ret = copy;
	memset(&copy.list, 0, sizeof(copy.list));
	return NULL;
}

const struct spot *placement_at(const struct placements *placements, uint64_t addr)
{
	vec_each(spot, &placements->list)
		if (spot->addr == addr)
			return spot;
	return NULL;
}
