/* An ELF note that describes the structures of a map. Debuggers and tracers read maps by it in programs
 * without debug information. Each program or library that contains this library has one such note.
 * docs/map-note.md is its contract.
 */
#include "describe.h"

#include "layout.h"

#define NOTE_VERSION 4
#define NOTE_MAGIC   0x746f7068u /* "toph" on a big-endian machine */

/* A member has its offset in value and its size in size. A structure has 0 and its size. A constant
 * has its value and 0. */
struct note_entry {
	char name[20];
	uint32_t value;
	uint32_t size;
};

/* clang-format off */
#define STRUCTURE(prefix, type) {prefix, 0, sizeof(type)}
#define MEMBER(prefix, type, member) \
	{prefix "." #member, offsetof(type, member), sizeof(__typeof__(((type *)0)->member))}
#define CONSTANT(name, x) {name, (x), 0}

#define IN_TOPHASH(member) MEMBER("tophash", struct tophash, member)
#define IN_TYPE(member)	   MEMBER("type", struct tophash_type, member)
#define IN_STR(member)	   MEMBER("str", struct tophash_str, member)
#define IN_CORE(member)	   MEMBER("core", struct tophash_core, member)
#define IN_STORE(member)   MEMBER("store", struct store, member)
#define IN_POOL(member)	   MEMBER("pool", struct pool, member)
#define IN_CHUNK(member)   MEMBER("chunk", struct chunk, member)
#define IN_LINK(member)	   MEMBER("link", struct link, member)
#define IN_STATS(member)   MEMBER("stats", struct tophash_stats, member)

#define ENTRIES                                                                                    \
	CONSTANT("pointer", sizeof(void *)),                                                       \
	CONSTANT("slots", TOPHASH_SLOTS), CONSTANT("word_size", TOPHASH_WORD_SIZE),                \
	CONSTANT("filter", TOPHASH_OVERFLOW), CONSTANT("overflow_slots", OVERFLOW_SLOTS),          \
	CONSTANT("no_slot", TOPHASH_NO_SLOT),                                                      \
	CONSTANT("slot_max", TOPHASH_SLOT_MAX), CONSTANT("bits_max", BUCKET_BITS_MAX),             \
	CONSTANT("kind.int", TOPHASH_KIND_INT), CONSTANT("kind.float", TOPHASH_KIND_FLOAT),        \
	CONSTANT("kind.cstr", TOPHASH_KIND_CSTR), CONSTANT("kind.str", TOPHASH_KIND_STR),          \
	CONSTANT("kind.bytes", TOPHASH_KIND_BYTES), CONSTANT("kind.custom", TOPHASH_KIND_CUSTOM), CONSTANT("kind.mixed", TOPHASH_KIND_MIXED),   \
	CONSTANT("slow.custom", TOPHASH_SLOW_CUSTOM), CONSTANT("slow.moving", TOPHASH_SLOW_MOVING),\
	CONSTANT("slow.chain", TOPHASH_SLOW_CHAIN), CONSTANT("slow.first", TOPHASH_SLOW_FIRST),    \
	CONSTANT("slow.grow", TOPHASH_SLOW_GROW),                                                  \
	CONSTANT("move.none", MOVE_NONE), CONSTANT("move.grow", MOVE_GROW),                        \
	CONSTANT("move.shrink", MOVE_SHRINK),                                                      \
	CONSTANT("mode.none", STORE_NONE), CONSTANT("mode.block", STORE_BLOCK),                    \
	CONSTANT("mode.mapped", STORE_MAPPED), CONSTANT("mode.pieces", STORE_PIECES),              \
	STRUCTURE("tophash", struct tophash),                                                      \
	IN_TOPHASH(tags), IN_TOPHASH(slots), IN_TOPHASH(seed), IN_TOPHASH(mult),                   \
	IN_TOPHASH(shift), IN_TOPHASH(moves), IN_TOPHASH(write_tags), IN_TOPHASH(len),             \
	IN_TOPHASH(grow_at), IN_TOPHASH(shrink_at), IN_TOPHASH(core), IN_TOPHASH(hooks),           \
	IN_TOPHASH(type), IN_TOPHASH(writing), IN_TOPHASH(first_put),                              \
	STRUCTURE("type", struct tophash_type),                                                    \
	IN_TYPE(kind), IN_TYPE(key_size), IN_TYPE(val_size), IN_TYPE(val_offset),                  \
	IN_TYPE(hash_offset), IN_TYPE(slot_size), IN_TYPE(hash), IN_TYPE(equal),                   \
	STRUCTURE("str", struct tophash_str), IN_STR(p), IN_STR(n),                                \
	STRUCTURE("core", struct tophash_core),                                                    \
	IN_CORE(store), IN_CORE(pool), IN_CORE(move), IN_CORE(bits), IN_CORE(home_moved),          \
	IN_CORE(floor), IN_CORE(share), IN_CORE(cursor), IN_CORE(released), IN_CORE(rest_chains),  \
	IN_CORE(nan), IN_CORE(stats),                                                              \
	STRUCTURE("store", struct store),                                                          \
	IN_STORE(tags), IN_STORE(slots), IN_STORE(links), IN_STORE(pieces), IN_STORE(buckets),     \
	IN_STORE(pieces_cap), IN_STORE(bucket_size), IN_STORE(mode), IN_STORE(piece_bits),         \
	IN_STORE(huge),                                                                            \
	STRUCTURE("pool", struct pool),                                                            \
	IN_POOL(chunks), IN_POOL(len), IN_POOL(cap), IN_POOL(first), IN_POOL(used),                \
	IN_POOL(spare), IN_POOL(slot_size), IN_POOL(chunk_bits),                                   \
	STRUCTURE("chunk", struct chunk),                                                          \
	IN_CHUNK(mem), IN_CHUNK(slots_at), IN_CHUNK(used), IN_CHUNK(free),                         \
	STRUCTURE("link", struct link), IN_LINK(tags), IN_LINK(number),                            \
	STRUCTURE("stats", struct tophash_stats),                                                  \
	IN_STATS(grows), IN_STATS(shrinks), IN_STATS(put_off), IN_STATS(moved), IN_STATS(slow)
/* clang-format on */

#define ENTRY_COUNT (sizeof((const struct note_entry[]){ENTRIES}) / sizeof(struct note_entry))

struct map_note {
	uint32_t name_size, size, type;
	char name[8];
	/* the description: size bytes from here on */
	uint32_t magic, version;
	uint32_t entry_size, count;
	struct note_entry entries[ENTRY_COUNT];
};

_Static_assert(sizeof(struct map_note) % 4 == 0, "a note ends at a multiple of 4");

__attribute__((section(".note.tophash"), aligned(4), used)) static const struct map_note note = {
	.name_size = sizeof("tophash"),
	.size = sizeof(struct map_note) - offsetof(struct map_note, magic),
	.type = 1,
	.name = "tophash",
	.magic = NOTE_MAGIC,
	.version = NOTE_VERSION,
	.entry_size = sizeof(struct note_entry),
	.count = ENTRY_COUNT,
	.entries = {ENTRIES},
};

void note_keep(void)
{
	__asm__ __volatile__("" : : "r"(&note));
}
