/* Writes the seed corpora: seeds <folder> makes
 * <folder>/{elf,gopcln,gotype,sites,map,annotate}/<n>, valid inputs for each harness. Fuzzing then
 * starts from files that are read to the end. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
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

#define TEXT_SIZE 512 /* as in fuzz_sites.c */

/* Writes calls of the runtime.mapdelete at 0x140 over the text, with a type from a constant, from a
 * dictionary and from a closure, the code that makes the closure, and a call of the generic
 * function at 0x180. */
static void put_calls(uint8_t *text, const struct gofake *fake, bool arm64)
{
	static const uint8_t
		code
			[] =
				{
					0x48, 0x8d, 0x05, 0,	0,    0,    0,
					0xe8, 0x34, 0x01, 0,	0, /* 0: lea rax; call 0x140 */
					0x48, 0x8d, 0x15, 0xed, 0,    0,    0,
					0x48, 0x89, 0x10, /* 12: lea rdx; mov [rax], rdx */
					0x48, 0x89, 0x58, 0x08, 0xe8, 0x61, 0x01,
					0,    0,    0xc3, /* 22: mov [rax+8]; call */
				};
	static const uint8_t generic[] = {0x48, 0x8b, 0x40, 0x08, 0xe8,
					  0xb7, 0xff, 0xff, 0xff, 0xc3};
	static const uint8_t closure[] = {0x48, 0x8b, 0x42, 0x08, 0x48, 0x8b, 0x40,
					  0x08, 0xe8, 0x33, 0,	  0,	0,    0xc3};
	static const uint32_t words[] = {0xf9400400, 0x9400004f, 0xa9007c20, 0x9400005d,
					 0xd65f03c0};
	uint32_t rel = (uint32_t)(fake->type_map - (fake->text + 7));

	if (arm64) {
		memcpy(text, words, sizeof(words));
		return;
	}
	memcpy(text, code, sizeof(code));
	memcpy(text + 3, &rel, sizeof(rel));
	memcpy(text + 0x180, generic, sizeof(generic));
	memcpy(text + 0x100, closure, sizeof(closure));
}

static bool write_sites(const char *folder, uint8_t n, const struct gofake *fake)
{
	size_t types = (size_t)(fake->etypes - fake->types);
	size_t tables = (size_t)(fake->module + 512 - fake->pclntab);
	size_t size = TEXT_SIZE + types + tables;
	uint8_t *bytes = malloc(size);
	bool ok = bytes != NULL;

	if (ok) {
		memcpy(bytes, fake->file.data + (fake->text - fake->base), TEXT_SIZE);
		put_calls(bytes, fake, fuzz_specs[n].arm64);
		memcpy(bytes + TEXT_SIZE, fake->file.data + (fake->types - fake->base), types);
		memcpy(bytes + TEXT_SIZE + types, fake->file.data + (fake->pclntab - fake->base),
		       tables);
		ok = write_seed(folder, "sites", n, &n, bytes, size);
	}
	free(bytes);
	return ok;
}

static bool write_seeds(const char *folder, uint8_t n)
{
	struct gofake fake;
	bool ok = fuzz_build(n, &fake);
	const char *bytes = fake.file.data;

	ok = ok && write_seed(folder, "elf", n, NULL, bytes, fake.file.len) &&
	     write_seed(folder, "gopcln", n, &n, bytes + (fake.pclntab - fake.base),
			(size_t)(fake.module + 512 - fake.pclntab)) &&
	     write_seed(folder, "gotype", n, &n, bytes + (fake.types - fake.base),
			(size_t)(fake.etypes - fake.types)) &&
	     write_sites(folder, n, &fake);
	gofake_fini(&fake);
	return ok;
}

/* Writes scripts of fuzz_map.c, for each kind of key and several hooks: growth, a loop, shrinkage,
 * a loop. */
static bool write_scripts(const char *folder)
{
	static const uint8_t script[] = {8,  0,	 250, 6,  17,  3,   20, 5,  15, 4,   10,  10,
					 90, 14, 7,   17, 9,   3,   2,	19, 70, 10,  20,  200,
					 1,  2,	 30,  8,  192, 255, 6,	20, 11, 192, 200, 5,
					 3,  4,	 16,  2,  12,  12,  12, 14, 0,	8,   1,	  40};
	bool ok = true;

	for (uint8_t n = 0; n < 24; n++) {
		uint8_t bytes[3 + sizeof(script)] = {(uint8_t)(n % 6 + n / 6 * 66), n,
						     (uint8_t)(n * 11)};

		memcpy(bytes + 3, script, sizeof(script));
		ok = ok && write_seed(folder, "map", n, NULL, bytes, sizeof(bytes));
	}
	return ok;
}

/* Writes texts that contain addresses: a crash report, perf script, lists. */
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
