/* Collects the variables of Go packages, with their types. A type of which the program has a descriptor is told by that
 * (DW_AT_go_runtime_type: cmd/link/internal/ld/dwarf.go). Of another one a descriptor is made, if pointers can lie in it. */
#include "read/debuginfo/debuginfo_priv.h"
#include "base/buf.h"
#include "base/table.h"
#include "read/debuginfo/message.h"
#include "read/gofile/gofile.h"

#include <dwarf.h>

/* The attributes of Go, from cmd/internal/dwarf/dwarf.go. */
enum {
	GO_KIND =
		0x2900, /* an enum gotype_kind; a named type has it in what its typedef leads to */
	GO_ELEM = 0x2902,
	GO_RUNTIME_TYPE =
		0x2904, /* the offset of its descriptor from moduledata.types; 0: it has none */

	TYPEDEFS_MAX = 16,    /* that lead to one another */
	STRUCT_MAX = 1 << 16, /* of one */
	WORD = 8,
};

struct search {
	struct debuginfo *dwarf;
	const struct debuginfo_ask *ask;
	struct debuginfo_variables *ret;
	struct table made_at; /* entry of a type -> index of its descriptor */
	VEC(Dwarf_Off) made;  /* the entries, by index */
	size_t fields;
	bool failed; /* no memory */
};

static uint64_t number_of(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attr;
	Dwarf_Word value;
	Dwarf_Addr addr;

	if (!dwarf_attr(die, name, &attr))
		return 0;
	if (dwarf_formudata(&attr, &value) == 0)
		return value;
	return dwarf_formaddr(&attr, &addr) == 0 ? addr : 0;
}

/* Finds the offset of a member in its struct. Returns false if it is no constant. */
static bool offset_of(Dwarf_Die *die, uint64_t *ret)
{
	Dwarf_Attribute attr;
	Dwarf_Word value;

	if (!dwarf_attr(die, DW_AT_data_member_location, &attr) ||
	    dwarf_formudata(&attr, &value) != 0)
		return false;
	*ret = value;
	return true;
}

static bool refers(Dwarf_Die *die, unsigned name, Dwarf_Die *ret)
{
	Dwarf_Attribute attr;

	return dwarf_attr(die, name, &attr) && dwarf_formref_die(&attr, ret);
}

/* Moves to the next entry beside this one. Returns false at the end, and when all entries together are too many. */
static bool next(struct search *search, Dwarf_Die *die)
{
	return search->dwarf->entries++ < DEBUGINFO_ENTRIES_MAX && dwarf_siblingof(die, die) == 0;
}

/* ---- types ---- */

/* Returns the kind of a type, or 0 if it is none of Go. *die becomes the entry that has its parts. unsafe.Pointer has no kind there. */
static unsigned kind_of(Dwarf_Die *die)
{
	for (unsigned i = 0; i < TYPEDEFS_MAX; i++) {
		uint64_t kind = number_of(die, GO_KIND);

		if (kind)
			return kind <= GOTYPE_UNSAFE_POINTER ? (unsigned)kind : 0;
		if (dwarf_tag(die) == DW_TAG_pointer_type && !dwarf_hasattr(die, DW_AT_type))
			return GOTYPE_UNSAFE_POINTER;
		if (dwarf_tag(die) != DW_TAG_typedef || !refers(die, DW_AT_type, die))
			return 0;
	}
	return 0;
}

/* Returns the address of a descriptor that will be made of a type, or 0 if there are too many. */
static uint64_t make_later(struct search *search, Dwarf_Die *die)
{
	Dwarf_Off entry = dwarf_dieoffset(die);
	uint32_t *found = table_find(&search->made_at, entry);
	uint32_t index = found ? *found : (uint32_t)search->made.len;

	if (!found && search->made.len >= MESSAGE_TYPES_MAX)
		return 0;
	if (!found &&
	    (!vec_push(&search->made, entry) || table_put(&search->made_at, entry, index) < 0)) {
		search->failed = true;
		return 0;
	}
	return search->ask->made + (uint64_t)index * GOTYPE_MADE_SIZE;
}

/* Returns the address of the descriptor of a type that a reference names, or 0 if no pointer in it leads to a map. What
 * interfaces have is known from their values, and a map without a descriptor was never used. */
static uint64_t type_at(struct search *search, Dwarf_Die *from, unsigned name)
{
	Dwarf_Die die;
	unsigned kind = refers(from, name, &die) ? kind_of(&die) : 0;
	uint64_t offset;

	switch (kind) {
	case GOTYPE_ARRAY:
	case GOTYPE_CHAN:
	case GOTYPE_MAP:
	case GOTYPE_POINTER:
	case GOTYPE_SLICE:
	case GOTYPE_STRUCT:
	case GOTYPE_UNSAFE_POINTER: break;
	default: return 0;
	}
	offset = number_of(&die, GO_RUNTIME_TYPE);
	if (offset)
		return search->ask->types + offset;
	return kind != GOTYPE_MAP ? make_later(search, &die) : 0;
}

static void put_field(struct search *search, uint64_t type, uint64_t offset)
{
	uint8_t bytes[GOTYPE_MADE_FIELD];

	gotype_make_field(type, offset, bytes);
	buf_put(&search->ret->fields, bytes, sizeof(bytes));
	search->fields++;
}

/* Makes the fields of a struct. Those that lead nowhere are left out, and those whose place is unknown. */
static void put_fields(struct search *search, Dwarf_Die *die, struct gotype *type)
{
	Dwarf_Die member;
	uint64_t of, offset;

	type->fields = search->ask->made + GOTYPE_MADE_FIELDS + search->fields * GOTYPE_MADE_FIELD;
	if (search->fields >= MESSAGE_FIELDS_MAX || dwarf_child(die, &member) != 0)
		return;
	do {
		of = dwarf_tag(&member) == DW_TAG_member ? type_at(search, &member, DW_AT_type) : 0;
		if (!of || !offset_of(&member, &offset))
			continue;
		put_field(search, of, offset);
		type->len++;
	} while (next(search, &member) && type->len < STRUCT_MAX &&
		 search->fields < MESSAGE_FIELDS_MAX);
}

static uint64_t length_of(struct search *search, Dwarf_Die *die)
{
	Dwarf_Die range;

	if (dwarf_child(die, &range) != 0)
		return 0;
	do
		if (dwarf_tag(&range) == DW_TAG_subrange_type)
			return number_of(&range, DW_AT_count);
	while (next(search, &range));
	return 0;
}

/* Makes the descriptor of a type. */
static void put_type(struct search *search, Dwarf_Off entry)
{
	uint8_t bytes[GOTYPE_MADE_SIZE];
	struct gotype type = {.size = WORD};
	Dwarf_Die die = {0};

	if (dwarf_offdie(search->dwarf->dw, entry, &die))
		type.kind = (enum gotype_kind)kind_of(&die);
	switch (type.kind) {
	case GOTYPE_SLICE:
		type.size = (uint64_t)3 * WORD;
		type.elem = type_at(search, &die, GO_ELEM);
		break;
	case GOTYPE_CHAN: type.elem = type_at(search, &die, GO_ELEM); break;
	case GOTYPE_POINTER: type.elem = type_at(search, &die, DW_AT_type); break;
	case GOTYPE_ARRAY:
		type.elem = type_at(search, &die, DW_AT_type);
		type.len = length_of(search, &die);
		type.size = number_of(&die, DW_AT_byte_size);
		break;
	case GOTYPE_STRUCT:
		put_fields(search, &die, &type);
		type.size = number_of(&die, DW_AT_byte_size);
		break;
	default: break;
	}
	type.ptr_bytes = type.size;
	gotype_make(&type, bytes);
	buf_put(&search->ret->types, bytes, sizeof(bytes));
}

/* ---- variables ---- */

/* Finds the link-time address of a variable. Returns false if it has none that does not change. Go's linker writes expressions as
 * blocks, which dwarf_getlocation() refuses since DWARF 4. */
static bool location_of(Dwarf_Die *die, uint64_t *ret)
{
	Dwarf_Attribute attr, at;
	Dwarf_Block block;
	Dwarf_Op *ops;
	size_t n;

	if (!dwarf_attr(die, DW_AT_location, &attr))
		return false;
	if (dwarf_formblock(&attr, &block) == 0 && block.length == 1 + sizeof(*ret) &&
	    block.data[0] == DW_OP_addr) {
		memcpy(ret, block.data + 1, sizeof(*ret));
		return true;
	}
	return dwarf_getlocation(&attr, &ops, &n) == 0 && n == 1 && ops[0].atom == DW_OP_addrx &&
	       dwarf_getlocation_attr(&attr, &ops[0], &at) == 0 && dwarf_formaddr(&at, ret) == 0;
}

static void take_variable(struct search *search, Dwarf_Die *die)
{
	struct debuginfo_variable found;

	if (!location_of(die, &found.addr))
		return;
	found.type = type_at(search, die, DW_AT_type);
	if (found.type && search->ret->variables.len < MESSAGE_VARIABLES_MAX * sizeof(found))
		buf_put(&search->ret->variables, &found, sizeof(found));
}

static void search_unit(struct search *search, Dwarf_Off entry)
{
	Dwarf_Die unit, die;

	if (!dwarf_offdie(search->dwarf->dw, entry, &unit) || dwarf_srclang(&unit) != DW_LANG_Go ||
	    dwarf_child(&unit, &die) != 0)
		return;
	do
		if (dwarf_tag(&die) == DW_TAG_variable)
			take_variable(search, &die);
	while (next(search, &die));
}

void debuginfo_variables_fini(struct debuginfo_variables *variables)
{
	buf_fini(&variables->variables);
	buf_fini(&variables->types);
	buf_fini(&variables->fields);
}

struct error *debuginfo_variables(struct debuginfo *dwarf, const struct debuginfo_ask *ask,
				  struct debuginfo_variables *ret)
{
	struct search search = {.dwarf = dwarf, .ask = ask, .ret = ret};

	vec_each(unit, &dwarf->units)
		search_unit(&search, unit->die);
	/* A descriptor may need further ones. */
	for (size_t i = 0; i < search.made.len; i++)
		put_type(&search, search.made.data[i]);
	table_fini(&search.made_at);
	vec_fini(&search.made);
	return search.failed || ret->variables.bad || ret->types.bad || ret->fields.bad
		       ? error_nomem()
		       : NULL;
}
