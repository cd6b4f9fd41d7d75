/* Lookups by address. */
#include "read/debuginfo/debuginfo_priv.h"

#include <dwarf.h>

static bool scope_holds(const struct debuginfo_unit *unit, const struct debuginfo_scope *scope,
			uint64_t pc)
{
	for (uint32_t i = 0; i < scope->range_n; i++) {
		const struct debuginfo_range *range = &unit->ranges.data[scope->range + i];

		if (pc >= range->low && pc < range->high)
			return true;
	}
	return false;
}

/* Returns the innermost scope inside `func` that holds pc. */
static uint32_t innermost(const struct debuginfo_unit *unit, uint32_t func, uint64_t pc)
{
	uint32_t found = func, i = func + 1;

	while (i < unit->scopes.data[found].end) {
		const struct debuginfo_scope *scope = &unit->scopes.data[i];

		if (scope->inlined && scope->parent == found && scope_holds(unit, scope, pc)) {
			found = i;
			i++;
		} else {
			i = scope->end;
		}
	}
	return found;
}

static const char *die_name(struct debuginfo *dwarf, Dwarf_Off offset)
{
	static const unsigned names[] = {DW_AT_linkage_name, DW_AT_MIPS_linkage_name, DW_AT_name};
	Dwarf_Attribute attr;
	Dwarf_Die die;

	if (!dwarf_offdie(dwarf->dw, offset, &die))
		return "";
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *name = dwarf_attr_integrate(&die, names[i], &attr)
					   ? dwarf_formstring(&attr)
					   : NULL;

		if (name && *name)
			return name;
	}
	return "";
}

/* Sets file and dir of a frame. libdw joins a file with the folder from the line table, but does
 * not join that folder with the unit's. clang writes both as relative paths. */
static void set_file(const struct debuginfo_unit *unit, const char *file,
		     struct debuginfo_frame *frame)
{
	frame->frame.file = file ? file : "";
	frame->dir = *frame->frame.file && *frame->frame.file != '/' ? unit->dir : "";
}

static void set_call_file(struct debuginfo *dwarf, struct debuginfo_unit *unit, uint32_t index,
			  struct debuginfo_frame *frame)
{
	Dwarf_Die die;

	set_file(unit, NULL, frame);
	if (!unit->files && (!dwarf_offdie(dwarf->dw, unit->die, &die) ||
			     dwarf_getsrcfiles(&die, &unit->files, &unit->file_n) != 0))
		return;
	if (index < unit->file_n)
		set_file(unit, dwarf_filesrc(unit->files, index, NULL, NULL), frame);
}

/* Sets file and line of the frame to those of pc in the unit's line table. */
static void line_at(struct debuginfo *dwarf, const struct debuginfo_unit *unit, uint64_t pc,
		    struct debuginfo_frame *frame)
{
	Dwarf_Die die;
	Dwarf_Line *line;
	int number;

	set_file(unit, NULL, frame);
	frame->frame.line = 0;
	if (!dwarf_offdie(dwarf->dw, unit->die, &die) || !(line = dwarf_getsrc_die(&die, pc)))
		return;
	set_file(unit, dwarf_linesrc(line, NULL, NULL), frame);
	if (dwarf_lineno(line, &number) == 0 && number > 0)
		frame->frame.line = (uint32_t)number;
}

static size_t unroll(struct debuginfo *dwarf, struct debuginfo_unit *unit, uint32_t func,
		     uint64_t pc, struct debuginfo_frame *ret, size_t max)
{
	uint32_t at = innermost(unit, func, pc);
	struct debuginfo_frame frame = {0};
	size_t n = 0;

	line_at(dwarf, unit, pc, &frame);
	for (; at != func && n + 1 < max; at = unit->scopes.data[at].parent) {
		const struct debuginfo_scope *scope = &unit->scopes.data[at];

		frame.frame.func = die_name(dwarf, scope->die);
		frame.frame.inlined = true;
		ret[n++] = frame;
		set_call_file(dwarf, unit, scope->call_file, &frame);
		frame.frame.line = scope->call_line;
	}
	frame.frame.func = die_name(dwarf, unit->scopes.data[func].die);
	frame.frame.inlined = false;
	ret[n++] = frame;
	return n;
}

enum debuginfo_miss debuginfo_frames(struct debuginfo *dwarf, uint64_t pc,
				     struct debuginfo_frame *ret, size_t max, size_t *ret_n,
				     uint64_t *ret_entry)
{
	const struct debuginfo_range *range = debuginfo_ranges_find(&dwarf->unit_ranges, pc);
	struct debuginfo_unit *unit = range ? &dwarf->units.data[range->of] : NULL;

	if (!unit || !max)
		return DEBUGINFO_NO_UNIT;
	if (!unit->read)
		debuginfo_unit_read(dwarf, unit);
	range = debuginfo_ranges_find(&unit->funcs, pc);
	if (range) {
		*ret_n = unroll(dwarf, unit, range->of, pc, ret, max);
		*ret_entry = range->low;
		return DEBUGINFO_FOUND;
	}
	if (unit->bad)
		return DEBUGINFO_CORRUPT;
	/* A unit of assembly may have only lines. In a unit that has functions, a line between two
	 * functions is that of padding, and is not used. */
	ret[0] = (struct debuginfo_frame){.frame = {.func = "", .file = ""}, .dir = ""};
	if (!unit->funcs.len)
		line_at(dwarf, unit, pc, &ret[0]);
	if (!*ret[0].frame.file)
		return DEBUGINFO_NO_FRAME;
	*ret_n = 1;
	*ret_entry = 0;
	return DEBUGINFO_FOUND;
}
