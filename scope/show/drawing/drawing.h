/* drawing: a map drawn with characters, as text or as the same in JSON Lines.
 *
 *   drawing.c       takes the parts of a map one by one; keeps them, or what many of them add up to
 *   drawing_text.c  slot by slot: buckets with their chains, old ones beside the new ones; groups by table
 *   drawing_cells.c a large map: many buckets or groups in one character
 *   drawing_json.c  both, as JSON
 *
 * A map with at most DRAWING_PARTS buckets or groups is drawn slot by slot:
 *
 *      0  ■■■■■■··    1  ■■■■■■■■ → ■·······    2  ■■■·····
 *
 * A larger one is drawn by fill, in at most DRAWING_LINES lines for an array:
 *
 *      0  ▅▅▆▅▇▅▅▄█▅▅▆▅▅
 */
#ifndef SHOW_DRAWING_DRAWING_H
#define SHOW_DRAWING_DRAWING_H

#include "base/base.h"
#include "read/layout/layout.h"

enum { DRAWING_PARTS = 512, DRAWING_LINES = 32 };

struct drawing;

struct drawing_style {
	size_t width; /* of a line, in columns */
	bool ascii;   /* the reader cannot show other characters */
};

/* Makes an empty drawing of a map of a layout. Errors: out of memory. */
struct error *drawing_new(enum go_maps maps, struct drawing **ret);
void drawing_free(struct drawing *drawing); /* NULL is legal */
CLEANUP_FUNC(struct drawing, drawing_free)
/* Makes it empty again. */
void drawing_reset(struct drawing *drawing);

/* Add an array or a table, then its parts. A bucket is followed by its overflow buckets. The memory that they take does
 * not grow with the map. When memory is out, the text of the drawing becomes bad. */
void drawing_add_array(struct drawing *drawing, const struct map_array *array);
void drawing_add_part(struct drawing *drawing, const struct map_part *part);

/* Append the drawing. In JSON there is an object for each part ("bucket", "group"), with a "table" before the groups of
 * one, or for each character of a large map ("fill"). */
void drawing_text(const struct drawing *drawing, const struct drawing_style *style, struct buf *to);
void drawing_json(const struct drawing *drawing, struct buf *to);

#endif
