/* Declarations that the files of this room share. */
#ifndef SHOW_DRAWING_DRAWING_PRIV_H
#define SHOW_DRAWING_DRAWING_PRIV_H

#include "show/drawing/drawing.h"

enum { CELLS_MAX = 4096, BANDS = 2 /* classic: the buckets, and the old ones */ };

/* What many buckets or groups add up to. */
struct drawing_cell {
	uint64_t first;	   /* number of its first bucket or group */
	uint64_t parts;	   /* without overflow buckets */
	uint64_t overflow; /* overflow buckets */
	uint64_t slots;	   /* of its parts, without overflow buckets and what has moved */
	uint64_t used, tombstones;
	uint64_t moved; /* of its parts */
};

struct drawing_band {
	uint64_t n;	/* parts, without overflow buckets */
	uint64_t scale; /* parts of a cell; a power of two */
	struct drawing_cell cells[CELLS_MAX];
};

struct drawing {
	bool swiss;
	VEC(struct map_array) arrays;
	VEC(struct map_part) parts; /* the first DRAWING_PARTS */
	uint64_t parts_n;	    /* of all */
	bool bad;		    /* memory was out */
	struct drawing_band bands[BANDS];
};

/* Tells whether the map is drawn slot by slot. */
static inline bool drawing_is_whole(const struct drawing *drawing)
{
	return drawing->parts_n <= DRAWING_PARTS;
}

/* Returns how many decimal digits a number has. */
static inline size_t digits_of(uint64_t n)
{
	size_t count = 1;

	while (n /= 10)
		count++;
	return count;
}

/* Returns the letter of a slot in ASCII. */
char drawing_letter(enum map_slot slot);
/* Adds one cell to another one. */
void drawing_cell_add(struct drawing_cell *to, const struct drawing_cell *cell);
void drawing_cells_text(const struct drawing *drawing, const struct drawing_style *style,
			struct buf *to);

#endif
