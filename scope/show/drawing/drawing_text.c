#include "base/buf.h"
#include "show/drawing/drawing_priv.h"

#include <stdlib.h>

enum {
	INDENT = 2,
	GAP = 3,	 /* between buckets */
	CHAIN_SHOWN = 3, /* overflow buckets of a chain, beside the buckets that it moves to */
	LINK = 3,	 /* columns of an arrow */
	CHAIN_ALL = 1 << 16,
};

/* A part of a bucket's text that stands on one line. */
struct pen {
	const struct drawing *drawing;
	const struct drawing_style *style;
	struct buf *to;
	size_t column; /* of the line */
	size_t digits; /* of the largest number */
	unsigned seen; /* the kinds of slots that were drawn, as bits */
};

static const struct {
	const char *symbol, *meaning;
} slots[] = {
	[MAP_SLOT_USED] = {"\u25a0", "used"},
	[MAP_SLOT_EMPTY] = {"\u00b7", "empty"},
	[MAP_SLOT_GAP] = {"\u25cb", "empty, used ones may follow"},
	[MAP_SLOT_TOMBSTONE] = {"\u00d7", "deleted"},
	[MAP_SLOT_MOVED_SAME] = {"<", "moved to the same number"},
	[MAP_SLOT_MOVED_HALF] = {">", "moved to the second half"},
	[MAP_SLOT_BAD] = {"?", "not read, or makes no sense"},
};

static void put_symbol(struct pen *pen, enum map_slot slot)
{
	pen->seen |= 1u << slot;
	if (pen->style->ascii)
		buf_char(pen->to, drawing_letter(slot));
	else
		buf_str(pen->to, slots[slot].symbol);
}

static void new_line(struct pen *pen, size_t indent)
{
	buf_char(pen->to, '\n');
	buf_pad(pen->to, ' ', indent);
	pen->column = indent;
}

/* ---- a bucket and its chain ---- */

/* Returns the index after the part at `head` and its overflow buckets. */
static size_t chain_end(const struct drawing *drawing, size_t head)
{
	size_t end = head + 1;

	while (end < drawing->parts.len && drawing->parts.data[end].depth &&
	       drawing->parts.data[end].array == drawing->parts.data[head].array &&
	       drawing->parts.data[end].index == drawing->parts.data[head].index)
		end++;
	return end;
}

/* Returns the columns that a chain takes on one line: its number, and eight slots for each bucket. */
static size_t chain_columns(const struct pen *pen, size_t n, size_t shown)
{
	size_t more = n - 1 > shown ? n - 1 - shown : 0;

	return pen->digits + 2 + MAP_PART_SLOTS + (n - 1 - more) * (MAP_PART_SLOTS + LINK) +
	       (more ? 2 + digits_of(more) : 0);
}

static void put_slots(struct pen *pen, const struct map_part *part)
{
	for (unsigned i = 0; i < MAP_PART_SLOTS; i++)
		put_symbol(pen, part->slots[i]);
	pen->column += MAP_PART_SLOTS;
}

/* Puts a bucket, and at most `shown` buckets of its chain. A chain that is too long for the line goes on below. */
static void put_chain(struct pen *pen, size_t head, size_t shown)
{
	const struct map_part *parts = pen->drawing->parts.data;
	size_t n = chain_end(pen->drawing, head) - head, begin = pen->column;

	buf_pad(pen->to, ' ', pen->digits - digits_of(parts[head].index));
	buf_u64(pen->to, parts[head].index);
	buf_str(pen->to, "  ");
	pen->column += pen->digits + 2;
	put_slots(pen, &parts[head]);
	for (size_t i = 1; i < n && i <= shown; i++) {
		if (pen->column + LINK + MAP_PART_SLOTS > pen->style->width)
			new_line(pen, begin + pen->digits + 2);
		buf_str(pen->to, pen->style->ascii ? " > " : " \u2192 ");
		pen->column += LINK;
		put_slots(pen, &parts[head + i]);
	}
	if (n - 1 > shown) {
		buf_printf(pen->to, " +%zu", n - 1 - shown);
		pen->column += 2 + digits_of(n - 1 - shown);
	}
}

/* Moves on to the next place where `columns` fit. */
static void move_on(struct pen *pen, size_t columns, size_t indent)
{
	if (pen->column <= indent)
		return;
	if (pen->column + GAP + columns > pen->style->width) {
		new_line(pen, indent);
		return;
	}
	buf_pad(pen->to, ' ', GAP);
	pen->column += GAP;
}

/* Puts the parts [from, to) one after the other, in as many lines as it takes. */
static void put_flow(struct pen *pen, size_t from, size_t to)
{
	size_t n;

	if (from >= to)
		return;
	buf_pad(pen->to, ' ', INDENT);
	pen->column = INDENT;
	for (size_t head = from; head < to; head += n) {
		n = chain_end(pen->drawing, head) - head;
		move_on(pen, chain_columns(pen, n, CHAIN_ALL), INDENT);
		put_chain(pen, head, CHAIN_ALL);
	}
	buf_char(pen->to, '\n');
}

/* ---- while it grows: each old bucket, and the new ones that it moves to ---- */

/* Finds the parts that begin the chains of an array, by the numbers of their buckets. Returns how many there are. */
static size_t find_heads(const struct drawing *drawing, uint32_t array, size_t heads[DRAWING_PARTS])
{
	size_t n = 0;

	for (size_t i = 0; i < drawing->parts.len; i++)
		if (drawing->parts.data[i].array == array && !drawing->parts.data[i].depth &&
		    n < DRAWING_PARTS)
			heads[n++] = i;
	return n;
}

/* Returns how many overflow buckets of an old chain are drawn, so that two new buckets fit beside it. */
static size_t old_shown(const struct pen *pen)
{
	size_t bucket = pen->digits + 2 + MAP_PART_SLOTS,
	       taken = INDENT + 3 * bucket + (size_t)3 * GAP;
	size_t left = pen->style->width > taken ? pen->style->width - taken : 0;
	size_t shown = left / (MAP_PART_SLOTS + LINK);

	return shown < CHAIN_SHOWN ? shown : CHAIN_SHOWN;
}

static void put_growth(struct pen *pen)
{
	size_t new_heads[DRAWING_PARTS], old_heads[DRAWING_PARTS], left = 0;
	size_t shown = old_shown(pen);
	size_t news = find_heads(pen->drawing, 0, new_heads);
	size_t olds = find_heads(pen->drawing, 1, old_heads);

	for (size_t i = 0; i < olds; i++) {
		size_t n = chain_end(pen->drawing, old_heads[i]) - old_heads[i];
		size_t columns = INDENT + chain_columns(pen, n, shown);

		left = columns > left ? columns : left;
	}
	for (size_t i = 0; i < olds; i++) {
		buf_pad(pen->to, ' ', INDENT);
		pen->column = INDENT;
		put_chain(pen, old_heads[i], shown);
		if (i < news) {
			buf_pad(pen->to, ' ', left > pen->column ? left - pen->column : 0);
			buf_str(pen->to, " | ");
			pen->column = left + GAP;
		}
		for (size_t j = i; j < news; j += olds) {
			size_t n = chain_end(pen->drawing, new_heads[j]) - new_heads[j];

			move_on(pen, chain_columns(pen, n, CHAIN_SHOWN), left + GAP);
			put_chain(pen, new_heads[j], CHAIN_SHOWN);
		}
		buf_char(pen->to, '\n');
	}
}

/* ---- the whole ---- */

static void put_table(struct pen *pen, const struct map_array *array)
{
	buf_printf(pen->to, "Table %u: %llu used, %llu free, %llu deleted", array->number,
		   (unsigned long long)array->used, (unsigned long long)array->free,
		   (unsigned long long)array->tombstones);
	buf_printf(pen->to, "; depth %u, %llu %s of the directory\n", array->depth,
		   (unsigned long long)array->entries, array->entries == 1 ? "entry" : "entries");
}

static void put_groups(struct pen *pen)
{
	const struct drawing *drawing = pen->drawing;
	size_t from = 0, to;

	vec_each(array, &drawing->arrays) {
		for (to = from;
		     to < drawing->parts.len && drawing->parts.data[to].array <= array->number;)
			to++;
		if (array->table)
			put_table(pen, array);
		put_flow(pen, from, to);
		from = to;
	}
	put_flow(pen, from, drawing->parts.len);
}

static void put_legend(struct pen *pen)
{
	static const enum map_slot order[] = {
		MAP_SLOT_USED,	     MAP_SLOT_EMPTY,	  MAP_SLOT_GAP, MAP_SLOT_TOMBSTONE,
		MAP_SLOT_MOVED_SAME, MAP_SLOT_MOVED_HALF, MAP_SLOT_BAD,
	};
	unsigned seen = pen->seen;

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		if (!(seen & 1u << order[i]))
			continue;
		buf_str(pen->to, "  ");
		put_symbol(pen, order[i]);
		buf_char(pen->to, ' ');
		buf_str(pen->to, slots[order[i]].meaning);
	}
	buf_char(pen->to, '\n');
}

static uint64_t largest(const struct drawing *drawing)
{
	uint64_t n = 0;

	vec_each(part, &drawing->parts)
		n = part->index > n ? part->index : n;
	return n;
}

void drawing_text(const struct drawing *drawing, const struct drawing_style *style, struct buf *to)
{
	struct pen pen = {.drawing = drawing,
			  .style = style,
			  .to = to,
			  .digits = digits_of(largest(drawing))};

	to->bad |= drawing->bad;
	if (!drawing->parts_n)
		return;
	if (!drawing_is_whole(drawing)) {
		drawing_cells_text(drawing, style, to);
		return;
	}
	if (!drawing->swiss && drawing->bands[1].n) {
		buf_str(to, "Old buckets | new buckets\n");
		put_growth(&pen);
	} else if (drawing->swiss) {
		buf_str(to, "Groups\n");
		put_groups(&pen);
	} else {
		buf_str(to, "Buckets\n");
		put_flow(&pen, 0, drawing->parts.len);
	}
	put_legend(&pen);
}
