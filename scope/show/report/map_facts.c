/* The facts of one map. Each is declared once, for both forms:
 *
 *     elements    102 of 2048 slots (4%)
 *     growing     3 of 64 old buckets have moved
 *
 *     {"event":"map","bytes":81968,...,"listed":true,"state":{"B":8,...},"flags":[],"seed":"0x1f","parts":260,...}
 *
 * The members' names and their order are an interface. */
#include "show/report/map_facts.h"
#include "base/text/text.h"
#include "base/buf.h"
#include "show/columns/columns.h"

static const struct map_facts *facts_of(const void *row)
{
	return row;
}

/* ---- for people: what the list has in columns ---- */

static void put_type(struct cell *cell, const void *row)
{
	const struct map_row *of = &facts_of(row)->row;

	cell_str(cell,
		 of->type ? of->type : "not known: nothing tells it, and entries cannot be shown");
	if (!of->candidates_n)
		return;
	buf_str(cell->to, of->candidates_n == 1 ? "; only this one fits: " : "; these fit: ");
	maps_candidates(cell, of);
}

static void put_map(struct cell *cell, const void *row)
{
	cell_address(cell, facts_of(row)->row.map);
}

static void put_elements(struct cell *cell, const void *row_)
{
	const struct map_row *row = &facts_of(row_)->row;

	buf_u64(cell->to, row->len);
	if (row->capacity)
		buf_printf(cell->to, " of %llu slots (%llu%%)", (unsigned long long)row->capacity,
			   (unsigned long long)(row->len * 100 / row->capacity));
	if (facts_of(row_)->never_filled)
		buf_str(cell->to, "; it was never filled");
}

static void put_bytes(struct cell *cell, const void *row_)
{
	const struct map_row *row = &facts_of(row_)->row;

	buf_printf(cell->to, "%llu, of which a new map would not hold %llu",
		   (unsigned long long)row->bytes, (unsigned long long)row->waste);
}

static void put_growing(struct cell *cell, const void *row_)
{
	const struct map_row *row = &facts_of(row_)->row;

	if (row->growing && row->moved_unknown)
		buf_printf(cell->to, "it is not known how many of %llu old buckets have moved",
			   (unsigned long long)row->old);
	else if (row->growing)
		buf_printf(cell->to, "%llu of %llu old buckets have moved",
			   (unsigned long long)row->evacuated, (unsigned long long)row->old);
}

static void put_overflow(struct cell *cell, const void *row)
{
	if (facts_of(row)->row.overflow)
		buf_printf(cell->to, "%llu buckets",
			   (unsigned long long)facts_of(row)->row.overflow);
}

static void put_tables(struct cell *cell, const void *row)
{
	if (facts_of(row)->row.tables)
		cell_number(cell, facts_of(row)->row.tables);
}

static void put_tombstones(struct cell *cell, const void *row)
{
	if (facts_of(row)->row.tombstones)
		cell_number(cell, facts_of(row)->row.tombstones);
}

/* ---- both ---- */

static void put_listed(struct cell *cell, const void *row)
{
	cell_bool(cell, facts_of(row)->listed);
}

/* The numbers of the header, as events of a trace have them. */
static void put_state(struct cell *cell, const void *row)
{
	struct map_state state[MAP_STATE_MAX];
	size_t n = facts_of(row)->layout->state(facts_of(row)->header, state);

	if (cell->json) {
		map_state_json(cell->to, state, n);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		buf_str(cell->to, i ? ", " : "");
		buf_str(cell->to, state[i].name);
		buf_char(cell->to, ' ');
		if (state[i].is_bool)
			cell_bool(cell, state[i].value);
		else
			cell_number(cell, state[i].value);
	}
}

static void put_flags(struct cell *cell, const void *row)
{
	const struct map_facts *facts = facts_of(row);
	const char *flags[MAP_FLAGS_MAX];
	size_t n = facts->layout->flags ? facts->layout->flags(facts->header, flags) : 0;

	buf_str(cell->to, cell->json ? "[" : "");
	for (size_t i = 0; i < n; i++) {
		buf_str(cell->to, !i ? "" : cell->json ? "," : ", ");
		cell_str(cell, flags[i]);
	}
	buf_str(cell->to, cell->json ? "]" : "");
}

static void put_seed(struct cell *cell, const void *row)
{
	if (facts_of(row)->layout->seed)
		cell_address(cell, facts_of(row)->layout->seed(facts_of(row)->header));
}

static bool has_parts(const void *row)
{
	return facts_of(row)->drawn;
}

static void put_parts(struct cell *cell, const void *row)
{
	if (has_parts(row))
		cell_number(cell, facts_of(row)->counts->parts);
}

/* Appends how many buckets, chains or groups have each number: [n0,n1,...], or "0: n0  1: n1". */
static void put_histogram(struct cell *cell, const uint64_t *counts, size_t n, size_t first)
{
	size_t begin = cell->to->len;

	for (size_t i = 0; i < n; i++) {
		if (cell->json) {
			buf_char(cell->to, i ? ',' : '[');
			buf_u64(cell->to, counts[i]);
		} else if (counts[i]) {
			buf_str(cell->to, cell->to->len > begin ? "  " : "");
			buf_printf(cell->to, "%zu: %llu", first + i, (unsigned long long)counts[i]);
		}
	}
	if (cell->json)
		buf_str(cell->to, n ? "]" : "[]");
}

static void put_fill(struct cell *cell, const void *row)
{
	if (has_parts(row))
		put_histogram(cell, facts_of(row)->counts->fill, MAP_PART_SLOTS + 1, 0);
}

static void put_chains(struct cell *cell, const void *row)
{
	const struct map_counts *counts = facts_of(row)->counts;
	size_t n = counts->longest < MAP_CHAINS ? counts->longest : MAP_CHAINS;

	if (!has_parts(row) || facts_of(row)->row.swiss)
		return;
	put_histogram(cell, counts->chains + 1, n, 1);
	if (!cell->json && counts->chains[0])
		buf_printf(cell->to, "  more: %llu", (unsigned long long)counts->chains[0]);
}

static void put_longest(struct cell *cell, const void *row)
{
	if (has_parts(row) && !facts_of(row)->row.swiss)
		cell_number(cell, facts_of(row)->counts->longest);
}

static void put_collisions(struct cell *cell, const void *row)
{
	if (!has_parts(row))
		return;
	cell_number(cell, facts_of(row)->counts->collisions);
	if (!cell->json)
		buf_str(cell->to,
			facts_of(row)->row.swiss
				? " elements have the hash byte of another one in their group"
				: " elements have the hash byte of another one in their bucket");
}

static bool has_probes(const void *row)
{
	return has_parts(row) && facts_of(row)->probes;
}

static void put_probes(struct cell *cell, const void *row)
{
	const struct map_probes *probes = facts_of(row)->probes;

	if (!has_probes(row))
		return;
	put_histogram(cell, probes->counts + 1,
		      probes->longest < MAP_CHAINS ? probes->longest : MAP_CHAINS, 1);
	if (!cell->json && probes->counts[0])
		buf_printf(cell->to, "  more: %llu", (unsigned long long)probes->counts[0]);
}

static void put_longest_probe(struct cell *cell, const void *row)
{
	if (has_probes(row))
		cell_number(cell, facts_of(row)->probes->longest);
}

static void put_misplaced(struct cell *cell, const void *row)
{
	if (!has_probes(row) || facts_of(row)->row.changing ||
	    (!cell->json && !facts_of(row)->probes->misplaced))
		return;
	cell_number(cell, facts_of(row)->probes->misplaced);
	if (!cell->json)
		buf_str(cell->to,
			" elements: a lookup of their keys does not find them; the keys have "
			"changed since they were inserted");
}

static void put_unread(struct cell *cell, const void *row)
{
	const struct map_counts *counts = facts_of(row)->counts;

	if (cell->json ? !has_parts(row) : !counts->faults)
		return;
	cell_number(cell, counts->faults);
	if (!cell->json) {
		buf_str(cell->to, ": ");
		cell_str(cell, counts->fault);
	}
}

static void put_fault(struct cell *cell, const void *row)
{
	if (facts_of(row)->counts->fault)
		cell_str(cell, facts_of(row)->counts->fault);
}

static void put_notes(struct cell *cell, const void *row)
{
	const struct map_facts *facts = facts_of(row);
	const char *notes[] = {
		!facts->row.changing  ? NULL
		: facts->row.standing ? MAP_IN_WRITE ": what is shown may not agree"
				      : MAP_CHANGED ", each time: what is shown may not agree",
		facts->listed ? NULL : "it is not among the live maps that the mark found",
		facts->row.by_stack ? "only a stack holds it" : NULL,
		facts->drawn || facts->never_filled
			? NULL
			: "the size of its buckets or groups is not known: they cannot be drawn",
	};
	size_t begin = cell->to->len;

	map_marks_cell(cell, facts->row.marks);
	for (size_t i = 0; i < ARRAY_SIZE(notes); i++) {
		if (!notes[i])
			continue;
		buf_str(cell->to, cell->to->len > begin ? "; " : "");
		buf_str(cell->to, notes[i]);
	}
}

static const struct column columns[] = {
	{.name = "type", .place = 1, .put = put_type},
	{.name = "map", .place = 2, .put = put_map},
	{.name = "elements", .place = 3, .put = put_elements},
	{.name = "bytes", .place = 4, .put = put_bytes},
	{.name = "growing", .place = 5, .put = put_growing},
	{.name = "overflow", .place = 6, .put = put_overflow},
	{.name = "tables", .place = 7, .put = put_tables},
	{.name = "tombstones", .place = 8, .put = put_tombstones},
	{.json = "listed", .put = put_listed},
	{.name = "header", .json = "state", .place = 9, .put = put_state},
	{.name = "flags", .json = "flags", .place = 10, .put = put_flags},
	{.name = "seed", .json = "seed", .place = 11, .put = put_seed},
	{.json = "parts", .put = put_parts},
	{.name = "fill", .json = "fill", .place = 12, .put = put_fill},
	{.name = "chains", .json = "chains", .place = 13, .put = put_chains},
	{.json = "longest_chain", .put = put_longest},
	{.name = "collisions", .json = "collisions", .place = 14, .put = put_collisions},
	{.name = "probes", .json = "probes", .place = 15, .put = put_probes},
	{.json = "longest_probe", .put = put_longest_probe},
	{.name = "misplaced", .json = "misplaced", .place = 16, .put = put_misplaced},
	{.name = "not read", .json = "unread", .place = 17, .put = put_unread},
	{.json = "fault", .put = put_fault},
	{.name = "notes", .place = 18, .put = put_notes},
};

enum { NAME_WIDTH = 12 };

void map_facts_text(struct buf *to, const struct map_facts *facts, bool color)
{
	cleanup_buf struct buf text = {0};

	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		struct cell cell = {.to = &text, .columns = TEXT_UNLIMITED, .column = &columns[i]};

		buf_reset(&text);
		if (columns[i].place)
			columns[i].put(&cell, facts);
		if (!text.len)
			continue;
		text_sgr(to, color, SGR_DIM);
		buf_str(to, columns[i].name);
		text_sgr_end(to, color, SGR_DIM);
		buf_pad(to, ' ', NAME_WIDTH - strlen(columns[i].name));
		buf_put(to, text.data, text.len);
		buf_char(to, '\n');
		to->bad |= text.bad;
	}
}

void map_facts_json(struct buf *to, const struct map_facts *facts)
{
	struct rows rows = {.columns = columns, .columns_n = ARRAY_SIZE(columns)};

	json_begin(to, "event");
	json_put_str(to, "map");
	buf_char(to, ',');
	maps_members(to, &facts->row);
	buf_char(to, ',');
	columns_members(to, &rows, facts);
	json_end_line(to);
}
