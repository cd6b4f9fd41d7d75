/* The runtime's type data (abi.Type and the data that follows it), Go 1.18 to 1.27.
 *
 * Type addresses here are RUN-TIME addresses, as a process passes them to the runtime. They lie
 * inside the image (then link-time = run-time - bias), in another module of the process, or on the
 * heap of the process if reflect made the type. Types on the heap are read from its memory.
 */
#ifndef READ_GOFILE_GOTYPE_H
#define READ_GOFILE_GOTYPE_H

#include "base/memory.h"

enum gotype_kind { /* the runtime's numbers, from internal/abi/type.go */
		   GOTYPE_BOOL = 1,
		   GOTYPE_INT,
		   GOTYPE_INT8,
		   GOTYPE_INT16,
		   GOTYPE_INT32,
		   GOTYPE_INT64,
		   GOTYPE_UINT,
		   GOTYPE_UINT8,
		   GOTYPE_UINT16,
		   GOTYPE_UINT32,
		   GOTYPE_UINT64,
		   GOTYPE_UINTPTR,
		   GOTYPE_FLOAT32,
		   GOTYPE_FLOAT64,
		   GOTYPE_COMPLEX64,
		   GOTYPE_COMPLEX128,
		   GOTYPE_ARRAY,
		   GOTYPE_CHAN,
		   GOTYPE_FUNC,
		   GOTYPE_INTERFACE,
		   GOTYPE_MAP,
		   GOTYPE_POINTER,
		   GOTYPE_SLICE,
		   GOTYPE_STRING,
		   GOTYPE_STRUCT,
		   GOTYPE_UNSAFE_POINTER,
};

/* A Go module as a process has it loaded. */
struct gotype_module {
	const struct gopcln *tab;  /* borrowed */
	const struct image *image; /* borrowed */
	uint64_t bias;
};

struct gotypes {
	union { /* the module whose types are read */
		struct {
			const struct gopcln *tab;
			const struct image *image;
			uint64_t bias;
		};
		struct gotype_module module;
	};
	struct memory memory; /* memory of the process; {0} when there is none */
	/* Finds another module of the process by an address in it: a plugin uses types of its
	 * program. Returns NULL when there is none. NULL: there are no other modules. */
	const struct gotype_module *(*find)(void *ctx, uint64_t addr);
	void *find_ctx;
};

struct gotype {
	uint64_t addr; /* run-time */
	uint64_t size, ptr_bytes;
	uint32_t hash;
	enum gotype_kind kind;
	bool named;	      /* TFlagNamed */
	bool direct_iface;    /* an interface holds the value itself, not a pointer to it */
	bool comparable;      /* Equal is not nil */
	uint64_t elem;	      /* element type of an array, chan, map, pointer or slice; else 0 */
	uint64_t key;	      /* the key type of a map; otherwise 0 */
	uint64_t len;	      /* length of an array, number of fields of a struct; else 0 */
	uint64_t fields;      /* the address of a struct's field array; otherwise 0 */
	bool empty_interface; /* an interface without methods (eface: the first word is the type) */
};

/* Reads the type descriptor at addr. Returns false when the bytes there are no sane descriptor. For
 * example, a kind of fixed size must have that size (an int has 8 bytes). */
bool gotype_read(const struct gotypes *types, uint64_t addr, struct gotype *ret);

/* Appends the type's string as reflect's String() gives it ("map[string]*main.session"). A map type
 * that reflect.MapOf made at run time has no name in the file. Its string is built from those of
 * its key and its element. A name of more than GOTYPE_NAME_MAX bytes is cut, and GOTYPE_NAME_CUT is
 * appended to it. Returns false and appends nothing when the type is unreadable. */
#define GOTYPE_NAME_MAX 4096
#define GOTYPE_NAME_CUT "\xe2\x80\xa6 (cut)"
bool gotype_name(const struct gotypes *types, uint64_t addr, struct buf *to);
/* Appends the name as gotype_name() does, for filters. It is cut only at a megabyte. */
bool gotype_name_whole(const struct gotypes *types, uint64_t addr, struct buf *to);

/* Appends the path of the package that declares a named type ("net/http", "main"). Returns false and appends
 * nothing when the type has no name, is predeclared (int, error), or is not in a file. */
bool gotype_own_package(const struct gotypes *types, uint64_t addr, struct buf *to);
/* Appends the package of the first named part of a type, which is the type itself, or what its element, its key or
 * a field of an unnamed struct leads to, in this order. Returns false and appends nothing when no part has one. */
bool gotype_package(const struct gotypes *types, uint64_t addr, struct buf *to);

struct gotype_field {
	const char *name; /* borrowed; not NUL-terminated; NULL when the name is not in the image */
	size_t name_len;
	uint64_t type;	 /* run-time address */
	uint64_t offset; /* bytes from the start of the struct */
};
/* Reads field `index` of a struct type. Returns false when there is no such field, or it is
 * unreadable. */
bool gotype_field(const struct gotypes *types, const struct gotype *type, uint64_t index,
		  struct gotype_field *ret);

/* Calls found(ctx, type) for every descriptor of the given kinds in the image's type data, in the
 * order of addresses. It scans [types, etypes) for the structure of descriptors, with strict
 * checks. It therefore also finds named map types, which typelinks lacks. Bit 1 << enum gotype_kind
 * of `kinds` selects a kind. `found` returns false to stop. */
void gotype_scan(const struct gotypes *types, uint32_t kinds,
		 bool (*found)(void *ctx, const struct gotype *type), void *ctx);

/* ---- types without a descriptor ---- */

/* A program has no descriptor of a type that none of its code needs one of. Other sources may tell the type. Written in the form
 * of a descriptor, at addresses that the process does not have, it can be read like all others (gotypes.memory). */
enum { GOTYPE_MADE_SIZE = 72, GOTYPE_MADE_FIELD = 24 };
#define GOTYPE_MADE_FIELDS \
	(1ull << 32) /* the fields of all made types begin so far after the types */
/* Writes the descriptor of an array, a chan, a pointer, a slice, a struct or an unsafe.Pointer. Its addresses are run-time ones.
 * It has no name. Only for releases since 1.19. */
void gotype_make(const struct gotype *type, uint8_t ret[GOTYPE_MADE_SIZE]);
/* Writes a field of a struct: one of type->len at type->fields. It has no name. */
void gotype_make_field(uint64_t type, uint64_t offset, uint8_t ret[GOTYPE_MADE_FIELD]);

#endif
