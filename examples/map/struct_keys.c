/* Structures as keys, in Conway's Life on a plane without borders. A set has the living cells. A
 * map counts the living neighbours of each cell around them. */
#include <stdio.h>

#include <tophash/map.h>

/* Keys are compared by their bytes. Therefore the structure has no padding. For other structures
 * see custom_hash.c. */
struct cell {
	int x, y;
};

TOPHASH_SET_BYTES(cells, struct cell);
TOPHASH_MAP_BYTES(counts, struct cell, unsigned);

static int count_around(struct counts *counts, struct cell at)
{
	for (int y = at.y - 1; y <= at.y + 1; y++) {
		for (int x = at.x - 1; x <= at.x + 1; x++) {
			struct cell cell = {x, y};
			unsigned *count = counts_slot(counts, cell);

			if (!count)
				return -1;
			*count += x != at.x || y != at.y;
		}
	}
	return 0;
}

static int next_generation(struct cells *cells)
{
	struct counts counts = {0};
	int err = 0;

	TOPHASH_EACH(cells, it, cells)
		if (err == 0)
			err = count_around(&counts, it.key);
	TOPHASH_EACH(counts, it, &counts) {
		bool lives = it.val == 3 || (it.val == 2 && cells_has(cells, it.key));

		if (lives && err >= 0)
			err = cells_add(cells, it.key);
		else if (!lives)
			cells_delete(cells, it.key);
	}
	counts_fini(&counts);
	return err < 0 ? err : 0;
}

static void print(const struct cells *cells)
{
	for (int y = 0; y < 5; y++) {
		for (int x = 0; x < 8; x++) {
			struct cell cell = {x, y};

			putchar(cells_has(cells, cell) ? '#' : '.');
		}
		putchar('\n');
	}
}

int main(void)
{
	static const struct cell glider[] = {{1, 0}, {2, 1}, {0, 2}, {1, 2}, {2, 2}};
	struct cells cells = {0};
	/* Adds all keys of an array at once. */
	int err = cells_add_many(&cells, glider, sizeof(glider) / sizeof(*glider), NULL);

	for (int i = 0; err == 0 && i < 8; i++)
		err = next_generation(&cells);
	if (err)
		fprintf(stderr, "struct_keys: out of memory\n");
	else
		print(&cells);
	cells_fini(&cells);
	return err ? 1 : 0;
}
