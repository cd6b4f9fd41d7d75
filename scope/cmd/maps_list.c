/* Collects the live maps of a process: process -> its Go modules -> mark -> maps -> rows. */
#include "cmd/maps_list.h"
#include "cmd/maps_compare.h"
#include "cmd/maps_marks.h"
#include "cmd/output.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/text/text.h"
#include "live/choice/choice.h"
#include "watch/filter/filter.h"

#include <stdlib.h>

/* Drops a list, and keeps what it is read from. */
static void drop_list(struct maps_listing *listing)
{
	maps_group_fini(&listing->groups);
	gomap_list_fini(&listing->maps);
	listing->maps = (struct gomap_list){0};
	maps_ways_fini(&listing->ways);
	heap_close(listing->heap);
	listing->heap = NULL;
	heap_copy_free(listing->copy);
	listing->copy = NULL;
	stop_close(listing->stop);
	listing->stop = NULL;
	vec_each(text, &listing->names) {
		free(text->name);
		free(text->package);
	}
	vec_fini(&listing->names);
	table_fini(&listing->names_at);
	vec_fini(&listing->rows);
	vec_fini(&listing->held.ways);
	listing->held = (struct maps_held){0};
	listing->totals = (struct map_report){0};
}

void maps_list_fini(struct maps_listing *listing)
{
	drop_list(listing);
	gomap_list_fini(&listing->before);
	gomap_plan_free(listing->plan);
	maps_debugs_fini(&listing->debugs);
	vec_fini(&listing->types);
	module_list_fini(&listing->found);
	modules_free(listing->modules);
	target_close(listing->target);
}

/* ---- the process ---- */

/* Collects the modules whose types and roots count. All of them share the heap of the first. */
static struct error *take_modules(struct maps_listing *listing)
{
	const struct module *program = NULL;

	vec_each(at, &listing->found.list) {
		struct gotype_module types = {
			.tab = at->module->tab, .image = at->module->image, .bias = at->bias};

		if (!at->module->tab)
			continue;
		if (!program)
			program = at->module;
		else if (at->role != GO_BUILD_PLUGIN) {
			listing->library = at->module->path; /* it has a heap of its own */
			listing->libraries++;
			continue;
		}
		if (!vec_push(&listing->types, types))
			return error_nomem();
		try(maps_debug_add(&listing->debugs, at->module, at->bias));
	}
	if (program)
		return NULL;
	return listing->options->core
		       ? error_new(
				 ERROR_TARGET,
				 "%s: its program has no Go code that can be read: name its file (--core "
				 "FILE BINARY) if it is another one",
				 listing->options->core)
		       : error_new(
				 ERROR_TARGET,
				 "process %d has no Go code that can be read (tophash ps lists those that "
				 "have)",
				 (int)listing->target->pid);
}

/* Opens what is to be read. Checks that the output does not overwrite the program. */
static struct error *open_target(struct maps_listing *listing)
{
	const struct maps_options *options = listing->options;
	struct stat exe;
	pid_t pid;

	if (options->core) {
		try(core_open(options->core, options->binary, &listing->target));
	} else {
		try(choice_one(options->process, &pid));
		try(process_open(pid, &listing->target));
	}
	return fstat(listing->target->exe, &exe) == 0
		       ? output_check_input(maps_file(options), &exe, "the program")
		       : NULL;
}

/* Tells which process is read, and when. */
static void take_head(struct maps_listing *listing)
{
	const struct module *program = listing->found.list.data[0].module;

	listing->head = (struct snapshot_head){
		.wall_ns = clock_ns(CLOCK_REALTIME),
		.pid = (uint32_t)listing->target->pid,
		.exe = listing->target->exe_path,
		.build_id = image_build_id(program->image),
		.go = gopcln_version(program->tab),
	};
	target_image_id(listing->target, &listing->head.image);
}

static enum go_maps maps_of(const struct maps_listing *listing)
{
	return listing->found.list.data[0].module->maps;
}

/* ---- names of types ---- */

/* Returns the texts of a type. They are NULL if it is not known. */
static struct type_text text_of(const struct maps_listing *listing, uint64_t type)
{
	const uint32_t *at = type ? table_find(&listing->names_at, type) : NULL;

	return at ? listing->names.data[*at] : (struct type_text){0};
}

/* Copies a text into *ret if there is one. */
static bool copy_text(bool known, struct buf *text, char **ret)
{
	*ret = known ? strdup(buf_cstr(text)) : NULL;
	return !known || *ret;
}

static struct error *add_name(struct maps_listing *listing, const struct gotypes *types,
			      uint64_t type)
{
	cleanup(buf_fini) struct buf name = {0}, package = {0};
	struct type_text text = {0};

	if (!copy_text(gotype_name(types, type, &name), &name, &text.name) ||
	    !copy_text(gotype_package(types, type, &package), &package, &text.package) ||
	    !vec_push(&listing->names, text)) {
		free(text.name);
		free(text.package);
		return error_nomem();
	}
	return table_put(&listing->names_at, type, (uint32_t)listing->names.len - 1) < 0
		       ? error_nomem()
		       : NULL;
}

/* Names all types of the maps, each once. */
static struct error *name_types(struct maps_listing *listing)
{
	struct gotypes types = {.module = listing->types.data[0],
				.memory = heap_options_of(listing->heap)->memory,
				.find = heap_module_of,
				.find_ctx = (void *)heap_options_of(listing->heap)};

	vec_each(map, &listing->maps.list) {
		if (map->type && !table_find(&listing->names_at, map->type))
			try(add_name(listing, &types, map->type));
		for (size_t i = 0; i < map->candidates_n; i++)
			if (!table_find(&listing->names_at, map->candidates[i]))
				try(add_name(listing, &types, map->candidates[i]));
	}
	return NULL;
}

/* ---- rows ---- */

static int order(uint64_t a, uint64_t b)
{
	return (a < b) - (a > b);
}

static int by_map(const struct map_row *a, const struct map_row *b)
{
	return order(b->map, a->map);
}

static int by_waste(const struct map_row *a, const struct map_row *b)
{
	return order(a->waste, b->waste);
}

static int by_bytes(const struct map_row *a, const struct map_row *b)
{
	return order(a->bytes, b->bytes);
}

static int by_len(const struct map_row *a, const struct map_row *b)
{
	return order(a->len, b->len);
}

static int by_capacity(const struct map_row *a, const struct map_row *b)
{
	return order(a->capacity, b->capacity);
}

static int by_name(const struct map_row *a, const struct map_row *b)
{
	if (!a->type || !b->type)
		return !a->type - !b->type;
	return strcmp(a->type, b->type);
}

static int (*const orders[])(const struct map_row *a, const struct map_row *b) = {
	[MAPS_BY_WASTE] = by_waste,	  [MAPS_BY_BYTES] = by_bytes, [MAPS_BY_LEN] = by_len,
	[MAPS_BY_CAPACITY] = by_capacity, [MAPS_BY_TYPE] = by_name,   [MAPS_BY_MAP] = by_map,
};

static int compare_rows(const void *a, const void *b, void *ctx)
{
	const struct maps_options *options = ctx;
	int result = orders[options->order](a, b);

	return result ? result : by_map(a, b);
}

static bool is_wanted(const struct maps_options *options, const struct map_row *row)
{
	if (row->bytes < options->min_bytes)
		return false;
	return !options->type || (row->type && glob_matches(options->pattern, row->type));
}

static void add_totals(struct map_report *totals, const struct map_row *row)
{
	totals->maps++;
	totals->bytes += row->bytes;
	totals->waste += row->waste;
	if (row->type && !filter_type_is_shape(row->type)) {
		totals->typed++;
		totals->typed_bytes += row->bytes;
	}
}

/* Takes the names of the types that a map may have. If one cannot be read, there are none. */
static void take_candidates(const struct maps_listing *listing, const struct gomap *map,
			    struct map_row *row)
{
	for (size_t i = 0; i < map->candidates_n && !map->type; i++) {
		row->candidates[i] = text_of(listing, map->candidates[i]).name;
		if (!row->candidates[i])
			return;
	}
	row->candidates_n = map->type ? 0 : map->candidates_n;
}

struct map_row maps_row_of(const struct maps_listing *listing, const struct gomap *map)
{
	struct type_text text = text_of(listing, map->type);
	struct map_row row = {.map = map->addr,
			      .type = text.name,
			      .package = text.package,
			      .len = map->len,
			      .capacity = map->capacity,
			      .bytes = map->bytes,
			      .waste = map->waste,
			      .overflow = map->overflow,
			      .tombstones = map->tombstones,
			      .tables = map->tables,
			      .old = map->old,
			      .evacuated = map->evacuated,
			      .growing = map->growing,
			      .moved_unknown = map->moved_unknown,
			      .swiss = maps_of(listing) == GO_MAPS_SWISS,
			      .by_stack = map->by_stack,
			      .changing = map->changing,
			      .standing = listing->options->core || listing->options->stop};

	take_candidates(listing, map, &row);
	row.marks = maps_marks(&row, map);
	return row;
}

static struct error *make_rows(struct maps_listing *listing)
{
	vec_each(map, &listing->maps.list) {
		struct map_row row = maps_row_of(listing, map);

		if (listing->ways.holders)
			try(maps_ways_take(&listing->ways, listing->options->by, &row));
		if (listing->totals.compared)
			maps_compare(&listing->before, map, &row);
		listing->totals.changes[row.change]++;
		add_totals(&listing->totals, &row);
		if (is_wanted(listing->options, &row) && !vec_push(&listing->rows, row))
			return error_nomem();
	}
	return NULL;
}

static void sort_rows(struct maps_listing *listing)
{
	if (listing->rows.len)
		qsort_r(listing->rows.data, listing->rows.len, sizeof(*listing->rows.data),
			compare_rows, (void *)listing->options);
	if (listing->options->top && listing->rows.len > listing->options->top)
		listing->rows.len = listing->options->top;
}

static void take_facts(struct maps_listing *listing)
{
	struct heap_facts facts;

	heap_facts(listing->heap, &facts);
	listing->totals.pid = (uint32_t)listing->target->pid;
	listing->totals.heap_bytes = facts.bytes;
	listing->totals.objects = facts.objects;
	listing->totals.live = facts.live;
	listing->totals.goroutines = facts.goroutines;
	listing->totals.maps_left = listing->maps.maps_left;
	listing->totals.types_left = listing->maps.types_left;
	listing->totals.candidates_left = listing->maps.candidates_left;
	listing->totals.unsettled = listing->maps.unsettled;
	listing->totals.libraries = listing->libraries;
	listing->totals.queue_unread = facts.queue_unread;
	listing->totals.spans = facts.spans;
	listing->totals.possible_empty = listing->maps.empty;
	listing->totals.types_dropped = listing->maps.types_dropped;
	listing->totals.holders = listing->options->holders;
	listing->totals.core = listing->options->core;
	if (listing->options->core) {
		struct core_facts core;

		core_facts(listing->target, &core);
		listing->totals.core_missing = core.missing;
		listing->totals.core_unproved = core.unproved;
		listing->totals.core_unseen = listing->found.unseen;
	}
}

/* Says that a core is cut, if what it lacks may be the reason of an error. */
static struct error *tell_cut(const struct maps_listing *listing, struct error *err)
{
	struct core_facts core = {0};

	if (err && listing->options->core)
		core_facts(listing->target, &core);
	return core.missing ? error_wrap(err, "%s is cut (%llu bytes are missing)",
					 listing->options->core, (unsigned long long)core.missing)
			    : err;
}

static struct error *read_list(struct maps_listing *ret)
{
	take_head(ret);
	try(maps_read(ret, maps_of(ret)));
	try(name_types(ret));
	take_facts(ret);
	if (ret->options->who)
		return NULL; /* maps_read() has found what holds it */
	try(make_rows(ret));
	if (ret->options->grouped)
		try(maps_group(ret->options, ret->rows.data, ret->rows.len, &ret->groups));
	else
		sort_rows(ret);
	return NULL;
}

static struct error *find_modules(struct maps_listing *ret)
{
	try(modules_new(&ret->modules));
	try(modules_of(ret->modules, ret->target, &ret->found));
	return take_modules(ret);
}

struct error *maps_list_open(const struct maps_options *options, struct maps_listing *ret)
{
	*ret = (struct maps_listing){.options = options};
	try(open_target(ret));
	return tell_cut(ret, find_modules(ret));
}

struct error *maps_list_read(struct maps_listing *listing)
{
	return tell_cut(listing, read_list(listing));
}

struct error *maps_list(const struct maps_options *options, struct maps_listing *ret)
{
	try(maps_list_open(options, ret));
	return maps_list_read(ret);
}

struct error *maps_list_again(struct maps_listing *listing)
{
	gomap_list_fini(&listing->before);
	listing->before = listing->maps;
	listing->maps = (struct gomap_list){0};
	drop_list(listing);
	listing->totals.compared = true;
	try(read_list(listing));
	listing->totals.changes[MAP_WENT] = maps_went(&listing->before, &listing->maps);
	return NULL;
}
