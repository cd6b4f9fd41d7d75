/* The files that a process had mapped. The kernel leaves out of a core what is in them and was not changed: code, types,
 * tables. Only files of the same build are taken for it. The kernel dumps the first page of each program and library
 * (bit 4 of /proc/PID/coredump_filter), and in this page are the build ids. */
#include "live/process/core_priv.h"
#include "base/file.h"
#include "base/reader.h"
#include "base/search.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>

/* The notes that identify a build. "" where there is none. */
struct build_ids {
	char gnu[2 * 64 + 1]; /* in hex */
	char go[256];
};

enum {
	NOTE_GO_BUILD_ID = 4, /* cmd/internal/buildid */
	FILE_HEADERS_MAX = 256,
};

/* ---- build ids ---- */

static void take_gnu(struct build_ids *ids, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n && 2 * i + 2 < sizeof(ids->gnu); i++)
		snprintf(ids->gnu + 2 * i, 3, "%02x", bytes[i]);
}

/* Takes Go's id. "redacted", as some build systems write, identifies nothing; a real one has parts. */
static void take_go(struct build_ids *ids, const uint8_t *bytes, size_t n)
{
	if (n >= sizeof(ids->go) || !memchr(bytes, '/', n))
		return;
	for (size_t i = 0; i < n; i++)
		if (bytes[i] <= ' ' || bytes[i] > '~')
			return;
	memcpy(ids->go, bytes, n);
	ids->go[n] = '\0';
}

static void take_notes(struct build_ids *ids, const uint8_t *bytes, size_t size)
{
	struct reader notes = reader_over(bytes, size);

	while (notes.pos < notes.end && !notes.bad) {
		uint32_t name_size = reader_u32(&notes), n = reader_u32(&notes);
		uint32_t type = reader_u32(&notes);
		const uint8_t *name = reader_bytes(&notes, (name_size + 3ull) & ~3ull);
		const uint8_t *contents = reader_bytes(&notes, (n + 3ull) & ~3ull);

		if (!name || !contents || name_size != 4)
			continue;
		if (type == NT_GNU_BUILD_ID && !memcmp(name, "GNU", 4))
			take_gnu(ids, contents, n);
		else if (type == NOTE_GO_BUILD_ID && !memcmp(name, "Go\0", 4))
			take_go(ids, contents, n);
	}
}

/* Finds the ids in the first bytes of a file. */
static void find_ids(const uint8_t *page, size_t size, struct build_ids *ret)
{
	struct reader headers;
	Elf64_Ehdr header;

	*ret = (struct build_ids){0};
	if (size < sizeof(header))
		return;
	memcpy(&header, page, sizeof(header));
	if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phoff > size)
		return;
	headers = reader_over(page + header.e_phoff, size - header.e_phoff);
	for (unsigned i = 0; i < header.e_phnum; i++) {
		const void *bytes = reader_bytes(&headers, sizeof(Elf64_Phdr));
		Elf64_Phdr at;

		if (!bytes)
			return;
		memcpy(&at, bytes, sizeof(at));
		if (at.p_type == PT_NOTE && at.p_offset < size && at.p_filesz <= size - at.p_offset)
			take_notes(ret, page + at.p_offset, at.p_filesz);
	}
}

/* What a file is to the core. */
enum sameness {
	SAME,
	OTHER,
	UNPROVED /* neither tells */
};

struct comparison {
	struct build_ids core, file;
};

static enum sameness compare(const struct core *core, const struct core_file *file, int fd,
			     struct comparison *ret)
{
	uint8_t dumped[CORE_PAGE], here[CORE_PAGE];
	size_t n = file->first ? core_read_dumped(core, file->first, dumped, sizeof(dumped)) : 0;
	size_t m = core_pread(fd, here, sizeof(here), 0);
	bool gnu, go;

	find_ids(dumped, n, &ret->core);
	find_ids(here, m, &ret->file);
	gnu = ret->core.gnu[0] && ret->file.gnu[0];
	go = ret->core.go[0] && ret->file.go[0];
	if ((gnu && strcmp(ret->core.gnu, ret->file.gnu) != 0) ||
	    (go && strcmp(ret->core.go, ret->file.go) != 0))
		return OTHER;
	if (gnu || go)
		return SAME;
	return n > m || memcmp(dumped, here, n) != 0 ? OTHER : UNPROVED;
}

/* Returns the id to show of a side: one of the kind that both sides have. */
static const char *shown_id(const struct comparison *of, const struct build_ids *side)
{
	bool gnu = of->core.gnu[0] && of->file.gnu[0];
	const char *id = gnu || !side->go[0] ? side->gnu : side->go;

	return *id ? id : "none";
}

/* ---- opening ---- */

/* Finds where the code of a file is, from its headers. */
static void find_code(struct core_file *file)
{
	Elf64_Phdr headers[FILE_HEADERS_MAX];
	Elf64_Ehdr header;
	size_t n;

	if (core_pread(file->fd, &header, sizeof(header), 0) != sizeof(header) ||
	    header.e_phoff > UINT32_MAX)
		return;
	n = core_pread(file->fd, headers, sizeof(headers), header.e_phoff) / sizeof(*headers);
	for (size_t i = 0; i < n && i < header.e_phnum; i++) {
		if (headers[i].p_type != PT_LOAD || !(headers[i].p_flags & PF_X) ||
		    headers[i].p_filesz > UINT64_MAX - headers[i].p_offset)
			continue;
		file->code_from = headers[i].p_offset & ~(uint64_t)(CORE_PAGE - 1);
		file->code_to = headers[i].p_offset + headers[i].p_filesz;
		return;
	}
}

/* Opens the file of a path if it is of the build that was mapped. */
static void open_library(struct core *core, struct core_file *file)
{
	cleanup_close int fd = file_open_regular(file->path);
	struct comparison comparison;

	if (fd < 0 || compare(core, file, fd, &comparison) != SAME)
		return;
	file->fd = take_fd(fd);
	find_code(file);
}

/* Opens the program where the core says that it was. */
static struct error *open_program_of(struct core *core, struct core_file *file)
{
	cleanup_close int fd = file_open_regular(file->path);
	struct comparison of;

	if (fd < 0)
		return error_errno(ERROR_TARGET, errno,
				   "the core lacks the code and types of its program, and \"%s\" "
				   "cannot be opened here (--core %s BINARY names it)",
				   file->path, core->path);
	switch (compare(core, file, fd, &of)) {
	case SAME: break;
	case OTHER:
		return error_new(
			ERROR_TARGET,
			"\"%s\" is another build (build id %s) than the core's program (%s): "
			"name the right file (--core %s BINARY)",
			file->path, shown_id(&of, &of.file), shown_id(&of, &of.core), core->path);
	case UNPROVED:
		return error_new(
			ERROR_TARGET,
			"nothing tells whether \"%s\" is the core's program, because the core has "
			"no build id: if you know that it is, name it (--core %s BINARY)",
			file->path, core->path);
	}
	file->fd = take_fd(fd);
	return NULL;
}

/* Opens the program that the user has named. */
static struct error *open_program(struct core *core, struct core_file *file, const char *binary)
{
	cleanup_close int fd = -1;
	struct comparison of;
	enum sameness sameness;

	try(file_open(binary, &fd));
	sameness = compare(core, file, fd, &of);
	if (sameness == OTHER)
		return error_new(
			ERROR_TARGET,
			"\"%s\" is not the core's program: its build id is %s, the core's is %s: name the file of that build",
			binary, shown_id(&of, &of.file), shown_id(&of, &of.core));
	core->unproved = sameness == UNPROVED;
	file->fd = take_fd(fd);
	return NULL;
}

/* Finds the file of the program, by the address of its headers. */
static bool find_program(struct core *core)
{
	const struct core_mapping *list = core->mappings.data;
	size_t at = lower_bound(i, core->mappings.len, list[i].end <= core->headers_addr);

	if (at >= core->mappings.len || core->headers_addr < list[at].start)
		return false;
	core->program = list[at].file;
	return true;
}

struct error *core_open_files(struct core *core, const char *binary)
{
	struct core_file *program;

	if (!find_program(core))
		return error_new(
			ERROR_TARGET,
			"%s does not tell where its program was mapped: the notes NT_FILE and "
			"NT_AUXV are missing, or it is damaged: make another one, with gcore",
			core->path);
	program = &core->files.data[core->program];
	try(binary ? open_program(core, program, binary) : open_program_of(core, program));
	find_code(program);
	vec_each(file, &core->files)
		if (file != program)
			open_library(core, file);
	return NULL;
}
