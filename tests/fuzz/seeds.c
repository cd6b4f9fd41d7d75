/* Writes the seed corpora: seeds <folder> makes <folder>/{elf,gotab,gotype,map,annotate}/<n>, valid
 * inputs for each harness, so that fuzzing starts from files that are read to the end. */
#include "fuzz.h"

#include <stdio.h>
#include <sys/stat.h>

static bool write_seed(const char *folder, const char *harness, size_t n, const uint8_t *pick,
		       const void *bytes, size_t size)
{
	char path[4096];
	FILE *file;
	bool ok;

	snprintf(path, sizeof(path), "%s/%s", folder, harness);
	mkdir(path, 0777);
	snprintf(path, sizeof(path), "%s/%s/%zu", folder, harness, n);
	file = fopen(path, "wb");
	if (!file)
		return false;
	ok = (!pick || fwrite(pick, 1, 1, file) == 1) && fwrite(bytes, 1, size, file) == size;
	return fclose(file) == 0 && ok;
}

static bool write_seeds(const char *folder, uint8_t n)
{
	struct gofake fake;
	bool ok = fuzz_build(n, &fake);
	const char *bytes = fake.file.data;

	ok = ok && write_seed(folder, "elf", n, NULL, bytes, fake.file.len) &&
	     write_seed(folder, "gotab", n, &n, bytes + (fake.pclntab - fake.base),
			(size_t)(fake.module + 512 - fake.pclntab)) &&
	     write_seed(folder, "gotype", n, &n, bytes + (fake.types - fake.base),
			(size_t)(fake.etypes - fake.types));
	gofake_fini(&fake);
	return ok;
}

/* Scripts of fuzz_map.c, for each of its kinds and several hooks: up, a loop, down, a loop. */
static bool write_scripts(const char *folder)
{
	static const uint8_t script[] = {8,  0,	  250, 6,  17, 3,  20, 5,  15, 4,  10, 10, 90, 14, 7,  17,
					 9,  3,	  2,   19, 70, 10, 20, 200, 1, 2,  30, 8,  192, 255, 6, 20,
					 11, 192, 200, 5,  3,  4,  16, 2,  12, 12, 12, 14, 0,  8,  1,  40};
	bool ok = true;

	for (uint8_t n = 0; n < 24; n++) {
		uint8_t bytes[3 + sizeof(script)] = {(uint8_t)(n % 6 + n / 6 * 66), n,
						     (uint8_t)(n * 11)};

		memcpy(bytes + 3, script, sizeof(script));
		ok = ok && write_seed(folder, "map", n, NULL, bytes, sizeof(bytes));
	}
	return ok;
}

/* Texts that addresses stand in: a crash report, perf script, lists. */
static bool write_texts(const char *folder)
{
	static const char *const texts[] = {
		"[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x481915]\n\n"
		"goroutine 1 [running]:\npanic({0x48bd00, 0x522f60})\n"
		"\t/go/src/runtime/panic.go:987 +0x3ba fp=0xc000086de0 sp=0xc000086d20 "
		"pc=0x4316fa\n"
		"main.(*store).drop(...)\n\t/src/main.go:12\n"
		"main.each[...]({0xc000086f60?, 0x1?}, 0xc000086f50?)\n\t/src/main.go:18 +0xac\n"
		"created by main.main in goroutine 1\n\t/src/main.go:22 +0x8b\n\n"
		"rax    0x0\nrip    0x481915\n",
		"server 4711 12.5: 1 cycles:\n\tffffffff81a3c6d1 __schedule+0x2a1 ([kernel])\n"
		"\t          46e1a0 runtime.futex+0x20 (/srv/server)\n\n",
		"46e1a0\n0x46e1a0\n  00000000004a1b2d  \r\n"
		"not 0x1 +0x2 x0x3 0x12345678901234567 0xg\n",
	};
	bool ok = true;

	for (size_t n = 0; n < ARRAY_SIZE(texts); n++)
		ok = ok && write_seed(folder, "annotate", n, NULL, texts[n], strlen(texts[n]));
	return ok;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fputs("usage: seeds <folder>\n", stderr);
		return 2;
	}
	mkdir(argv[1], 0777);
	for (uint8_t n = 0; n < ARRAY_SIZE(fuzz_specs); n++) {
		if (!write_seeds(argv[1], n)) {
			perror(argv[1]);
			return 1;
		}
	}
	if (!write_scripts(argv[1]) || !write_texts(argv[1])) {
		perror(argv[1]);
		return 1;
	}
	return 0;
}
