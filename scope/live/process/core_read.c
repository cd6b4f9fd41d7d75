/* Parses a core file. Its bytes are foreign: it may be cut, damaged, or made by somebody. It is read piece by piece
 * and never mapped, because a file that is cut meanwhile would end this process then. */
#include "live/process/core_priv.h"
#include "base/reader.h"
#include "base/search.h"
#include "base/table.h"

#include <elf.h>
#include <errno.h>

enum {
	HEADERS_MAX = 1 << 20, /* of segments; vm.max_map_count is 65530 unless raised */
	HEADERS_AT_ONCE = 64,
	NOTES_MAX = 1 << 20, /* of all headers; six of a thread */
	THREADS_MAX = 1 << 18,
	NOTE_FILE_MAX = 1 << 26, /* bytes */
	/* include/uapi/linux/elfcore.h: struct elf_prstatus of x86-64 */
	STATUS_PID = 32,
	STATUS_REGISTERS = 112,
	STATUS_SIZE = 336,
	/* struct user_regs_struct: r15 to rdi, orig_rax, rip, cs, eflags, rsp */
	REGISTER_SP = 19,
	PSINFO_PID = 24,
};

size_t core_pread(int fd, void *to, size_t size, uint64_t offset)
{
	size_t done = 0;

	while (done < size && offset + done <= INT64_MAX) {
		ssize_t n = pread(fd, (char *)to + done, size - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return done;
}

static bool read_all(const struct core *core, void *to, size_t size, uint64_t offset)
{
	return core_pread(core->fd, to, size, offset) == size;
}

static struct error *damaged(const struct core *core, const char *what)
{
	return error_new(ERROR_TARGET, "%s is damaged: %s: make another one, with gcore",
			 core->path, what);
}

/* ---- segments ---- */

static struct error *add_segment(struct core *core, const Elf64_Phdr *header)
{
	struct core_segment segment = {.addr = header->p_vaddr,
				       .mem = header->p_memsz,
				       .size = header->p_filesz,
				       .promised = header->p_filesz,
				       .offset = header->p_offset,
				       .executable = header->p_flags & PF_X};
	uint64_t left = segment.offset < core->size ? core->size - segment.offset : 0;

	if (!segment.mem || segment.mem > UINT64_MAX - segment.addr || segment.size > segment.mem)
		return segment.mem ? damaged(core, "a segment is too large") : NULL;
	if (segment.size > left) {
		core->missing += segment.size - left;
		segment.size = left;
	}
	return vec_push(&core->segments, segment) ? NULL : error_nomem();
}

static int by_addr(const void *a, const void *b)
{
	const struct core_segment *x = a, *y = b;

	return (x->addr > y->addr) - (x->addr < y->addr);
}

/* Sorts the segments. Drops those that overlap the one before, which the kernel writes none of. */
static void sort_segments(struct core *core)
{
	size_t kept = 0;
	uint64_t end = 0;

	if (core->segments.len)
		qsort(core->segments.data, core->segments.len, sizeof(*core->segments.data),
		      by_addr);
	vec_each(segment, &core->segments) {
		if (segment->addr < end)
			continue;
		end = segment->addr + segment->mem;
		core->segments.data[kept++] = *segment;
	}
	core->segments.len = kept;
}

/* ---- notes ---- */

/* Finds the file of a path among those that were seen, or adds it. Returns false if there are too many. */
static bool file_of(struct core *core, struct table *known, const char *path, uint32_t *ret)
{
	uint64_t hash = 0;
	uint32_t *found;

	for (const char *at = path; *at; at++)
		hash = table_mix(hash ^ (uint8_t)*at);
	found = table_find(known, hash);
	if (found && !strcmp(core->files.data[*found].path, path)) {
		*ret = *found;
		return true;
	}
	*ret = (uint32_t)core->files.len;
	return core->files.len < CORE_FILES_MAX &&
	       vec_push(&core->files, ((struct core_file){.path = path, .fd = CORE_NONE})) &&
	       table_put(known, hash, *ret) >= 0;
}

/* Parses NT_FILE: {count, page size, count * {start, end, offset in pages}}, then as many paths. */
static void take_files(struct core *core, struct table *known, size_t size)
{
	struct reader places = reader_over(core->names, size), paths;
	uint64_t n = reader_u64(&places), page = reader_u64(&places);

	if (places.bad || n > (size - 16) / 24 || !page || page > 1 << 30)
		return;
	paths = reader_over(core->names + 16 + n * 24, size - 16 - n * 24);
	for (uint64_t i = 0; i < n; i++) {
		struct core_mapping mapping = {.start = reader_u64(&places),
					       .end = reader_u64(&places),
					       .offset = reader_u64(&places)};
		const char *path = reader_cstr(&paths);

		if (!path)
			return;
		if (mapping.start >= mapping.end || mapping.offset > (uint64_t)INT64_MAX / page ||
		    (core->mappings.len &&
		     mapping.start < core->mappings.data[core->mappings.len - 1].end) ||
		    !file_of(core, known, path, &mapping.file))
			continue;
		mapping.offset *= page;
		if (!mapping.offset && !core->files.data[mapping.file].first)
			core->files.data[mapping.file].first = mapping.start;
		if (!vec_push(&core->mappings, mapping))
			return;
	}
}

static struct error *read_files(struct core *core, uint64_t offset, uint64_t size)
{
	struct table known = {0};

	if (core->names || size < 16 || size > NOTE_FILE_MAX)
		return NULL;
	core->names = malloc(size);
	if (!core->names)
		return error_nomem();
	if (read_all(core, core->names, size, offset))
		take_files(core, &known, size);
	table_fini(&known);
	return NULL;
}

static struct error *read_status(struct core *core, uint64_t offset, uint64_t size)
{
	uint8_t status[STATUS_SIZE];
	struct registers registers;
	int32_t pid;

	if (size < STATUS_SIZE || core->threads.len >= THREADS_MAX ||
	    !read_all(core, status, sizeof(status), offset))
		return NULL;
	memcpy(&pid, status + STATUS_PID, sizeof(pid));
	if (!core->target.pid)
		core->target.pid = pid;
	/* The general registers come first: r15, r14, r13, r12, rbp, rbx, r11 to r8, rax, rcx, rdx, rsi, rdi. */
	memcpy(registers.general, status + STATUS_REGISTERS, sizeof(registers.general));
	memcpy(&registers.sp, status + STATUS_REGISTERS + (size_t)REGISTER_SP * 8,
	       sizeof(registers.sp));
	return vec_push(&core->threads, registers) ? NULL : error_nomem();
}

static void read_auxiliary(struct core *core, uint64_t offset, uint64_t size)
{
	uint64_t words[PROCESS_AUXILIARY_WORDS]; /* {type, value}, up to AT_NULL */
	size_t n =
		core_pread(core->fd, words, size < sizeof(words) ? size : sizeof(words), offset) /
		sizeof(*words);

	core->image = process_image_of(words, n);
	for (size_t i = 0; i + 1 < n && words[i] != AT_NULL; i += 2)
		if (words[i] == AT_PHDR)
			core->headers_addr = words[i + 1];
}

static struct error *take_note(struct core *core, uint32_t type, uint64_t offset, uint64_t size)
{
	int32_t pid;

	switch (type) {
	case NT_PRSTATUS: return read_status(core, offset, size);
	case NT_FILE: return read_files(core, offset, size);
	case NT_AUXV: read_auxiliary(core, offset, size); return NULL;
	case NT_PRPSINFO:
		if (size >= PSINFO_PID + 4 &&
		    read_all(core, &pid, sizeof(pid), offset + PSINFO_PID))
			core->target.pid = pid;
		return NULL;
	default: return NULL;
	}
}

/* Goes through notes: {name size, size, type}, the name, the contents; both end at a multiple of 4. */
static struct error *read_notes(struct core *core, uint64_t at, uint64_t size)
{
	uint64_t end = at < core->size && size <= core->size - at ? at + size : core->size;

	if (at < core->size && size > core->size - at)
		core->missing += size - (core->size - at);
	for (; core->notes_left && at < end && end - at >= sizeof(Elf64_Nhdr); core->notes_left--) {
		Elf64_Nhdr note;
		char name[5] = "";
		uint64_t contents;

		if (!read_all(core, &note, sizeof(note), at))
			break;
		contents = at + sizeof(note) + ((note.n_namesz + 3ull) & ~3ull);
		if (contents > end || note.n_descsz > end - contents)
			break;
		if (note.n_namesz == sizeof(name) &&
		    read_all(core, name, sizeof(name), at + sizeof(note)) &&
		    !memcmp(name, "CORE", sizeof(name)))
			try(take_note(core, note.n_type, contents, note.n_descsz));
		at = contents + ((note.n_descsz + 3ull) & ~3ull);
	}
	return NULL;
}

/* ---- headers ---- */

static struct error *check_header(const struct core *core, const Elf64_Ehdr *header)
{
	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
		return error_new(
			ERROR_TARGET,
			"%s is no core file: it is no ELF file: name one of gcore or the kernel",
			core->path);
	if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
	    header->e_machine != EM_X86_64)
		return error_new(ERROR_TARGET,
				 "%s is not from an x86-64 machine: only cores of these are read",
				 core->path);
	if (header->e_type != ET_CORE)
		return error_new(
			ERROR_TARGET,
			"%s is no core file, but a program or library: name the core first (--core CORE BINARY)",
			core->path);
	if (header->e_phentsize != sizeof(Elf64_Phdr))
		return damaged(core, "its headers have an unknown size");
	return NULL;
}

/* Returns the number of program headers. If it does not fit into 16 bits, it is in the first section header. */
static uint64_t header_count(const struct core *core, const Elf64_Ehdr *header)
{
	Elf64_Shdr section;

	if (header->e_phnum != PN_XNUM)
		return header->e_phnum;
	return header->e_shoff && read_all(core, &section, sizeof(section), header->e_shoff)
		       ? section.sh_info
		       : 0;
}

static struct error *take_header(struct core *core, const Elf64_Phdr *header)
{
	if (header->p_type == PT_LOAD)
		return add_segment(core, header);
	return header->p_type == PT_NOTE ? read_notes(core, header->p_offset, header->p_filesz)
					 : NULL;
}

struct error *core_parse(struct core *core)
{
	Elf64_Phdr headers[HEADERS_AT_ONCE];
	Elf64_Ehdr header = {0};
	uint64_t n;

	core->notes_left = NOTES_MAX;
	core_pread(core->fd, &header, sizeof(header), 0);
	try(check_header(core, &header));
	n = header_count(core, &header);
	if (!n || n > HEADERS_MAX)
		return damaged(core, "it has no memory, or too many pieces of it");
	for (uint64_t i = 0; i < n; i += HEADERS_AT_ONCE) {
		size_t some = n - i < HEADERS_AT_ONCE ? n - i : HEADERS_AT_ONCE;

		if (header.e_phoff > core->size || !read_all(core, headers, some * sizeof(*headers),
							     header.e_phoff + i * sizeof(*headers)))
			return damaged(core, "it is cut in its headers");
		for (size_t j = 0; j < some; j++)
			try(take_header(core, &headers[j]));
	}
	sort_segments(core);
	return NULL;
}

size_t core_read_dumped(const struct core *core, uint64_t addr, void *to, size_t size)
{
	const struct core_segment *list = core->segments.data;
	size_t done = 0;

	while (done < size) {
		uint64_t from = addr + done, n;
		size_t at = lower_bound(i, core->segments.len, list[i].addr <= from);

		if (!at || from < addr || from - list[at - 1].addr >= list[at - 1].size)
			break;
		n = list[at - 1].size - (from - list[at - 1].addr);
		n = n < size - done ? n : size - done;
		if (core_pread(core->fd, (char *)to + done, n,
			       list[at - 1].offset + (from - list[at - 1].addr)) != n)
			break;
		done += n;
	}
	return done;
}
