/* goprog: adds types and functions of a test to a gofake program.
 *
 *     struct goprog p;
 *
 *     goprog_begin(&p, 26);
 *     uint64_t key = goprog_scalar(&p, GOTYPE_INT);          // types first
 *     uint64_t at = goprog_func(&p, &(struct goprog_func){.name = "main.f", ...});
 *     goprog_open(&p);                                       // now image, tab and types are there
 *     ...
 *     goprog_close(&p);
 *
 * The functions that gofake calls runtime.mapdelete are named runtime.mapassign here. If something
 * cannot be built, the test program ends.
 */
#ifndef UNIT_GOPROG_H
#define UNIT_GOPROG_H

#include "gofake.h"

struct goprog_row {
	uint64_t entry;
	const char *name;
	uint32_t line;
	uint8_t func_id;
	const struct goprog_sp *sp;
	const struct goprog_inline *inlined;
};

struct goprog {
	unsigned minor;
	struct gofake fake;
	VEC(struct goprog_row) rows;
	uint64_t etypes; /* 0 until the first function */
	struct image *image;
	struct gopcln *tab;
	struct gotypes types; /* bias 0; no memory of a process */
};

/* Begins a program of a Go 1.x release; minor is 19 to 27. */
void goprog_begin(struct goprog *p, unsigned minor);
void goprog_open(struct goprog *p);
void goprog_close(struct goprog *p);

/* ---- types: each returns the address of its descriptor ---- */

struct goprog_field {
	const char *name;
	uint64_t type;
	uint64_t offset;
};

struct goprog_type {
	const char *name; /* NULL: none, as in a type that reflect made */
	enum gotype_kind kind;
	uint64_t size, ptr_bytes;
	bool named, direct, incomparable;
	uint64_t elem;			   /* array, chan, map, pointer, slice */
	uint64_t key;			   /* map */
	uint64_t len;			   /* array */
	const struct goprog_field *fields; /* struct */
	uint64_t nfields;		   /* struct: the number of fields that it claims to have */
	uint64_t methods;		   /* interface */
};

uint64_t goprog_type(struct goprog *p, const struct goprog_type *type);

/* Add a type and return its address: scalars, strings and interfaces, under Go's names. */
uint64_t goprog_scalar(struct goprog *p, enum gotype_kind kind);
uint64_t goprog_eface(struct goprog *p); /* interface {} */
uint64_t goprog_iface(struct goprog *p); /* fmt.Stringer */
uint64_t goprog_array(struct goprog *p, const char *name, uint64_t elem, uint64_t elem_size,
		      uint64_t len, uint64_t ptr_bytes);
uint64_t goprog_map(struct goprog *p, const char *name, uint64_t key);

/* ---- functions ---- */

/* The stack pointer is `delta` below its value at the entry, up to byte `until` of the function. */
struct goprog_sp {
	uint32_t until;
	int32_t delta;
};

/* The code up to byte `until` is that of the inlined function `name`, called at parent_pc. Without
 * a name it is the function's own code. */
struct goprog_inline {
	uint32_t until;
	const char *name;
	uint32_t parent_pc;
};
#define GOPROG_INLINES 16

struct goprog_func {
	const char *name;
	uint8_t func_id;
	uint32_t line; /* of /src/main.go */
	const uint8_t *code;
	size_t size;
	const struct goprog_sp *sp; /* ends with {0}; NULL: no such table */
	const struct goprog_inline
		*inlined; /* ends with {0}; NULL: no such table; from Go 1.20 on */
};

/* Adds a function. Returns its entry. The bytes up to the next function are int3. Strings and
 * tables are borrowed until goprog_open(). */
uint64_t goprog_func(struct goprog *p, const struct goprog_func *func);

/* Returns the funcID by which this release marks wrappers. */
uint8_t goprog_wrapper_id(const struct goprog *p);

#endif
