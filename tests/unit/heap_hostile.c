/* Reads the heap of a running Go program through a memory that lies: now and then a word is another one. It must never
 * crash, and always end. What it finds is not checked.
 *
 *     heap_hostile PID SEED ROUNDS
 *
 *     heap_hostile PID
 *
 * reads it as it is, with fewer and fewer steps, and tells what was given up.
 *
 * tests/system/test_maps.py runs it. A round that takes longer than a minute ends it by SIGALRM.
 */
#include "base/base.h"
#include "base/table.h"
#include "live/gomap/gomap.h"
#include "live/holders/holders.h"
#include "live/module/module.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { COPY_SMALL = 1 << 20, COPY_LARGE = 1 << 28 };

struct liar {
	struct memory truth;
	uint64_t seed;
	uint64_t one_in; /* of so many words one is wrong */
};

/* Returns the word that stands at an address in this round: the right one, or one of several kinds of wrong ones. */
static uint64_t word_at(const struct liar *liar, uint64_t addr, uint64_t word)
{
	uint64_t hash = table_mix(addr ^ liar->seed);

	if (hash % liar->one_in)
		return word;
	hash = table_mix(hash);
	switch (hash >> 60) {
	case 0: return 0;
	case 1: return UINT64_MAX;
	case 2: return hash;
	case 3: return hash & 0xff;
	case 4: return word + 8;
	case 5: return word - 1;
	case 6: return word ^ 1ull << (hash & 63);
	case 7: return hash & 0xffffff;
	case 8: return word << 1;
	case 9: return addr;
	case 10: return addr & ~0xfffull;
	default: return word ^ (hash & 0xffff);
	}
}

static size_t lie(void *ctx, uint64_t addr, void *to, size_t size)
{
	const struct liar *liar = ctx;
	size_t n = liar->truth.read(liar->truth.ctx, addr, to, size);
	uint8_t *bytes = to;

	for (size_t at = -addr & 7; at < n && n - at >= 8; at += 8) {
		uint64_t word;

		memcpy(&word, bytes + at, sizeof(word));
		word = word_at(liar, addr + at, word);
		memcpy(bytes + at, &word, sizeof(word));
	}
	return n;
}

/* Returns the addresses of the maps, or NULL when memory is out. The caller frees them. */
static uint64_t *addresses_of(const struct gomap_list *maps)
{
	uint64_t *addrs = calloc(maps->list.len + 1, sizeof(*addrs));

	for (size_t i = 0; addrs && i < maps->list.len; i++)
		addrs[i] = maps->list.data[i].addr;
	return addrs;
}

/* Finds what holds the maps, and all ways to the first one. No way may lead in a circle. */
static struct error *find_holders(struct heap *heap, const struct gomap_list *maps)
{
	cleanup(holder_paths_fini) struct holder_paths paths = {0};
	cleanup(holders_free) struct holders *holders = NULL;
	cleanup_free uint64_t *addrs = addresses_of(maps);

	if (!addrs)
		return error_nomem();
	try(holders_new(heap, maps, &holders));
	try(holders_find(holders, addrs, maps->list.len));
	for (size_t i = 0; i < maps->list.len; i++) {
		size_t hops = 0;

		for (const struct holder_hop *hop = holders_of(holders, addrs[i]).hop; hop;
		     hop = hop->next)
			if (++hops > HEAP_PARENTS_MAX)
				abort();
	}
	return maps->list.len ? holders_paths(holders, addrs[0], &paths) : NULL;
}

/* A map that is looked at in full. */
struct look {
	struct gomap_view *view;
	struct gotypes types;
	bool known;
	uint64_t key, elem; /* types */
	struct map_counts counts;
	struct go_key_arena arena;
	unsigned entries;
};

/* Hashes a key, and one that is given in its place, and follows both lookups. */
static void look_up(const struct gomap_view *view, const struct map_part *part, uint64_t key)
{
	const uint64_t given = table_mix(key);
	uint64_t hash = given, probes, bytes_left = 1 << 20;

	if (gomap_view_hash(view, key, &bytes_left, &hash))
		gomap_view_probes(view, part, hash, &probes);
	gomap_view_tag(view, hash);
	for (size_t n = 1; n <= sizeof(given); n++)
		if (gomap_view_hash_of(view, &given, n, n % 2, &hash))
			gomap_view_probes(view, part, hash, &probes);
	if (gomap_view_hash_of(view, &given, sizeof(given), true, &hash))
		gomap_view_probes(view, part, hash, &probes);
	gomap_view_probes(view, part, given, &probes);
}

/* Decodes the entries of a part, up to some thousands in all. */
static bool on_part(void *ctx, const struct map_part *part)
{
	static const struct go_value_limits limits = {.text = 256, .elems = 64};
	struct look *look = ctx;
	uint64_t key, elem;

	map_counts_add(&look->counts, part);
	if (!look->known || look->entries > 1000 || !gomap_view_hold(look->view, part))
		return true;
	for (unsigned i = 0; i < MAP_PART_SLOTS; i++) {
		if (gomap_view_slot(look->view, i) != MAP_SLOT_USED ||
		    !gomap_view_entry(look->view, i, &key, &elem))
			continue;
		look->entries++;
		look_up(look->view, part, key);
		if (!go_value_decode(&look->types, look->key, key, &limits, &look->arena) ||
		    !go_value_decode(&look->types, look->elem, elem, &limits, &look->arena))
			return false;
	}
	gomap_view_held(look->view);
	return true;
}

/* Looks at some of the maps in full, and at an address that is none. */
static void look_at_maps(struct heap *heap, const struct gomap_list *list,
			 const struct gotype_module *module, uint64_t seed)
{
	for (unsigned i = 0; i < 2 && list->list.len; i++) {
		uint64_t at = table_mix(seed + i) % list->list.len;
		cleanup(gomap_view_close) struct gomap_view *view = NULL;
		struct look look = {.types = {.module = *module}};
		struct gomap_visitor visitor = {.ctx = &look, .on_part = on_part};
		struct error *err = gomap_view_open(
			heap, list, list->list.data[at].addr + (i == 1 ? 8 : 0), &view);

		if (err) {
			error_free(err);
			continue;
		}
		look.view = view;
		look.types.memory = gomap_view_memory(view);
		look.known = gomap_view_types(view, &look.key, &look.elem);
		gomap_view_walk(view, &visitor);
		gomap_view_is_at_rest(view);
		go_key_arena_fini(&look.arena);
	}
}

/* Opens the heap once more through a copy, which has room for `max` bytes. As long as it is whole, only it is read from then
 * on. Nobody looks whether anything else is asked for. */
static struct error *open_copy(struct heap **heap, struct gomap_plan *plan, uint64_t max,
			       struct heap_copy **ret)
{
	struct heap_options options = *heap_options_of(*heap);
	struct heap *copied = NULL;
	struct error *err;

	try(heap_copy_new(max, ret));
	heap_copy_begin(*ret, *heap);
	heap_copy_from(*ret, options.memory);
	options.memory = heap_copy_memory(*ret);
	err = heap_open_like(*heap, &options, &copied);
	if (err)
		return err;
	err = heap_copy_fill(*ret, copied, gomap_may_be_array, plan);
	if (!err && heap_copy_is_whole(*ret))
		heap_copy_end(*ret, copied);
	heap_close(*heap);
	*heap = copied;
	return err;
}

/* Reads everything once, every second time through a copy, which may have too little room. Returns how many maps were found, or -1 after an error. */
static int64_t read_once(const struct module_at *at, struct liar *liar)
{
	struct gotype_module module = {
		.tab = at->module->tab, .image = at->module->image, .bias = at->bias};
	struct heap_options options = {.memory = {.ctx = liar, .read = lie},
				       .modules = &module,
				       .modules_n = 1,
				       .header_size = GOMAP_HEADER_SIZE,
				       .header_mask = gomap_header_mask(at->module->maps),
				       .keep_parents = true};
	cleanup(gomap_list_fini) struct gomap_list maps = {0};
	cleanup(heap_copy_free) struct heap_copy *copy = NULL;
	cleanup(heap_close) struct heap *heap = NULL;
	cleanup(gomap_plan_free) struct gomap_plan *plan = NULL;
	struct error *err = heap_open(&options, &heap);

	if (!err)
		err = gomap_plan_new(heap, at->module->maps, &plan);
	if (!err && liar->seed & 1)
		err = open_copy(&heap, plan, liar->seed & 2 ? COPY_SMALL : COPY_LARGE, &copy);
	if (!err)
		err = gomap_find(heap, plan, &maps);
	if (!err)
		err = find_holders(heap, &maps);
	if (!err) {
		look_at_maps(heap, &maps, &module, liar->seed);
		return (int64_t)maps.list.len;
	}
	error_free(err);
	return -1;
}

/* Counts the maps whose ways are cut if so many objects on ways are kept. */
static struct error *count_cut(struct heap *heap, const struct gomap_list *maps, uint64_t objects,
			       uint64_t *ret)
{
	cleanup(holders_free) struct holders *holders = NULL;
	cleanup_free uint64_t *addrs = addresses_of(maps);

	if (!addrs)
		return error_nomem();
	try(holders_new(heap, maps, &holders));
	holders_limit(holders, objects < HOLDERS_MAX ? (uint32_t)objects : HOLDERS_MAX);
	try(holders_find(holders, addrs, maps->list.len));
	for (size_t i = 0; i < maps->list.len; i++) {
		struct holder holder = holders_of(holders, addrs[i]);
		const struct holder_hop *last = holder.hop;

		while (last && last->next)
			last = last->next;
		if (holder.cut != (last && last->kind == HOLDER_CUT))
			abort();
		*ret += holder.cut;
	}
	return NULL;
}

/* Prints a line for a search with so many steps, and as many objects on ways: the maps that were found, those with a type, those whose
 * ways are cut, and what was given up. */
static struct error *read_with(const struct module_at *at, struct memory memory, uint64_t steps)
{
	struct gotype_module module = {
		.tab = at->module->tab, .image = at->module->image, .bias = at->bias};
	struct heap_options options = {.memory = memory,
				       .modules = &module,
				       .modules_n = 1,
				       .header_size = GOMAP_HEADER_SIZE,
				       .header_mask = gomap_header_mask(at->module->maps),
				       .keep_parents = true};
	cleanup(gomap_list_fini) struct gomap_list maps = {0};
	cleanup(gomap_plan_free) struct gomap_plan *plan = NULL;
	cleanup(heap_close) struct heap *heap = NULL;
	uint64_t typed = 0, cut = 0;

	try(heap_open(&options, &heap));
	try(gomap_plan_new(heap, at->module->maps, &plan));
	gomap_plan_limit(plan, steps);
	try(gomap_find(heap, plan, &maps));
	vec_each(map, &maps.list)
		typed += map->type != 0;
	try(count_cut(heap, &maps, steps, &cut));
	printf("%zu %" PRIu64 " %" PRIu64 " %d %d %d\n", maps.list.len, typed, cut, maps.maps_left,
	       maps.types_left, maps.candidates_left);
	return NULL;
}

static struct error *run_limits(pid_t pid)
{
	cleanup(module_list_fini) struct module_list found = {0};
	cleanup(modules_free) struct modules *modules = NULL;
	cleanup(target_close) struct target *target = NULL;

	try(process_open(pid, &target));
	try(modules_new(&modules));
	try(modules_of(modules, target, &found));
	if (!found.list.len || !found.list.data[0].module->tab)
		return error_new(ERROR_TARGET, "no Go code");
	for (uint64_t steps = GOMAP_STEPS_MAX; steps > 1; steps /= 32)
		try(read_with(&found.list.data[0], target_memory(target), steps));
	return NULL;
}

static struct error *run(pid_t pid, uint64_t seed, uint64_t rounds)
{
	cleanup(module_list_fini) struct module_list found = {0};
	cleanup(modules_free) struct modules *modules = NULL;
	cleanup(target_close) struct target *target = NULL;
	struct liar liar;
	uint64_t refused = 0, most = 0;

	try(process_open(pid, &target));
	try(modules_new(&modules));
	try(modules_of(modules, target, &found));
	if (!found.list.len || !found.list.data[0].module->tab)
		return error_new(ERROR_TARGET, "no Go code");
	liar.truth = target_memory(target);
	for (uint64_t i = 0; i < rounds; i++) {
		int64_t maps;

		liar.seed = table_mix(seed + i);
		liar.one_in = 1ull << (4 + liar.seed % 16);
		alarm(60);
		maps = read_once(&found.list.data[0], &liar);
		refused += maps < 0;
		most = maps > 0 && (uint64_t)maps > most ? (uint64_t)maps : most;
	}
	printf("%" PRIu64 " rounds, %" PRIu64 " refused, at most %" PRIu64 " maps\n", rounds,
	       refused, most);
	return NULL;
}

int main(int argc, char **argv)
{
	struct error *err;

	if (argc != 4 && argc != 2)
		return ERROR_USAGE;
	err = argc == 2 ? run_limits((pid_t)strtol(argv[1], NULL, 10))
			: run((pid_t)strtol(argv[1], NULL, 10), strtoull(argv[2], NULL, 10),
			      strtoull(argv[3], NULL, 10));
	if (!err)
		return 0;
	fprintf(stderr, "heap_hostile: %s\n", err->text);
	return err->code;
}
