/* Go keys: what must be read of one (the plan, made once per type), and what the bytes say (the
 * value, made per event).
 *
 * A key may have parts elsewhere in memory: the bytes of a string, the value an interface holds. A
 * plan lists where in the key those references stand; whoever runs it reads the key, then each
 * part, and hands all as segments to go_key_decode().
 */
#ifndef READ_LAYOUT_GO_KEY_H
#define READ_LAYOUT_GO_KEY_H

#include "read/gofile/gofile.h"

enum go_key_shape {
	GO_KEY_RAW,    /* its own bytes say it all; nothing to follow */
	GO_KEY_STRING, /* one string */
	GO_KEY_PARTS,  /* parts to follow: steps */
};

enum go_key_reference { GO_KEY_REF_STRING = 1, GO_KEY_REF_EFACE, GO_KEY_REF_IFACE };

#define GO_KEY_STEPS 8

struct go_key_step {
	uint16_t offset; /* in the key */
	uint16_t reference;
};

struct go_key_plan {
	enum go_key_shape shape;
	uint32_t size; /* of the key in memory */
	uint32_t nsteps;
	struct go_key_step step[GO_KEY_STEPS];
	bool truncated;	 /* more references than steps: the rest will be shown as unread */
	uint32_t visits; /* types looked at to make it; set on failure too */
};

/* Makes the plan of a key type. Returns false when the type cannot be read. Looks at a few thousand
 * types at most. */
bool go_key_plan(const struct gotypes *types, uint64_t type, struct go_key_plan *ret);

struct go_key_segment {
	uint64_t addr;
	uint64_t type; /* 0: the bytes of a string */
	uint64_t tab;  /* first word of the interface whose value it is; 0: of none */
	uint64_t want; /* its whole size */
	uint64_t len;  /* bytes at hand */
	const void *bytes;
};

/* One key's memory. With is_string, segments[0] is the bytes of a string; else segments[0] is the key
 * itself, and the others are what it refers to. */
struct go_key_memory {
	const struct go_key_segment *segments;
	size_t n;
	bool truncated;
	bool is_string; /* segments[0] holds a string's bytes, not the key's two words */
	/* The key's type, if it was read before and go_key_is_plain(); else NULL, and it is read. */
	const struct gotype *plain;
};

/* Where decoded values live until the next decode: grows, is reused. {0} is empty. */
struct go_key_arena {
	VEC(struct value) values;
	struct buf names; /* type strings, NUL-terminated, by offset until the decode is done */
	VEC(size_t) name_at;
};
void go_key_arena_fini(struct go_key_arena *arena);

/* Tells whether a key of this type needs no other type to be decoded: a number, a bool, a pointer. */
bool go_key_is_plain(const struct gotype *type);

/* Decodes a key of the given type into arena->values. Never fails for what the target holds: what
 * cannot be read becomes VALUE_UNREAD. Returns false only when memory is out. Strings are cut at
 * the last whole rune within their segment. Values are borrowed from the arena, the segments'
 * bytes and the image, until the next decode. */
bool go_key_decode(const struct gotypes *types, uint64_t type, const struct go_key_memory *memory,
		   struct go_key_arena *arena);

#endif
