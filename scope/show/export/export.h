/* export: what was measured, as a file of another program.
 *
 *   profile.c   stacks of names with numbers, in whatever they were measured
 *   pprof.c     as pprof reads them
 *
 * To add a format:
 *   1. write <format>.c with a function that appends the bytes of a file, and declare it in export_priv.h;
 *   2. add it to the table in export.c, and the file to meson.build;
 *   3. write its name at --to in docs/man/tophash-maps.1 (tools/man-options does), and what it has under EXPORTS;
 *   4. let the program that reads it be asked in tests/system/test_maps_export.py.
 */
#ifndef SHOW_EXPORT_EXPORT_H
#define SHOW_EXPORT_EXPORT_H

#include "base/base.h"
#include "base/table.h"

/* What is counted: "bytes" in "bytes". */
struct profile_value {
	const char *type, *unit;
};

enum { PROFILE_VALUES_MAX = 8, PROFILE_FRAMES_MAX = 256 };

/* Stacks with numbers. Stacks that are equal are one. */
struct profile {
	const struct profile_value *values; /* borrowed */
	size_t values_n;
	size_t first;	  /* the value that is shown unless another one is asked for */
	uint64_t wall_ns; /* when it was measured */
	const char *program, *build_id; /* borrowed; NULL: not known */
	VEC(char *) names;		/* of frames; owned */
	struct table names_at;		/* hash -> index in names */
	VEC(uint32_t) frames;		/* indices in names; the innermost of a stack comes first */
	VEC(struct profile_stack) stacks;
	struct table stacks_at; /* hash -> index in stacks */
};

struct profile_stack {
	size_t first; /* index in frames */
	size_t n;
	int64_t numbers[PROFILE_VALUES_MAX];
};

/* Returns in *ret the index of a name, which is copied when it is new. Bytes that are not UTF-8 are replaced. Errors: no
 * memory. */
struct error *profile_name(struct profile *profile, const char *name, uint32_t *ret);
/* Adds numbers, one for each value, to those of a stack of n frames (at most PROFILE_FRAMES_MAX; outer ones are cut).
 * Errors: no memory. */
struct error *profile_add(struct profile *profile, const uint32_t frames[], size_t n,
			  const int64_t numbers[]);
void profile_fini(struct profile *profile);
CLEANUP_VALUE(struct profile, profile_fini)

struct export_format {
	const char *name;
	/* Appends the bytes of a file. Errors: no memory. */
	struct error *(*put)(const struct profile *profile, struct buf *to);
};

/* Reads "FORMAT:FILE" of --to. *ret_file is borrowed from it. Errors (ERROR_USAGE): there is no such format, or
 * no file. */
struct error *export_read(const char *text, const struct export_format **ret,
			  const char **ret_file);

#endif
