/* A map whose keys and values are objects of Boehm's collector. Collections happen at the worst
 * moments: full, minor and incremental ones in the middle of evacuations, and incremental ones
 * while the map changes.
 *
 * 	gc_stress [OPTION...]
 * 	    seed=N     of what is done
 * 	    skip=WHY   the barrier does nothing for new, replace, move; for a single slot that is moved
 * 	               (evacuate); or at all (all)
 * 	    plain      no incremental collection, the map's memory is collected itself; the barrier, if any,
 * 	               is an empty function
 * 	    nobarrier  there is no barrier
 * 	    between    a collection begins between the barrier and the write, as it might in another thread
 * 	    thread     another thread allocates, and begins collections at any instant
 *
 * Each object has a number and a finalizer, and state[number] tells its expected state. An object
 * is lost if it is finalized while it is in the map. It is kept if it is not finalized after it has
 * left the map. The test calls the finalizers itself, and nothing is freed before. Therefore a run
 * stops at the first loss, before it reads freed memory. Prints "name value" lines.
 */
#define GC_THREADS

#include <gc.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tophash/map.h>

#define KEYS	6000
#define OBJECTS 2000000
#define CHECK(condition) \
	((condition) ? (void)0 : (fprintf(stderr, "line %d: %s\n", __LINE__, #condition), exit(1)))

struct body {
	uint32_t number, seed;
	uint32_t words[12]; /* made from the seed */
};

struct value {
	uint32_t number, key;
	struct body *body;
};

TOPHASH_MAP(objects, const char *, struct value *);

enum state {
	UNBORN,
	ALIVE, /* in the map */
	LEFT,  /* no longer, or never */
	FREED,
};

static struct {
	const char *skip;
	bool plain, nobarrier, between, thread;
	uint64_t random;
} options = {.skip = "", .random = 1};

/* Memory that the collector does not scan. */
static struct {
	struct objects map;
	uint8_t *state;
	uint32_t *key, *val,
		*body; /* for each key, the number of the body that should be in the map; 0: none */
	uint32_t objects;
	size_t len;
} * world;

static struct {
	size_t puts, replaces, deletes, cleared;
	size_t calls[4];	     /* of the barrier */
	size_t wide;		     /* those of them for more than one slot */
	size_t full, minor, marking; /* collections; changes of the map during marking */
	size_t stepped; /* collections, and steps of them, with an evacuation half done */
	size_t lost, kept;
} counts;

static bool hold; /* keeps the collector from finishing in one step */

static uint64_t random_next(void)
{
	uint64_t x = options.random += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* Runs a complete minor collection. It scans old objects of the map only if the map has reported
 * them. */
static void minor(void)
{
	while (GC_collect_a_little())
		;
	GC_start_incremental_collection();
	while (GC_collect_a_little())
		;
}

/* Begins a full incremental collection, which GC_collect_a_little() continues. */
static void begin_full(void)
{
	while (GC_collect_a_little())
		;
	GC_set_full_freq(0);
	hold = true;
	GC_start_incremental_collection();
	hold = false;
	GC_set_full_freq(1000000); /* full collections only on request */
}

/* Begins a collection between a barrier and its write. The collector takes the report of the
 * barrier. It may scan the new slot before the write, and the old slot after it was cleared. */
static void begin_between(void)
{
	begin_full();
	for (unsigned steps = random_next() % 400; steps && GC_collect_a_little(); steps--)
		;
}

/* ---- hooks ---- */

static void *take(size_t size, void *ctx)
{
	(void)ctx;
	return options.plain ? GC_malloc(size) : GC_malloc_uncollectable(size);
}

static void give(void *p, size_t size, void *ctx)
{
	(void)size;
	(void)ctx;
	GC_free(p);
}

static void tell(void *slot, size_t size, enum tophash_write why, void *ctx)
{
	static const char *const names[] = {"new", "replace", "move", "clear"};
	bool single = size == objects_type.slot_size;

	(void)ctx;
	counts.calls[why]++;
	counts.wide += !single;
	if (options.plain || why == TOPHASH_WRITE_CLEAR || strcmp(options.skip, "all") == 0 ||
	    strcmp(options.skip, names[why]) == 0 ||
	    (strcmp(options.skip, "evacuate") == 0 && why == TOPHASH_WRITE_MOVE && single))
		return;
	GC_end_stubborn_change(slot);
	if (options.between && why == TOPHASH_WRITE_MOVE && single && world->len > 3000)
		begin_between();
}

static struct tophash_hooks hooks = {
	.size = sizeof(hooks), .alloc = take, .free = give, .barrier = tell};

/* ---- objects ---- */

static void finalize(void *object, void *number)
{
	uint8_t *state = &world->state[(uintptr_t)number];

	(void)object;
	counts.lost += *state == ALIVE;
	*state = FREED;
}

static uint32_t object_watch(void *object)
{
	uint32_t number = ++world->objects;

	CHECK(number < OBJECTS);
	GC_register_finalizer_no_order(object, finalize, (void *)(uintptr_t)number, NULL, NULL);
	world->state[number] = LEFT;
	return number;
}

/* Writes the text of a key, followed by a checksum of the text. */
static void key_text(uint32_t key, char *ret)
{
	sprintf(ret, "key %06u %08x", key, key * 2654435761u);
}

static const char *key_new(uint32_t key, uint32_t *ret_number)
{
	char *ret = GC_malloc_atomic(32);

	CHECK(ret);
	key_text(key, ret);
	*ret_number = object_watch(ret);
	return ret;
}

static struct value *value_new(uint32_t key)
{
	struct body *body = GC_malloc_atomic(sizeof(*body));
	struct value *ret;

	CHECK(body);
	body->number = object_watch(body);
	body->seed = (uint32_t)random_next();
	for (uint32_t i = 0; i < 12; i++)
		body->words[i] = (body->seed + i) * 2246822519u;
	ret = GC_malloc(sizeof(*ret));
	CHECK(ret);
	ret->number = object_watch(ret);
	ret->key = key;
	GC_ptr_store_and_dirty(&ret->body, body);
	return ret;
}

static void value_check(const struct value *val, uint32_t key)
{
	const struct body *body = val->body;

	CHECK(val->key == key && val->number == world->val[key]);
	CHECK(body->number == world->body[key]);
	for (uint32_t i = 0; i < 12; i++)
		CHECK(body->words[i] == (body->seed + i) * 2246822519u);
}

/* ---- another thread ---- */

static atomic_bool stop;
/* Set by each change of the map. The thread waits for it, because otherwise it would begin
 * collections so fast that no other thread could finish one. */
static atomic_bool changed;

static void *allocate(void *unused)
{
	(void)unused;
	for (unsigned turn = 0; !atomic_load(&stop);) {
		if (!atomic_exchange(&changed, false)) {
			sched_yield();
			continue;
		}
		for (unsigned i = 0; i < 64; i++)
			CHECK(GC_malloc(48));
		if (++turn % 8 == 0)
			GC_start_incremental_collection();
	}
	return NULL;
}

/* Encloses each change of the map. During it no collection begins or ends. */
static void changing(bool begin)
{
	if (!options.thread)
		return;
	if (begin) {
		GC_disable();
	} else {
		GC_enable();
		atomic_store(&changed, true);
	}
}

/* ---- the map: functions of their own, so that no frame below keeps a pointer ---- */

__attribute__((noinline)) static void wipe_stack(void)
{
	volatile char frame[16384];

	for (size_t i = 0; i < sizeof(frame); i++)
		frame[i] = 0;
}

static void let_go(uint32_t key)
{
	world->state[world->val[key]] = LEFT;
	world->state[world->body[key]] = LEFT;
}

__attribute__((noinline)) static void do_put(uint32_t key)
{
	struct value *val;
	const char *text;
	uint32_t number;
	int ret;

	val = value_new(key);
	text = key_new(key, &number);
	changing(true);
	ret = objects_put(&world->map, text, val);
	changing(false);
	CHECK(ret == (world->val[key] == 0));
	if (ret == 1) {
		world->key[key] = number;
		world->state[number] = ALIVE;
		world->len++;
		counts.puts++;
	} else {
		let_go(key);
		counts.replaces++;
	}
	world->val[key] = val->number;
	world->body[key] = val->body->number;
	world->state[val->number] = world->state[val->body->number] = ALIVE;
}

static void forget(uint32_t key)
{
	let_go(key);
	world->state[world->key[key]] = LEFT;
	world->key[key] = world->val[key] = world->body[key] = 0;
	world->len--;
}

__attribute__((noinline)) static void do_delete(uint32_t key)
{
	bool there = world->val[key] != 0;
	char text[32];

	key_text(key, text);
	changing(true);
	CHECK(objects_delete(&world->map, text) == there);
	changing(false);
	counts.deletes += there;
	if (there)
		forget(key);
}

__attribute__((noinline)) static void do_get(uint32_t key)
{
	const struct value *val;
	char text[32];

	key_text(key, text);
	val = objects_get(&world->map, text);
	CHECK((val != NULL) == (world->val[key] != 0));
	if (val)
		value_check(val, key);
}

__attribute__((noinline)) static void do_clear(void)
{
	counts.cleared += world->len;
	changing(true);
	objects_clear(&world->map);
	changing(false);
	for (uint32_t key = 0; key < KEYS; key++)
		if (world->val[key])
			forget(key);
}

__attribute__((noinline)) static void check_all(void)
{
	size_t n = 0;
	char text[32];

	TOPHASH_EACH(objects, it, &world->map) {
		uint32_t key = (uint32_t)strtoul(it.key + 4, NULL, 10);

		CHECK(key < KEYS);
		key_text(key, text);
		CHECK(strcmp(it.key, text) == 0);
		value_check(it.val, key);
		if (n++ % 97 == 0)
			GC_collect_a_little();
	}
	CHECK(n == world->len && n == objects_len(&world->map));
}

static void change(uint32_t key)
{
	if (random_next() % 2)
		do_put(key);
	else
		do_delete(key);
	wipe_stack();
}

/* ---- collections ---- */

__attribute__((noreturn)) static void report(void)
{
	struct tophash_stats stats;

	objects_stats(&world->map, &stats);
	printf("puts %zu\nreplaces %zu\ndeletes %zu\ncleared %zu\n", counts.puts, counts.replaces,
	       counts.deletes, counts.cleared);
	printf("calls_new %zu\ncalls_replace %zu\ncalls_move %zu\ncalls_clear %zu\nwide %zu\n",
	       counts.calls[TOPHASH_WRITE_NEW], counts.calls[TOPHASH_WRITE_REPLACE],
	       counts.calls[TOPHASH_WRITE_MOVE], counts.calls[TOPHASH_WRITE_CLEAR], counts.wide);
	printf("full %zu\nminor %zu\nmarking %zu\nstepped %zu\n", counts.full, counts.minor,
	       counts.marking, counts.stepped);
	printf("objects %u\nlost %zu\nkept %zu\n", world->objects, counts.lost, counts.kept);
	exit(0);
}

static int GC_CALLBACK held(void)
{
	return hold;
}

static void finalizers(void)
{
	GC_invoke_finalizers();
	if (counts.lost)
		report();
}

static void collect_full(void)
{
	GC_gcollect();
	counts.full++;
	finalizers();
}

static void collect_minor(void)
{
	if (options.plain) {
		collect_full();
		return;
	}
	minor();
	counts.minor++;
	finalizers();
}

static void collect_begin(void)
{
	if (options.plain)
		return;
	begin_full();
	counts.full++;
}

static bool collect_on(void)
{
	bool ret = !options.plain && GC_collect_a_little();

	counts.marking += ret;
	if (!ret)
		finalizers();
	return ret;
}

/* Counts the objects that have left the map and were not freed. */
static void count_kept(void)
{
	for (unsigned i = 0; i < 3; i++) {
		wipe_stack();
		collect_full();
	}
	for (uint32_t i = 1; i <= world->objects; i++)
		counts.kept += world->state[i] == LEFT;
}

/* ---- what is done ---- */

static bool is_moving(void)
{
	struct tophash_stats stats;

	objects_stats(&world->map, &stats);
	return stats.old_buckets != 0;
}

/* Runs an evacuation, bucket by bucket, with collections between the buckets:
 * 0  none, except a minor one at the end. Entries that were put last have been moved to memory that
 *    only the moves have reported
 * 1  a minor one after each bucket
 * 2  incremental ones, and changes of the map
 * 3  a full one after each eighth bucket, and changes */
static void evacuate(unsigned way)
{
	if (way == 2)
		collect_begin();
	for (unsigned i = 0; is_moving(); i++) {
		changing(true);
		objects_step(&world->map, 1);
		changing(false);
		counts.stepped += way > 0;
		if (way == 1) {
			collect_minor();
		} else if (way == 2) {
			if (!collect_on())
				collect_begin();
		} else if (way == 3 && i % 8 == 0) {
			collect_full();
		}
		if (way >= 2 && i % 2)
			change((uint32_t)random_next() % KEYS);
		do_get((uint32_t)random_next() % KEYS);
	}
	collect_minor();
	check_all();
}

/* Replaces the values of existing keys, and does nothing else. */
static void replace(void)
{
	collect_full();
	for (uint32_t key = 0; key < KEYS; key++)
		if (world->val[key] && key % 16 == 0)
			do_put(key);
	wipe_stack();
	collect_minor();
	check_all();
}

static void grow_and_shrink(unsigned round)
{
	tophash_debug("evacuate=manual,seed=1");
	for (uint32_t key = 0; key < KEYS; key++) {
		do_put(key);
		wipe_stack();
		if (is_moving())
			evacuate(round++ % 4);
	}
	replace();
	count_kept();
	for (uint32_t key = 0; key < KEYS - 20; key++) {
		do_delete(key);
		wipe_stack();
		if (is_moving())
			evacuate(round++ % 4);
	}
	count_kept();
}

/* Puts and deletes as programs do. The puts and deletes move their share. */
static void churn(void)
{
	tophash_debug("evacuate=shared,seed=1");
	for (uint32_t i = 0; i < 60000; i++) {
		change((uint32_t)random_next() % (i < 30000 ? KEYS : KEYS / 8));
		if (i % 2000 == 0)
			collect_begin();
		if (i % 2000 < 1000)
			collect_on();
		else if (i % 250 == 0)
			collect_minor();
		if (i % 5000 == 0)
			check_all();
	}
	check_all();
	count_kept();
}

/* Replaces all old objects with new ones. */
static void renew(void)
{
	for (uint32_t round = 0; round < 20; round++) {
		collect_full();
		for (uint32_t i = 0; i < 100; i++)
			do_put((uint32_t)random_next() % KEYS);
		wipe_stack();
		collect_minor();
		check_all();
	}
}

static void begin(void)
{
	GC_set_manual_vdb_allowed(1);
	GC_INIT();
	if (!options.plain)
		GC_enable_incremental();
	GC_set_finalize_on_demand(1);
	GC_set_stop_func(held);
	GC_set_time_limit(60000);
	GC_set_rate(1);
	GC_set_full_freq(1000000);
	if (options.nobarrier)
		hooks.barrier = NULL;
	world = options.plain ? GC_malloc_uncollectable(sizeof(*world)) : calloc(1, sizeof(*world));
	CHECK(world);
	world->state = calloc(OBJECTS, 1);
	world->key = calloc(KEYS, sizeof(uint32_t));
	world->val = calloc(KEYS, sizeof(uint32_t));
	world->body = calloc(KEYS, sizeof(uint32_t));
	CHECK(world->state && world->key && world->val && world->body);
	CHECK(objects_set_hooks(&world->map, &hooks) == 0);
}

static void with_thread(void)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, allocate, NULL) == 0);
	churn();
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "seed=", 5) == 0)
			options.random = strtoull(argv[i] + 5, NULL, 10);
		else if (strncmp(argv[i], "skip=", 5) == 0)
			options.skip = argv[i] + 5;
		else if (strcmp(argv[i], "plain") == 0)
			options.plain = true;
		else if (strcmp(argv[i], "nobarrier") == 0)
			options.nobarrier = true;
		else if (strcmp(argv[i], "between") == 0)
			options.between = true;
		else if (strcmp(argv[i], "thread") == 0)
			options.thread = true;
		else
			CHECK(!"an option");
	}
	begin();
	if (options.thread)
		with_thread();
	for (unsigned round = 0; round < 4; round++)
		grow_and_shrink(round);
	churn();
	renew();
	count_kept();
	do_clear();
	count_kept();
	objects_fini(&world->map);
	count_kept();
	CHECK(objects_check(&world->map, 3) == 0);
	report();
}
