/* Declarations that the files of `tophash sites` share. sites.c (the list, and two binaries
 * compared) uses sites_asm.c (the instructions of a site). Both use sites_binary.c (a program and
 * its sites; which sites pass a filter).
 */
#ifndef CMD_SITES_H
#define CMD_SITES_H

#include "cmd/output.h"
#include "show/report/report.h"
#include "watch/filter/filter.h"

struct container_query;

struct sites_binary {
	const char *path; /* borrowed */
	int fd;
	struct image *image;
	struct gopcln *tab;
	struct sites sites;
};

struct error *sites_binary_open(const char *path, struct sites_binary *ret);
void sites_binary_close(struct sites_binary *binary);
CLEANUP_VALUE(struct sites_binary, sites_binary_close)

typedef VEC(const struct site_row *) sites_rows;
static inline void sites_rows_fini(sites_rows *rows)
{
	vec_fini(rows);
}
CLEANUP_VALUE(sites_rows, sites_rows_fini)

/* Returns whether a site passes --type and --site. */
bool sites_matches(const struct filter *filter, const struct site_row *row);
/* Returns whether a site passes --site, by its own function and place or by those that it is
 * inlined into. */
bool sites_place_matches(const struct filter *filter, const struct site_row *row);

/* Appends the listing of --asm: the instructions of each site that `site` names, then the runtime's
 * functions. `site` is an address, file:line, or a pattern for functions. Errors (ERROR_USAGE): it
 * names no site. */
struct error *sites_asm(const struct sites_binary *binary, const char *site,
			const struct terminal_style *style, struct buf *out);

/* Finds the program of a container: of the machine, or of a pod (NULL: not set). The caller frees *ret_path,
 * "/proc/PID/exe". Errors (ERROR_TARGET): there is no such container, or it has none or several. */
struct error *sites_container_program(const struct container_query *query, char **ret_path);

#endif
