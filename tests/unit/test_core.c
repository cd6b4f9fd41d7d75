/* Tests of core files: a small core is made, with a program that it was dumped from, and read. Then it is damaged. */
#include "processes.h"
#include "base/memory.h"
#include "base/registers.h"
#include "base/table.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

#define PAGE ((size_t)4096)

enum {
	CODE = 0x400000,   /* two pages; the first one is dumped */
	DATA = 0x402000,   /* a page that was changed, and is dumped */
	HEAP = 0xc0000000, /* two pages, dumped */
	HEADERS = 4,	   /* of the core */
	CORE_SIZE = 6 * 4096,
	NOTES_AT = 64 + HEADERS * 56,
};

static const char id[] = "action/main/content";
static const char other_id[] = "action/main/another";

/* The end of the auxiliary vector. Each exec puts the random bytes elsewhere. */
static const Elf64_auxv_t auxiliary_of[2][3] = {
	{{AT_PHDR, {CODE + 64}}, {AT_RANDOM, {0x7ffd12345679}}, {AT_NULL, {0}}},
	{{AT_PHDR, {CODE + 64}}, {AT_RANDOM, {0x7ffe12345679}}, {AT_NULL, {0}}},
};

/* The core and its program, as files in memory. Their paths lead through /proc. */
struct files {
	int core, program;
	char core_path[64], program_path[64];
};

static void put(uint8_t *to, size_t *at, const void *bytes, size_t n)
{
	memcpy(to + *at, bytes, n);
	*at += n;
}

static void put_note(uint8_t *to, size_t *at, const char *name, uint32_t name_size, uint32_t type,
		     const void *contents, uint32_t n)
{
	Elf64_Nhdr note = {.n_namesz = name_size, .n_descsz = n, .n_type = type};

	put(to, at, &note, sizeof(note));
	put(to, at, name, note.n_namesz);
	*at = (*at + 3) & ~(size_t)3;
	put(to, at, contents, n);
	*at = (*at + 3) & ~(size_t)3;
}

static Elf64_Ehdr elf_header(uint16_t type, uint16_t headers)
{
	return (Elf64_Ehdr){.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
			    .e_type = type,
			    .e_machine = EM_X86_64,
			    .e_version = EV_CURRENT,
			    .e_phoff = sizeof(Elf64_Ehdr),
			    .e_ehsize = sizeof(Elf64_Ehdr),
			    .e_phentsize = sizeof(Elf64_Phdr),
			    .e_phnum = headers};
}

/* The program has four pages, in which each byte is the number of the page. Its id is a note in the first one. */
static void make_program(uint8_t bytes[4 * PAGE], const char *build)
{
	Elf64_Ehdr header = elf_header(ET_EXEC, 2);
	Elf64_Phdr headers[2] = {{.p_type = PT_NOTE, .p_offset = 512, .p_filesz = 12 + 4 + 20},
				 {.p_type = PT_LOAD,
				  .p_flags = PF_R | PF_X,
				  .p_vaddr = CODE,
				  .p_filesz = 2 * PAGE,
				  .p_memsz = 2 * PAGE}};
	size_t at = 0;

	for (unsigned i = 0; i < 4 * PAGE; i++)
		bytes[i] = (uint8_t)(i / PAGE);
	put(bytes, &at, &header, sizeof(header));
	put(bytes, &at, headers, sizeof(headers));
	at = 512;
	if (build)
		put_note(bytes, &at, "Go\0", 4, 4, build, (uint32_t)strlen(build));
	else
		memset(bytes + at, 0, 12 + 4 + 20);
}

static void make_notes(uint8_t *core, size_t *at, const char *program_path, unsigned run)
{
	uint8_t status[336] = {0}, files[512] = {0};
	uint64_t places[] = {2, PAGE, CODE, CODE + 2 * PAGE, 0, DATA, DATA + 2 * PAGE, 2};
	int32_t pid = 4711;
	uint64_t sp = HEAP + 8;
	size_t n = 0;

	memcpy(status + 32, &pid, sizeof(pid));
	memcpy(status + 112 + (size_t)19 * 8, &sp, sizeof(sp));
	put(files, &n, places, sizeof(places));
	for (int i = 0; i < 2; i++)
		put(files, &n, program_path, strlen(program_path) + 1);
	put_note(core, at, "CORE", 5, NT_PRSTATUS, status, sizeof(status));
	put_note(core, at, "CORE", 5, NT_AUXV, auxiliary_of[run], sizeof(auxiliary_of[run]));
	put_note(core, at, "CORE", 5, NT_FILE, files, (uint32_t)n);
}

/* Makes the core of one of two runs, which have the same pid. */
static void make_core_of(uint8_t bytes[CORE_SIZE], const uint8_t *program, const char *program_path,
			 unsigned run)
{
	Elf64_Ehdr header = elf_header(ET_CORE, HEADERS);
	Elf64_Phdr headers[HEADERS] = {{.p_type = PT_NOTE, .p_offset = NOTES_AT},
				       {.p_type = PT_LOAD,
					.p_flags = PF_R | PF_X,
					.p_offset = 2 * PAGE,
					.p_vaddr = CODE,
					.p_filesz = PAGE,
					.p_memsz = 2 * PAGE},
				       {.p_type = PT_LOAD,
					.p_flags = PF_R | PF_W,
					.p_offset = 3 * PAGE,
					.p_vaddr = DATA,
					.p_filesz = PAGE,
					.p_memsz = PAGE},
				       {.p_type = PT_LOAD,
					.p_flags = PF_R | PF_W,
					.p_offset = 4 * PAGE,
					.p_vaddr = HEAP,
					.p_filesz = 2 * PAGE,
					.p_memsz = 2 * PAGE}};
	size_t at = NOTES_AT;

	memset(bytes, 0, CORE_SIZE);
	make_notes(bytes, &at, program_path, run);
	headers[0].p_filesz = at - NOTES_AT;
	at = 0;
	put(bytes, &at, &header, sizeof(header));
	put(bytes, &at, headers, sizeof(headers));
	memcpy(bytes + 2 * PAGE, program, PAGE);
	memset(bytes + 3 * PAGE, 'd', PAGE);
	memset(bytes + 4 * PAGE, 'h', 2 * PAGE);
}

static void make_core(uint8_t bytes[CORE_SIZE], const uint8_t *program, const char *program_path)
{
	make_core_of(bytes, program, program_path, 0);
}

static void fill(int fd, const void *bytes, size_t n)
{
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, bytes, n, 0), n);
}

static int file_new(char path[64])
{
	int fd = memfd_create("core", MFD_CLOEXEC);

	assert_true(fd >= 0);
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

static int files_open(void **state)
{
	static struct files files;
	uint8_t program[4 * PAGE], core[CORE_SIZE];

	files.core = file_new(files.core_path);
	files.program = file_new(files.program_path);
	make_program(program, id);
	make_core(core, program, files.program_path);
	fill(files.program, program, sizeof(program));
	fill(files.core, core, sizeof(core));
	*state = &files;
	return 0;
}

static int files_close(void **state)
{
	struct files *files = *state;

	close(files->core);
	close(files->program);
	return 0;
}

static uint8_t byte_at(struct target *core, uint64_t addr)
{
	struct memory memory = target_memory(core);
	uint8_t byte = 0;

	if (!memory_read(&memory, addr, &byte, 1))
		return 0xee;
	return byte;
}

TEST(a_core_is_a_target)
{
	struct files *files = *state;
	struct target *core = NULL;
	const struct registers *threads;
	struct core_facts facts;
	struct mappings mappings;
	int status, fd;

	assert_null(core_open(files->core_path, NULL, &core));
	assert_int_equal(core->pid, 4711);
	assert_string_equal(core->exe_path, files->program_path);
	assert_int_equal(target_poll(core, &status), TARGET_GONE);
	assert_null(target_mappings(core, &mappings));
	assert_int_equal(mappings.list.len, 2);
	assert_true(mappings.list.data[0].executable);
	assert_false(mappings.list.data[1].executable);
	fd = mapping_open(core, &mappings.list.data[1]);
	assert_true(fd >= 0);
	close(fd);
	mappings_fini(&mappings);
	assert_int_equal(core_registers(core, &threads), 1);
	assert_int_equal(threads[0].sp, HEAP + 8);
	core_facts(core, &facts);
	assert_int_equal(facts.missing, 0);
	assert_false(facts.unproved);
	target_close(core);
}

/* All processes of containers may have the pid 1. */
TEST(a_core_tells_one_run_from_another)
{
	struct files *files = *state;
	uint8_t program[4 * PAGE], bytes[CORE_SIZE];
	uint64_t ids[2] = {0};

	make_program(program, id);
	for (unsigned run = 0; run < 2; run++) {
		struct target *core = NULL;

		make_core_of(bytes, program, files->program_path, run);
		fill(files->core, bytes, sizeof(bytes));
		assert_null(core_open(files->core_path, NULL, &core));
		assert_int_equal(core->pid, 4711);
		assert_true(target_image_id(core, &ids[run]));
		target_close(core);
		assert_int_equal(ids[run], process_image_of((const uint64_t *)auxiliary_of[run],
							    2 * ARRAY_SIZE(auxiliary_of[run])));
	}
	assert_int_not_equal(ids[0], ids[1]);
}

/* What was dumped comes from the core, also if the file has something else there. */
TEST(what_was_not_dumped_comes_from_the_file)
{
	struct files *files = *state;
	struct target *core = NULL;
	struct memory memory;
	uint8_t bytes[3 * PAGE];

	assert_null(core_open(files->core_path, NULL, &core));
	assert_int_equal(byte_at(core, CODE + PAGE), 1);
	assert_int_equal(byte_at(core, DATA), 'd');
	assert_int_equal(byte_at(core, DATA + PAGE), 3);
	assert_int_equal(byte_at(core, HEAP + 2 * PAGE - 1), 'h');
	assert_int_equal(byte_at(core, HEAP + 2 * PAGE), 0xee);
	assert_int_equal(byte_at(core, UINT64_MAX), 0xee);
	memory = target_memory(core);
	assert_int_equal(memory.read(memory.ctx, CODE + PAGE, bytes, sizeof(bytes)), 3 * PAGE);
	assert_int_equal(bytes[PAGE - 1], 1);
	assert_int_equal(bytes[PAGE], 'd');
	assert_int_equal(bytes[2 * PAGE], 3);
	target_close(core);
}

TEST(another_build_is_refused)
{
	struct files *files = *state;
	struct target *core = NULL;
	struct core_facts facts;
	uint8_t program[4 * PAGE], bytes[CORE_SIZE];
	struct error *err;

	make_program(program, other_id);
	fill(files->program, program, sizeof(program));
	err = core_open(files->core_path, NULL, &core);
	assert_non_null(strstr(err->text, id));
	expect_error(err, ERROR_TARGET, other_id);
	expect_error(core_open(files->core_path, files->program_path, &core), ERROR_TARGET,
		     other_id);
	/* Without an id, only a program that is named is taken, and that is told. */
	make_program(program, NULL);
	fill(files->program, program, sizeof(program));
	make_core(bytes, program, files->program_path);
	fill(files->core, bytes, sizeof(bytes));
	expect_error(core_open(files->core_path, NULL, &core), ERROR_TARGET, "no build id");
	assert_null(core_open(files->core_path, files->program_path, &core));
	core_facts(core, &facts);
	assert_true(facts.unproved);
	target_close(core);
	program[100] ^= 1; /* in its headers */
	fill(files->program, program, sizeof(program));
	expect_error(core_open(files->core_path, files->program_path, &core), ERROR_TARGET, "none");
}

/* What is missing at the end of a core is not taken from the file: it may have been changed. */
TEST(a_core_that_is_cut_says_so)
{
	struct files *files = *state;
	struct target *core = NULL;
	struct core_facts facts;

	assert_int_equal(ftruncate(files->core, 3 * PAGE + 100), 0);
	assert_null(core_open(files->core_path, NULL, &core));
	core_facts(core, &facts);
	assert_int_equal(facts.missing, 3 * PAGE - 100);
	assert_int_equal(byte_at(core, DATA + 99), 'd');
	assert_int_equal(byte_at(core, DATA + 100), 0xee);
	assert_int_equal(byte_at(core, DATA + PAGE), 3);
	assert_int_equal(byte_at(core, HEAP), 0xee);
	target_close(core);
	assert_int_equal(ftruncate(files->core, NOTES_AT + 8), 0);
	expect_error(core_open(files->core_path, NULL, &core), ERROR_TARGET, "is cut");
	assert_int_equal(ftruncate(files->core, 100), 0);
	expect_error(core_open(files->core_path, NULL, &core), ERROR_TARGET, "cut in its headers");
	assert_int_equal(ftruncate(files->core, 0), 0);
	expect_error(core_open(files->core_path, NULL, &core), ERROR_TARGET, "no ELF file");
	expect_error(core_open(files->program_path, NULL, &core), ERROR_TARGET, "no core file");
}

/* Reads at addresses near all that the core has, and near the ends of the address space. */
static void read_around(struct target *core, uint64_t seed)
{
	static const uint64_t near[] = {0, CODE, DATA, HEAP, UINT64_MAX, 1ull << 63};
	struct memory memory = target_memory(core);
	struct mappings mappings = {0};
	uint8_t bytes[5 * PAGE];

	for (unsigned i = 0; i < 64; i++) {
		uint64_t random = table_mix(seed + i);

		memory.read(memory.ctx,
			    near[random % ARRAY_SIZE(near)] + (random >> 32) % (4 * PAGE) - PAGE,
			    bytes, (random >> 16) % sizeof(bytes));
	}
	assert_null(target_mappings(core, &mappings));
	vec_each(mapping, &mappings.list) {
		int fd = mapping_open(core, mapping);

		if (fd >= 0)
			close(fd);
	}
	mappings_fini(&mappings);
}

/* Bytes of the headers, the notes and the program are wrong, in each round others. */
TEST(a_damaged_core_does_no_harm)
{
	struct files *files = *state;
	uint8_t program[4 * PAGE], whole[CORE_SIZE], bytes[CORE_SIZE];
	unsigned opened = 0;

	make_program(program, id);
	make_core(whole, program, files->program_path);
	for (uint64_t round = 0; round < 5000; round++) {
		struct target *core = NULL;
		uint64_t random = table_mix(round);

		memcpy(bytes, whole, sizeof(bytes));
		for (unsigned left = 1 + random % 5; left; left--) {
			random = table_mix(random);
			/* A byte of the headers and notes, or of the dumped headers of the program. */
			bytes[(random & 1 ? 0 : 2 * PAGE) + (random >> 8) % 1024] =
				(uint8_t)(random & 2 ? random >> 40 : -(random >> 2 & 1));
		}
		fill(files->core, bytes, sizeof(bytes));
		error_free(
			core_open(files->core_path, round & 1 ? files->program_path : NULL, &core));
		if (!core)
			continue;
		opened++;
		read_around(core, round);
		target_close(core);
	}
	assert_true(opened > 50);
}

#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, files_open, files_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FILES(a_core_is_a_target),
		WITH_FILES(a_core_tells_one_run_from_another),
		WITH_FILES(what_was_not_dumped_comes_from_the_file),
		WITH_FILES(another_build_is_refused),
		WITH_FILES(a_core_that_is_cut_says_so),
		WITH_FILES(a_damaged_core_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
