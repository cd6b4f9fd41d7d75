/* Opens debug information, and collects the address ranges of its units. */
#include "read/debuginfo/debuginfo_priv.h"
#include "base/search.h"

#include <dwarf.h>
#include <gelf.h>

/* ---- ranges ---- */

bool debuginfo_ranges_of(struct debuginfo *dwarf, Dwarf_Die *die, uint32_t of,
			 debuginfo_ranges_vec *to)
{
	struct debuginfo_range range = {.of = of};
	Dwarf_Addr base, low, high;
	ptrdiff_t at = 0;

	while ((at = dwarf_ranges(die, at, &base, &low, &high)) > 0) {
		if (dwarf->ranges++ >= DEBUGINFO_RANGES_MAX)
			return false;
		/* The linker gives code that it threw away the address 0, or the end of all
		 * addresses. */
		if (low == 0 || low >= high)
			continue;
		range.low = low;
		range.high = high;
		if (!vec_push(to, range))
			return false;
	}
	return true; /* none: a declaration, or an abstract instance */
}

static int compare_ranges(const void *a, const void *b)
{
	const struct debuginfo_range *x = a, *y = b;

	if (x->low != y->low)
		return x->low < y->low ? -1 : 1;
	return x->of < y->of ? -1 : x->of > y->of;
}

void debuginfo_ranges_sort(debuginfo_ranges_vec *ranges)
{
	if (ranges->len)
		qsort(ranges->data, ranges->len, sizeof(*ranges->data), compare_ranges);
}

const struct debuginfo_range *debuginfo_ranges_find(const debuginfo_ranges_vec *ranges,
						    uint64_t addr)
{
	const struct debuginfo_range *best = NULL;
	size_t at = lower_bound(i, ranges->len, ranges->data[i].low <= addr);

	for (size_t looked = 0; at > 0 && looked < DEBUGINFO_OVERLAP_MAX; looked++) {
		const struct debuginfo_range *range = &ranges->data[--at];

		if (addr < range->high &&
		    (!best || range->high - range->low < best->high - best->low))
			best = range;
	}
	return best;
}

/* ---- opening ---- */

static struct error *read_units(struct debuginfo *dwarf)
{
	Dwarf_CU *cu = NULL;
	Dwarf_Die die;

	/* No second DIE is asked for: with one, libdw would try to open the file (.dwo) that has the
	 * rest of the unit. */
	while (dwarf_get_units(dwarf->dw, cu, &cu, NULL, NULL, &die, NULL) == 0) {
		struct debuginfo_unit unit = {.die = dwarf_dieoffset(&die)};
		int tag = dwarf_tag(&die);

		if (dwarf->units.len >= DEBUGINFO_UNITS_MAX)
			return error_new(ERROR_TARGET, "corrupt: more than %d units",
					 DEBUGINFO_UNITS_MAX);
		if (tag != DW_TAG_compile_unit && tag != DW_TAG_skeleton_unit)
			continue;
		if (!vec_push(&dwarf->units, unit))
			return error_nomem();
		if (!debuginfo_ranges_of(dwarf, &die, (uint32_t)dwarf->units.len - 1,
					 &dwarf->unit_ranges))
			return error_new(ERROR_TARGET, "corrupt: more than %d ranges",
					 DEBUGINFO_RANGES_MAX);
	}
	if (!dwarf->units.len)
		return error_new(ERROR_TARGET, "corrupt: no compilation unit can be read");
	debuginfo_ranges_sort(&dwarf->unit_ranges);
	return NULL;
}

static struct error *open_file(struct debuginfo *dwarf, int fd, uint64_t *ret_size)
{
	dwarf->elf = elf_begin(fd, ELF_C_READ_MMAP_PRIVATE, NULL);
	if (!dwarf->elf)
		return error_new(ERROR_TARGET, "not an ELF file that libelf reads: %s",
				 elf_errmsg(-1));
	return debuginfo_sections(dwarf, ret_size);
}

static struct error *no_dwarf(const struct debuginfo *dwarf)
{
	if (*dwarf->path)
		return error_new(ERROR_TARGET, "none in %s either", dwarf->path);
	return error_new(ERROR_TARGET, "stripped: no .debug_info, and no separate debug file here");
}

/* Replaces the program by the separate debug file that belongs to it. */
static struct error *open_separate(struct debuginfo *dwarf, const struct debuginfo_files *files,
				   uint64_t *ret_size)
{
	char *path = NULL;

	try(debuginfo_separate(dwarf->elf, files, &dwarf->fd, &path));
	if (dwarf->fd < 0)
		return no_dwarf(dwarf);
	free(dwarf->path);
	dwarf->path = path;
	elf_end(take_ptr(dwarf->elf));
	try(open_file(dwarf, dwarf->fd, ret_size));
	return *ret_size ? NULL : no_dwarf(dwarf);
}

struct error *debuginfo_open(int fd, const struct debuginfo_files *files, struct debuginfo **ret)
{
	cleanup(debuginfo_close) struct debuginfo *dwarf = calloc(1, sizeof(*dwarf));
	uint64_t size = 0;

	if (!dwarf)
		return error_nomem();
	dwarf->fd = dwarf->shared_fd = -1;
	dwarf->path = strdup("");
	if (!dwarf->path)
		return error_nomem();
	elf_version(EV_CURRENT);
	try(open_file(dwarf, fd, &size));
	if (!size)
		try(open_separate(dwarf, files, &size));
	dwarf->dw = dwarf_begin_elf(dwarf->elf, DWARF_C_READ, NULL);
	if (!dwarf->dw)
		return error_new(ERROR_TARGET, "corrupt: %s", dwarf_errmsg(-1));
	try(debuginfo_shared(dwarf, files));
	try(read_units(dwarf));
	*ret = take_ptr(dwarf);
	return NULL;
}

void debuginfo_close(struct debuginfo *dwarf)
{
	if (!dwarf)
		return;
	vec_each(unit, &dwarf->units) {
		vec_fini(&unit->scopes);
		vec_fini(&unit->funcs);
		vec_fini(&unit->ranges);
	}
	vec_fini(&dwarf->units);
	vec_fini(&dwarf->unit_ranges);
	dwarf_end(dwarf->dw);
	dwarf_end(dwarf->shared);
	elf_end(dwarf->elf);
	vec_each(bytes, &dwarf->inflated)
		free(*bytes);
	vec_fini(&dwarf->inflated);
	if (dwarf->fd >= 0)
		close(dwarf->fd);
	if (dwarf->shared_fd >= 0)
		close(dwarf->shared_fd);
	free(dwarf->path);
	free(dwarf);
}

const char *debuginfo_path(const struct debuginfo *dwarf)
{
	return dwarf->path;
}
