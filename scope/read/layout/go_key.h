/* Go keys, and other values. A plan says what must be read of a key; it is made once for each type. A value is what
 * the bytes mean; it is made for each event.
 *
 * A key may have parts elsewhere in memory: the bytes of a string, or the value that an interface
 * holds. A plan lists where in the key these references are. The engine that runs the plan reads
 * the key, then each part. The caller hands all of them as segments to go_key_decode().
 */
#ifndef READ_LAYOUT_GO_KEY_H
#define READ_LAYOUT_GO_KEY_H

#include "read/gofile/gofile.h"
#include "base/buf_type.h"

enum go_key_shape {
	GO_KEY_RAW,    /* its own bytes are the whole value */
	GO_KEY_STRING, /* one string */
	GO_KEY_PARTS,  /* it has parts to follow: the steps */
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
	bool truncated;	 /* it has more references than steps; the rest will be shown as unread */
	uint32_t visits; /* types visited to make the plan; set on failure too */
};

/* Makes the plan of a key type. Visits a few thousand types at most. Returns false when the type
 * cannot be read. */
bool go_key_plan(const struct gotypes *types, uint64_t type, struct go_key_plan *ret);

struct go_key_segment {
	uint64_t addr;
	uint64_t type; /* 0 for the bytes of a string */
	uint64_t tab;  /* first word of the interface that holds this value, or 0 */
	uint64_t want; /* its full size in the program */
	uint64_t len;  /* bytes that were read */
	const void *bytes;
};

/* The memory of one key. */
struct go_key_memory {
	const struct go_key_segment *segments;
	size_t n;
	bool truncated;
	bool is_string; /* segments[0] has a string's bytes; otherwise it is the key itself */
	/* The key's type, if it was read before and go_key_is_plain(). With NULL, the type is
	 * read. */
	const struct gotype *plain;
};

/* Memory of decoded values. They live until the next decode, which reuses it. {0} is empty. */
struct go_key_arena {
	VEC(struct value) values;
	struct buf names; /* type strings, NUL-terminated; by offset until the decode is done */
	VEC(size_t) name_at;
	VEC(char *) blocks; /* go_value_decode(): what was read of the process */
	size_t used;	    /* bytes of the last block */
};
void go_key_arena_fini(struct go_key_arena *arena);

/* Tells whether a key of this type can be decoded without another type: a number, a bool, a
 * pointer. */
bool go_key_is_plain(const struct gotype *type);

/* Decodes a key of the given type into arena->values. Never fails because of data of the target: a
 * part that cannot be read becomes VALUE_UNREAD. Returns false only when memory is out. A string is
 * cut at the last whole rune within its segment. The values are borrowed from the arena, the
 * segments' bytes and the image, until the next decode. */
bool go_key_decode(const struct gotypes *types, uint64_t type, const struct go_key_memory *memory,
		   struct go_key_arena *arena);

/* How much go_value_decode() reads of one value. */
struct go_value_limits {
	uint32_t text;	/* bytes of a string */
	uint32_t elems; /* elements of a slice */
};

/* Decodes the value of any type at an address of the process whose memory `types` has. It follows strings, slices and
 * interfaces; a pointer, a channel, a map or a function is shown as an address. Otherwise as go_key_decode(). */
bool go_value_decode(const struct gotypes *types, uint64_t type, uint64_t addr,
		     const struct go_value_limits *limits, struct go_key_arena *arena);

#endif
