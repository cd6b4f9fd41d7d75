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

/* The cell that a column's put() appends to. */
struct cell {
	struct buf *to;
	bool json;	/* write the value of a JSON member, not text */
	bool color;	/* text may have colours */
	size_t columns; /* text: width of the last column; TEXT_UNLIMITED for all others */
	const struct rows *rows;
	const struct column *column;
};

/* Append one value, as text or as JSON. When a put() appends nothing, the member is left out. */
void cell_string(struct cell *cell, const char *bytes, size_t len);
void cell_str(struct cell *cell, const char *s); /* NULL is null in JSON, and nothing in text */
void cell_number(struct cell *cell, uint64_t number);
void cell_address(struct cell *cell, uint64_t addr);
void cell_bool(struct cell *cell, bool value);
void cell_null(struct cell *cell); /* nothing in text */

struct column {
	const char *name;      /* text: the heading; "" if the table has no headings */
	const char *json;      /* JSON: the name of the member; NULL for a column of text only */
	unsigned char place;   /* text: position, from 1 without gaps; 0: JSON only */
	unsigned char width;   /* text: the minimum width; a wider cell widens the column */
	unsigned char percent; /* text: the maximum width in percent of the line; 0: no limit */
	bool right;	       /* text: its cells are aligned to the right */
	const char *sgr;       /* text: its colour (base/text/style.h), or NULL */
	unsigned arg;	       /* for put() */
	/* Appends the cell of a row. Text must be safe. */
	void (*put)(struct cell *cell, const void *row);
	/* Tells whether the column is shown in text. NULL: it always is. */
	bool (*shown)(const struct rows *rows);
};

struct rows {
	const char *event; /* JSON: value of "event" in each row */
	const struct column *columns;
	size_t columns_n;
	const void *first; /* an array */
	size_t n;
	size_t size;	 /* of one */
	const void *ctx; /* for the columns */
	/* Members for text only. */
	bool color;
	size_t width;  /* of a line; with TEXT_UNLIMITED nothing is cut */
	size_t indent; /* spaces before each row */
	bool apart;    /* rows whose last cells are cut to the same text are told apart: the whole
			* cell follows */
	/* Called before and after the line of each row, for headings and notes. May be NULL.
	 * `indent` is the column in which the second cell begins. */
	void (*before)(struct buf *to, const struct rows *rows, size_t index);
	void (*after)(struct buf *to, const struct rows *rows, size_t index, size_t indent);
};

/* Describes the rows of a report, a struct with the members rows, rows_n, color and width. `table` is
 * an array of columns. The arguments after the report set other members, such as .event = "map". */
#define ROWS(table, report, ...)                        \
	((struct rows){.columns = (table),              \
		       .columns_n = ARRAY_SIZE(table),  \
		       .first = (report)->rows,         \
		       .n = (report)->rows_n,           \
		       .size = sizeof(*(report)->rows), \
		       .ctx = (report),                 \
		       .color = (report)->color,        \
		       .width = (report)->width,        \
		       __VA_ARGS__})

/* Returns row `index`. */
static inline const void *columns_row(const struct rows *rows, size_t index)
{
	return (const char *)rows->first + index * rows->size;
}

/* Appends the headings, if the columns have any, and a line for each row. */
void columns_text(struct buf *to, const struct rows *rows);
/* Appends a line of JSON for each row: "event", then the members in the order of the columns. */
void columns_json(struct buf *to, const struct rows *rows);
/* Appends the members of one row without braces: `"pc":"0x1","func":...`. */
void columns_members(struct buf *to, const struct rows *rows, const void *row);

#endif
