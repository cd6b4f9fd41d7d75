#include "show/drawing/drawing_priv.h"

#include <stdlib.h>

struct error *drawing_new(enum go_maps maps, struct drawing **ret)
{
	struct drawing *drawing = calloc(1, sizeof(*drawing));

	if (!drawing)
		return error_nomem();
	drawing->swiss = maps == GO_MAPS_SWISS;
	drawing_reset(drawing);
	*ret = drawing;
	return NULL;
}

void drawing_free(struct drawing *drawing)
{
	if (!drawing)
		return;
	vec_fini(&drawing->arrays);
	vec_fini(&drawing->parts);
	free(drawing);
}

void drawing_reset(struct drawing *drawing)
{
	drawing->arrays.len = drawing->parts.len = 0;
	drawing->parts_n = 0;
	for (unsigned i = 0; i < BANDS; i++)
		drawing->bands[i] = (struct drawing_band){.scale = 1};
}

char drawing_letter(enum map_slot slot)
{
	static const char letters[] = {
		[MAP_SLOT_EMPTY] = '.',	     [MAP_SLOT_USED] = '#',
		[MAP_SLOT_GAP] = 'o',	     [MAP_SLOT_TOMBSTONE] = 'x',
		[MAP_SLOT_MOVED_SAME] = '<', [MAP_SLOT_MOVED_HALF] = '>',
		[MAP_SLOT_BAD] = '?',
	};

	return letters[slot];
}

void drawing_add_array(struct drawing *drawing, const struct map_array *array)
{
	if (drawing->arrays.len < DRAWING_PARTS && !vec_push(&drawing->arrays, *array))
		drawing->bad = true;
}

void drawing_cell_add(struct drawing_cell *to, const struct drawing_cell *cell)
{
	to->parts += cell->parts;
	to->overflow += cell->overflow;
	to->slots += cell->slots;
	to->used += cell->used;
	to->tombstones += cell->tombstones;
	to->moved += cell->moved;
}

/* Makes two cells one, in the whole band. */
static void merge(struct drawing_band *band)
{
	for (size_t i = 0; i < CELLS_MAX; i++) {
		struct drawing_cell cell = band->cells[i];

		if (i % 2) {
			drawing_cell_add(&band->cells[i / 2], &cell);
			continue;
		}
		band->cells[i / 2] = cell;
	}
	memset(band->cells + CELLS_MAX / 2, 0, sizeof(band->cells) / 2);
	band->scale *= 2;
}

static void add_to_band(struct drawing_band *band, const struct map_part *part)
{
	struct drawing_cell *cell, one = {.parts = !part->depth,
					  .overflow = part->depth != 0,
					  .moved = part->moved && !part->depth,
					  .slots = part->moved || part->depth ? 0 : MAP_PART_SLOTS};

	if (!part->depth && band->n / band->scale >= CELLS_MAX)
		merge(band);
	if (!part->depth)
		band->n++;
	if (!band->n)
		return;
	for (unsigned i = 0; i < MAP_PART_SLOTS; i++) {
		one.used += part->slots[i] == MAP_SLOT_USED;
		one.tombstones += part->slots[i] == MAP_SLOT_TOMBSTONE;
	}
	cell = &band->cells[(band->n - 1) / band->scale];
	if (!cell->parts)
		cell->first = band->n - 1;
	drawing_cell_add(cell, &one);
}

void drawing_add_part(struct drawing *drawing, const struct map_part *part)
{
	drawing->parts_n++;
	if (drawing_is_whole(drawing) && !vec_push(&drawing->parts, *part))
		drawing->bad = true;
	add_to_band(&drawing->bands[!drawing->swiss && part->array], part);
}
