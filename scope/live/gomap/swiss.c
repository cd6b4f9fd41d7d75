/* The map since Go 1.24 (internal/runtime/maps: map.go, table.go, group.go). The header has 48 bytes:
 *
 *      0 used u64   8 seed   16 dirPtr   24 dirLen   32 globalDepth u8   33 globalShift u8   34 writing u8
 *     35 tombstonePossible u8 (since 1.25)   40 clearSeq u64
 *
 * With dirLen 0, dirPtr is one group, or nil before the first element. Otherwise it is an array of dirLen pointers to
 * tables; neighbours may be the same table. A table has 32 bytes:
 *
 *      0 used u16   2 capacity u16   4 growthLeft u16   6 localDepth u8   8 index   16 groups   24 groups - 1
 *
 * A group begins with its control bytes, one for each of 8 slots: 0x80 empty, 0xfe deleted, below 0x80 full. */
#include "live/gomap/gomap_priv.h"

enum {
	EMPTY = 0x80,
	DELETED = 0xfe,
	TABLE_CAPACITY_MAX = 1024,
	DEPTH_MAX = 40,
};

struct table_record {
	uint16_t used, capacity, growth_left;
	uint8_t local_depth, unused;
	int64_t index;
	uint64_t groups, mask;
};

static uint64_t allocated(uint64_t n)
{
	return n;
}

static uint64_t slots_usable(uint64_t capacity)
{
	return capacity <= SLOTS ? capacity - 1 : capacity / 8 * 7;
}

/* ---- what a new map would hold ---- */

static uint64_t power_of_two(uint64_t n)
{
	uint64_t power = 1;

	while (power < n && power)
		power <<= 1;
	return power;
}

/* Returns the bytes of a map that make(map[K]V, len) makes (map.go: NewMap). */
static uint64_t ideal_bytes(const struct gomap_reader *reader, uint64_t len, uint64_t group_size,
			    bool noscan)
{
	uint64_t capacity = len * 8 / 7, tables, groups;

	if (!len)
		return GOMAP_HEADER_SIZE;
	if (len <= SLOTS)
		return GOMAP_HEADER_SIZE + heap_slot_size(reader->heap, group_size, noscan);
	tables = power_of_two((capacity + TABLE_CAPACITY_MAX - 1) / TABLE_CAPACITY_MAX);
	groups = (tables > 1 ? TABLE_CAPACITY_MAX : power_of_two(capacity)) / SLOTS;
	return GOMAP_HEADER_SIZE + heap_slot_size(reader->heap, tables * WORD, false) +
	       tables * (heap_slot_size(reader->heap, sizeof(struct table_record), false) +
			 heap_slot_size(reader->heap, groups * group_size, noscan));
}

static void set_waste(const struct gomap_reader *reader, const struct part_array *array,
		      uint64_t groups, struct gomap *map)
{
	uint64_t size = array->part_size ? array->part_size : array->slot / groups;
	uint64_t ideal = ideal_bytes(reader, map->len, size, array->noscan);

	map->waste = map->bytes > ideal ? map->bytes - ideal : 0;
}

/* ---- one group ---- */

static enum gomap_verdict read_small(const struct gomap_reader *reader, uint64_t addr,
				     struct gomap *map)
{
	struct part_array array;
	uint8_t control[SLOTS];
	uint64_t full = 0;

	if (!part_array_read(reader, map, addr, 1, &array) ||
	    !heap_read(reader->heap, addr, control, sizeof(control)))
		return GOMAP_NO;
	for (unsigned i = 0; i < SLOTS; i++) {
		if (control[i] > EMPTY)
			return GOMAP_NO;
		full += control[i] < EMPTY;
	}
	map->capacity = SLOTS;
	map->bytes += array.slot;
	part_take_type(reader, &array, map);
	set_waste(reader, &array, 1, map);
	return full == map->len ? GOMAP_YES : GOMAP_TORN;
}

/* ---- tables ---- */

static bool table_is_sane(const struct table_record *table, uint8_t depth)
{
	uint64_t capacity = table->capacity;

	return capacity >= SLOTS && capacity <= TABLE_CAPACITY_MAX &&
	       !(capacity & (capacity - 1)) && table->mask == capacity / SLOTS - 1 &&
	       table->local_depth <= depth &&
	       table->used + table->growth_left <= slots_usable(capacity);
}

/* Adds one table. Returns false if it makes no sense. */
static bool add_table(const struct gomap_reader *reader, uint64_t addr, uint8_t depth,
		      struct gomap *map, struct part_array *array, uint64_t *used)
{
	struct table_record table;
	uint64_t base, slot;

	if (!heap_object_of(reader->heap, addr, &base, &slot) || base != addr ||
	    !heap_read(reader->heap, addr, &table, sizeof(table)) ||
	    !table_is_sane(&table, depth) ||
	    !part_array_read(reader, map, table.groups, table.mask + 1, array))
		return false;
	map->tables++;
	map->capacity += table.capacity;
	map->tombstones += slots_usable(table.capacity) - table.used - table.growth_left;
	map->bytes += slot + array->slot;
	*used += table.used;
	part_take_type(reader, array, map);
	return true;
}

static enum gomap_verdict read_tables(const struct gomap_reader *reader, uint64_t directory,
				      uint64_t n, uint8_t depth, struct gomap *map)
{
	uint64_t base, slot, last = 0, used = 0, addr;
	struct part_array array = {0};

	if (!heap_object_of(reader->heap, directory, &base, &slot) || slot < n * WORD ||
	    (directory != base && directory != base + WORD))
		return GOMAP_NO;
	map->bytes += slot;
	for (uint64_t i = 0; i < n; i++, last = addr) {
		if (!gomap_step(reader) ||
		    !heap_read(reader->heap, directory + i * WORD, &addr, sizeof(addr)))
			return GOMAP_NO;
		if (addr != last && !add_table(reader, addr, depth, map, &array, &used))
			return GOMAP_NO;
	}
	if (!map->tables)
		return GOMAP_NO;
	set_waste(reader, &array, map->capacity / map->tables / SLOTS, map);
	return used == map->len ? GOMAP_YES : GOMAP_TORN;
}

/* Tells whether the words are sane. */
static bool header_is_sane(const uint64_t words[6])
{
	uint8_t depth = words[4] & 0xff, shift = words[4] >> 8 & 0xff;
	uint8_t writing = words[4] >> 16 & 0xff, tombstones = words[4] >> 24 & 0xff;

	if (writing > 1 || tombstones > 1 || words[4] >> 32)
		return false;
	if (!words[3])
		return !depth && !shift && words[0] <= SLOTS;
	return depth <= DEPTH_MAX && words[3] == 1ull << depth && shift == 64 - depth;
}

static enum gomap_verdict read_header(const struct gomap_reader *reader, struct gomap *ret)
{
	const uint64_t *words = ret->words;

	ret->len = words[0];
	ret->bytes = ret->on_stack ? 0 : GOMAP_HEADER_SIZE;
	if (!header_is_sane(words))
		return GOMAP_NO;
	if (words[3])
		return read_tables(reader, words[2], words[3], words[4] & 0xff, ret);
	if (words[2])
		return read_small(reader, words[2], ret);
	return words[0] || words[5] ? GOMAP_NO : GOMAP_EMPTY;
}

static uint64_t arrays(const struct gomap *map)
{
	return map->words[3] ? map->words[3] : 1;
}

/* With tables, it is that of entry i of the directory. Entries that follow each other may have the same table. */
static bool array_at(const struct gomap_reader *reader, const struct gomap *map, uint64_t i,
		     uint64_t *ret_addr, uint64_t *ret_n)
{
	struct table_record table;
	uint64_t addr;

	*ret_addr = map->words[2];
	*ret_n = 1;
	if (!map->words[3])
		return map->words[2];
	if (!heap_read(reader->heap, map->words[2] + i * WORD, &addr, sizeof(addr)) ||
	    !heap_read(reader->heap, addr, &table, sizeof(table)) ||
	    table.mask >= TABLE_CAPACITY_MAX / SLOTS)
		return false;
	*ret_addr = table.groups;
	*ret_n = table.mask + 1;
	return true;
}

static bool may_be(const uint64_t words[6])
{
	return words[0] && words[1] >> 32 && words[2] && header_is_sane(words);
}

/* ---- all groups ---- */

static enum map_slot slot_of(uint8_t byte)
{
	if (byte < EMPTY)
		return MAP_SLOT_USED;
	return byte == EMPTY ? MAP_SLOT_EMPTY : byte == DELETED ? MAP_SLOT_TOMBSTONE : MAP_SLOT_BAD;
}

static void decode(struct map_part *part)
{
	for (unsigned i = 0; i < SLOTS; i++)
		part->slots[i] = slot_of(part->bytes[i]);
}

static void walk_groups(struct gomap_walk *walk, uint64_t part_size, const struct map_array *array,
			uint64_t groups, uint64_t link)
{
	walk_array(walk, array);
	for (uint64_t i = 0; i < array->parts && !walk->ended; i++) {
		struct map_part part = {.addr = groups + i * part_size,
					.array = array->number,
					.index = i,
					.link = link};

		walk_part(walk, &part);
	}
}

/* Shows that a table cannot be read. */
static void show_fault(struct gomap_walk *walk, uint32_t number, uint64_t addr, const char *fault)
{
	struct map_part part = {.addr = addr, .array = number, .fault = fault};

	for (unsigned i = 0; i < SLOTS; i++)
		part.slots[i] = MAP_SLOT_BAD;
	walk->unread++;
	walk_show(walk, &part);
}

static void walk_table(struct gomap_walk *walk, uint64_t part_size, uint8_t depth,
		       struct map_array *array, uint64_t link)
{
	struct table_record table;

	if (!heap_read(walk->reader->heap, array->table, &table, sizeof(table)) ||
	    !table_is_sane(&table, depth)) {
		show_fault(walk, array->number, array->table, "a table makes no sense");
		return;
	}
	array->parts = table.mask + 1;
	array->used = table.used;
	array->free = table.growth_left;
	array->tombstones = slots_usable(table.capacity) - table.used - table.growth_left;
	array->depth = table.local_depth;
	walk_groups(walk, part_size, array, table.groups, link);
}

static void walk_directory(struct gomap_walk *walk, const struct gomap *map, uint64_t part_size)
{
	struct map_array array = {0};
	uint64_t next;

	for (uint64_t i = 0; i < map->words[3] && !walk->ended; i += array.entries) {
		array = (struct map_array){.number = array.number + (i > 0), .entries = 1};
		if (!gomap_step(walk->reader) ||
		    !heap_read(walk->reader->heap, map->words[2] + i * WORD, &array.table,
			       sizeof(array.table))) {
			show_fault(walk, array.number, map->words[2] + i * WORD,
				   "the directory cannot be read");
			return;
		}
		while (i + array.entries < map->words[3] && gomap_step(walk->reader) &&
		       heap_read(walk->reader->heap, map->words[2] + (i + array.entries) * WORD,
				 &next, sizeof(next)) &&
		       next == array.table)
			array.entries++;
		walk_table(walk, part_size, map->words[4] & 0xff, &array, map->words[2] + i * WORD);
	}
}

static void walk_map(struct gomap_walk *walk, const struct gomap *map, uint64_t part_size)
{
	struct map_array one = {.parts = 1};

	if (!header_is_sane(map->words) || !map->words[2])
		return;
	walk->decode = decode;
	if (!map->words[3])
		walk_groups(walk, part_size, &one, map->words[2], 0);
	else if (part_size)
		walk_directory(walk, map, part_size);
}

static bool is_linked(const struct memory *memory, const uint64_t words[6],
		      const struct map_part *part, uint64_t part_size)
{
	uint64_t groups = words[2], table;

	if (!words[3] != !part->link)
		return false;
	if (part->link && (part->link - words[2] >= words[3] * WORD ||
			   !memory_read(memory, part->link, &table, sizeof(table)) ||
			   !memory_read(memory, table + offsetof(struct table_record, groups),
					&groups, sizeof(groups))))
		return false;
	return groups + part->index * part_size == part->addr;
}

static uint8_t tag(uint64_t hash)
{
	return hash & 0x7f;
}

static uint64_t seed(const uint64_t words[6])
{
	return words[1];
}

/* Tells whether a lookup goes on behind a group: no slot of it is empty. What was kept of the group may be older than the entry
 * that the lookup is for; as long as that entry is there, the group stays without an empty slot (table.go: Delete,
 * pruneTombstones). */
static bool is_passed(const struct gomap_reader *reader, uint64_t group)
{
	const struct memory *memory = &heap_options_of(reader->heap)->memory;
	uint8_t control[SLOTS];

	if (heap_read(reader->heap, group, control, sizeof(control)) &&
	    !memchr(control, EMPTY, sizeof(control)))
		return true;
	return gomap_step(reader) && memory_read(memory, group, control, sizeof(control)) &&
	       !memchr(control, EMPTY, sizeof(control));
}

/* The first bits of a hash choose the entry of the directory, the bits after the tag the first group. The search goes on in
 * steps of 1, 2, 3, ... groups, until a group has an empty slot (table.go: probeSeq, getWithoutKey). */
static bool probes(const struct gomap_reader *reader, const uint64_t words[6],
		   const struct map_part *part, uint64_t part_size, uint64_t hash, uint64_t *ret)
{
	uint64_t depth = words[4] & 0xff, at, home, table;
	struct table_record record;

	*ret = 1;
	if (!words[3])
		return true;
	at = depth ? hash >> (64 - depth) : 0;
	if (!part->link || at >= words[3] ||
	    !heap_read(reader->heap, words[2] + at * WORD, &home, sizeof(home)) ||
	    !heap_read(reader->heap, part->link, &table, sizeof(table)) || home != table ||
	    !heap_read(reader->heap, table, &record, sizeof(record)) ||
	    !table_is_sane(&record, words[4] & 0xff))
		return false;
	at = hash >> 7 & record.mask;
	for (; at != part->index && *ret <= record.mask; ++*ret) {
		if (!is_passed(reader, record.groups + at * part_size))
			return false;
		at = (at + *ret) & record.mask;
	}
	return at == part->index;
}

static bool is_written(const uint64_t words[6])
{
	return words[4] >> 16 & 1;
}

static bool is_same(const uint64_t a[6], const uint64_t b[6])
{
	return memcmp(a, b, 6 * sizeof(*a)) == 0;
}

const struct gomap_ops gomap_swiss = {.mask = 0x04,
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
