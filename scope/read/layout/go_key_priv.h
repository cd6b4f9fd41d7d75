/* Declarations that go_key.c and go_value.c share: both make the tokens of one value. */
#ifndef READ_LAYOUT_GO_KEY_PRIV_H
#define READ_LAYOUT_GO_KEY_PRIV_H

#include "read/layout/layout.h"

#define VALUES_MAX 512 /* tokens of one value */

struct decoder {
	const struct gotypes *types;
	const struct go_key_memory *memory; /* of a key that was read before */
	const struct go_value_limits *live; /* the process is read; NULL: only `memory` is there */
	struct go_key_segment segment;	    /* live: the last part that was read */
	struct go_key_arena *arena;
	bool nomem;
};

static inline uint64_t word_at(const uint8_t *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return word;
}

/* go_key.c */
void value_reset(struct go_key_arena *arena);
/* Appends a token. The result is valid until the next one is appended. */
struct value *value_emit(struct decoder *d, enum value_kind kind);
void value_emit_unread(struct decoder *d, const char *why); /* `why` is static */
/* Notes that a type names the token at `index`. */
void value_name_type(struct decoder *d, size_t index, uint64_t type);
void value_note_cut(struct decoder *d, size_t index, uint64_t n);
/* Appends the tokens of a value whose first `len` bytes are there. */
void value_decode(struct decoder *d, uint64_t addr, const uint8_t *bytes, uint64_t len,
		  unsigned depth);
void value_set_names(struct decoder *d);

/* go_value.c: parts of values in the process. Each returns NULL if the part cannot be read; the result is valid until the
 * next call. */
const struct go_key_segment *live_string(struct decoder *d, uint64_t addr, uint64_t want);
/* `of` is the type of the interface, {tab, data} its words. */
const struct go_key_segment *live_value(struct decoder *d, const struct gotype *of, uint64_t tab,
					uint64_t data);
/* Appends the value of a type that no key has. Returns false if the kind of the type is not known. */
bool live_decode(struct decoder *d, const struct gotype *type, const uint8_t *bytes,
		 unsigned depth);

#endif
