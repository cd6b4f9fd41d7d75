/* A map whose keys and values belong to Boehm's collector (libgc 8.2), incremental and generational.
 *
 *	cc -o boehm boehm.c $(pkg-config --cflags --libs tophash bdw-gc)
 *
 * Memory. The map's memory comes from GC_malloc_uncollectable. The collector looks for pointers in it and never
 * frees it, so everything in the map lives: the map is a root until fini. A map inside a collected object needs a
 * finalizer that calls fini, and a value that leads back to that object keeps it for ever. (Without
 * GC_enable_incremental, GC_malloc is enough, and such cycles are no problem.)
 *
 * Barrier. With GC_set_manual_vdb_allowed the program promises to tell the collector which objects it has written
 * pointers into. A minor collection, or the end of an incremental one, does not look at other objects again. Any
 * address inside an object tells of the whole object. A pointer that is cleared need not be told: the hook ignores
 * TOPHASH_WRITE_CLEAR. But because there is a barrier, the map clears the slots that entries leave.
 *
 * Before, not after. The collector's manual asks for GC_end_stubborn_change(object) after the store, and for
 * GC_reachable_here(pointer) behind that. If a collection begins between the call and the store, it takes what was
 * told by then, and the store is lost. The map calls its barrier before the store, and calls nothing in between. In
 * a program with one thread a collection begins only in the collector's own functions. Where other threads allocate,
 * it may begin anywhere: put GC_disable() before each change of a map, and GC_enable() behind it.
 *
 * Finalizers run in any function that allocates, also in the middle of a put, when the map must not be touched.
 * This program therefore calls them by hand.
 */
#include <gc.h>
#include <stdio.h>

#include <tophash/map.h>

struct person {
	const char *name, *town;
};

TOPHASH_MAP(people, const char *, struct person *);

static void *take(size_t size, void *ctx)
{
	(void)ctx;
	return GC_malloc_uncollectable(size);
}

static void give(void *p, size_t size, void *ctx)
{
	(void)size;
	(void)ctx;
	GC_free(p);
}

static void tell(void *slot, size_t size, enum tophash_write why, void *ctx)
{
	(void)size;
	(void)ctx;
	if (why != TOPHASH_WRITE_CLEAR)
		GC_end_stubborn_change(slot);
}

static const struct tophash_hooks hooks = {
	.size = sizeof(hooks), .alloc = take, .free = give, .barrier = tell};

static size_t finalized;

static void count(void *object, void *unused)
{
	(void)object;
	(void)unused;
	finalized++;
}

/* Returns a name in collected memory. */
static const char *name_of(unsigned number)
{
	char text[16];

	snprintf(text, sizeof(text), "person %u", number);
	return GC_strdup(text);
}

static struct person *person_new(const char *name, const char *town)
{
	struct person *ret = GC_malloc(sizeof(*ret));

	GC_register_finalizer_no_order(ret, count, NULL, NULL, NULL);
	/* The program calls the barrier for its own objects as usual. */
	GC_ptr_store_and_dirty(&ret->name, name);
	GC_ptr_store_and_dirty(&ret->town, town);
	return ret;
}

/* Puts people into the map. It is not inlined: when it returns, only the map refers to the objects. */
__attribute__((noinline)) static int fill(struct people *people, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		const char *name = name_of(i);

		if (people_put(people, name, person_new(name, "Jena")) < 0)
			return -1;
	}
	return 0;
}

static void collect(void)
{
	/* It runs twice, because an object is freed by the collection after the one that finalizes
	 * it. */
	for (unsigned i = 0; i < 2; i++) {
		GC_gcollect();
		GC_invoke_finalizers();
	}
}

int main(void)
{
	struct people people = {0};
	size_t right = 0;

	GC_set_manual_vdb_allowed(1);
	GC_INIT();
	GC_enable_incremental();
	GC_set_finalize_on_demand(1);
	people_set_hooks(&people, &hooks);

	/* The map grows several times, and the collector makes minor collections during this. */
	if (fill(&people, 0, 100000) != 0)
		return 1;
	collect();
	printf("put 100000, finalized %zu\n", finalized);
	TOPHASH_EACH(people, it, &people)
		right += it.key == it.val->name && *it.val->town == 'J';
	printf("right: %zu of %zu\n", right, people_len(&people));

	for (unsigned i = 0; i < 90000; i++) {
		char text[16];

		snprintf(text, sizeof(text), "person %u", i);
		people_delete(&people, text);
	}
	collect();
	/* A few may be kept by values on the stack or in registers that look like pointers to them. */
	printf("deleted 90000, finalized %s\n",
	       finalized > 89990 && finalized <= 90000 ? "them" : "others");
	people_fini(&people);
	collect();
	printf("finished, finalized %s\n", finalized > 99990 ? "the rest" : "too few");
	return 0;
}
