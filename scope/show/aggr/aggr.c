/* Every row has an identity, a string of bytes whose contents depend on `by`. Events with equal
 * identities are in one row. For sites and types, the row is first looked up by the event's id. The
 * identity is therefore built only once for each id. */
#include "base/frame.h"
#include "base/buf.h"
#include "base/text/text.h"
#include "show/aggr/aggr.h"
#include "base/table.h"
#include "show/event/event.h"
#include "read/layout/layout.h"

#define ROWS_DEFAULT   10000
#define GOROUTINES_MAX 64
#define IDS_MAX	       (1u << 20) /* ids in by_id; then it is emptied, and the rows stay */
#define NO_ROW	       UINT32_MAX

struct row {
	struct aggr_row shown; /* its strings are in `strings` */
	char *strings;	       /* owned: the NUL-terminated strings, then the identity */
	const char *identity;
	size_t identity_len;
	VEC(uint64_t) goroutines;
	char *type,
		*held; /* map: owned: what shown.detail, shown.held_text have in place of `strings` */
	uint64_t held_id;
};

/* Maps the identity of a row, which the row owns, to its index. */
TOPHASH_MAP(row_index, struct tophash_str, uint32_t);

struct aggr {
	enum aggr_by by;
	size_t max_rows;
	VEC(struct row) rows;
	VEC(struct aggr_row) sorted; /* has room for every row at any time */
	uint32_t others;	     /* index of the row "(others)", or NO_ROW */
	struct table by_id;
	struct row_index by_identity;
	struct event_sample sample;
	struct buf identity; /* identity of the current event */
	struct buf text;
};

struct error *aggr_new(enum aggr_by by, size_t max_rows, struct aggr **ret)
{
	struct aggr *aggr = calloc(1, sizeof(*aggr));

	if (!aggr)
		return error_nomem();
	aggr->by = by;
	aggr->max_rows = max_rows ? max_rows : ROWS_DEFAULT;
	if (aggr->max_rows > NO_ROW - 2)
		aggr->max_rows = NO_ROW - 2;
	aggr->others = NO_ROW;
	aggr->sample = (struct event_sample){.fraction = 1, .watched = 1};
	*ret = aggr;
	return NULL;
}

void aggr_free(struct aggr *aggr)
{
	if (!aggr)
		return;
	vec_each(row, &aggr->rows) {
		free(row->strings);
		free(row->type);
		free(row->held);
		vec_fini(&row->goroutines);
	}
	vec_fini(&aggr->rows);
	vec_fini(&aggr->sorted);
	table_fini(&aggr->by_id);
	row_index_fini(&aggr->by_identity);
	buf_fini(&aggr->identity);
	buf_fini(&aggr->text);
	free(aggr);
}

enum aggr_by aggr_by(const struct aggr *aggr)
{
	return aggr->by;
}

void aggr_set_sample(struct aggr *aggr, const struct event_sample *sample)
{
	aggr->sample = *sample;
}

const struct event_sample *aggr_sample(const struct aggr *aggr)
{
	return event_is_sampled(&aggr->sample) ? &aggr->sample : NULL;
}

/* --- Identity and text of a row --- */

static void put_func(struct buf *to, const struct frame *frame)
{
	if (frame->func[0])
		buf_str(to, frame->func);
	else
		buf_hex(to, frame->pc);
}

static void put_caller(struct buf *to, const struct frame *frame)
{
	if (!frame)
		return;
	put_func(to, frame);
	if (frame->file[0])
		buf_char(to, ' ');
	text_place_raw(to, frame);
}

static void put_cstr(struct buf *to, const char *s)
{
	buf_put(to, s, strlen(s) + 1);
}

/* Appends the identity of a key. Two cut keys are in one row only if both the kept bytes and the
 * full lengths are equal. */
static void identify_key(struct buf *to, const struct event_removal *event)
{
	event_key(to, event);
	for (size_t i = 0; i < event->key_n; i++) {
		const struct value *value = &event->key[i];

		if (!value->cut)
			continue;
		buf_char(to, '\0');
		buf_put(to, &value->whole, sizeof(value->whole));
	}
}

static void identify_site(struct buf *to, const struct event_removal *event)
{
	const struct frame *site = event->stack;

	if (!event->stack_n)
		return;
	put_func(to, site);
	buf_char(to, '\0');
	put_cstr(to, site->file);
	buf_u64(to, site->line);
	if (aggr_is_helper(site->func)) {
		buf_char(to, '\0');
		put_caller(to, aggr_caller(event->stack, event->stack_n));
	}
}

static const char *text_or_none(const char *text)
{
	return text ? text : "";
}

static void identify(struct buf *to, enum aggr_by by, const struct event *event)
{
	const struct event_removal *removal = &event->removal;

	switch (by) {
	case AGGR_BY_SITE: identify_site(to, removal); break;
	case AGGR_BY_MAP:
		buf_put(to, &removal->pid, sizeof(removal->pid));
		buf_put(to, &removal->map, sizeof(removal->map));
		break;
	case AGGR_BY_TYPE: buf_str(to, removal->map_type); break;
	case AGGR_BY_CONTAINER: buf_str(to, text_or_none(removal->container)); break;
	case AGGR_BY_POD: buf_str(to, text_or_none(removal->pod)); break;
	case AGGR_BY_KEY:
		put_cstr(to, removal->map_type);
		if (event->kind == EVENT_DELETE)
			identify_key(to, removal);
		break;
	}
}

/* Appends name, detail, caller, file and json, in this order, each followed by a NUL. */
static void describe_site(struct buf *to, const struct event_removal *event)
{
	const struct frame *site = event->stack;

	if (!event->stack_n) {
		buf_put(to, "(no stack)\0\0\0\0", 15);
		return;
	}
	put_func(to, site);
	buf_char(to, '\0');
	text_place_raw(to, site);
	buf_char(to, '\0');
	put_caller(to, aggr_caller(event->stack, event->stack_n));
	buf_char(to, '\0');
	put_cstr(to, site->file);
	buf_char(to, '\0');
}

static void describe_key(struct buf *to, const struct event *event)
{
	const struct event_removal *removal = &event->removal;

	if (event->kind == EVENT_DELETE)
		event_key(to, removal);
	else
		buf_str(to, "(clear)");
	buf_char(to, '\0');
	put_cstr(to, removal->map_type);
	buf_put(to, "\0", 2);
	value_json(to, removal->key, event->kind == EVENT_DELETE ? removal->key_n : 0);
	buf_char(to, '\0');
}

static void describe(struct buf *to, enum aggr_by by, const struct event *event)
{
	const struct event_removal *removal = &event->removal;

	switch (by) {
	case AGGR_BY_SITE: describe_site(to, removal); break;
	case AGGR_BY_KEY: describe_key(to, event); break;
	case AGGR_BY_MAP:
		buf_hex(to, removal->map);
		buf_char(to, '\0');
		put_cstr(to, removal->map_type);
		buf_put(to, "\0\0", 3);
		break;
	case AGGR_BY_TYPE:
		put_cstr(to, removal->map_type[0] ? removal->map_type : "(unknown)");
		buf_put(to, "\0\0\0", 4);
		break;
	case AGGR_BY_CONTAINER:
	case AGGR_BY_POD:
		put_cstr(to, text_or_none(by == AGGR_BY_POD ? removal->pod : removal->container));
		buf_put(to, "\0\0\0", 4);
		break;
	}
}

/* --- Rows --- */

/* Adds a row. Copies `description` and `identity`. *ret is the index of the row. */
static struct error *row_add(struct aggr *aggr, const struct buf *description,
			     const struct buf *identity, uint32_t *ret)
{
	struct row row = {.identity_len = identity->len};
	const char *at;

	if (!vec_reserve(&aggr->rows, aggr->rows.len + 1) ||
	    !vec_reserve(&aggr->sorted, aggr->rows.len + 1))
		return error_nomem();
	row.strings = malloc(description->len + identity->len);
	if (!row.strings)
		return error_nomem();
	memcpy(row.strings, description->data, description->len);
	if (identity->len)
		memcpy(row.strings + description->len, identity->data, identity->len);
	row.identity = row.strings + description->len;
	at = row.strings;
	row.shown.name = at;
	row.shown.detail = at += strlen(at) + 1;
	row.shown.caller = at += strlen(at) + 1;
	row.shown.file = at += strlen(at) + 1;
	row.shown.json = at + strlen(at) + 1;
	*ret = (uint32_t)aggr->rows.len;
	aggr->rows.data[aggr->rows.len++] = row;
	return NULL;
}

static struct error *row_others(struct aggr *aggr, uint32_t *ret)
{
	const struct buf none = {0};

	if (aggr->others == NO_ROW) {
		aggr->text.len = 0;
		buf_put(&aggr->text, "(others)\0\0\0\0", 13);
		if (aggr->text.bad)
			return error_nomem();
		try(row_add(aggr, &aggr->text, &none, &aggr->others));
		aggr->rows.data[aggr->others].shown.others = true;
	}
	*ret = aggr->others;
	return NULL;
}

/* Adds a row for aggr->identity. If there are too many rows, finds the row "(others)" instead. */
static struct error *row_create(struct aggr *aggr, const struct event *event, uint32_t *ret)
{
	const struct event_removal *removal = &event->removal;
	struct aggr_row *shown;
	struct row *row;
	uint32_t at = 0;

	if (aggr->rows.len - (aggr->others != NO_ROW) >= aggr->max_rows)
		return row_others(aggr, ret);
	buf_reset(&aggr->text);
	describe(&aggr->text, aggr->by, event);
	if (aggr->text.bad)
		return error_nomem();
	try(row_add(aggr, &aggr->text, &aggr->identity, &at));
	row = &aggr->rows.data[at];
	if (row_index_put(&aggr->by_identity,
			  (struct tophash_str){row->identity, row->identity_len}, at) < 0) {
		/* A row that cannot be found again must not stay. */
		free(row->strings);
		aggr->rows.len--;
		return error_nomem();
	}
	shown = &row->shown;
	shown->line = aggr->by == AGGR_BY_SITE && removal->stack_n ? removal->stack[0].line : 0;
	shown->pid = aggr->by == AGGR_BY_MAP ? removal->pid : 0;
	shown->key_cut = aggr->by == AGGR_BY_KEY && event->kind == EVENT_DELETE &&
			 value_is_cut(removal->key, removal->key_n);
	*ret = at;
	return NULL;
}

static struct error *row_by_identity(struct aggr *aggr, const struct event *event, uint32_t *ret)
{
	const uint32_t *known;

	buf_reset(&aggr->identity);
	identify(&aggr->identity, aggr->by, event);
	if (aggr->identity.bad)
		return error_nomem();
	known = row_index_find(&aggr->by_identity,
			       (struct tophash_str){aggr->identity.data, aggr->identity.len});
	if (!known)
		return row_create(aggr, event, ret);
	*ret = *known;
	return NULL;
}

/* Replaces the caller's name in a row that counts calls from several places. */
static struct error *row_check_caller(struct aggr *aggr, struct row *row,
				      const struct event_removal *event)
{
	if (aggr->by != AGGR_BY_SITE || row->shown.others)
		return NULL;
	buf_reset(&aggr->text);
	put_caller(&aggr->text, aggr_caller(event->stack, event->stack_n));
	if (strcmp(buf_cstr(&aggr->text), row->shown.caller) != 0)
		row->shown.caller = "(several)";
	return aggr->text.bad ? error_nomem() : NULL;
}

static struct error *row_find(struct aggr *aggr, const struct event *event, uint32_t *ret)
{
	const struct event_removal *removal = &event->removal;
	bool has_id = aggr->by == AGGR_BY_SITE || aggr->by == AGGR_BY_TYPE;
	uint64_t id = aggr->by == AGGR_BY_SITE ? removal->stack_id : removal->type_id;
	const uint32_t *known = has_id ? table_find(&aggr->by_id, id) : NULL;

	if (known) {
		*ret = *known;
		return NULL;
	}
	try(row_by_identity(aggr, event, ret));
	try(row_check_caller(aggr, &aggr->rows.data[*ret], removal));
	if (table_len(&aggr->by_id) >= IDS_MAX)
		table_fini(&aggr->by_id);
	if (has_id && table_put(&aggr->by_id, id, *ret) < 0)
		return error_nomem();
	return NULL;
}

static struct error *row_goroutine(struct row *row, uint64_t id)
{
	if (row->shown.goroutines >= GOROUTINES_MAX)
		return NULL;
	vec_each(seen, &row->goroutines)
		if (*seen == id)
			return NULL;
	if (!vec_push(&row->goroutines, id))
		return error_nomem();
	row->shown.goroutines = row->goroutines.len;
	return NULL;
}

/* Keeps the exact type of a map, of which only the shape was known before. */
static struct error *row_type(struct row *row, const struct event_removal *event)
{
	char *type;

	if (!event->look->told || !strcmp(row->shown.detail, event->map_type))
		return NULL;
	type = strdup(event->map_type);
	if (!type)
		return error_nomem();
	free(row->type);
	row->shown.detail = row->type = type;
	return NULL;
}

/* Keeps what holds a map. */
static struct error *row_held(struct row *row, const struct event_look *look)
{
	size_t text, json;
	char *held;

	row->shown.looked_ns = look->time_ns;
	if (row->held_id == look->held_id)
		return NULL;
	row->held_id = look->held_id;
	row->shown.held_text = row->shown.held_json = NULL;
	if (!look->held_text)
		return NULL;
	text = strlen(look->held_text) + 1;
	json = strlen(look->held_json) + 1;
	held = malloc(text + json);
	if (!held)
		return error_nomem();
	memcpy(held, look->held_text, text);
	memcpy(held + text, look->held_json, json);
	free(row->held);
	row->held = held;
	row->shown.held_text = held;
	row->shown.held_json = held + text;
	return NULL;
}

/* Keeps what a look has told of the map of a row. */
static struct error *row_look(struct row *row, const struct event_removal *event)
{
	row->shown.looks = true;
	row->shown.holders = event->look->holders;
	if (!event->look->time_ns)
		return NULL;
	try(row_type(row, event));
	return row_held(row, event->look);
}

static void row_count(struct row *row, const struct event *event, uint64_t n, uint64_t elements)
{
	if (!event->removal.removed)
		row->shown.misses += n;
	else if (event->kind == EVENT_CLEAR)
		row->shown.clears += n;
	else
		row->shown.deletes += n;
	row->shown.elements += elements;
}

/* Returns how many elements one event removed. */
static uint64_t elements_of(const struct event *event)
{
	const struct event_removal *removal = &event->removal;

	if (!removal->removed)
		return 0;
	if (event->kind != EVENT_CLEAR)
		return 1;
	return removal->len_before > removal->len_after ? removal->len_before - removal->len_after
							: 0;
}

struct error *aggr_add(struct aggr *aggr, const struct event *event)
{
	uint64_t goroutine = aggr_goroutine(event->removal.goid, event->removal.pid);

	return aggr_add_many(aggr, event, 1, elements_of(event), &goroutine, 1);
}

struct error *aggr_add_many(struct aggr *aggr, const struct event *event, uint64_t n,
			    uint64_t elements, const uint64_t *goroutines, size_t goroutines_n)
{
	uint32_t at = NO_ROW;
	struct row *row;

	try(row_find(aggr, event, &at));
	row = &aggr->rows.data[at];
	row_count(row, event, n, elements);
	if (event->removal.look && aggr->by == AGGR_BY_MAP && !row->shown.others)
		try(row_look(row, &event->removal));
	for (size_t i = 0; i < goroutines_n; i++)
		try(row_goroutine(row, goroutines[i]));
	return NULL;
}

static int compare_rows(const void *a_, const void *b_)
{
	const struct aggr_row *a = a_;
	const struct aggr_row *b = b_;
	int order;

	if (a->others != b->others)
		return a->others ? 1 : -1;
	if (a->elements != b->elements)
		return a->elements > b->elements ? -1 : 1;
	order = strcmp(a->name, b->name);
	if (!order)
		order = strcmp(a->detail, b->detail);
	return order ? order : strcmp(a->caller, b->caller);
}

size_t aggr_rows(struct aggr *aggr, const struct aggr_row **ret)
{
	aggr->sorted.len = 0;
	vec_each(row, &aggr->rows)
		aggr->sorted.data[aggr->sorted.len++] = row->shown;
	if (aggr->sorted.len)
		qsort(aggr->sorted.data, aggr->sorted.len, sizeof(*aggr->sorted.data),
		      compare_rows);
	*ret = aggr->sorted.data;
	return aggr->sorted.len;
}
