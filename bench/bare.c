/* Attaches an empty kernel program to a process, as tophash attaches its own, and keeps it attached
 * until stdin ends.
 *
 *   bare OBJECT PID FILE OFFSET...      OFFSET in the file
 *
 * Prints "ready multi" or "ready perf" when the probes stand. TOPHASH_NO_MULTI=1: perf events. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define MAX_PROBES 64

/* include/uapi/linux/bpf.h, Linux 6.6; libbpf 1.1 and its headers are older. */
#define TRACE_UPROBE_MULTI 48

struct uprobe_multi_attr {
	uint32_t prog_fd, target_fd, attach_type, flags;
	uint64_t path, offsets, ref_ctr_offsets, cookies;
	uint32_t count, multi_flags, pid, unused;
};

struct place {
	const char *file;
	pid_t pid;
	uint64_t offset[MAX_PROBES];
	uint32_t count;
};

/* Attaches one link for all places. The link exists as long as its descriptor, which is never
 * closed. */
static bool attach_multi(const struct bpf_program *program, const struct place *place)
{
	struct uprobe_multi_attr attr = {
		.prog_fd = (uint32_t)bpf_program__fd(program),
		.attach_type = TRACE_UPROBE_MULTI,
		.path = (uintptr_t)place->file,
		.offsets = (uintptr_t)place->offset,
		.count = place->count,
		.pid = (uint32_t)place->pid,
	};

	return syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr)) >= 0;
}

static bool attach_each(const struct bpf_program *program, const struct place *place)
{
	for (uint32_t i = 0; i < place->count; i++)
		if (!bpf_program__attach_uprobe(program, false, place->pid, place->file,
						place->offset[i]))
			return false;
	return true;
}

/* Loads the program. It is loaded either for a multi link or for perf events. */
static struct bpf_program *load(const char *path, bool multi)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *program;

	if (!object)
		return NULL;
	program = bpf_object__find_program_by_name(object, "bare");
	if (program && multi)
		bpf_program__set_expected_attach_type(program, TRACE_UPROBE_MULTI);
	return program && bpf_object__load(object) == 0 ? program : NULL;
}

static bool attach(const char *object, const struct place *place, bool multi)
{
	struct bpf_program *program = load(object, multi);

	return program && (multi ? attach_multi : attach_each)(program, place);
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

int main(int argc, char **argv)
{
	struct place place = {0};
	bool multi = !getenv("TOPHASH_NO_MULTI");

	if (argc < 5 || argc - 4 > MAX_PROBES) {
		fprintf(stderr, "usage: bare OBJECT PID FILE OFFSET...\n");
		return 2;
	}
	place.pid = (pid_t)strtol(argv[2], NULL, 10);
	place.file = argv[3];
	for (int i = 4; i < argc; i++)
		place.offset[place.count++] = strtoull(argv[i], NULL, 0);
	libbpf_set_print(quiet);
	multi = multi && attach(argv[1], &place, true);
	if (!multi && !attach(argv[1], &place, false)) {
		fprintf(stderr, "bare: cannot attach: %s\n", strerror(errno));
		return 1;
	}
	printf("ready %s\n", multi ? "multi" : "perf");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
