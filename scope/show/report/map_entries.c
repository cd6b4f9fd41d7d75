/* Entries of one map. Each column is declared once, for both forms:
 *
 *     KEY       VALUE              PLACE
 *     "user:1"  main.session{...}  bucket 12, overflow 1, slot 3
 *
 *     {"event":"entry","key":"user:1","value":{...},"array":"new","index":12,"chain":1,"slot":3}
 *
 * The members' names and their order are an interface. */
#include "base/text/text.h"
#include "base/buf.h"
#include "show/columns/columns.h"
#include "show/report/map_facts.h"

static const struct map_entry *entry_of(const void *row)
{
	return row;
}

static const struct map_entries *all(const struct cell *cell)
{
	return cell->rows->ctx;
}

static void put_text(struct cell *cell, const struct map_text *text)
{
	buf_put(cell->to, all(cell)->texts->data + text->at, text->len);
}

static void put_key(struct cell *cell, const void *row)
{
	put_text(cell, &entry_of(row)->key);
}

static void put_value(struct cell *cell, const void *row)
{
	put_text(cell, &entry_of(row)->value);
}

static void put_cut(struct cell *cell, const void *row)
{
	if (entry_of(row)->cut)
		cell_bool(cell, true);
}

static void put_key_error(struct cell *cell, const void *row)
{
	if (entry_of(row)->key_error)
		cell_str(cell, entry_of(row)->key_error);
}

static void put_value_error(struct cell *cell, const void *row)
{
	if (entry_of(row)->value_error)
		cell_str(cell, entry_of(row)->value_error);
}

static void put_uncertain(struct cell *cell, const void *row)
{
	cell_bool(cell, entry_of(row)->uncertain);
}

static void put_array(struct cell *cell, const void *row)
{
	if (!all(cell)->swiss)
		cell_str(cell, entry_of(row)->part.array ? "old" : "new");
}

static void put_table(struct cell *cell, const void *row)
{
	if (all(cell)->swiss)
		cell_number(cell, entry_of(row)->part.array);
}

static void put_index(struct cell *cell, const void *row)
{
	cell_number(cell, entry_of(row)->part.index);
}

static void put_chain(struct cell *cell, const void *row)
{
	if (!all(cell)->swiss)
		cell_number(cell, entry_of(row)->part.depth);
}

static void put_slot(struct cell *cell, const void *row)
{
	cell_number(cell, entry_of(row)->slot);
}

static void put_place(struct cell *cell, const void *row)
{
	const struct map_entry *entry = entry_of(row);
	const struct map_part *part = &entry->part;
	size_t begin = cell->to->len;

	if (all(cell)->swiss)
		buf_printf(cell->to, "table %u, group %llu", part->array,
			   (unsigned long long)part->index);
	else
		buf_printf(cell->to, "%sbucket %llu", part->array ? "old " : "",
			   (unsigned long long)part->index);
	if (part->depth)
		buf_printf(cell->to, ", overflow %u", part->depth);
	buf_printf(cell->to, ", slot %u", entry->slot);
	if (entry->uncertain)
		buf_str(cell->to, all(cell)->standing ? "; uncertain: " MAP_IN_WRITE
						      : "; uncertain: " MAP_CHANGED);
	text_cut(cell->to, begin, cell->columns);
}

static const struct column columns[] = {
	{.name = "KEY", .json = "key", .place = 1, .percent = 35, .sgr = SGR_BOLD, .put = put_key},
	{.name = "VALUE", .json = "value", .place = 2, .percent = 45, .put = put_value},
	{.name = "PLACE", .place = 3, .put = put_place},
	{.json = "cut", .put = put_cut},
	{.json = "key_error", .put = put_key_error},
	{.json = "value_error", .put = put_value_error},
	{.json = "array", .put = put_array},
	{.json = "table", .put = put_table},
	{.json = "index", .put = put_index},
	{.json = "chain", .put = put_chain},
	{.json = "slot", .put = put_slot},
	{.json = "uncertain", .put = put_uncertain},
};

void map_entries_text(struct buf *to, const struct map_entries *entries)
{
	struct rows rows = ROWS(columns, entries);

	if (entries->rows_n)
		columns_text(to, &rows);
}

void map_entries_json(struct buf *to, const struct map_entries *entries)
{
	struct rows rows = ROWS(columns, entries, .event = "entry");

	columns_json(to, &rows);
}

/* ---- the lookup of a key ---- */

void map_lookup_text(struct buf *to, const struct map_lookup *lookup)
{
	const char *part = lookup->swiss ? "group" : "bucket";

	if (!lookup->found)
		return;
	if (!lookup->hashed)
		buf_printf(to, "its hash is not known here; all entries were compared\n");
	else if (lookup->visits)
		buf_printf(to, "hash 0x%llx: a lookup visits %llu %s%s\n",
			   (unsigned long long)lookup->hash, (unsigned long long)lookup->visits,
			   part, lookup->visits == 1 ? "" : "s");
	else if (lookup->uncertain)
		buf_printf(to,
			   "hash 0x%llx: what a lookup visits is not known; the map was changing "
			   "while it was searched\n",
			   (unsigned long long)lookup->hash);
	else
		buf_printf(
			to,
			"hash 0x%llx: a lookup does not find it; the key has changed since it was "
			"inserted\n",
			(unsigned long long)lookup->hash);
}

void map_lookup_json(struct buf *to, const struct map_lookup *lookup)
{
	json_begin(to, "event");
	json_put_str(to, "lookup");
	json_name(to, "by");
	json_put_str(to, lookup->hashed ? "hash" : "search");
	if (lookup->hashed) {
		json_name(to, "hash");
		buf_printf(to, "\"0x%llx\"", (unsigned long long)lookup->hash);
	}
	json_name(to, "found");
	json_put_bool(to, lookup->found);
	if (lookup->hashed && lookup->found && (lookup->visits || !lookup->uncertain)) {
		json_name(to, "visits");
		buf_u64(to, lookup->visits);
	}
	json_end_line(to);
}
