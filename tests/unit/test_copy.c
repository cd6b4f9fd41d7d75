/* Tests of the copy of a process's memory (live/heap/copy.c). The memory here is an array with a page that cannot be read, and it
 * changes. */
#include "test.h"
#include "live/heap/heap_priv.h"

enum { PAGES = 16, HOLE = 5 };
#define PAGE_SIZE ((size_t)4096)
#define BEGIN	  0x7ffff000ull /* pages on both sides of a leaf */

struct space {
	uint8_t bytes[PAGES * PAGE_SIZE];
	unsigned reads;
};

static size_t read_space(void *ctx, uint64_t addr, void *to, size_t size)
{
	struct space *space = ctx;
	uint64_t at = addr - BEGIN, end;

	space->reads++;
	if (at >= sizeof(space->bytes) || at / PAGE_SIZE == HOLE)
		return 0;
	end = at / PAGE_SIZE < HOLE ? HOLE * PAGE_SIZE : sizeof(space->bytes);
	size = size < end - at ? size : end - at;
	memcpy(to, space->bytes + at, size);
	return size;
}

static struct space space;
static struct memory memory = {.ctx = &space, .read = read_space};

/* Fills the memory with other bytes for each number. */
static void change(uint8_t number)
{
	for (size_t i = 0; i < sizeof(space.bytes); i++)
		space.bytes[i] = (uint8_t)(i / 7 + number);
}

static struct heap_copy *copy_of(uint64_t max)
{
	struct heap_copy *copy;

	assert_null(heap_copy_new(max, &copy));
	heap_copy_forget(copy);
	heap_copy_from(copy, memory);
	change(0);
	return copy;
}

/* Ends the copy, of a heap with one span of so many pages of the runtime's. */
static void end(struct heap_copy *copy, uint64_t base, uint32_t pages)
{
	struct heap_span span = {.base = base, .pages = pages};
	struct heap heap = {.spans = {.data = &span, .len = pages ? 1 : 0}};

	heap_copy_end(copy, &heap);
}

static size_t read_at(struct heap_copy *copy, uint64_t at, uint8_t *to, size_t size)
{
	struct memory through = heap_copy_memory(copy);

	return through.read(through.ctx, BEGIN + at, to, size);
}

static void reads_are_kept(void **state)
{
	cleanup(heap_copy_free) struct heap_copy *copy = copy_of(1 << 20);
	uint8_t bytes[2 * PAGE_SIZE], old[sizeof(space.bytes)];

	(void)state;
	assert_int_equal(read_at(copy, 100, bytes, sizeof(bytes)), sizeof(bytes));
	assert_memory_equal(bytes, space.bytes + 100, sizeof(bytes));
	memcpy(old, space.bytes, sizeof(old));
	change(1);
	assert_int_equal(read_at(copy, 0, bytes, sizeof(bytes)), sizeof(bytes));
	assert_memory_equal(bytes, old,
			    sizeof(bytes)); /* three pages are kept, and stay as they were */
	heap_copy_range(copy, BEGIN, sizeof(space.bytes));
	end(copy, BEGIN, 1);
	change(2);
	assert_int_equal(read_at(copy, 2 * PAGE_SIZE + 10, bytes, PAGE_SIZE), PAGE_SIZE);
	assert_memory_equal(bytes, old + 2 * PAGE_SIZE + 10, PAGE_SIZE - 10);
	assert_int_equal(bytes[PAGE_SIZE - 1], (uint8_t)((3 * PAGE_SIZE + 9) / 7 + 1));
	assert_true(heap_copy_is_whole(copy));
	assert_false(heap_copy_was_late(copy));
	heap_copy_forget(copy);
	assert_int_equal(read_at(copy, 0, bytes, 1), 1);
	assert_int_equal(bytes[0], space.bytes[0]);
}

static void holes_stay_holes(void **state)
{
	cleanup(heap_copy_free) struct heap_copy *copy = copy_of(1 << 20);
	uint8_t bytes[sizeof(space.bytes)];

	(void)state;
	heap_copy_range(copy, BEGIN + 1, sizeof(space.bytes) - 2);
	change(1);
	end(copy, BEGIN, PAGES / 2);
	space.reads = 0;
	assert_int_equal(read_at(copy, 0, bytes, sizeof(bytes)), HOLE * PAGE_SIZE);
	assert_int_equal(read_at(copy, HOLE * PAGE_SIZE, bytes, 1), 0);
	assert_int_equal(read_at(copy, (HOLE + 1) * PAGE_SIZE, bytes,
				 sizeof(bytes) - (HOLE + 1) * PAGE_SIZE),
			 sizeof(bytes) - (HOLE + 1) * PAGE_SIZE);
	assert_int_equal(bytes[0], (uint8_t)((HOLE + 1) * PAGE_SIZE / 7));
	assert_int_equal(space.reads, 0);
}

static void what_is_missing_is_read_outside_of_the_heap_only(void **state)
{
	cleanup(heap_copy_free) struct heap_copy *copy = copy_of(1 << 20);
	uint8_t bytes[3 * PAGE_SIZE];

	(void)state;
	assert_int_equal(read_at(copy, 0, bytes, 1), 1);
	end(copy, BEGIN, 1); /* two pages of the machine */
	change(1);
	assert_int_equal(read_at(copy, 0, bytes, sizeof(bytes)), PAGE_SIZE);
	assert_false(heap_copy_was_late(copy));
	assert_int_equal(read_at(copy, 2 * PAGE_SIZE, bytes, PAGE_SIZE), PAGE_SIZE);
	assert_memory_equal(bytes, space.bytes + 2 * PAGE_SIZE, PAGE_SIZE);
	assert_true(heap_copy_was_late(copy));
	end(copy, 0, 0); /* without a heap nothing is outside */
	assert_int_equal(read_at(copy, 2 * PAGE_SIZE, bytes, PAGE_SIZE), 0);
}

static void a_copy_that_is_full_says_so(void **state)
{
	cleanup(heap_copy_free) struct heap_copy *copy = copy_of(2 * PAGE_SIZE);
	uint8_t bytes[4 * PAGE_SIZE];

	(void)state;
	assert_int_equal(read_at(copy, 0, bytes, 1), 1);
	assert_true(heap_copy_is_whole(copy));
	assert_int_equal(read_at(copy, 0, bytes, sizeof(bytes)), sizeof(bytes));
	assert_memory_equal(bytes, space.bytes, sizeof(bytes));
	assert_false(heap_copy_is_whole(copy));
	heap_copy_forget(copy);
	assert_true(heap_copy_is_whole(copy));
}

static void addresses_at_the_end_are_refused(void **state)
{
	cleanup(heap_copy_free) struct heap_copy *copy = copy_of(1 << 20);
	uint8_t bytes[16];

	(void)state;
	space.reads = 0;
	assert_int_equal(read_at(copy, UINT64_MAX - BEGIN - 3, bytes, sizeof(bytes)), 0);
	assert_int_equal(read_at(copy, UINT64_MAX - BEGIN - 15, bytes, sizeof(bytes)), 0);
	assert_int_equal(read_at(copy, 0, bytes, 0), 0);
	assert_int_equal(space.reads, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_are_kept),
		cmocka_unit_test(holes_stay_holes),
		cmocka_unit_test(what_is_missing_is_read_outside_of_the_heap_only),
		cmocka_unit_test(a_copy_that_is_full_says_so),
		cmocka_unit_test(addresses_at_the_end_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
