#include "base/buf.h"
#include "base/text/text.h"
#include "show/snapshot/snapshot.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

static void json_free(json_t *json)
{
	json_decref(json);
}
CLEANUP_FUNC(json_t, json_free)

enum { PIECE = 64 << 10 }; /* bytes that are read at once */

struct reading {
	int fd;
	const char *name;
	struct buf bytes; /* read, and not parsed yet */
	size_t at;	  /* where the next line begins in it */
	uint64_t line;	  /* number of the current line, from 1 */
	bool ended;	  /* the file has no more bytes */
	struct snapshot *ret;
};

void snapshot_fini(struct snapshot *snapshot)
{
	vec_each(text, &snapshot->texts)
		free(*text);
	vec_fini(&snapshot->texts);
	table_fini(&snapshot->texts_at);
	vec_fini(&snapshot->rows);
}

/* ---- errors ---- */

static struct error *damaged(const struct reading *reading, const char *what)
{
	return error_new(
		ERROR_TARGET,
		"%s, line %llu: %s: it is damaged, or no list of maps: make one with --save",
		reading->name, (unsigned long long)reading->line, what);
}

static struct error *wrong_member(const struct reading *reading, const char *name)
{
	return error_new(
		ERROR_TARGET,
		"%s, line %llu: its member \"%s\" is missing or wrong: the file is damaged, or another "
		"version of tophash wrote it; use that one, or save the list again",
		reading->name, (unsigned long long)reading->line, name);
}

static struct error *torn(const struct reading *reading)
{
	return error_new(
		ERROR_TARGET,
		"%s ends without its end record: it was not written whole, or was cut: make it again with --save",
		reading->name);
}

/* ---- lines ---- */

/* Reads more bytes, behind those that were not parsed yet. */
static struct error *read_more(struct reading *reading)
{
	struct buf *bytes = &reading->bytes;
	ssize_t n;

	memmove(bytes->data, bytes->data + reading->at, bytes->len - reading->at);
	bytes->len -= reading->at;
	reading->at = 0;
	do {
		n = read(reading->fd, bytes->data + bytes->len, PIECE);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_errno(ERROR_FAILED, errno, "cannot read %s", reading->name);
	bytes->len += (size_t)n;
	reading->ended = n == 0;
	return NULL;
}

/* Finds the next line. *ret is NULL after the last one; without a newline at its end it is none. */
static struct error *next_line(struct reading *reading, const char **ret, size_t *ret_len)
{
	struct buf *bytes = &reading->bytes;

	for (;;) {
		size_t left = bytes->len - reading->at;
		const char *from = bytes->data + reading->at;
		const char *newline = left ? memchr(from, '\n', left) : NULL;

		if (newline) {
			reading->at += (size_t)(newline - from) + 1;
			reading->line++;
			*ret = from;
			*ret_len = (size_t)(newline - from);
			return NULL;
		}
		if (left > SNAPSHOT_LINE_MAX) {
			reading->line++;
			return damaged(reading, "the line is too long");
		}
		if (reading->ended) {
			*ret = NULL;
			return NULL;
		}
		try(read_more(reading));
	}
}

/* ---- values ---- */

/* Reads a number. Returns false if the member is not there, or is no number that is not negative. */
static bool number(const json_t *object, const char *name, uint64_t *ret)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return false;
	*ret = (uint64_t)json_integer_value(value);
	return true;
}

static bool boolean(const json_t *object, const char *name, bool *ret)
{
	const json_t *value = json_object_get(object, name);

	*ret = json_is_true(value);
	return json_is_boolean(value);
}

/* Reads an array of words of marks. Words that are not known are of a later release. */
static bool marks(const json_t *object, unsigned *ret)
{
	const json_t *list = json_object_get(object, "marks"), *word;
	size_t at;

	json_array_foreach(list, at, word)
	{
		const char *text = json_string_value(word);

		if (!text)
			return false;
		for (unsigned i = 0; map_mark_word(i); i++)
			*ret |= strcmp(text, map_mark_word(i)) == 0 ? 1u << i : 0;
	}
	return !list || json_is_array(list);
}

/* Reads "0x2a". It has to be there. */
static bool address(const json_t *object, const char *name, uint64_t *ret)
{
	const char *text = json_string_value(json_object_get(object, name));
	char *end;

	if (!text || strncmp(text, "0x", 2) != 0 || text[2] == '-' || text[2] == '+' ||
	    text[2] == ' ')
		return false;
	errno = 0;
	*ret = strtoull(text + 2, &end, 16);
	return !errno && *end == '\0' && end != text + 2;
}

/* Finds a text among those that are kept, or keeps it. */
static struct error *keep(struct reading *reading, const char *text, const char **ret)
{
	struct snapshot *to = reading->ret;
	size_t len = strlen(text);
	uint64_t hash = len;
	const uint32_t *at;
	char *copy;

	for (size_t i = 0; i < len; i++)
		hash = table_mix(hash ^ (unsigned char)text[i]);
	at = table_find(&to->texts_at, hash);
	if (at && strcmp(to->texts.data[*at], text) == 0) {
		*ret = to->texts.data[*at];
		return NULL;
	}
	to->texts_size += len + 1;
	if (to->texts_size > SNAPSHOT_TEXTS_MAX)
		return damaged(reading, "it has too many names");
	copy = strdup(text);
	if (!copy || !vec_push(&to->texts, copy)) {
		free(copy);
		return error_nomem();
	}
	*ret = copy;
	return table_put(&to->texts_at, hash, (uint32_t)to->texts.len - 1) < 0 ? error_nomem()
									       : NULL;
}

/* Reads a text, or null. A name that is not UTF-8 is an object, and counts as not known. */
static struct error *text_of(struct reading *reading, const json_t *object, const char *name,
			     const char **ret)
{
	const json_t *value = json_object_get(object, name);

	*ret = NULL;
	if (!value || json_is_null(value) || json_is_object(value))
		return NULL;
	if (!json_is_string(value))
		return damaged(reading, "a name is no string");
	return keep(reading, json_string_value(value), ret);
}

/* ---- records ---- */

static struct error *read_head(struct reading *reading, const json_t *record)
{
	struct snapshot_head *head = &reading->ret->head;
	const char *time = json_string_value(json_object_get(record, "time_ns"));
	uint64_t schema = 0, pid = 0;

	if (!number(record, "schema", &schema) || !schema)
		return damaged(reading, "its first record has no schema");
	if (schema != SNAPSHOT_SCHEMA)
		return error_new(ERROR_TARGET,
				 "%s has schema %llu, and this version of tophash reads %d: "
				 "use the version that wrote it",
				 reading->name, (unsigned long long)schema, SNAPSHOT_SCHEMA);
	if (!time || !number(record, "pid", &pid) || !pid || pid > INT32_MAX ||
	    !address(record, "image", &head->image))
		return damaged(reading, "its first record lacks a member");
	head->wall_ns = strtoull(time, NULL, 10);
	head->pid = (uint32_t)pid;
	try(text_of(reading, record, "exe", &head->exe));
	try(text_of(reading, record, "build_id", &head->build_id));
	return text_of(reading, record, "go", &head->go);
}

/* Which maps have a member. */
enum has_member { EACH, CLASSIC, GROWING, SWISS };

/* A member of a map's record that has to be there: another writer may leave one out, and 0 would be a guess. */
struct member {
	const char *name;
	size_t at; /* in struct map_row */
	enum has_member has;
	bool is_bool;
};

#define NUMBER(name_, member_, has_)                                  \
	{                                                             \
		name_, offsetof(struct map_row, member_), has_, false \
	}
#define BOOLEAN(name_, member_, has_)                                \
	{                                                            \
		name_, offsetof(struct map_row, member_), has_, true \
	}

/* What tells which maps have a member stands before it. */
static const struct member map_members[] = {
	NUMBER("len", len, EACH),
	NUMBER("capacity", capacity, EACH),
	NUMBER("bytes", bytes, EACH),
	NUMBER("waste", waste, EACH),
	BOOLEAN("stack_only", by_stack, EACH),
	BOOLEAN("changing", changing, EACH),
	NUMBER("overflow", overflow, CLASSIC),
	BOOLEAN("growing", growing, CLASSIC),
	NUMBER("old_buckets", old, GROWING),
	NUMBER("tombstones", tombstones, SWISS),
	NUMBER("tables", tables, SWISS),
};

static bool has(const struct map_row *row, enum has_member what)
{
	switch (what) {
	case CLASSIC: return !row->swiss;
	case GROWING: return row->growing;
	case SWISS: return row->swiss;
	case EACH: break;
	}
	return true;
}

/* Reads the members of a map's record. Returns the name of the first one that is missing or wrong, or NULL. */
static const char *read_members(const json_t *record, struct map_row *ret)
{
	const char *layout = json_string_value(json_object_get(record, "layout"));

	if (!address(record, "map", &ret->map))
		return "map";
	if (!layout || (strcmp(layout, "swiss") != 0 && strcmp(layout, "classic") != 0))
		return "layout";
	ret->swiss = strcmp(layout, "swiss") == 0;
	for (size_t i = 0; i < ARRAY_SIZE(map_members); i++) {
		const struct member *member = &map_members[i];
		void *to = (char *)ret + member->at;

		if (has(ret, member->has) && !(member->is_bool ? boolean(record, member->name, to)
							       : number(record, member->name, to)))
			return member->name;
	}
	ret->moved_unknown = ret->growing && json_is_null(json_object_get(record, "evacuated"));
	if (ret->growing && !ret->moved_unknown && !number(record, "evacuated", &ret->evacuated))
		return "evacuated";
	return marks(record, &ret->marks) ? NULL : "marks";
}

static struct error *read_map(struct reading *reading, const json_t *record)
{
	struct map_row row = {0};
	const char *wrong = read_members(record, &row);

	if (wrong)
		return wrong_member(reading, wrong);
	try(text_of(reading, record, "map_type", &row.type));
	try(text_of(reading, record, "package", &row.package));
	if (reading->ret->rows.len == SNAPSHOT_MAPS_MAX)
		return error_new(
			ERROR_TARGET,
			"%s has more than %d maps, too many to be compared: use --to pprof, and go tool pprof -diff_base",
			reading->name, SNAPSHOT_MAPS_MAX);
	return vec_push(&reading->ret->rows, row) ? NULL : error_nomem();
}

static const struct {
	const char *name;
	size_t at; /* in struct map_report */
} end_members[] = {
	{"bytes", offsetof(struct map_report, bytes)},
	{"waste", offsetof(struct map_report, waste)},
	{"heap_bytes", offsetof(struct map_report, heap_bytes)},
	{"objects", offsetof(struct map_report, objects)},
	{"live", offsetof(struct map_report, live)},
	{"goroutines", offsetof(struct map_report, goroutines)},
	{"possible_empty", offsetof(struct map_report, possible_empty)},
};

static struct error *read_end(struct reading *reading, const json_t *record)
{
	struct map_report *totals = &reading->ret->totals;

	if (!number(record, "maps", &totals->maps))
		return wrong_member(reading, "maps");
	if (totals->maps != reading->ret->rows.len)
		return error_new(
			ERROR_TARGET,
			"%s has %zu maps, and its end record tells of %llu: it is no whole list: make it again with --save",
			reading->name, reading->ret->rows.len, (unsigned long long)totals->maps);
	for (size_t i = 0; i < ARRAY_SIZE(end_members); i++)
		if (!number(record, end_members[i].name,
			    (uint64_t *)((char *)totals + end_members[i].at)))
			return wrong_member(reading, end_members[i].name);
	return NULL;
}

static int by_address(const void *a_, const void *b_)
{
	const struct map_row *a = a_, *b = b_;

	return (a->map > b->map) - (a->map < b->map);
}

/* Reads one record. *ret_last tells whether it was the end record. */
static struct error *read_record(struct reading *reading, const char *line, size_t len,
				 bool *ret_last)
{
	cleanup(json_free) json_t *record = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	const char *event = json_string_value(json_object_get(record, "event"));

	*ret_last = false;
	if (!event)
		return damaged(reading, "it is no record");
	if (reading->line == 1)
		return strcmp(event, "list") == 0
			       ? read_head(reading, record)
			       : damaged(reading, "the first record is no \"list\"");
	if (strcmp(event, "map") == 0)
		return read_map(reading, record);
	if (strcmp(event, "end") != 0)
		return damaged(reading, "an unknown record");
	*ret_last = true;
	return read_end(reading, record);
}

static struct error *read_records(struct reading *reading)
{
	bool last = false;
	const char *line = NULL;
	size_t len = 0;

	while (!last) {
		try(next_line(reading, &line, &len));
		if (!line)
			return reading->line ? torn(reading)
					     : damaged(reading, "it is empty or has no line");
		try(read_record(reading, line, len, &last));
	}
	if (reading->ret->rows.len)
		qsort(reading->ret->rows.data, reading->ret->rows.len,
		      sizeof(*reading->ret->rows.data), by_address);
	return NULL;
}

struct error *snapshot_read(int fd, const char *name, struct snapshot *ret)
{
	struct reading reading = {.fd = fd, .name = name, .ret = ret};
	struct error *err;

	*ret = (struct snapshot){0};
	if (!buf_room(&reading.bytes, SNAPSHOT_LINE_MAX + 2 * PIECE))
		return error_nomem();
	err = read_records(&reading);
	buf_fini(&reading.bytes);
	return err;
}
