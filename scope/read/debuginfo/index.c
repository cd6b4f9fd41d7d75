/* Walks a unit once and keeps its functions and inlined calls as ranges. debuginfo_priv.h has a
 * drawing. */
#include "read/debuginfo/debuginfo_priv.h"

#include <dwarf.h>

struct die_walk {
	struct debuginfo *dwarf;
	struct debuginfo_unit *unit;
	Dwarf_Die dies[DEBUGINFO_DEPTH_MAX];
	uint32_t scope[DEBUGINFO_DEPTH_MAX]; /* the innermost scope around dies[i]'s children */
	unsigned depth;
	uint32_t open; /* the scope whose children are being read; UINT32_MAX when there is none */
};

static uint32_t attr_number(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attr;
	Dwarf_Word value;

	if (!dwarf_attr(die, name, &attr) || dwarf_formudata(&attr, &value) != 0 ||
	    value > UINT32_MAX)
		return 0;
	return (uint32_t)value;
}

/* Keeps a function or an inlined call that has code. *ret is the scope around it, and becomes the
 * scope around its children. */
static bool add_scope(struct die_walk *walk, Dwarf_Die *die, bool inlined, uint32_t *ret)
{
	struct debuginfo_unit *unit = walk->unit;
	uint32_t index = (uint32_t)unit->scopes.len;
	struct debuginfo_scope scope = {
		.die = dwarf_dieoffset(die),
		.parent = *ret,
		.end = index + 1,
		.range = (uint32_t)unit->ranges.len,
		.inlined = inlined,
	};

	if (!debuginfo_ranges_of(walk->dwarf, die, index, &unit->ranges))
		return false;
	scope.range_n = (uint32_t)(unit->ranges.len - scope.range);
	if (!scope.range_n)
		return true;
	if (inlined) {
		scope.call_file = attr_number(die, DW_AT_call_file);
		scope.call_line = attr_number(die, DW_AT_call_line);
	} else {
		scope.parent = UINT32_MAX; /* a function inside a function has its own frame */
		for (uint32_t i = 0; i < scope.range_n; i++)
			if (!vec_push(&unit->funcs, unit->ranges.data[scope.range + i]))
				return false;
	}
	*ret = index;
	return vec_push(&unit->scopes, scope);
}

/* Tells whether an entry of this tag may hold functions or inlined calls. Most entries are types
 * and variables, which do not. */
static bool tag_holds_scopes(int tag)
{
	switch (tag) {
	case DW_TAG_subprogram:
	case DW_TAG_inlined_subroutine:
	case DW_TAG_lexical_block:
	case DW_TAG_try_block:
	case DW_TAG_catch_block:
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_structure_type:
	case DW_TAG_class_type: return true;
	default: return false;
	}
}

/* Takes the entry on top. Sets *ret_enter when its children are of interest. Returns false to give
 * up. */
static bool visit(struct die_walk *walk, bool *ret_enter)
{
	Dwarf_Die *die = &walk->dies[walk->depth];
	uint32_t around = walk->depth ? walk->scope[walk->depth - 1] : UINT32_MAX;
	uint32_t scope = around;
	int tag = dwarf_tag(die);

	if (walk->dwarf->entries++ >= DEBUGINFO_ENTRIES_MAX || tag == DW_TAG_invalid)
		return false;
	if ((tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine) &&
	    !add_scope(walk, die, tag == DW_TAG_inlined_subroutine, &scope))
		return false;
	walk->scope[walk->depth] = scope;
	*ret_enter =
		tag_holds_scopes(tag) && walk->depth + 1 < DEBUGINFO_DEPTH_MAX &&
		/* an abstract instance has no code */
		(scope != around || (tag != DW_TAG_subprogram && tag != DW_TAG_inlined_subroutine));
	return true;
}

/* Moves from the entry on top to the next one that is not inside it. Returns false at the end, or
 * when the unit is corrupt (*ret_bad). */
static bool advance(struct die_walk *walk, bool *ret_bad)
{
	for (;;) {
		Dwarf_Die *die = &walk->dies[walk->depth];
		uint32_t scope = walk->scope[walk->depth];
		int found = dwarf_siblingof(die, die);

		/* A scope that began at this entry ends here. */
		if (scope != UINT32_MAX && (!walk->depth || walk->scope[walk->depth - 1] != scope))
			walk->unit->scopes.data[scope].end = (uint32_t)walk->unit->scopes.len;
		*ret_bad = found < 0;
		if (found <= 0)
			return found == 0;
		if (!walk->depth)
			return false;
		walk->depth--;
	}
}

static bool walk_unit(struct die_walk *walk)
{
	Dwarf_Die root;
	bool bad = false, enter;
	int found;

	if (!dwarf_offdie(walk->dwarf->dw, walk->unit->die, &root))
		return false;
	found = dwarf_child(&root, &walk->dies[0]);
	if (found)
		return found > 0; /* 1: no children */
	do {
		if (!visit(walk, &enter))
			return false;
		while (enter) {
			found = dwarf_child(&walk->dies[walk->depth], &walk->dies[walk->depth + 1]);
			if (found)
				break;
			walk->depth++;
			if (!visit(walk, &enter))
				return false;
		}
		if (enter && found < 0)
			return false;
	} while (advance(walk, &bad));
	return !bad;
}

static const char *unit_dir(struct debuginfo *dwarf, const struct debuginfo_unit *unit)
{
	Dwarf_Attribute attr;
	Dwarf_Die die;
	const char *dir = NULL;

	if (dwarf_offdie(dwarf->dw, unit->die, &die) && dwarf_attr(&die, DW_AT_comp_dir, &attr))
		dir = dwarf_formstring(&attr);
	return dir && *dir == '/' ? dir : "";
}

void debuginfo_unit_read(struct debuginfo *dwarf, struct debuginfo_unit *unit)
{
	struct die_walk walk = {.dwarf = dwarf, .unit = unit};

	unit->read = true;
	unit->dir = unit_dir(dwarf, unit);
	unit->bad = !walk_unit(&walk);
	debuginfo_ranges_sort(&unit->funcs);
}
