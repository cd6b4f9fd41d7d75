/* Declarations that the files of core files share: core_read.c parses one, core_files.c opens the files that were mapped,
 * core.c is the target. */
#ifndef LIVE_PROCESS_CORE_PRIV_H
#define LIVE_PROCESS_CORE_PRIV_H

#include "base/registers.h"
#include "live/process/process.h"

enum {
	CORE_PAGE = 4096,
	CORE_FILES_MAX = 4096, /* files that are opened */
	CORE_NONE = -1,	       /* no descriptor: the file is not here, or is another one */
};

/* Memory that was mapped. The first `size` bytes are in the core. If the core is not cut, these are those that it promises. */
struct core_segment {
	uint64_t addr, mem, size, promised;
	uint64_t offset; /* of these bytes, in the core */
	bool executable;
};

/* A mapping of a file (NT_FILE). */
struct core_mapping {
	uint64_t start, end, offset;
	uint32_t file; /* index */
};

/* A file that was mapped. */
struct core_file {
	const char *path;   /* borrowed from core.names */
	uint64_t first;	    /* the address of its first byte; 0: that was not mapped */
	int fd;		    /* CORE_NONE, or the file, which has the core's build id */
	uint64_t code_from; /* file offsets of its code */
	uint64_t code_to;
};

struct core {
	struct target target;
	char *path;
	int fd;
	uint64_t size;
	uint64_t missing; /* bytes that the headers promise, and that are past its end */
	VEC(struct core_segment) segments; /* by address */
	VEC(struct core_mapping) mappings; /* by address */
	VEC(struct core_file) files;
	VEC(struct registers) threads;
	char *names;	       /* the note that has the paths */
	uint64_t headers_addr; /* AT_PHDR: where the headers of the program are; 0: not known */
	uint64_t image;	     /* process_image_of() its auxiliary vector; valid with headers_addr */
	uint32_t program;    /* index in files */
	uint32_t notes_left; /* notes that may still be read */
	bool unproved;
};

/* core_read.c */
/* Parses the headers and the notes. Errors (ERROR_TARGET): it is no core of an x86-64 program, or it is damaged. */
struct error *core_parse(struct core *core);
/* Reads memory that the core has. Returns how many bytes, from the start. */
size_t core_read_dumped(const struct core *core, uint64_t addr, void *to, size_t size);

/* core_files.c */
/* Opens the files, the program as `binary` if that is not NULL. Errors (ERROR_TARGET): the program is not here, or is
 * another one. */
struct error *core_open_files(struct core *core, const char *binary);

/* Reads at an offset of a file. Returns how many bytes it could read. */
size_t core_pread(int fd, void *to, size_t size, uint64_t offset);

#endif
