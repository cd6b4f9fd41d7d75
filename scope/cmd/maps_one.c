/* One map in full. The program goes on meanwhile: if the header has changed when everything was read, all is read again. */
#include "cmd/maps_one.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/text/text.h"
#include "cmd/maps_probes.h"
#include "cmd/output.h"
#include "show/drawing/drawing.h"
#include "watch/filter/filter.h"

#include <stdlib.h>

enum {
	TRIES = 10,	  /* of a map that changes */
	LIST_TRIES = 3,	  /* of a map that is not in the list */
	PART_TRIES = 5,	  /* of a bucket or group that changes */
	SLICE_MAX = 64,	  /* elements of a slice that are shown */
	PLAIN_WIDTH = 80, /* of a drawing that is not for a terminal */
};

#define PATIENCE_NS 2000000000ull /* a map that takes longer is not read again */

struct one {
	const struct maps_options *options;
	enum go_maps maps;
	struct gomap_view *view;
	struct gotypes types;
	const struct filter_key *wanted; /* --key */
	struct map_lookup lookup;	 /* of it */
	bool by_tag;			 /* only slots with the byte of its hash are looked at */
	struct map_probes probes;
	struct go_value_limits limits;
	uint64_t key, elem; /* their types; 0: not known */
	struct go_key_arena arena;
	struct drawing *drawing;
	struct map_counts counts;
	VEC(struct map_entry) entries;
	struct buf texts;
	bool gone; /* the map got other buckets or groups during the walk */
	bool at_rest;
	bool failed; /* out of memory */
	/* who wants to hear of the parts, too; or NULL */
	void (*begin)(void *ctx);
	void (*hear)(void *ctx, const struct map_part *part);
	void *ctx;
};

static void one_fini(struct one *one)
{
	gomap_view_close(one->view);
	go_key_arena_fini(&one->arena);
	drawing_free(one->drawing);
	vec_fini(&one->entries);
	buf_fini(&one->texts);
}
CLEANUP_VALUE(struct one, one_fini)

static bool is_json(const struct one *one)
{
	return strcmp(one->options->format, "json") == 0;
}

/* ---- entries ---- */

/* Appends the value that was decoded last. */
static struct map_text put_value(struct one *one)
{
	struct map_text text = {.at = one->texts.len};
	const struct go_key_arena *arena = &one->arena;

	if (is_json(one))
		value_json(&one->texts, arena->values.data, arena->values.len);
	else
		value_text(&one->texts, arena->values.data, arena->values.len);
	text.len = one->texts.len - text.at;
	return text;
}

static bool decode(struct one *one, uint64_t type, uint64_t addr)
{
	if (go_value_decode(&one->types, type, addr, &one->limits, &one->arena))
		return true;
	one->failed = true;
	return false;
}

/* Adds the entry of a slot, if it is the wanted one. */
static void add_entry(struct one *one, const struct map_part *part, unsigned slot)
{
	struct map_entry entry = {.part = *part, .slot = slot};
	const struct go_key_arena *arena = &one->arena;
	uint64_t key, elem;

	entry.part.bytes[slot] = gomap_view_byte(one->view, slot);
	if (!gomap_view_entry(one->view, slot, &key, &elem) || !decode(one, one->key, key))
		return;
	if (one->wanted && !filter_key_matches(one->wanted, arena->values.data, arena->values.len))
		return;
	entry.key_error = value_error(arena->values.data, arena->values.len);
	entry.cut = value_is_cut(arena->values.data, arena->values.len);
	entry.key = put_value(one);
	if (!decode(one, one->elem, elem))
		return;
	entry.value_error = value_error(arena->values.data, arena->values.len);
	entry.cut |= value_is_cut(arena->values.data, arena->values.len);
	entry.value = put_value(one);
	one->failed |= !vec_push(&one->entries, entry);
}

/* Tells whether a slot may have the wanted key, by its hash. */
static bool has_tag(const struct one *one, const struct map_part *part, unsigned slot)
{
	return !one->by_tag || part->bytes[slot] == gomap_view_tag(one->view, one->lookup.hash);
}

/* Tells whether the entries of a part are wanted. */
static bool wants(const struct one *one, const struct map_part *part)
{
	bool used = false;

	for (unsigned i = 0; i < MAP_PART_SLOTS; i++)
		used |= part->slots[i] == MAP_SLOT_USED && has_tag(one, part, i);
	return used && one->key && (one->wanted || one->entries.len < one->options->entries);
}

/* Adds the entries of a part. If the program changes it meanwhile, they are read again, and are uncertain at last. Returns
 * false if the map has other buckets or groups by now. */
static bool add_entries(struct one *one, const struct map_part *part)
{
	size_t entries = one->entries.len, texts = one->texts.len;
	enum gomap_held held = GOMAP_HELD_CHANGED;

	for (unsigned i = 0; i < PART_TRIES && held == GOMAP_HELD_CHANGED; i++) {
		one->entries.len = entries;
		one->texts.len = texts;
		if (!gomap_view_hold(one->view, part))
			continue;
		for (unsigned slot = 0; slot < MAP_PART_SLOTS; slot++)
			if (gomap_view_slot(one->view, slot) == MAP_SLOT_USED &&
			    has_tag(one, part, slot) &&
			    (one->wanted || one->entries.len < one->options->entries))
				add_entry(one, part, slot);
		held = gomap_view_held(one->view);
	}
	if (held == GOMAP_HELD_GONE)
		one->entries.len = entries;
	for (size_t i = entries; i < one->entries.len; i++)
		one->entries.data[i].uncertain = held != GOMAP_HELD_SAME;
	return held != GOMAP_HELD_GONE;
}

/* ---- the walk ---- */

static void on_array(void *ctx, const struct map_array *array)
{
	drawing_add_array(((struct one *)ctx)->drawing, array);
}

static bool on_part(void *ctx, const struct map_part *part)
{
	struct one *one = ctx;

	map_counts_add(&one->counts, part);
	drawing_add_part(one->drawing, part);
	if (one->hear)
		one->hear(one->ctx, part);
	if (!one->wanted && one->key && !one->hear)
		maps_probes_add(&one->probes, one->view, part);
	if (!one->gone && wants(one, part))
		one->gone = !add_entries(one, part);
	return !one->failed && !one->gone;
}

static struct error *walk(struct one *one)
{
	struct gomap_visitor visitor = {.ctx = one, .on_array = on_array, .on_part = on_part};

	one->counts = (struct map_counts){0};
	one->probes = maps_probes_begin();
	one->gone = false;
	one->entries.len = 0;
	one->texts.len = 0;
	drawing_reset(one->drawing);
	if (one->begin)
		one->begin(one->ctx);
	gomap_view_walk(one->view, &visitor);
	map_counts_end(&one->counts);
	one->at_rest = !one->gone && gomap_view_is_at_rest(one->view) &&
		       (one->counts.faults || one->counts.used == gomap_view_map(one->view)->len);
	return one->failed || one->texts.bad ? error_nomem() : NULL;
}

/* Reads the map until it is seen at rest. */
static struct error *read_map(struct one *one)
{
	uint64_t begun_ns = now_ns();

	for (unsigned i = 0; i < TRIES; i++) {
		try(gomap_view_refresh(one->view));
		try(walk(one));
		if (one->at_rest || now_ns() - begun_ns > PATIENCE_NS)
			break;
	}
	return NULL;
}

/* Looks the wanted key up, by its hash if that can be had. If that does not find it, all entries are compared: a key that has
 * changed since it was inserted is not where its hash leads. */
static struct error *look_up(struct one *one)
{
	struct map_lookup *lookup = &one->lookup;

	lookup->swiss = one->maps == GO_MAPS_SWISS;
	lookup->hashed = maps_key_hash(&one->options->filter, &one->types, one->key, one->view,
				       &lookup->hash);
	one->by_tag = lookup->hashed;
	try(read_map(one));
	if (one->by_tag && !one->entries.len) {
		one->by_tag = false;
		try(read_map(one));
	}
	lookup->found = one->entries.len;
	lookup->uncertain = !one->at_rest;
	vec_each(entry, &one->entries) {
		lookup->uncertain |= entry->uncertain;
		if (lookup->hashed && !lookup->visits &&
		    gomap_view_tag(one->view, lookup->hash) == entry->part.bytes[entry->slot] &&
		    !gomap_view_probes(one->view, &entry->part, lookup->hash, &lookup->visits))
			lookup->visits = 0;
	}
	return NULL;
}

/* ---- output ---- */

/* Tells whether the user's locale has characters other than ASCII (POSIX: the first of these that is set counts). */
static bool is_ascii(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = getenv(names[i]);

		if (value && *value)
			return !strcasestr(value, "utf-8") && !strcasestr(value, "utf8");
	}
	return true;
}

static void put_facts(const struct one *one, const struct maps_listing *listing, bool color,
		      struct buf *to)
{
	const struct gomap *map = gomap_view_map(one->view);
	struct gomap shown = *map;
	struct map_facts facts = {.layout = layout_get(one->maps),
				  .header = map->words,
				  .counts = &one->counts,
				  .listed = gomap_view_is_listed(one->view),
				  .never_filled = map->never_filled,
				  .drawn = one->counts.parts || map->growing};

	if (one->key && !one->hear && !one->probes.unknown)
		facts.probes = &one->probes;
	shown.changing = !one->at_rest;
	facts.row = maps_row_of(listing, &shown);
	if (is_json(one))
		map_facts_json(to, &facts);
	else
		map_facts_text(to, &facts, color);
}

static void put_drawing(const struct one *one, size_t width, struct buf *to)
{
	if (is_json(one)) {
		drawing_json(one->drawing, to);
		return;
	}
	buf_char(to, '\n');
	one_draw(one, width, to);
}

static void put_entries(const struct one *one, const struct terminal_style *style, struct buf *to)
{
	struct map_entries entries = {.rows = one->entries.data,
				      .rows_n = one->entries.len,
				      .texts = &one->texts,
				      .swiss = one->maps == GO_MAPS_SWISS,
				      .standing = one->options->core,
				      .color = style->color,
				      .width = style->width};

	if (is_json(one)) {
		map_entries_json(to, &entries);
		if (one->wanted)
			map_lookup_json(to, &one->lookup);
		return;
	}
	if (one->wanted && !entries.rows_n)
		buf_str(to,
			one->counts.faults ? "not found, but not all of the map could be read\n"
			: one->at_rest	   ? "not in the map\n"
			: one->options->core
				? "not found, but the program was just writing to the map\n"
				: "not found, but the map changed while it was searched: try again\n");
	else if (one->options->entries && entries.rows_n)
		buf_char(to, '\n');
	map_entries_text(to, &entries);
	if (one->wanted)
		map_lookup_text(to, &one->lookup);
}

static void put_end(const struct one *one, const struct maps_listing *listing, struct buf *to)
{
	json_literal(to, "{\"event\":\"end\",\"pid\":");
	buf_u64(to, listing->totals.pid);
	json_name(to, "entries");
	buf_u64(to, one->entries.len);
	json_name(to, "unread");
	buf_u64(to, one->counts.faults);
	json_name(to, "changing");
	json_put_bool(to, !one->at_rest);
	json_end_line(to);
}

/* Opens the map. One that was just growing may be missing in the list. */
static struct error *open_view(struct one *one, struct maps_listing *listing)
{
	for (unsigned i = 1;; i++) {
		struct error *err = gomap_view_open(listing->heap, &listing->maps,
						    one->options->map, &one->view);

		if ((!err && gomap_view_is_listed(one->view)) || i == LIST_TRIES)
			return err;
		error_free(err);
		gomap_view_close(one->view);
		one->view = NULL;
		try(maps_list_again(listing));
	}
}

static struct error *open_one(struct one *one, struct maps_listing *listing)
{
	const struct maps_options *options = listing->options;

	one->options = options;
	one->maps = listing->found.list.data[0].module->maps;
	one->limits = (struct go_value_limits){.text = options->text_max, .elems = SLICE_MAX};
	one->wanted = options->filter.key;
	if (one->wanted && one->limits.text <= FILTER_TEXT_MAX)
		one->limits.text = FILTER_TEXT_MAX + 1; /* no string that is cut equals the key */
	try(drawing_new(one->maps, &one->drawing));
	try(open_view(one, listing));
	one->types = (struct gotypes){.module = listing->types.data[0],
				      .memory = gomap_view_memory(one->view),
				      .find = heap_module_of,
				      .find_ctx = (void *)heap_options_of(listing->heap)};
	if (!gomap_view_types(one->view, &one->key, &one->elem) &&
	    (one->wanted || options->entries))
		return error_new(ERROR_TARGET,
				 "0x%llx: the type of the map is not known, and its entries cannot "
				 "be shown as values; --map alone shows its state and a drawing",
				 (unsigned long long)options->map);
	return NULL;
}

struct error *maps_one(struct maps_listing *listing, int fd, struct buf *to)
{
	struct terminal_style style = terminal_style(fd, listing->options->wide);
	cleanup(one_fini) struct one one = {0};

	try(open_one(&one, listing));
	try(one.wanted ? look_up(&one) : read_map(&one));
	if (!one.wanted) {
		put_facts(&one, listing, style.color, to);
		put_drawing(&one, style.width, to);
	}
	put_entries(&one, &style, to);
	if (is_json(&one))
		put_end(&one, listing, to);
	return to->bad ? error_nomem() : NULL;
}

/* ---- the same, again and again ---- */

struct error *one_new(struct maps_listing *listing, struct one **ret)
{
	struct one *one = calloc(1, sizeof(*one));
	struct error *err;

	if (!one)
		return error_nomem();
	err = open_one(one, listing);
	if (err)
		one_free(one);
	else
		*ret = one;
	return err;
}

void one_free(struct one *one)
{
	if (one)
		one_fini(one);
	free(one);
}

struct error *one_read(struct one *one, void (*begin)(void *ctx),
		       void (*hear)(void *ctx, const struct map_part *part), void *ctx)
{
	one->begin = begin;
	one->hear = hear;
	one->ctx = ctx;
	return read_map(one);
}

bool one_is_whole(const struct one *one)
{
	return one->at_rest && !one->counts.faults;
}

const struct gomap *one_map(const struct one *one)
{
	return gomap_view_map(one->view);
}

const struct map_counts *one_counts(const struct one *one)
{
	return &one->counts;
}

bool one_is_listed(const struct one *one)
{
	return gomap_view_is_listed(one->view);
}

void one_draw(const struct one *one, size_t width, struct buf *to)
{
	struct drawing_style style = {.width = width == TEXT_UNLIMITED ? PLAIN_WIDTH : width,
				      .ascii = is_ascii()};

	drawing_text(one->drawing, &style, to);
}
