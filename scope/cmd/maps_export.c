/* Rows -> stacks -> a file. The innermost frame of a map is its type, and what holds it follows, up to the root. */
#include "cmd/maps_export.h"
#include "base/buf.h"

enum { HOPS_MAX = PROFILE_FRAMES_MAX - 1 };

static const struct profile_value values[] = {
	{"maps", "count"},
	{"entries", "count"},
	{"waste", "bytes"},
	{"bytes", "bytes"},
};

enum { BYTES = 3 /* the place of bytes in values */ };

/* Appends the frame of a hop. Each stands alone, therefore it names the type of the map that it is in. Stacks are one frame
 * for each function, not for each goroutine: otherwise two profiles had nothing in common. */
static void put_hop(struct buf *to, const struct holder_hop *hop)
{
	if (hop->kind == HOLDER_STACK)
		buf_printf(to, "stack of %s", hop->name ? hop->name : "?");
	else if (hop->kind == HOLDER_VALUE && hop->type)
		buf_printf(to, "value of %s", hop->type);
	else if (hop->kind == HOLDER_KEY && hop->type)
		buf_printf(to, "key of %s", hop->type);
	else
		held_by_hop(to, hop, 0);
}

static struct error *add_row(struct profile *profile, const struct map_row *row)
{
	const int64_t numbers[] = {1, (int64_t)row->len, (int64_t)row->waste, (int64_t)row->bytes};
	uint32_t frames[HOPS_MAX + 1];
	size_t n = 0;

	static_assert(ARRAY_SIZE(numbers) == ARRAY_SIZE(values), "one for each");
	try(profile_name(profile, row->type ? row->type : "map of an unknown type", &frames[n++]));
	for (const struct holder_hop *hop = row->held_by; hop && n <= HOPS_MAX; hop = hop->next) {
		cleanup_buf struct buf name = {0};

		put_hop(&name, hop);
		if (name.bad)
			return error_nomem();
		try(profile_name(profile, buf_cstr(&name), &frames[n++]));
	}
	return profile_add(profile, frames, n, numbers);
}

struct error *maps_export(const struct maps_listing *listing, struct buf *to)
{
	cleanup(profile_fini) struct profile profile = {
		.values = values,
		.values_n = ARRAY_SIZE(values),
		.first = BYTES,
		.wall_ns = listing->head.wall_ns,
		.program = listing->head.exe,
		.build_id = listing->head.build_id,
	};

	vec_each(row, &listing->rows)
		try(add_row(&profile, row));
	return listing->options->export->put(&profile, to);
}
