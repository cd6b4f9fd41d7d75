/* What the files of `tophash sites` share: sites.c (the list, and two binaries compared),
 * sites_asm.c (one site's instructions).
 */
#ifndef CMD_SITES_H
#define CMD_SITES_H

#include "watch/engine/engine.h"
#include "show/report/report.h"

struct sites_binary {
	const char *path; /* borrowed */
	int fd;
	struct image *image;
	struct gopcln *tab;
	struct sites sites;
};

struct error *sites_binary_open(const char *path, struct sites_binary *ret);
void sites_binary_close(struct sites_binary *binary);

typedef VEC(const struct site_row *) sites_rows;

/* --type and --site. */
bool sites_matches(const struct filter *filter, const struct site_row *row);
/* --site alone: any function or place that the site is inlined into. */
bool sites_place_matches(const struct filter *filter, const struct site_row *row);

/* --asm: the sites that `site` names (an address, file:line, a function's glob), each with its
 * instructions, then those of the runtime's functions. Errors (ERROR_USAGE): it names none. */
struct error *sites_asm(const struct sites_binary *binary, const char *site, bool color,
			size_t width, struct buf *out);

#endif
