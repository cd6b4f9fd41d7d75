/* A Go value as a flat list of tokens. A decoded key has this form. Sinks turn the list into text
 * or JSON, and filters compare it.
 *
 *     struct{ID int; Name string}{7, "x"}  ->  STRUCT(n=2) INT(name "ID", 7) STRING(name "Name", "x")
 *     any(42)                              ->  INTERFACE(type "int", n=1) INT(42)
 *     [2]bool{}                            ->  ARRAY(n=2) BOOL(0) BOOL(0)
 *
 * STRUCT, ARRAY and INTERFACE are followed by their n children (each a token with its own
 * children). A nil interface is INTERFACE with n = 0 and type "".
 */
#ifndef READ_LAYOUT_VALUE_H
#define READ_LAYOUT_VALUE_H

enum value_kind {
	VALUE_BOOL,	 /* u */
	VALUE_INT,	 /* i */
	VALUE_UINT,	 /* u */
	VALUE_FLOAT,	 /* f; bits 32 or 64 */
	VALUE_COMPLEX,	 /* f + im*i; bits 64 or 128 */
	VALUE_POINTER,	 /* u; also of a channel or unsafe.Pointer */
	VALUE_STRING,	 /* bytes, bytes_len; cut */
	VALUE_STRUCT,	 /* n fields; type: the struct's type string, or "" when it has no name */
	VALUE_ARRAY,	 /* n elements; type: "[2]int" */
	VALUE_INTERFACE, /* n = 1: the dynamic value follows; type: its type string */
	VALUE_UNREAD,	 /* bytes: why it could not be read */
};

struct value {
	enum value_kind kind;
	uint8_t bits;	  /* FLOAT, COMPLEX: width of the Go type */
	bool cut;	  /* only the first bytes (STRING) or children (STRUCT, ARRAY) were kept */
	uint32_t n;	  /* STRUCT, ARRAY, INTERFACE: direct children that follow */
	const char *name; /* field name of a child of a STRUCT, else NULL; not NUL-terminated */
	uint32_t name_len;
	uint32_t whole;	  /* cut: bytes or children of the whole, up to UINT32_MAX; 0: unknown */
	const char *type; /* NUL-terminated; see the kinds; NULL when unknown */
	union {
		uint64_t u;
		int64_t i;
		double f;
		const char *bytes; /* borrowed from the event's record */
	};
	union {
		double im;
		uint64_t bytes_len; /* STRING: bytes present here; UNREAD: length of the text */
	};
};

/* Returns the index of the token after values[at] and all its children; at most n. */
size_t value_skip(const struct value *values, size_t n, size_t at);

/* Appends the value as a Go programmer would write it: "user:42" (quoted as by strconv.Quote), 42,
 * 1.5, true, (1+2i), 0xc000012345, main.point{X: 1, Y: 2}, [2]int{1, 2}, int(42) for an interface,
 * nil. A cut string ends in "…" after its closing quote. UNREAD is written as <why>. */
void value_text(struct buf *to, const struct value *values, size_t n);

/* Appends the value as the event schema defines it: a string; a number (as a string if it is past
 * 2^53, NaN or infinite); a boolean; an object for a struct; an array; [re,im]; "0x…" for a
 * pointer; {"type":"int","value":42} for an interface; {"bytes":"hex"} for a string that is not
 * UTF-8; null for UNREAD. */
void value_json(struct buf *to, const struct value *values, size_t n);

/* Tells whether values[at] is the first field of its name and its name can be shown in JSON
 * unchanged. If not, value_json() appends "#index" to the name. The struct's fields begin at
 * `first`; the list ends at n. */
bool value_name_unique(const struct value *values, size_t first, size_t at, size_t n,
		       uint32_t index);

/* Tells whether any value in the list is cut. */
bool value_is_cut(const struct value *values, size_t n);
/* Returns the reason of the first UNREAD in the list, or NULL when there is no UNREAD. The reason
 * is "" when the UNREAD has none. Reasons end in a NUL. */
const char *value_error(const struct value *values, size_t n);

#endif
