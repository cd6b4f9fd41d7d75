/* columns: rows with declared columns. One description makes the text and the JSON Lines of a report.
 *
 *     static void put_len(struct cell *cell, const void *row)
 *     {
 *             cell_number(cell, ((const struct map_row *)row)->len);
 *     }
 *
 *     static const struct column columns[] = {
 *             {.name = "LEN", .json = "len", .place = 1, .right = true, .put = put_len},
 *             ...
 *     };
 */
#ifndef SHOW_COLUMNS_COLUMNS_H
#define SHOW_COLUMNS_COLUMNS_H

#include "base/base.h"

struct rows;

/* What a column's put() appends to. */
struct cell {
	struct buf *to;
	bool json;	/* the value of a member is asked for, not text */
	bool color;	/* text */
	size_t columns; /* text: the room of the last column; TEXT_UNLIMITED in all others */
	const struct rows *rows;
	const struct column *column;
};

/* Append one value, as text or as JSON. When a put() appends nothing, the member is left out. */
void cell_string(struct cell *cell, const char *bytes, size_t len);
void cell_str(struct cell *cell, const char *s); /* NULL: null; in text nothing */
void cell_number(struct cell *cell, uint64_t number);
void cell_address(struct cell *cell, uint64_t addr);
void cell_bool(struct cell *cell, bool value);
void cell_null(struct cell *cell); /* in text nothing */

struct column {
	const char *name;      /* text: over the column; "" when the table has no heads */
	const char *json;      /* JSON: the member; NULL: the column is text's only */
	unsigned char place;   /* text: the column's place, from 1 without gaps; 0: JSON's only */
	unsigned char width;   /* text: the least width; the widest cell decides */
	unsigned char percent; /* text: the most of the line that it takes; 0: no bound */
	bool right;	       /* text: its cells stand at the right */
	const char *sgr;       /* text: its colour (base/text/style.h); NULL: none */
	unsigned arg;	       /* the put()\'s own */
	/* Appends the cell of a row. Text must be safe. */
	void (*put)(struct cell *cell, const void *row);
	/* Tells whether the column is shown in text; NULL: always. */
	bool (*shown)(const struct rows *rows);
};

struct rows {
	const char *event; /* JSON: "event" of each row */
	const struct column *columns;
	size_t columns_n;
	const void *first; /* an array */
	size_t n;
	size_t size;	 /* of one */
	const void *ctx; /* the columns' own */
	/* Text. */
	bool color;
	size_t width;  /* of a line; TEXT_UNLIMITED: nothing is cut */
	size_t indent; /* spaces before each row */
	/* Called before and after each row's line, for headings and notes; may be NULL. indent: the
	 * column in which the second cell begins. */
	void (*before)(struct buf *to, const struct rows *rows, size_t index);
	void (*after)(struct buf *to, const struct rows *rows, size_t index, size_t indent);
};

/* Returns row `index`. */
static inline const void *columns_row(const struct rows *rows, size_t index)
{
	return (const char *)rows->first + index * rows->size;
}

/* Appends the head, if the columns have names, and a line for each row. */
void columns_text(struct buf *to, const struct rows *rows);
/* Appends a line of JSON for each row: "event", then the members in the order of the columns. */
void columns_json(struct buf *to, const struct rows *rows);
/* Appends the members of one row alone, without braces: `"pc":"0x1","func":...`. */
void columns_members(struct buf *to, const struct rows *rows, const void *row);

#endif
