/* The map up to Go 1.23 (runtime/map.go: hmap, bmap). The header has 48 bytes:
 *
 *      0 count   8 flags u8   9 B u8   10 noverflow u16   12 hash0 u32   16 buckets   24 oldbuckets
 *     32 nevacuate   40 extra
 *
 * There are 2^B buckets, and from B = 4 on overflow buckets that are allocated with them. A bucket has 8 bytes that
 * tell of its slots (tophash), 8 keys, 8 elements, and in its last word the overflow bucket that follows. */
#include "live/gomap/gomap_priv.h"

enum {
	FLAGS_MAX = 16,
	ITERATORS = 3, /* somebody may be iterating over the buckets, or the old ones */
	WRITING = 4,
	SAME_SIZE = 8, /* the old buckets are as many as the new ones */
	B_MAX = 40,
	EMPTY_REST = 0,
	EMPTY_ONE = 1,
	EVACUATED_FIRST = 2, /* to EVACUATED_LAST: the bucket has moved */
	EVACUATED_LAST = 4,
	SEED_MIN = 1 << 16, /* a random number is below it once in 65,536 */
	CHAIN_MAX = 1 << 20,
	LINKS_MAX =
		1024, /* overflow buckets that are followed to see whether the last is still there */
};

struct header {
	uint64_t count;
	uint8_t flags, b;
	uint16_t overflow;
	uint32_t seed;
	uint64_t buckets, old, moved, extra;
};

/* runtime/map.go: makeBucketArray */
static uint64_t allocated(uint64_t n)
{
	return n >= 16 ? n + n / 16 : n;
}

/* Returns twice the number of elements a bucket that a map grows at: 6.5, but 6 in Go 1.21 (loadFactorNum of
 * runtime/map.go, whose division is one of integers there). */
static uint64_t twice_load(const struct gomap_reader *reader)
{
	return gopcln_minor(heap_options_of(reader->heap)->modules[0].tab) == 21 ? 12 : 13;
}

static uint64_t ideal_bytes(const struct gomap_reader *reader, uint64_t len, uint64_t bucket,
			    bool noscan)
{
	uint64_t n = 1, load = twice_load(reader);

	if (!len)
		return GOMAP_HEADER_SIZE;
	while (len > SLOTS && len > n * load / 2)
		n <<= 1;
	return GOMAP_HEADER_SIZE + heap_slot_size(reader->heap, allocated(n) * bucket, noscan);
}

/* Finds out that a chain leads back to itself: `mark` is the last bucket at a power of two. */
struct passed {
	uint64_t mark, n, limit;
};

/* Notes a bucket. Returns true if the chain has passed it before. */
static bool pass(struct passed *passed, uint64_t addr)
{
	if (addr == passed->mark)
		return true;
	if (++passed->n > passed->limit) {
		passed->mark = addr;
		passed->limit = passed->n * 2;
	}
	return false;
}

/* Adds the overflow buckets of a chain that are objects of their own. Returns false if the chain makes no
 * sense. */
static void add_chain(const struct gomap_reader *reader, const struct part_array *array,
		      uint64_t bucket, struct gomap *map)
{
	struct passed passed = {0};

	for (unsigned i = 0; i < CHAIN_MAX && gomap_step(reader) && !pass(&passed, bucket); i++) {
		uint64_t next, base, slot;

		if (!heap_read(reader->heap, bucket + array->part_size - WORD, &next,
			       sizeof(next)) ||
		    !next)
			return;
		if (next - array->addr >= array->slot) {
			if (!heap_object_of(reader->heap, next, &base, &slot))
				return;
			map->bytes += slot;
		}
		map->overflow++;
		bucket = next;
	}
}

/* Adds the overflow buckets of an array of n buckets. */
static void add_overflow(const struct gomap_reader *reader, const struct part_array *array,
			 uint64_t n, struct gomap *map)
{
	for (uint64_t i = 0; i < n && *reader->steps; i++)
		add_chain(reader, array, array->addr + i * array->part_size, map);
}

/* Counts the old buckets that have moved. */
static void count_moved(const struct gomap_reader *reader, const struct part_array *array,
			uint64_t n, struct gomap *map)
{
	uint8_t first;

	for (uint64_t i = 0; i < n && gomap_step(reader); i++)
		if (heap_read(reader->heap, array->addr + i * array->part_size, &first, 1))
			map->evacuated += first >= EVACUATED_FIRST && first <= EVACUATED_LAST;
}

/* Tells whether the slots of a bucket are as the runtime leaves them: nothing after an empty rest. Counts those in
 * use. */
static bool bucket_is_sane(const uint8_t *top, uint64_t *full)
{
	bool rest = false;

	for (unsigned i = 0; i < SLOTS; i++) {
		if (rest && top[i] != EMPTY_REST)
			return false;
		rest |= top[i] == EMPTY_REST;
		*full += top[i] > EVACUATED_LAST;
	}
	return true;
}

/* Checks a map of one bucket, whose slots can be counted. */
static enum gomap_verdict check_one_bucket(const struct gomap_reader *reader,
					   const struct header *header)
{
	uint64_t full = 0;
	uint8_t top[SLOTS];

	if (header->b || header->old || header->overflow)
		return GOMAP_YES;
	if (!heap_read(reader->heap, header->buckets, top, sizeof(top)) ||
	    !bucket_is_sane(top, &full))
		return GOMAP_NO;
	return full == header->count ? GOMAP_YES : GOMAP_TORN;
}

/* Returns how many old buckets a map has that grows, or 0 if there can be none. */
static uint64_t old_buckets(const struct header *header)
{
	if (header->flags & SAME_SIZE)
		return 1ull << header->b;
	return header->b ? 1ull << (header->b - 1) : 0;
}

static bool add_old(const struct gomap_reader *reader, const struct header *header,
		    struct gomap *map)
{
	struct part_array array;

	map->old = old_buckets(header);
	if (!map->old)
		return false;
	map->growing = true;
	if (!part_array_read(reader, map, header->old, map->old, &array))
		return false;
	map->bytes += array.slot;
	part_take_type(reader, &array, map);
	if (array.part_size) {
		add_overflow(reader, &array, map->old, map);
		count_moved(reader, &array, map->old, map);
	}
	map->moved_unknown = !array.part_size;
	return true;
}

static enum gomap_verdict read_buckets(const struct gomap_reader *reader,
				       const struct header *header, struct gomap *map)
{
	uint64_t n = 1ull << header->b, base, slot, ideal;
	enum gomap_verdict verdict = check_one_bucket(reader, header);
	struct part_array array;

	if (!part_array_read(reader, map, header->buckets, n, &array) || verdict == GOMAP_NO)
		return GOMAP_NO;
	map->capacity = n * SLOTS;
	map->bytes += array.slot;
	part_take_type(reader, &array, map);
	if (header->extra && heap_object_of(reader->heap, header->extra, &base, &slot))
		map->bytes += slot;
	if (header->old && !add_old(reader, header, map))
		return GOMAP_NO;
	if (array.part_size)
		add_overflow(reader, &array, n, map);
	else
		map->overflow = header->overflow;
	ideal = ideal_bytes(reader, map->len,
			    array.part_size ? array.part_size : array.slot / allocated(n),
			    array.noscan);
	map->waste = map->bytes > ideal ? map->bytes - ideal : 0;
	return verdict;
}

/* Tells whether a header is sane that has buckets. */
static bool header_is_sane(const struct header *header)
{
	return header->flags < FLAGS_MAX && header->b <= B_MAX && header->buckets &&
	       header->count <= (1ull << header->b) * SLOTS * 64;
}

static enum gomap_verdict read_header(const struct gomap_reader *reader, struct gomap *ret)
{
	enum gomap_verdict verdict;
	struct header header;

	static_assert(sizeof(header) == GOMAP_HEADER_SIZE, "hmap");
	memcpy(&header, ret->words, sizeof(header));
	ret->len = header.count;
	ret->bytes = ret->on_stack ? 0 : GOMAP_HEADER_SIZE;
	if (!header.buckets)
		return header.count || header.old || header.extra || header.overflow ||
				       header.flags >= FLAGS_MAX || header.b > B_MAX
			       ? GOMAP_NO
			       : GOMAP_EMPTY;
	if (!header_is_sane(&header))
		return GOMAP_NO;
	verdict = read_buckets(reader, &header, ret);
	return verdict == GOMAP_YES && header.seed < SEED_MIN ? GOMAP_WEAK : verdict;
}

static uint64_t arrays(const struct gomap *map)
{
	struct header header;

	memcpy(&header, map->words, sizeof(header));
	return header.old ? 2 : 1;
}

/* The second one is that of the old buckets. */
static bool array_at(const struct gomap_reader *reader, const struct gomap *map, uint64_t i,
		     uint64_t *ret_addr, uint64_t *ret_n)
{
	struct header header;

	(void)reader;
	memcpy(&header, map->words, sizeof(header));
	if (header.b > B_MAX)
		return false;
	*ret_addr = i ? header.old : header.buckets;
	*ret_n = i ? old_buckets(&header) : 1ull << header.b;
	return *ret_addr && *ret_n;
}

static bool may_be(const uint64_t words[6])
{
	struct header header;

	memcpy(&header, words, sizeof(header));
	return header.count && header.seed >= SEED_MIN && header_is_sane(&header);
}

/* ---- all buckets ---- */

static enum map_slot slot_of(uint8_t byte)
{
	switch (byte) {
	case EMPTY_REST: return MAP_SLOT_EMPTY;
	case EMPTY_ONE: return MAP_SLOT_GAP;
	case EVACUATED_FIRST: return MAP_SLOT_MOVED_SAME;
	case EVACUATED_FIRST + 1: return MAP_SLOT_MOVED_HALF;
	case EVACUATED_LAST: return MAP_SLOT_EMPTY;
	default: return MAP_SLOT_USED;
	}
}

static void decode(struct map_part *part)
{
	for (unsigned i = 0; i < SLOTS; i++)
		part->slots[i] = slot_of(part->bytes[i]);
	part->moved = part->bytes[0] >= EVACUATED_FIRST && part->bytes[0] <= EVACUATED_LAST;
}

/* Reads the pointer to the overflow bucket that follows a part. Without one, part->fault may say why. */
static uint64_t next_of(const struct gomap_walk *walk, uint64_t part_size, struct map_part *part)
{
	uint64_t next;

	if (!part_size)
		return 0;
	if (!heap_read(walk->reader->heap, part->addr + part_size - WORD, &next, sizeof(next)))
		part->fault = "the pointer to the next overflow bucket cannot be read";
	else if (part->depth >= CHAIN_MAX)
		part->fault = "the chain of overflow buckets has no end";
	else
		return next;
	return 0;
}

static void walk_chain(struct gomap_walk *walk, uint64_t part_size, uint32_t array, uint64_t index,
		       uint64_t addr)
{
	struct passed passed = {0};
	uint64_t next;

	for (uint32_t depth = 0; addr && !walk->ended; depth++, addr = next) {
		struct map_part part = {
			.addr = addr, .array = array, .index = index, .depth = depth};

		pass(&passed, addr);
		next = next_of(walk, part_size, &part);
		if (next && next == passed.mark) {
			part.fault = "the chain of overflow buckets leads back to itself";
			next = 0;
		}
		if (!walk_part(walk, &part))
			return;
	}
}

static void walk_buckets(struct gomap_walk *walk, uint64_t part_size, uint32_t number,
			 uint64_t addr, uint64_t n)
{
	struct map_array array = {.number = number, .parts = n};

	walk_array(walk, &array);
	for (uint64_t i = 0; i < n && !walk->ended; i++)
		walk_chain(walk, part_size, number, i, addr + i * part_size);
}

static void walk_map(struct gomap_walk *walk, const struct gomap *map, uint64_t part_size)
{
	struct header header;

	memcpy(&header, map->words, sizeof(header));
	if (!header_is_sane(&header) || (!part_size && (header.b || header.old)))
		return;
	walk->decode = decode;
	walk_buckets(walk, part_size, 0, header.buckets, 1ull << header.b);
	if (header.old && old_buckets(&header))
		walk_buckets(walk, part_size, 1, header.old, old_buckets(&header));
}

static bool is_linked(const struct memory *memory, const uint64_t words[6],
		      const struct map_part *part, uint64_t part_size)
{
	uint64_t addr = words[part->array ? 3 : 2] + part->index * part_size;

	for (uint32_t i = 0; i < part->depth; i++)
		if (i >= LINKS_MAX ||
		    !memory_read(memory, addr + part_size - WORD, &addr, sizeof(addr)))
			return false;
	return addr == part->addr;
}

static uint8_t tag(uint64_t hash)
{
	uint8_t top = (uint8_t)(hash >> 56);

	return top > EVACUATED_LAST ? top : (uint8_t)(top + EVACUATED_LAST + 1);
}

static uint64_t seed(const uint64_t words[6])
{
	return words[1] >> 32;
}

/* A lookup goes to one bucket, and through its chain. While the map grows it is the old one until that has moved. */
static bool probes(const struct gomap_reader *reader, const uint64_t words[6],
		   const struct map_part *part, uint64_t part_size, uint64_t hash, uint64_t *ret)
{
	struct header header;
	uint64_t n;

	(void)reader;
	(void)part_size;
	memcpy(&header, words, sizeof(header));
	n = part->array ? old_buckets(&header) : header.b <= B_MAX ? 1ull << header.b : 0;
	*ret = part->depth + 1ull;
	return n && (hash & (n - 1)) == part->index;
}

static bool is_written(const uint64_t words[6])
{
	return words[1] & WRITING;
}

/* Iterators change their flags. */
static bool is_same(const uint64_t a[6], const uint64_t b[6])
{
	return a[0] == b[0] && !((a[1] ^ b[1]) & ~(uint64_t)ITERATORS) &&
	       memcmp(a + 2, b + 2, 4 * sizeof(*a)) == 0;
}

const struct gomap_ops gomap_classic = {.mask = 0x2c,
					.allocated = allocated,
					.read = read_header,
					.arrays = arrays,
					.array_at = array_at,
					.may_be = may_be,
					.decode = decode,
					.walk = walk_map,
					.is_linked = is_linked,
					.tag = tag,
					.seed = seed,
					.probes = probes,
					.is_written = is_written,
					.is_same = is_same};
