/* Runs a script on a map. The input's bytes are operations, which are applied to a map and to an
 * array.
 *
 *      byte 0   the kind of key, hooks, who moves entries
 *      byte 1   the map's random numbers; one in four scripts has 1 to 20 keys, and its map dwells on one bucket
 *      byte 2   which allocation fails first, and how many after it do not
 *      then     operation, operands; a loop takes an operation for each entry that comes
 *
 * Whatever differs aborts.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tophash/iter.h>

#define KEYS	1024
#define FEW	20 /* a bucket has 15 */
#define DEPTH	3  /* loops in loops */
#define OPS_MAX 4000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct heap {
	size_t held;
	unsigned next, period; /* allocations until one fails, and the period after that; 0: none */
	size_t failed;
	size_t keys, vals;
};

struct fuzz {
	const uint8_t *at, *end;
	const struct tophash_type *type;
	struct tophash map;
	struct tophash_hooks hooks;
	struct heap heap;
	uint64_t val[KEYS];
	uint32_t birth[KEYS]; /* the number of the insertion; 0: not there */
	uint32_t births;
	size_t len, nans;
	size_t keys, vals; /* that must have been dropped */
	unsigned ops, depth;
	uint32_t most; /* keys of the script */
};

/* For each key, the latest insertion that a loop has seen. */
struct seen {
	uint32_t birth[KEYS];
	uint32_t was[KEYS];
};

static char texts[KEYS][8];

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static unsigned take(struct fuzz *fuzz)
{
	return fuzz->at < fuzz->end ? *fuzz->at++ : 0;
}

static uint32_t take_key(struct fuzz *fuzz)
{
	unsigned byte = take(fuzz);

	/* Most scripts use few keys, and some use many. */
	return (byte < 192 ? byte % 64 : byte << 8 | take(fuzz)) % fuzz->most;
}

/* ---- hooks --------------------------------------------------------------------------------------- */

static void *heap_alloc(size_t size, void *ctx)
{
	struct heap *heap = ctx;
	void *p;

	if (heap->period && heap->next-- == 0) {
		heap->next = heap->period - 1;
		heap->failed++;
		return NULL;
	}
	p = malloc(size);
	if (!p)
		abort();
	memset(p, 0xa5, size);
	heap->held += size;
	return p;
}

static void heap_free(void *p, size_t size, void *ctx)
{
	((struct heap *)ctx)->held -= size;
	free(p);
}

static void drop_key(void *key, void *ctx)
{
	((struct heap *)ctx)->keys += key != NULL;
}

static void drop_val(void *val, void *ctx)
{
	((struct heap *)ctx)->vals += val != NULL;
}

static void barrier(void *slot, size_t size, enum tophash_write why, void *ctx)
{
	volatile uint8_t *p = slot;

	(void)why;
	(void)ctx;
	p[size - 1] = p[size - 1]; /* the memory belongs to the map */
}

/* ---- kinds --------------------------------------------------------------------------------------- */

static uint64_t few_hashes(const void *key)
{
	uint32_t number;

	memcpy(&number, key, sizeof(number));
	return number % 3;
}

/* Returns a hash that is mixed. */
static uint64_t mixed_hash(const void *key)
{
	uint64_t x = 0;

	memcpy(&x, key, 4);
	x = (x ^ UINT64_C(0x243f6a8885a308d3)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 31) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 29;
}

static bool same_number(const void *key, const void *other)
{
	return memcmp(key, other, 4) == 0;
}

static const struct tophash_type types[] = {
	{.kind = TOPHASH_KIND_INT, .key_size = 8, .val_size = 8, .val_offset = 8, .slot_size = 16},
	{.kind = TOPHASH_KIND_INT, .key_size = 4, .val_size = 8, .val_offset = 8, .slot_size = 16},
	{.kind = TOPHASH_KIND_CSTR,
	 .key_size = sizeof(char *),
	 .val_size = 8,
	 .val_offset = 16,
	 .hash_offset = 8,
	 .slot_size = 24},
	{.kind = TOPHASH_KIND_FLOAT,
	 .key_size = 8,
	 .val_size = 8,
	 .val_offset = 8,
	 .slot_size = 16},
	{.kind = TOPHASH_KIND_BYTES,
	 .key_size = 300,
	 .val_size = 8,
	 .val_offset = 304,
	 .slot_size = 312},
	{.kind = TOPHASH_KIND_CUSTOM,
	 .key_size = 4,
	 .val_size = 8,
	 .val_offset = 8,
	 .slot_size = 16,
	 .hash = few_hashes,
	 .equal = same_number},
	{.kind = TOPHASH_KIND_MIXED,
	 .key_size = 4,
	 .val_size = 8,
	 .val_offset = 8,
	 .slot_size = 16,
	 .hash = mixed_hash,
	 .equal = same_number},
};

struct key {
	_Alignas(16) uint8_t bytes[304];
};

static struct key key_of(const struct fuzz *fuzz, uint32_t number)
{
	uint64_t word = (uint64_t)number << 32 | number;
	const char *text = texts[number];
	struct key ret = {0};
	double real = number ? number / -4.0 : fuzz->ops % 2 ? 0.0 : -0.0;

	switch (fuzz->type->kind) {
	case TOPHASH_KIND_CSTR: memcpy(ret.bytes, &text, sizeof(text)); break;
	case TOPHASH_KIND_FLOAT: memcpy(ret.bytes, &real, sizeof(real)); break;
	default: memcpy(ret.bytes, &word, sizeof(word));
	}
	return ret;
}

/* Returns the number of a key, or KEYS for a NaN. */
static uint32_t number_of(const struct fuzz *fuzz, const uint8_t *key)
{
	const char *text;
	uint32_t number;
	double real;

	switch (fuzz->type->kind) {
	case TOPHASH_KIND_CSTR:
		memcpy(&text, key, sizeof(text));
		return (uint32_t)strtoul(text, NULL, 10);
	case TOPHASH_KIND_FLOAT:
		memcpy(&real, key, sizeof(real));
		return real == real ? (uint32_t)(real * -4.0) : KEYS;
	default: memcpy(&number, key, sizeof(number)); return number;
	}
}

/* ---- operations ---------------------------------------------------------------------------------- */

/* Returns whether a key that is given again is the very object that the map holds. */
static bool stays_when_given(const struct tophash_type *type)
{
	return type->kind == TOPHASH_KIND_CSTR || type->kind == TOPHASH_KIND_STR ||
	       tophash_by_functions(type);
}

static void model_put(struct fuzz *fuzz, uint32_t number, uint64_t val)
{
	if (fuzz->birth[number] == 0) {
		fuzz->birth[number] = ++fuzz->births;
		fuzz->len++;
	}
	fuzz->val[number] = val;
}

static void do_put(struct fuzz *fuzz, uint32_t number, bool keep)
{
	struct key key = key_of(fuzz, number);
	size_t failed = fuzz->heap.failed;
	uint64_t val = fuzz->ops + UINT64_C(0x100000000);
	int ret = 0;
	uint8_t *slot = keep ? tophash_keep_slot(&fuzz->map, fuzz->type, key.bytes, &ret)
			     : tophash_put_slot(&fuzz->map, fuzz->type, key.bytes, &ret);

	if (!slot) {
		expect(ret == -ENOMEM && fuzz->heap.failed > failed);
		return;
	}
	expect(ret == (fuzz->birth[number] == 0));
	memcpy(slot + fuzz->type->val_offset, &val, sizeof(val));
	/* The strings are always the same ones, and those that the map holds are not dropped. */
	fuzz->keys += ret == 0 && !stays_when_given(fuzz->type);
	fuzz->vals += ret == 0 && !keep;
	model_put(fuzz, number, val);
}

static void do_nan(struct fuzz *fuzz)
{
	double nan = __builtin_nan("");
	int ret = 0;
	uint8_t *slot;

	if (fuzz->type->kind != TOPHASH_KIND_FLOAT || fuzz->nans > 200)
		return;
	slot = tophash_put_slot(&fuzz->map, fuzz->type, &nan, &ret);
	expect(ret == (slot ? 1 : -ENOMEM));
	fuzz->nans += slot != NULL;
}

static void do_get(struct fuzz *fuzz, uint32_t number)
{
	struct key key = key_of(fuzz, number);
	const uint8_t *slot = tophash_find_slot(&fuzz->map, fuzz->type, key.bytes);

	expect((slot != NULL) == (fuzz->birth[number] != 0));
	expect(!slot || memcmp(slot + fuzz->type->val_offset, &fuzz->val[number], 8) == 0);
}

static void do_delete(struct fuzz *fuzz, uint32_t number)
{
	struct key key = key_of(fuzz, number);
	bool was = fuzz->birth[number] != 0;

	expect(tophash_delete_key(&fuzz->map, fuzz->type, key.bytes) == was);
	fuzz->birth[number] = 0;
	fuzz->len -= was;
	fuzz->keys += was;
	fuzz->vals += was;
}

static void model_clear(struct fuzz *fuzz)
{
	fuzz->keys += fuzz->len + fuzz->nans;
	fuzz->vals += fuzz->len + fuzz->nans;
	memset(fuzz->birth, 0, sizeof(fuzz->birth));
	fuzz->len = fuzz->nans = 0;
}

static void expect_failure(const struct fuzz *fuzz, int err, size_t failed)
{
	expect(err == 0 || (err == -ENOMEM && fuzz->heap.failed > failed));
}

static void check_all(struct fuzz *fuzz)
{
	for (uint32_t number = 0; number < KEYS; number++)
		do_get(fuzz, number);
	expect(fuzz->map.len == fuzz->len + fuzz->nans);
	expect(tophash_check(&fuzz->map, 3) == 0);
}

static void do_clone(struct fuzz *fuzz)
{
	struct tophash copy, map = fuzz->map;
	size_t failed = fuzz->heap.failed;
	int err = tophash_clone(&fuzz->map, &copy);

	if (fuzz->hooks.drop_key) {
		expect(err == -EINVAL);
		return;
	}
	expect_failure(fuzz, err, failed);
	if (err)
		return;
	fuzz->map = copy; /* the copy is checked instead of the original */
	check_all(fuzz);
	fuzz->map = map;
	tophash_fini(&copy);
}

static void do_op(struct fuzz *fuzz);

static void see(struct fuzz *fuzz, struct seen *seen, const uint8_t *slot)
{
	uint32_t number = number_of(fuzz, slot);

	if (number == KEYS)
		return;
	expect(number < KEYS && fuzz->birth[number] != 0);
	expect(seen->birth[number] != fuzz->birth[number]);
	expect(memcmp(slot + fuzz->type->val_offset, &fuzz->val[number], 8) == 0);
	seen->birth[number] = fuzz->birth[number];
}

/* Runs a loop, with an operation of the script after each entry. */
static void do_loop(struct fuzz *fuzz)
{
	struct seen *seen;
	struct tophash_iter iter;
	struct key kept[TOPHASH_KEPT(sizeof(struct key))];
	const uint8_t *slot;

	if (fuzz->depth == DEPTH)
		return;
	fuzz->depth++;
	seen = calloc(1, sizeof(*seen));
	if (!seen)
		abort();
	memcpy(seen->was, fuzz->birth, sizeof(seen->was));
	tophash_iter_init(&iter, &fuzz->map, kept);
	while ((slot = tophash_iter_step(&iter, fuzz->type)) != NULL) {
		see(fuzz, seen, slot);
		do_op(fuzz);
	}
	for (uint32_t number = 0; number < KEYS; number++)
		if (seen->was[number] && seen->was[number] == fuzz->birth[number])
			expect(seen->birth[number] == seen->was[number]);
	free(seen);
	fuzz->depth--;
}

static void do_range(struct fuzz *fuzz, bool put)
{
	uint32_t from = take_key(fuzz), n = take(fuzz);

	for (uint32_t number = from; number < from + n && number < fuzz->most; number++) {
		if (put)
			do_put(fuzz, number, false);
		else
			do_delete(fuzz, number);
	}
}

static void do_op(struct fuzz *fuzz)
{
	size_t failed = fuzz->heap.failed;
	unsigned op = take(fuzz);

	if (fuzz->ops++ > OPS_MAX || fuzz->at == fuzz->end)
		return;
	switch (op % 24) {
	case 0:
		tophash_clear(&fuzz->map);
		model_clear(fuzz);
		break;
	case 1: expect_failure(fuzz, tophash_shrink(&fuzz->map), failed); break;
	case 2:
		expect_failure(fuzz, tophash_reserve(&fuzz->map, fuzz->type, take(fuzz) * 4u),
			       failed);
		break;
	case 3:
	case 4: tophash_step(&fuzz->map, take(fuzz) % 16); break;
	case 5: do_clone(fuzz); break;
	case 6:
	case 7: do_loop(fuzz); break;
	case 8:
	case 9: do_range(fuzz, true); break;
	case 10:
	case 11: do_range(fuzz, false); break;
	case 12: do_nan(fuzz); break;
	case 13: fuzz->heap.next = take(fuzz); break;
	case 14: check_all(fuzz); break;
	case 15: do_get(fuzz, take_key(fuzz)); break;
	case 16: do_put(fuzz, take_key(fuzz), true); break;
	case 17:
	case 18:
	case 19: do_put(fuzz, take_key(fuzz), false); break;
	default: do_delete(fuzz, take_key(fuzz));
	}
	expect(fuzz->map.len == fuzz->len + fuzz->nans);
	if (fuzz->map.len < 200)
		expect(tophash_check(&fuzz->map, 2) == 0);
}

/* ---- a run --------------------------------------------------------------------------------------- */

static void begin(struct fuzz *fuzz)
{
	static const char *const evacuate[] = {"shared", "manual", "eager", "shared"};
	unsigned what = take(fuzz), seed = take(fuzz), memory = take(fuzz);
	char options[64];

	snprintf(options, sizeof(options), "seed=%u,evacuate=%s", seed, evacuate[what >> 6]);
	expect(tophash_debug(options) == 0);
	fuzz->most = seed % 4 == 0 ? seed / 4 % FEW + 1 : KEYS;
	fuzz->type = &types[what % (sizeof(types) / sizeof(*types))];
	fuzz->hooks = (struct tophash_hooks){.size = sizeof(fuzz->hooks), .ctx = &fuzz->heap};
	if (memory & 1) {
		fuzz->hooks.alloc = heap_alloc;
		fuzz->hooks.free = heap_free;
		fuzz->heap.next = memory >> 5;
		fuzz->heap.period = memory >> 3 & 3 ? (memory >> 3 & 3) * (memory >> 3 & 3) * 3 : 0;
	}
	if (memory & 2) {
		fuzz->hooks.drop_key = drop_key;
		fuzz->hooks.drop_val = drop_val;
	}
	if ((memory & 5) == 5)
		fuzz->hooks.barrier = barrier;
	if (memory & 7)
		expect(tophash_set_hooks(&fuzz->map, &fuzz->hooks) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz *fuzz = calloc(1, sizeof(*fuzz));

	if (!fuzz)
		abort();
	if (!texts[0][0])
		for (unsigned i = 0; i < KEYS; i++)
			snprintf(texts[i], sizeof(texts[i]), "%u", i);
	fuzz->at = data;
	fuzz->end = data + size;
	begin(fuzz);
	while (fuzz->at < fuzz->end && fuzz->ops <= OPS_MAX)
		do_op(fuzz);
	check_all(fuzz);
	if (fuzz->hooks.drop_key)
		expect(fuzz->heap.keys == fuzz->keys && fuzz->heap.vals == fuzz->vals);
	tophash_fini(&fuzz->map);
	model_clear(fuzz);
	expect(fuzz->heap.held == 0 && fuzz->map.len == 0);
	if (fuzz->hooks.drop_key)
		expect(fuzz->heap.keys == fuzz->keys && fuzz->heap.vals == fuzz->vals);
	free(fuzz);
	return 0;
}
