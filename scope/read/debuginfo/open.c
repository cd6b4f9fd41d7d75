/* Finds and opens debug information, and collects the address ranges of its units. */
#include "read/debuginfo/debuginfo_priv.h"
#include "base/search.h"
#include "base/buf.h"

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

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

/* ---- names of other files ---- */

/* Names of other files are in the program, and libdwfl and libdw open whatever has such a name.
 * Opening a FIFO would block until it has a writer. Opening a device may have effects. Each such
 * name is therefore checked first. */

#define DEBUGINFO_FILE_MAX (16ll << 30) /* bytes of a file with debug information */

/* Returns NULL when no file has this path, or one that can be read. Otherwise returns the error. */
static struct error *check_file(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return NULL;
	if (!S_ISREG(st.st_mode))
		return error_new(ERROR_TARGET, "its file %s is not a regular file", path);
	if (st.st_size > DEBUGINFO_FILE_MAX)
		return error_new(ERROR_TARGET, "its file %s is too large", path);
	return NULL;
}

/* Checks a path as check_file() does. The path is joined from the parts; "" leaves out
 * `between`. */
static struct error *check_path(const char *folder, const char *between, const char *name)
{
	struct buf path = {0};
	struct error *err;

	buf_printf(&path, "%s/%s%s%s", folder, between, *between ? "/" : "", name);
	err = path.bad ? error_nomem() : check_file(buf_cstr(&path));
	buf_fini(&path);
	return err;
}

/* Checks a name in the folder, and in its folder .debug, where debuggers look too. An absolute name
 * is checked as it is. */
static struct error *check_name(const char *folder, const char *name)
{
	if (*name == '/')
		return check_file(name);
	try(check_path(folder, "", name));
	return check_path(folder, ".debug", name);
}

/* Finds the folder of an open file, in the way in which libdw does. */
static void folder_of(int fd, char ret[PATH_MAX])
{
	char link[64], *slash;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, ret, PATH_MAX - 1);
	ret[n > 0 ? n : 0] = '\0';
	slash = strrchr(ret, '/');
	if (!slash)
		strcpy(ret, "."); /* a file without a name has no other file beside it */
	else
		*slash = '\0';
}

/* Checks the file whose name is at the beginning of a section (.gnu_debuglink,
 * .gnu_debugaltlink). */
static struct error *check_section(Elf *elf, const char *folder, const char *section)
{
	Elf_Scn *scn = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names) != 0)
		return NULL;
	while ((scn = elf_nextscn(elf, scn))) {
		GElf_Shdr header;
		const char *name =
			gelf_getshdr(scn, &header) ? elf_strptr(elf, names, header.sh_name) : NULL;
		Elf_Data *data;

		if (!name || strcmp(name, section) != 0 || header.sh_type == SHT_NOBITS)
			continue;
		data = elf_rawdata(scn, NULL);
		if (data && data->d_buf && memchr(data->d_buf, 0, data->d_size))
			try(check_name(folder, data->d_buf));
	}
	return NULL;
}

/* Checks the file (.dwo) that has the rest of a unit, if the unit names one. */
static struct error *check_split(Dwarf_Die *die, const char *folder)
{
	Dwarf_Attribute attr;
	const char *name, *build;

	if (!dwarf_attr(die, DW_AT_dwo_name, &attr) && !dwarf_attr(die, DW_AT_GNU_dwo_name, &attr))
		return NULL;
	name = dwarf_formstring(&attr);
	build = dwarf_formstring(dwarf_attr(die, DW_AT_comp_dir, &attr));
	if (!name)
		return NULL;
	try(check_name(folder, name));
	if (!build || *name == '/')
		return NULL;
	try(check_path(build, "", name));
	return check_path(folder, build, name);
}

/* ---- separate files ---- */

struct separate {
	int fd;
	char *path;
};

/* Notes the file that libdwfl finds, and returns that there is none, because this room opens the
 * file itself. */
static int note_debuginfo(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
			  const char *file, const char *link, GElf_Word crc, char **ret_name)
{
	struct separate *found = *userdata;
	char *path = NULL;
	int fd = dwfl_standard_find_debuginfo(module, userdata, name, base, file, link, crc, &path);

	if (fd >= 0 && found && found->fd < 0) {
		found->fd = fd;
		found->path = path;
		return -1;
	}
	if (fd >= 0)
		close(fd);
	free(path);
	return -1;
}

/* Searches a separate debug file on this machine. Leaves found->fd at -1 when there is none. */
static void find_separate(int fd, const char *path, struct separate *found)
{
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_build_id_find_elf,
		.find_debuginfo = note_debuginfo,
		.section_address = dwfl_offline_section_address,
	};
	int copy = dup(fd); /* libdwfl closes the one that it is given */
	Dwfl *dwfl;
	Dwfl_Module *module;
	Dwarf_Addr bias;
	void **userdata = NULL;

	unsetenv("DEBUGINFOD_URLS"); /* never the network */
	dwfl = dwfl_begin(&callbacks);
	if (!dwfl) {
		close(copy);
		return;
	}
	dwfl_report_begin(dwfl);
	module = dwfl_report_offline(dwfl, path, path, copy);
	if (!module)
		close(copy);
	dwfl_report_end(dwfl, NULL, NULL);
	if (module)
		dwfl_module_info(module, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
	if (userdata) {
		*userdata = found;
		dwfl_module_getdwarf(module, &bias);
	}
	dwfl_end(dwfl);
}

/* ---- opening ---- */

static struct error *read_units(struct debuginfo *dwarf, const char *folder)
{
	Dwarf_CU *cu = NULL;
	Dwarf_Die die;

	/* No second DIE is asked for: with one, libdw would open the file that has the rest of the
	 * unit. */
	while (dwarf_get_units(dwarf->dw, cu, &cu, NULL, NULL, &die, NULL) == 0) {
		struct debuginfo_unit unit = {.die = dwarf_dieoffset(&die)};
		int tag = dwarf_tag(&die);

		try(check_split(&die, folder));
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

/* Checks the name in .gnu_debuglink. libdwfl looks for it in the folder of the path that it was
 * given, and in the folder of the file itself. */
static struct error *check_link(struct debuginfo *dwarf, const char *path, const char *folder)
{
	cleanup_free char *given = strdup(path);
	char *slash = given ? strrchr(given, '/') : NULL;

	if (!given)
		return error_nomem();
	if (slash)
		*slash = '\0';
	try(check_section(dwarf->elf, folder, ".gnu_debuglink"));
	return check_section(dwarf->elf, slash ? given : ".", ".gnu_debuglink");
}

/* Replaces the program by the separate debug file that belongs to it. */
static struct error *open_separate(struct debuginfo *dwarf, int fd, const char *path,
				   uint64_t *ret_size)
{
	struct separate separate = {.fd = -1};

	find_separate(fd, path, &separate);
	if (separate.fd < 0)
		return no_dwarf(dwarf);
	free(dwarf->path);
	dwarf->path = separate.path ? separate.path : strdup("?");
	dwarf->fd = separate.fd;
	elf_end(take_ptr(dwarf->elf));
	if (!dwarf->path)
		return error_nomem();
	try(open_file(dwarf, dwarf->fd, ret_size));
	return *ret_size ? NULL : no_dwarf(dwarf);
}

struct error *debuginfo_open(int fd, const char *path, struct debuginfo **ret)
{
	cleanup(debuginfo_close) struct debuginfo *dwarf = calloc(1, sizeof(*dwarf));
	char folder[PATH_MAX];
	uint64_t size = 0;

	if (!dwarf || !(dwarf->path = strdup("")))
		return error_nomem();
	dwarf->fd = -1;
	elf_version(EV_CURRENT);
	try(open_file(dwarf, fd, &size));
	folder_of(fd, folder);
	if (!size) {
		try(check_link(dwarf, path, folder));
		try(open_separate(dwarf, fd, path, &size));
		folder_of(dwarf->fd, folder);
	}
	try(check_section(dwarf->elf, folder, ".gnu_debugaltlink"));
	dwarf->dw = dwarf_begin_elf(dwarf->elf, DWARF_C_READ, NULL);
	if (!dwarf->dw)
		return error_new(ERROR_TARGET, "corrupt: %s", dwarf_errmsg(-1));
	try(read_units(dwarf, folder));
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
	elf_end(dwarf->elf);
	vec_each(bytes, &dwarf->inflated)
		free(*bytes);
	vec_fini(&dwarf->inflated);
	if (dwarf->fd >= 0)
		close(dwarf->fd);
	free(dwarf->path);
	free(dwarf);
}

const char *debuginfo_path(const struct debuginfo *dwarf)
{
	return dwarf->path;
}
