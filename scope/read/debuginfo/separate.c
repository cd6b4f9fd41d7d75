/* Finds the other files that a file refers to: the separate debug information of a program, and the
 * file that several separate ones share (dwz). The names are in the file, and whoever made it chose
 * them. Therefore others open the files (debuginfo_files), and only what a file contains is looked
 * at here.
 */
#include "read/debuginfo/debuginfo_priv.h"

#include <elfutils/libdwelf.h>
#include <libdeflate.h>

enum {
	TRIES_MAX = 16, /* files that are tried for one name */
	CHUNK = 1 << 20,
};

/* Tells whether the file has this build id. */
static bool has_id(int fd, const uint8_t *id, size_t id_n)
{
	Elf *elf = elf_begin(fd, ELF_C_READ_MMAP_PRIVATE, NULL);
	const void *found = NULL;
	ssize_t n = elf ? dwelf_elf_gnu_build_id(elf, &found) : -1;
	bool same = n > 0 && (size_t)n == id_n && memcmp(found, id, id_n) == 0;

	elf_end(elf);
	return same;
}

/* Tells whether the bytes of the file have this checksum, which .gnu_debuglink has. */
static bool has_sum(int fd, uint32_t want)
{
	cleanup_free void *chunk = malloc(CHUNK);
	uint32_t sum = 0;
	off_t at = 0;
	ssize_t n = -1;

	while (chunk && (n = pread(fd, chunk, CHUNK, at)) > 0) {
		sum = libdeflate_crc32(sum, chunk, (size_t)n);
		at += n;
	}
	return n == 0 && sum == want;
}

/* What the file must be. */
struct match {
	struct debuginfo_wanted wanted;
	uint32_t sum; /* without a build id */
};

/* Opens the first file that matches. *ret_fd is -1 when there is none. */
static struct error *find(const struct debuginfo_files *files, const struct match *match,
			  int *ret_fd, char **ret_path)
{
	const struct debuginfo_wanted *wanted = &match->wanted;

	*ret_fd = -1;
	for (unsigned i = 0; files && i < TRIES_MAX; i++) {
		cleanup_free char *path = NULL;
		cleanup_close int fd = -1;

		try(files->open(files->ctx, wanted, i, &fd, &path));
		if (fd < 0)
			return NULL;
		if (wanted->id_n ? !has_id(fd, wanted->id, wanted->id_n) : !has_sum(fd, match->sum))
			continue;
		*ret_fd = take_fd(fd);
		*ret_path = take_ptr(path);
		return NULL;
	}
	return NULL;
}

struct error *debuginfo_separate(Elf *elf, const struct debuginfo_files *files, int *ret_fd,
				 char **ret_path)
{
	struct match match = {0};
	GElf_Word sum = 0;
	const void *id = NULL;
	const char *name = dwelf_elf_gnu_debuglink(elf, &sum);
	ssize_t id_n = dwelf_elf_gnu_build_id(elf, &id);

	*ret_fd = -1;
	match.sum = sum;
	match.wanted.name = name ? name : "";
	match.wanted.id = id;
	match.wanted.id_n = id_n > 0 && id_n <= DEBUGINFO_ID_MAX ? (size_t)id_n : 0;
	/* A name without a checksum or a build id could be that of any file. */
	if (!name && !match.wanted.id_n)
		return NULL;
	return find(files, &match, ret_fd, ret_path);
}

struct error *debuginfo_shared(struct debuginfo *dwarf, const struct debuginfo_files *files)
{
	struct match match = {.wanted.alternate = true};
	const void *id = NULL;
	const char *name = NULL;
	ssize_t id_n = dwelf_dwarf_gnu_debugaltlink(dwarf->dw, &name, &id);
	cleanup_free char *path = NULL;

	if (id_n <= 0 || id_n > DEBUGINFO_ID_MAX || !name)
		return NULL;
	match.wanted.name = name;
	match.wanted.id = id;
	match.wanted.id_n = (size_t)id_n;
	try(find(files, &match, &dwarf->shared_fd, &path));
	if (dwarf->shared_fd < 0)
		return NULL; /* the names that are in it will be missing */
	dwarf->shared = dwarf_begin(dwarf->shared_fd, DWARF_C_READ);
	if (dwarf->shared)
		dwarf_setalt(dwarf->dw, dwarf->shared);
	return NULL;
}
