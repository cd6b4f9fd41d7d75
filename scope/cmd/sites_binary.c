#include "cmd/sites.h"
#include "base/file.h"

static struct error *open_all(struct sites_binary *binary)
{
	try(file_open(binary->path, &binary->fd));
	try(image_open(binary->fd, binary->path, &binary->image));
	try(gopcln_open(binary->image, &binary->tab));
	return site_find(binary->image, binary->tab, &binary->sites);
}

struct error *sites_binary_open(const char *path, struct sites_binary *ret)
{
	struct error *err;

	*ret = (struct sites_binary){.path = path, .fd = -1};
	err = open_all(ret);
	if (err)
		sites_binary_close(ret);
	return err;
}

void sites_binary_close(struct sites_binary *binary)
{
	site_fini(&binary->sites);
	gopcln_close(binary->tab);
	image_close(binary->image);
	if (binary->fd >= 0)
		close(binary->fd);
	*binary = (struct sites_binary){.fd = -1};
}

bool sites_place_matches(const struct filter *filter, const struct site_row *row)
{
	return filter_site_matches(filter, row->frames, row->frames_n);
}

/* Tells whether --type matches the site. For a generic site, any of its types may match. */
static bool type_matches(const struct filter *filter, const struct site_row *row)
{
	if (!filter->type_glob)
		return true;
	if (row->type)
		return filter_type_matches(filter, row->type->whole_name);
	for (size_t i = 0; i < row->instances_n; i++)
		if (filter_type_matches(filter, row->instances[i]->whole_name))
			return true;
	return false;
}

bool sites_matches(const struct filter *filter, const struct site_row *row)
{
	return type_matches(filter, row) && sites_place_matches(filter, row);
}
