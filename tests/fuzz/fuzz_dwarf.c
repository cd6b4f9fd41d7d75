/* read/debuginfo/, elfsym.c: opens a file and asks for addresses in all its segments, and for variables. It does this
 * in its own process, and therefore also finds faults of libdw. (The tool uses a child process,
 * which may die.) */
#include "fuzz.h"
#include "read/debuginfo/debuginfo.h"

#include <sys/mman.h>

static void ask(struct debuginfo *dwarf, uint64_t pc)
{
	struct debuginfo_frame frames[DEBUGINFO_FRAMES_MAX];
	uint64_t entry = 0;
	size_t n = 0;
	enum debuginfo_miss miss =
		debuginfo_frames(dwarf, pc, frames, ARRAY_SIZE(frames), &n, &entry);
	size_t bytes = 0;

	if (miss != DEBUGINFO_FOUND)
		return;
	if (n < 1 || n > DEBUGINFO_FRAMES_MAX || entry > pc)
		abort();
	for (size_t i = 0; i < n; i++) {
		bytes += strlen(frames[i].frame.func) + strlen(frames[i].frame.file) +
			 strlen(frames[i].dir);
		if (frames[i].frame.inlined != (i + 1 < n))
			abort();
	}
	if (bytes > SIZE_MAX / 2)
		abort();
}

static void ask_symbols(const struct image *image)
{
	struct elfsym *symbols = NULL;
	struct error *err = elfsym_open(image, &symbols);
	const struct image_segment *segments;
	size_t count = image_segments(image, &segments);
	struct elfsym_hit hit;

	for (size_t i = 0; !err && i < count; i++)
		for (uint64_t at = 0; at < 4096; at += 64)
			if (elfsym_at(symbols, segments[i].addr + at, &hit) &&
			    (segments[i].addr + at < hit.addr || !strlen(hit.name)))
				abort();
	error_free(err);
	elfsym_close(symbols);
}

static void ask_variables(struct debuginfo *dwarf)
{
	struct debuginfo_ask wanted = {.types = 0x500000, .made = 1ull << 63};
	struct debuginfo_variables found = {0};

	error_free(debuginfo_variables(dwarf, &wanted, &found));
	debuginfo_variables_fini(&found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct debuginfo *dwarf = NULL;
	struct image *image = NULL;
	struct error *err;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	err = image_open(fd, "fuzz", &image);
	if (!err)
		ask_symbols(image);
	error_free(err);
	err = debuginfo_open(fd, NULL, &dwarf);
	for (uint64_t pc = 0x1000; !err && pc < 0x1400; pc += 3)
		ask(dwarf, pc);
	if (!err)
		ask_variables(dwarf);
	error_free(err);
	debuginfo_close(dwarf);
	image_close(image);
	close(fd);
	return 0;
}
