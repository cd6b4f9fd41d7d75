/* Maps that the program has damaged, one after the other. They are for a reader that must not trust
 * its input. */
#include "chain.h"
#include "move.h"
#include "truth.h"

TOPHASH_MAP(numbers, uint64_t, uint64_t);
TOPHASH_MAP(words, const char *, int);

static struct numbers m;
static struct words w;
static char damage[40]; /* the damage that was done, for gdb to read */

/* Returns the link to a chain with at least two overflow buckets. */
static struct link *long_link(void)
{
	struct tophash_core *core = m.map.core;

	for (size_t i = 0; i < core->store.buckets; i++) {
		struct link *link = store_link(&core->store, i);

		if (link->number && pool_link(&core->pool, link->number)->number)
			return link;
	}
	abort();
}

static uint32_t chunk_of(const struct link *link)
{
	return (link->number - 1) >> m.map.core->pool.chunk_bits;
}

static void break_link_self(void)
{
	struct link *link = long_link();

	pool_link(&m.map.core->pool, link->number)->number = link->number;
}

static void break_link_circle(void)
{
	struct pool *pool = &m.map.core->pool;
	struct link *first = long_link(), *link = first;

	while (link->number)
		link = pool_link(pool, link->number);
	*link = *first;
}

static void break_link_far(void)
{
	long_link()->number = 0xfffffff0;
}

static void break_link_hole(void)
{
	long_link()->number = (m.map.core->pool.len << m.map.core->pool.chunk_bits) + 1;
}

static void break_link_shared(void)
{
	struct store *store = &m.map.core->store;
	struct link *link = long_link();

	*store_link(store, link == store_link(store, 0) ? 1 : 0) = *link;
}

static void break_tags(void)
{
	store_word(&m.map.core->store, 3)[0] ^= 0x55;
	memset(store_word(&m.map.core->store, 5), 0xff, TOPHASH_SLOTS);
}

static void break_len(void)
{
	m.map.len += 5;
}

/* Sets a member to a value, by name. */
#define BREAK(name, member, value)      \
	static void break_##name(void)  \
	{                               \
		m.map.member = (value); \
	}

BREAK(core_null, core, NULL)
BREAK(core_wild, core, (struct tophash_core *)0x123456789000)
BREAK(core_top, core, (struct tophash_core *)UINTPTR_MAX)
BREAK(type_null, type, NULL)
BREAK(type_wild, type, (const struct tophash_type *)0x10)
BREAK(store_tags, core->store.tags, (uint8_t *)8)
BREAK(store_slots, core->store.slots, (uint8_t *)UINTPTR_MAX)
BREAK(store_links, core->store.links, (struct link *)(UINTPTR_MAX - 4))
BREAK(store_pieces, core->store.pieces, (uint8_t **)0xdead)
BREAK(store_mode, core->store.mode, 77)
BREAK(store_buckets, core->store.buckets, 1)
BREAK(store_size, core->store.bucket_size, 1)
BREAK(piece_bits, core->store.piece_bits, 255)
BREAK(bits, core->bits, 255)
BREAK(bits_31, core->bits, 31)
BREAK(move, core->move, 9)
BREAK(move_grow, core->move, MOVE_GROW)
BREAK(cursor, core->cursor, SIZE_MAX)
BREAK(chunks, core->pool.chunks, NULL)
BREAK(chunk_bits, core->pool.chunk_bits, 200)
BREAK(pool_len, core->pool.len, 0)
BREAK(chunk_mem, core->pool.chunks[chunk_of(long_link())].mem, (uint8_t *)1)
BREAK(chunk_slots, core->pool.chunks[chunk_of(long_link())].slots_at, 0)

static void break_bits_believed(void)
{
	m.map.core->bits = 31;
	m.map.core->store.buckets = (size_t)1 << 31;
}

static void break_rest(void)
{
	m.map.core->rest_chains[1] = *long_link();
}

static void break_type(uint32_t kind, uint32_t key_size, uint32_t slot_size)
{
	static struct tophash_type type;

	type = *m.map.type;
	type.kind = kind;
	type.key_size = key_size;
	type.slot_size = slot_size;
	m.map.type = &type;
}

static void break_kind(void)
{
	break_type(99, 8, 16);
}

static void break_key_size(void)
{
	break_type(TOPHASH_KIND_INT, 0x80000000, 16);
}

static void break_slot_size(void)
{
	break_type(TOPHASH_KIND_INT, 8, 0xffffffff);
}

static void break_word(void)
{
	static const char *wild = (const char *)0x30;

	memcpy(words_find(&w, "there") - 3, &wild, sizeof(wild)); /* key, hash, value */
}

/* Makes a small map instead of the large one. */
static void make_small(void)
{
	memset(&m, 0, sizeof(m));
	for (uint64_t key = 0; key < 5; key++)
		numbers_put(&m, key, key);
}

static void break_small_slots(void)
{
	make_small();
	m.map.grow_at = TOPHASH_SLOTS + 1;
}

static void break_small_fewer(void)
{
	make_small();
	m.map.grow_at = 3;
}

static void break_small_lane(void)
{
	make_small();
	small_word(&m.map)[2] = TOPHASH_NO_SLOT;
}

static void break_small_wild(void)
{
	make_small();
	m.map.slots = (uint8_t *)0x18;
}

static void break_small_len(void)
{
	make_small();
	m.map.len++;
}

struct damage {
	const char *name;
	void (*fn)(void);
};

#define DAMAGE(name)                \
	{                           \
#name, break_##name \
	}

static const struct damage damages[] = {
	DAMAGE(link_self),   DAMAGE(link_circle),   DAMAGE(link_far),	 DAMAGE(link_hole),
	DAMAGE(link_shared), DAMAGE(len),	    DAMAGE(tags),	 DAMAGE(core_null),
	DAMAGE(core_wild),   DAMAGE(core_top),	    DAMAGE(type_null),	 DAMAGE(type_wild),
	DAMAGE(store_tags),  DAMAGE(store_slots),   DAMAGE(store_links), DAMAGE(store_pieces),
	DAMAGE(store_mode),  DAMAGE(store_buckets), DAMAGE(store_size),	 DAMAGE(bits),
	DAMAGE(bits_31),     DAMAGE(bits_believed), DAMAGE(move),	 DAMAGE(move_grow),
	DAMAGE(cursor),	     DAMAGE(chunks),	    DAMAGE(piece_bits),	 DAMAGE(chunk_bits),
	DAMAGE(pool_len),    DAMAGE(chunk_mem),	    DAMAGE(chunk_slots), DAMAGE(rest),
	DAMAGE(kind),	     DAMAGE(key_size),	    DAMAGE(slot_size),	 DAMAGE(word),
	DAMAGE(small_slots), DAMAGE(small_fewer),   DAMAGE(small_lane),	 DAMAGE(small_wild),
	DAMAGE(small_len),
};

/* Makes a map with chains. Earlier damage is not repaired. */
static void make(void)
{
	memset(&m, 0, sizeof(m));
	memset(&w, 0, sizeof(w));
	words_put(&w, "there", 1);
	for (uint64_t key = 0; m.map.len < 150 || m.map.core->move != MOVE_NONE; key++)
		if (numbers_put(&m, key, key) < 0)
			abort();
	for (uint64_t key = 1000; m.map.core->pool.used < 8; key++)
		if (bucket_of(tophash_mix(key, m.map.seed, m.map.mult), m.map.core->bits) == 2) {
			m.map.grow_at = SIZE_MAX;
			numbers_put(&m, key, key);
		}
}

/* Overwrites some bytes of the map's structures. */
static void scatter(unsigned round)
{
	struct tophash_core *core = m.map.core;
	struct {
		uint8_t *at;
		size_t size;
	} parts[] = {
		{(uint8_t *)&m, sizeof(m)},
		{(uint8_t *)&core->store, sizeof(core->store)},
		{(uint8_t *)&core->pool, sizeof(core->pool)},
		{(uint8_t *)core, sizeof(*core)},
		{(uint8_t *)core->pool.chunks, core->pool.len * sizeof(struct chunk)},
		{(uint8_t *)core->store.links, core->store.buckets * sizeof(struct link)},
	};
	unsigned part = round % 6;

	srand(round);
	for (int i = 0; i < 1 + rand() % 3; i++)
		parts[part].at[(size_t)rand() % parts[part].size] ^= (uint8_t)(1 << rand() % 8);
}

int main(int argc, char **argv)
{
	truth = fopen("/dev/null", "w");
	tophash_debug("seed=3");
	for (size_t i = 0; argc == 1 && i < sizeof(damages) / sizeof(*damages); i++) {
		make();
		damages[i].fn();
		snprintf(damage, sizeof(damage), "%s", damages[i].name);
		truth_done();
	}
	for (int round = 0; argc > 1 && round < atoi(argv[1]); round++) {
		make();
		scatter((unsigned)round);
		snprintf(damage, sizeof(damage), "scatter %d", round);
		truth_done();
	}
	return 0;
}
