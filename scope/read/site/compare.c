/* Pairs the sites of two binaries in several passes. Each pass gives a key to every site that has
 * no partner yet, sorts both sides by key, and pairs sites with equal keys in the order of their
 * addresses.
 */
#include "read/site/site.h"
#include "base/frame.h"
#include "base/buf.h"

#include <stdlib.h>

struct pass {
	bool chain; /* compares all functions of the chain; otherwise only the one that deletes */
	bool type, entry;
};

static const struct pass passes[] = {
	{true, true, true},   /* nothing changed */
	{true, true, false},  /* another variant */
	{false, true, true},  /* inlined differently */
	{true, false, false}, /* another type, and perhaps another variant */
	{false, true, false}, /* inlined differently, and another variant */
};

struct keyed {
	const struct site_row *row;
	size_t at, len; /* position of the key in a buffer */
	const struct buf *keys;
};

struct side {
	const struct sites *sites;
	const struct site_row **partner; /* for each site its partner, or NULL */
	struct buf keys;
	struct keyed *keyed;
	size_t keyed_n;
};

/* Appends a function's name without type arguments. Releases write them differently, and the map
 * type tells instances apart. */
static void put_func(struct buf *to, const char *func)
{
	size_t depth = 0;

	for (; *func; func++) {
		if (*func == '[')
			depth++;
		if (!depth)
			buf_char(to, *func);
		if (*func == ']' && depth)
			depth--;
	}
	buf_char(to, '\n');
}

/* Appends the type of a site. A generic body with one instance has the same key as code that is not
 * generic. */
static void put_type(struct buf *to, const struct site_row *row)
{
	if (row->type)
		buf_str(to, row->type->name);
	else
		buf_str(to, row->instances_n ? "" : row->why_no_type);
	for (size_t i = 0; i < row->instances_n; i++) {
		if (i)
			buf_char(to, ' ');
		buf_str(to, row->instances[i]->name);
	}
	buf_char(to, '\n');
}

static void put_key(struct buf *to, const struct site_row *row, const struct pass *pass)
{
	size_t frames = pass->chain ? row->frames_n : 1;

	for (size_t i = 0; i < frames; i++)
		put_func(to, row->frames[i].func);
	if (pass->type)
		put_type(to, row);
	if (pass->entry)
		buf_str(to, go_entries[row->entry].name);
}

static int compare_keys(const struct keyed *a, const struct keyed *b)
{
	size_t len = a->len < b->len ? a->len : b->len;
	int order = len ? memcmp(a->keys->data + a->at, b->keys->data + b->at, len) : 0;

	return order ? order : a->len < b->len ? -1 : a->len > b->len;
}

static int compare_keyed(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;
	int order = compare_keys(x, y);

	return order ? order : x->row->pc < y->row->pc ? -1 : x->row->pc > y->row->pc;
}

static void make_keys(struct side *side, const struct pass *pass)
{
	buf_reset(&side->keys);
	side->keyed_n = 0;
	for (size_t i = 0; i < side->sites->list.len; i++) {
		const struct site_row *row = &side->sites->list.data[i];
		size_t at = side->keys.len;

		if (side->partner[i])
			continue;
		put_key(&side->keys, row, pass);
		side->keyed[side->keyed_n++] =
			(struct keyed){row, at, side->keys.len - at, &side->keys};
	}
	qsort(side->keyed, side->keyed_n, sizeof(*side->keyed), compare_keyed);
}

static bool pair(struct side *from, struct side *to, const struct pass *pass)
{
	size_t i = 0, j = 0;

	make_keys(from, pass);
	make_keys(to, pass);
	if (from->keys.bad || to->keys.bad)
		return false;
	while (i < from->keyed_n && j < to->keyed_n) {
		const struct site_row *a = from->keyed[i].row, *b = to->keyed[j].row;
		int order = compare_keys(&from->keyed[i], &to->keyed[j]);

		if (!order) {
			from->partner[a - from->sites->list.data] = b;
			to->partner[b - to->sites->list.data] = a;
		}
		i += order <= 0;
		j += order >= 0;
	}
	return true;
}

static bool side_init(struct side *side, const struct sites *sites)
{
	side->sites = sites;
	side->partner = calloc(sites->list.len + 1, sizeof(*side->partner));
	side->keyed = calloc(sites->list.len + 1, sizeof(*side->keyed));
	return side->partner && side->keyed;
}

static void side_fini(struct side *side)
{
	free(side->partner);
	free(side->keyed);
	buf_fini(&side->keys);
}

static bool same_chain(const struct site_row *a, const struct site_row *b)
{
	struct buf x = {0}, y = {0};
	bool same = a->frames_n == b->frames_n;

	for (size_t i = 0; same && i < a->frames_n; i++) {
		buf_reset(&x);
		buf_reset(&y);
		put_func(&x, a->frames[i].func);
		put_func(&y, b->frames[i].func);
		same = x.len == y.len && memcmp(x.data, y.data, x.len) == 0;
	}
	buf_fini(&x);
	buf_fini(&y);
	return same;
}

static bool same_type(const struct site_row *a, const struct site_row *b)
{
	struct buf x = {0}, y = {0};
	bool same;

	put_type(&x, a);
	put_type(&y, b);
	same = x.len == y.len && memcmp(x.data, y.data, x.len) == 0;
	buf_fini(&x);
	buf_fini(&y);
	return same;
}

static struct site_change changed(const struct site_row *from, const struct site_row *to)
{
	return (struct site_change){
		.from = from,
		.to = to,
		.variant =
			strcmp(go_entries[from->entry].variant, go_entries[to->entry].variant) != 0,
		.type = !same_type(from, to),
		.inlining = !same_chain(from, to),
	};
}

static bool collect(const struct side *from, const struct side *to, struct site_changes *ret)
{
	for (size_t i = 0; i < to->sites->list.len; i++) {
		const struct site_row *row = &to->sites->list.data[i];
		struct site_change change = {.to = row};

		if (to->partner[i])
			change = changed(to->partner[i], row);
		if (!vec_push(&ret->list, change))
			return false;
	}
	for (size_t i = 0; i < from->sites->list.len; i++) {
		struct site_change change = {.from = &from->sites->list.data[i]};

		if (!from->partner[i] && !vec_push(&ret->list, change))
			return false;
	}
	return true;
}

struct error *site_compare(const struct sites *from, const struct sites *to,
			   struct site_changes *ret)
{
	struct side a = {0}, b = {0};
	bool ok = side_init(&a, from);

	*ret = (struct site_changes){0};
	ok = side_init(&b, to) && ok;
	for (size_t i = 0; ok && i < ARRAY_SIZE(passes); i++)
		ok = pair(&a, &b, &passes[i]);
	ok = ok && collect(&a, &b, ret);
	side_fini(&a);
	side_fini(&b);
	if (!ok)
		site_changes_fini(ret);
	return ok ? NULL : error_nomem();
}

void site_changes_fini(struct site_changes *changes)
{
	vec_fini(&changes->list);
}
