/* tophash sites --asm: chooses the sites, finds the probes of trace, and writes the report. */
#include "cmd/sites.h"
#include "read/code/code.h"
#include "read/place/place.h"

#include <sys/stat.h>

/* Tells whether pc is the address of the site, or the address after its call, which stack traces
 * have. */
static bool is_at(const struct sites_binary *binary, const struct site_row *row, uint64_t pc)
{
	return pc == row->pc ||
	       pc == row->pc + machine_get(image_machine(binary->image)->number)->call_size;
}

static struct error *select_at(const struct sites_binary *binary, uint64_t pc, sites_rows *ret)
{
	vec_each(row, &binary->sites.list)
		if (is_at(binary, row, pc) && !vec_push(ret, row))
			return error_nomem();
	return NULL;
}

static struct error *select_named(const struct sites_binary *binary, const char *name,
				  sites_rows *ret)
{
	cleanup(filter_fini) struct filter filter = {0};

	try(filter_set_glob("--asm", name, &filter.site_glob));
	vec_each(row, &binary->sites.list)
		if (sites_place_matches(&filter, row) && !vec_push(ret, row))
			return error_nomem();
	return NULL;
}

static struct error *select_sites(const struct sites_binary *binary, const char *site,
				  sites_rows *ret)
{
	char *end;
	uint64_t pc = strtoull(site, &end, 16);

	if (strncmp(site, "0x", 2) == 0 && !*end)
		try(select_at(binary, pc, ret));
	else
		try(select_named(binary, site, ret));
	if (!ret->len)
		return error_new(ERROR_USAGE,
				 "--asm %s: no site there; tophash sites %s lists them", site,
				 binary->path);
	return NULL;
}

struct error *sites_asm(const struct sites_binary *binary, const char *site,
			const struct terminal_style *style, struct buf *out)
{
	cleanup(placements_fini) struct placements placements = {0};
	cleanup(sites_rows_fini) sites_rows rows = {0};
	struct placement_options options = {0};
	cleanup(error_free) struct error *none = NULL;
	struct stat st;

	try(select_sites(binary, site, &rows));
	none = placement_find(binary->image, binary->tab, &options, &placements);
	return site_asm_text(out,
			     &(struct site_asm){
				     .binary = binary->path,
				     .image = binary->image,
				     .tab = binary->tab,
				     .sites = &binary->sites,
				     .placements = &placements,
				     .no_placements = none ? none->text : NULL,
				     .rows = rows.data,
				     .rows_n = rows.len,
				     .owner = fstat(binary->fd, &st) == 0 ? st.st_uid : (uid_t)-1,
				     .color = style->color,
				     .width = style->width,
			     });
}
