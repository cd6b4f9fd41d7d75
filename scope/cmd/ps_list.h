/* The processes that have Go code, with all that a row of `tophash ps` shows.
 */
#ifndef CMD_PS_LIST_H
#define CMD_PS_LIST_H

#include "cmd/ps_options.h"
#include "live/module/module.h"
#include "show/report/report.h"

struct ps_entry;
struct ps_verdict;

struct process_listing {
	const struct ps_options *options;
	struct modules *modules;
	VEC(struct ps_entry *) entries;
	VEC(struct ps_verdict *) verdicts;
	size_t hidden;
	struct error *failed;
};

/* Looks at all processes that `options` chooses. The caller frees *ret with ps_list_fini(), also
 * after an error. Errors: /proc cannot be used; no memory or no descriptor is left. */
struct error *ps_list(const struct ps_options *options, struct process_listing *ret);
void ps_list_fini(struct process_listing *listing);
CLEANUP_VALUE(struct process_listing, ps_list_fini)
/* Fills rows[], which has room for all entries, in the order of pids. */
void ps_list_rows(const struct process_listing *listing, struct process_row rows[]);

#endif
