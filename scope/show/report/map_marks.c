/* What a map is for, if it is not the program's own: marks of rows, one bit each. */
#include "base/text/text.h"
#include "base/buf.h"
#include "show/columns/columns.h"
#include "show/report/maps.h"

static const char *const words[] = {"sync.Pool", "sync.Map", "runtime"};
static_assert(ARRAY_SIZE(words) == MAP_MARKS, "a word for each");

const char *map_mark_word(unsigned i)
{
	return i < ARRAY_SIZE(words) ? words[i] : NULL;
}

const char *map_marks_text(unsigned marks)
{
	static const char *const texts[1 << MAP_MARKS] = {
		"none",
		"sync.Pool",
		"sync.Map",
		"sync.Pool, sync.Map",
		"runtime",
		"sync.Pool, runtime",
		"sync.Map, runtime",
		"sync.Pool, sync.Map, runtime",
	};

	return texts[marks % ARRAY_SIZE(texts)];
}

void map_marks_cell(struct cell *cell, unsigned marks)
{
	const char *const notes[] = {"no global but a sync.Pool", "of a sync.Map",
				     "the runtime's own"};
	size_t begin = cell->to->len;

	for (unsigned i = 0; i < MAP_MARKS; i++) {
		if (!(marks >> i & 1))
			continue;
		if (cell->json)
			buf_char(cell->to, cell->to->len > begin ? ',' : '[');
		else
			buf_str(cell->to, cell->to->len > begin ? ", " : "");
		cell_str(cell, cell->json ? words[i] : notes[i]);
	}
	if (cell->json)
		buf_str(cell->to, cell->to->len > begin ? "]" : "[]");
}
