/* Types of a synthesised program, and checks of decoded keys, for tests of read/layout/go_key.c. */
#ifndef KEY_CHECK_H
#define KEY_CHECK_H

#include "goprog_fixture.h"
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
