/* Tests of read/elf/elfsym.c, which finds the symbol of an address. Each test's file has an ELF
 * header, a program header, three section headers and the tables, and nothing else. */
#include "test.h"

#include <elf.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "read/gofile/gofile.h"

struct want {
	const char *name;
	uint64_t addr, size;
	unsigned char type, bind;
};

struct file {
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdr;
	Elf64_Shdr sections[4];
	char names[32];
	Elf64_Sym symbols[256];
	char strings[2048];
};

static void build(struct file *f, const struct want list[], size_t n, uint32_t type)
{
	static const char names[] = "\0.symtab\0.strtab\0.shstrtab";
	size_t at = 1;

	memset(f, 0, sizeof(*f));
	memcpy(f->ehdr.e_ident, ELFMAG, SELFMAG);
	f->ehdr.e_ident[EI_CLASS] = ELFCLASS64;
	f->ehdr.e_ident[EI_DATA] = ELFDATA2LSB;
	f->ehdr.e_type = ET_EXEC;
	f->ehdr.e_machine = EM_X86_64;
	f->ehdr.e_phoff = offsetof(struct file, phdr);
	f->ehdr.e_phnum = 1;
	f->ehdr.e_phentsize = sizeof(Elf64_Phdr);
	f->ehdr.e_shoff = offsetof(struct file, sections);
	f->ehdr.e_shnum = 4;
	f->ehdr.e_shentsize = sizeof(Elf64_Shdr);
	f->ehdr.e_shstrndx = 3;
	f->phdr = (Elf64_Phdr){.p_type = PT_LOAD,
			       .p_flags = PF_R | PF_X,
			       .p_vaddr = 0x1000,
			       .p_filesz = sizeof(*f),
			       .p_memsz = sizeof(*f)};
	memcpy(f->names, names, sizeof(names));
	f->sections[1] = (Elf64_Shdr){
		.sh_name = 1,
		.sh_type = type,
		.sh_link = 2,
		.sh_offset = offsetof(struct file, symbols),
		.sh_size = (n + 1) * sizeof(Elf64_Sym),
		.sh_entsize = sizeof(Elf64_Sym),
	};
	f->sections[2] = (Elf64_Shdr){.sh_name = 9,
				      .sh_type = SHT_STRTAB,
				      .sh_offset = offsetof(struct file, strings),
				      .sh_size = sizeof(f->strings)};
	f->sections[3] = (Elf64_Shdr){.sh_name = 17,
				      .sh_type = SHT_STRTAB,
				      .sh_offset = offsetof(struct file, names),
				      .sh_size = sizeof(f->names)};
	for (size_t i = 0; i < n; i++) {
		f->symbols[i + 1] = (Elf64_Sym){
			.st_name = (uint32_t)at,
			.st_shndx = 1,
			.st_value = list[i].addr,
			.st_size = list[i].size,
			.st_info = ELF64_ST_INFO(list[i].bind, list[i].type),
		};
		strcpy(f->strings + at, list[i].name);
		at += strlen(list[i].name) + 1;
	}
}

static struct image *open_image(const void *bytes, size_t size)
{
	struct image *image = NULL;
	cleanup_close int fd = memfd_create("elf", MFD_CLOEXEC);

	assert_int_equal(write(fd, bytes, size), size);
	assert_null(image_open(fd, "elf", &image));
	return image;
}

static void assert_at(const struct elfsym *symbols, uint64_t addr, const char *name, uint64_t begin)
{
	struct elfsym_hit hit;
	bool found = elfsym_at(symbols, addr, &hit);

	if (!name) {
		if (found)
			fail_msg("0x%lx: %s, should be none", (unsigned long)addr, hit.name);
		return;
	}
	assert_true(found);
	assert_string_equal(hit.name, name);
	assert_int_equal(hit.addr, begin);
}

static const struct want wanted[] = {
	{"main", 0x1100, 0x40, STT_FUNC, STB_GLOBAL},
	{"_start", 0x1000, 0x20, STT_FUNC, STB_GLOBAL},
	{"inside", 0x1110, 0, STT_NOTYPE, STB_LOCAL}, /* a label in main */
	{"label", 0x1200, 0, STT_NOTYPE, STB_LOCAL},  /* on its own */
	{"tail", 0x1300, 0x10, STT_FUNC, STB_LOCAL},
	{"alias", 0x1400, 0x10, STT_FUNC, STB_WEAK},
	{"proper", 0x1400, 0x10, STT_FUNC, STB_GLOBAL},
	{"own", 0x1400, 0x10, STT_FUNC, STB_LOCAL},
	{"outer", 0x1500, 0x100, STT_FUNC, STB_GLOBAL},
	{"nested", 0x1540, 0x10, STT_FUNC, STB_LOCAL},
	{"datum", 0x1700, 8, STT_OBJECT, STB_GLOBAL},
	{"same", 0x1700, 8, STT_FUNC, STB_LOCAL},
	{"text", 0x1800, 0, STT_FUNC, STB_LOCAL}, /* a mark at the beginning of a function */
	{"first", 0x1800, 0x10, STT_FUNC, STB_LOCAL},
	{"tls", 0x1000, 8, STT_TLS, STB_GLOBAL}, /* an offset, no address */
	{"file.c", 0, 0, STT_FILE, STB_LOCAL},
	{"$x", 0x1100, 0, STT_NOTYPE, STB_LOCAL},
	{"", 0x1000, 0x1000, STT_FUNC, STB_GLOBAL},
};

static void test_lookup(void **unused)
{
	struct file f;
	cleanup(image_close) struct image *image = NULL;
	cleanup(elfsym_close) struct elfsym *symbols = NULL;

	build(&f, wanted, ARRAY_SIZE(wanted), SHT_SYMTAB);
	image = open_image(&f, sizeof(f));
	assert_null(elfsym_open(image, &symbols));
	assert_string_equal(elfsym_table(symbols), ".symtab");
	assert_int_equal(elfsym_count(symbols), 14);
	assert_at(symbols, 0xfff, NULL, 0);
	assert_at(symbols, 0x1000, "_start", 0x1000);
	assert_at(symbols, 0x101f, "_start", 0x1000);
	assert_at(symbols, 0x1020, NULL, 0); /* between two symbols */
	assert_at(symbols, 0x1118, "main", 0x1100);
	assert_at(symbols, 0x1140, NULL, 0); /* the label inside does not reach past the end */
	assert_at(symbols, 0x1200, "label", 0x1200);
	assert_at(symbols, 0x12ff, "label", 0x1200);
	assert_at(symbols, 0x1310, NULL, 0);
	assert_at(symbols, 0x1405, "proper", 0x1400);
	assert_at(symbols, 0x1545, "nested", 0x1540);
	assert_at(symbols, 0x1560, "outer", 0x1500);
	assert_at(symbols, 0x1701, "same", 0x1700);
	assert_at(symbols, 0x1808, "first", 0x1800);
	assert_at(symbols, 0x1810, NULL, 0); /* the mark does not reach past the function */
	assert_at(symbols, UINT64_MAX, NULL, 0);
}

static void test_aliases(void **unused)
{
	struct file f;
	cleanup(image_close) struct image *image = NULL;
	cleanup(elfsym_close) struct elfsym *symbols = NULL;
	unsigned seen = 0;

	build(&f, wanted, ARRAY_SIZE(wanted), SHT_SYMTAB);
	image = open_image(&f, sizeof(f));
	assert_null(elfsym_open(image, &symbols));
	for (size_t i = 0; elfsym_alias(symbols, 0x1400, i); i++) {
		const char *name = elfsym_alias(symbols, 0x1400, i);

		seen |= !strcmp(name, "alias")	  ? 1
			: !strcmp(name, "proper") ? 2
			: !strcmp(name, "own")	  ? 4
						  : 8;
	}
	assert_int_equal(seen, 7);
	assert_null(elfsym_alias(symbols, 0x1401, 0));
	assert_null(elfsym_alias(symbols, 0, 0));
}

/* If .symtab names nothing, .dynsym is read. If neither names anything, the reason is given. */
static void test_tables(void **unused)
{
	struct file f;
	struct elfsym *symbols = NULL;
	struct image *image;
	struct error *err;

	build(&f, wanted, 2, SHT_DYNSYM);
	image = open_image(&f, sizeof(f));
	assert_null(elfsym_open(image, &symbols));
	assert_string_equal(elfsym_table(symbols), ".dynsym");
	assert_at(symbols, 0x1100, "main", 0x1100);
	elfsym_close(symbols);
	image_close(image);

	build(&f, wanted, 0, SHT_SYMTAB);
	image = open_image(&f, sizeof(f));
	err = elfsym_open(image, &symbols);
	assert_non_null(err);
	assert_string_equal(err->text, "stripped: no symbol table that names anything");
	error_free(err);
	image_close(image);

	f.ehdr.e_shnum = 0;
	f.ehdr.e_shoff = 0;
	image = open_image(&f, sizeof(f));
	err = elfsym_open(image, &symbols);
	assert_non_null(err);
	assert_string_equal(err->text, "no section headers, so no symbol table");
	error_free(err);
	image_close(image);
}

/* With damaged tables, nothing outside the file is read. */
static void test_damaged(void **unused)
{
	const size_t room = offsetof(struct file, strings) - offsetof(struct file, sections);
	struct file f;
	uint64_t x = 1;

	for (int round = 0; round < 3000; round++) {
		struct image *image;
		struct elfsym *symbols = NULL;
		struct error *err;
		struct elfsym_hit hit;
		unsigned char *bytes = (unsigned char *)&f.sections;

		build(&f, wanted, ARRAY_SIZE(wanted), SHT_SYMTAB);
		for (int i = 0; i < 6; i++) {
			x = x * 6364136223846793005u + 1442695040888963407u;
			bytes[(x >> 33) % room] = (unsigned char)(x >> 25);
		}
		if (round % 3 == 0)
			memset(f.strings, 'a', sizeof(f.strings));
		image = open_image(&f, sizeof(f));
		err = elfsym_open(image, &symbols);
		for (uint64_t addr = 0xff0; !err && addr < 0x1900; addr += 0x10)
			if (elfsym_at(symbols, addr, &hit))
				assert_true(strlen(hit.name) < sizeof(f.strings));
		error_free(err);
		elfsym_close(symbols);
		image_close(image);
	}
}

/* The names overlap: each reaches to the end of a string table of megabytes. No more than the
 * table's size is searched, and bytes without an end are no name. */
static void test_overlapping_names(void **unused)
{
	enum { SYMBOLS = 1 << 17, STRINGS = 16 << 20 };
	struct file *f = calloc(1, sizeof(*f) + SYMBOLS * sizeof(Elf64_Sym) + STRINGS);
	Elf64_Sym *symbols = (Elf64_Sym *)(f + 1);
	char *strings = (char *)(symbols + SYMBOLS);
	struct image *image;
	struct elfsym *table;
	struct elfsym_hit hit;

	build(f, NULL, 0, SHT_SYMTAB);
	f->sections[1].sh_offset = sizeof(*f);
	f->sections[1].sh_size = SYMBOLS * sizeof(Elf64_Sym);
	f->sections[2].sh_offset = sizeof(*f) + SYMBOLS * sizeof(Elf64_Sym);
	f->sections[2].sh_size = STRINGS;
	memset(strings, 'a', STRINGS);
	strings[STRINGS - 2] = '\0'; /* the last byte belongs to no name */
	for (uint32_t i = 0; i < SYMBOLS; i++)
		symbols[i] = (Elf64_Sym){.st_name = i,
					 .st_shndx = 1,
					 .st_value = 0x1000 + i,
					 .st_size = 1,
					 .st_info = STT_FUNC};
	symbols[7].st_name = STRINGS - 4;
	symbols[8].st_name = STRINGS - 1;
	image = open_image(f, sizeof(*f) + SYMBOLS * sizeof(Elf64_Sym) + STRINGS);
	assert_null(elfsym_open(image, &table));
	assert_true(elfsym_at(table, 0x1007, &hit));
	assert_string_equal(hit.name, "aa");
	assert_false(elfsym_at(table, 0x1008, &hit));
	assert_false(elfsym_at(table, 0x1009, &hit));
	elfsym_close(table);
	image_close(image);
	free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_overlapping_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
