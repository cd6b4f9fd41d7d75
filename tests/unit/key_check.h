/* Types of a synthesised program, and checks of decoded keys, for tests of read/layout/go_key.c. */
#ifndef KEY_CHECK_H
#define KEY_CHECK_H

#include "goprog_fixture.h"
#include "base/buf.h"
#include "read/layout/layout.h"

#define STRUCT(p, name_, fields_, size_, ptr_bytes_)                       \
	goprog_type((p), &(struct goprog_type){.name = (name_),            \
					       .kind = GOTYPE_STRUCT,      \
					       .named = (name_)[0] == 'm', \
					       .size = (size_),            \
					       .ptr_bytes = (ptr_bytes_),  \
					       .fields = (fields_),        \
					       .nfields = ARRAY_SIZE(fields_)})

static inline void check_values(const struct value *values, size_t n, const char *expected)
{
	struct buf text = {0};

	assert_true(n > 0);
	assert_int_equal(value_skip(values, n, 0), n); /* one value, and all of it */
	value_text(&text, values, n);
	assert_string_equal(buf_cstr(&text), expected);
	buf_fini(&text);
}

/* Decodes segments and compares the result with Go's notation. */
static inline void check_memory(const struct goprog *p, uint64_t type,
				const struct go_key_memory *memory, const char *expected)
{
	struct go_key_arena arena = {0};

	for (int round = 0; round < 2; round++) { /* the arena is reused */
		assert_true(go_key_decode(&p->types, type, memory, &arena));
		check_values(arena.values.data, arena.values.len, expected);
	}
	go_key_arena_fini(&arena);
}

static inline struct go_key_plan plan_of(const struct goprog *p, uint64_t type)
{
	struct go_key_plan plan;

	assert_true(go_key_plan(&p->types, type, &plan));
	return plan;
}

/* Makes the type [1][1]...string, with `levels` of arrays around the string. */
static inline uint64_t nest(struct goprog *p, unsigned levels)
{
	uint64_t type = goprog_scalar(p, GOTYPE_STRING);

	while (levels--)
		type = goprog_array(p, "[1]T", type, 16, 1, 8);
	return type;
}

/* Changes the type of a field. After the 48 bytes of a descriptor come PkgPath, the slice of
 * fields, then the fields, 24 bytes each. */
static inline void poke_field_type(struct goprog *p, uint64_t type, unsigned index, uint64_t to)
{
	gofake_poke_u64(&p->fake, type + 48 + 8 + 24 + 24 * index + 8, to);
}

/* Checks a key that has no parts elsewhere. Its bytes are copied, so that a read past them is
 * detected. */
static inline void check_key(const struct goprog *p, uint64_t type, const void *bytes, size_t size,
			     const char *expected)
{
	cleanup_free void *copy = malloc(size ? size : 1);
	struct go_key_segment segment = {.type = type, .want = size, .len = size, .bytes = copy};
	struct go_key_memory memory = {.segments = &segment, .n = 1};

	assert_non_null(copy);
	memcpy(copy, bytes, size);
	check_memory(p, type, &memory, expected);
}

struct interface_types {
	uint64_t eface, iface, integer, string, pointer, pair, two;
};

/* Adds types to a program that was begun, and opens it. */
static inline void add_interfaces(struct goprog *p, struct interface_types *t)
{
	t->eface = goprog_eface(p);
	t->iface = goprog_iface(p);
	t->integer = goprog_scalar(p, GOTYPE_INT);
	t->string = goprog_scalar(p, GOTYPE_STRING);
	t->pointer = goprog_scalar(p, GOTYPE_POINTER);
	t->pair =
		STRUCT(p, "main.pair",
		       ((struct goprog_field[]){{"K", t->string, 0}, {"V", t->eface, 16}}), 32, 32);
	t->two = goprog_array(p, "[2]interface {}", t->eface, 16, 2, 32);
	goprog_open(p);
}

#endif
