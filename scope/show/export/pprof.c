/* A profile for `go tool pprof`: profile.proto, compressed with gzip. Each name is a function with one location; its
 * number is the name's index + 1. */
#include "base/buf.h"
#include "show/export/export_priv.h"
#include "show/export/profile.pb-c.h"

#include <libdeflate.h>
#include <stdlib.h>

/* libdeflate's level 6 is as good as gzip's default, and several times faster. */
enum { LEVEL = 6 };

/* All messages of a kind, and the array of pointers that protobuf-c takes. */
#define MESSAGES(type)                  \
	struct {                        \
		type *list, **pointers; \
	}

struct encoding {
	const struct profile *profile;
	Pprof__Profile message;
	MESSAGES(Pprof__ValueType) values;
	MESSAGES(Pprof__Sample) samples;
	MESSAGES(Pprof__Location) locations;
	MESSAGES(Pprof__Line) lines;
	MESSAGES(Pprof__Function) functions;
	Pprof__Mapping mapping, *mapping_at;
	uint64_t *frames; /* numbers of locations */
	char **strings;
	size_t strings_n;
};

#define MESSAGES_NEW(messages, n)                                               \
	((messages)->list = calloc((n) + 1, sizeof(*(messages)->list)),         \
	 (messages)->pointers = calloc((n) + 1, sizeof(*(messages)->pointers)), \
	 (messages)->list && (messages)->pointers)
#define MESSAGES_FREE(messages)             \
	do {                                \
		free((messages)->list);     \
		free((messages)->pointers); \
	} while (0)

static void encoding_fini(struct encoding *encoding)
{
	MESSAGES_FREE(&encoding->values);
	MESSAGES_FREE(&encoding->samples);
	MESSAGES_FREE(&encoding->locations);
	MESSAGES_FREE(&encoding->lines);
	MESSAGES_FREE(&encoding->functions);
	free(encoding->frames);
	free(encoding->strings);
}
CLEANUP_VALUE(struct encoding, encoding_fini)

static struct error *encoding_init(struct encoding *encoding)
{
	const struct profile *profile = encoding->profile;
	size_t names = profile->names.len;

	encoding->frames = calloc(profile->frames.len + 1, sizeof(*encoding->frames));
	encoding->strings = calloc(names + 2 * profile->values_n + 3, sizeof(*encoding->strings));
	if (!encoding->frames || !encoding->strings ||
	    !MESSAGES_NEW(&encoding->values, profile->values_n) ||
	    !MESSAGES_NEW(&encoding->samples, profile->stacks.len) ||
	    !MESSAGES_NEW(&encoding->locations, names) || !MESSAGES_NEW(&encoding->lines, names) ||
	    !MESSAGES_NEW(&encoding->functions, names))
		return error_nomem();
	pprof__profile__init(&encoding->message);
	return NULL;
}

/* Returns the number of a string. protobuf-c only reads it. */
static int64_t string(struct encoding *encoding, const char *text)
{
	encoding->strings[encoding->strings_n] = (char *)(text ? text : "");
	return (int64_t)encoding->strings_n++;
}

static void put_values(struct encoding *encoding)
{
	const struct profile *profile = encoding->profile;

	for (size_t i = 0; i < profile->values_n; i++) {
		Pprof__ValueType *value = &encoding->values.list[i];

		pprof__value_type__init(value);
		value->type = string(encoding, profile->values[i].type);
		value->unit = string(encoding, profile->values[i].unit);
		encoding->values.pointers[i] = value;
		if (i == profile->first)
			encoding->message.default_sample_type = value->type;
	}
	encoding->message.n_sample_type = profile->values_n;
	encoding->message.sample_type = encoding->values.pointers;
}

static void put_names(struct encoding *encoding)
{
	size_t n = encoding->profile->names.len;

	for (size_t i = 0; i < n; i++) {
		Pprof__Function *function = &encoding->functions.list[i];
		Pprof__Line *line = &encoding->lines.list[i];
		Pprof__Location *location = &encoding->locations.list[i];

		pprof__function__init(function);
		function->id = i + 1;
		function->name = string(encoding, encoding->profile->names.data[i]);
		pprof__line__init(line);
		line->function_id = i + 1;
		pprof__location__init(location);
		location->id = i + 1;
		location->mapping_id = 1;
		location->n_line = 1;
		location->line = &encoding->lines.pointers[i];
		encoding->lines.pointers[i] = line;
		encoding->functions.pointers[i] = function;
		encoding->locations.pointers[i] = location;
	}
	encoding->message.n_function = encoding->message.n_location = n;
	encoding->message.function = encoding->functions.pointers;
	encoding->message.location = encoding->locations.pointers;
}

static void put_samples(struct encoding *encoding)
{
	const struct profile *profile = encoding->profile;

	for (size_t i = 0; i < profile->frames.len; i++)
		encoding->frames[i] = profile->frames.data[i] + 1;
	for (size_t i = 0; i < profile->stacks.len; i++) {
		struct profile_stack *stack = &profile->stacks.data[i];
		Pprof__Sample *sample = &encoding->samples.list[i];

		pprof__sample__init(sample);
		sample->n_location_id = stack->n;
		sample->location_id = encoding->frames + stack->first;
		sample->n_value = profile->values_n;
		sample->value = stack->numbers;
		encoding->samples.pointers[i] = sample;
	}
	encoding->message.n_sample = profile->stacks.len;
	encoding->message.sample = encoding->samples.pointers;
}

static void put_mapping(struct encoding *encoding)
{
	pprof__mapping__init(&encoding->mapping);
	encoding->mapping.id = 1;
	encoding->mapping.filename = string(encoding, encoding->profile->program);
	encoding->mapping.build_id = string(encoding, encoding->profile->build_id);
	encoding->mapping.has_functions = true;
	encoding->mapping_at = &encoding->mapping;
	encoding->message.n_mapping = 1;
	encoding->message.mapping = &encoding->mapping_at;
}

static struct error *compress(const uint8_t *bytes, size_t len, struct buf *to)
{
	struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(LEVEL);
	size_t most = compressor ? libdeflate_gzip_compress_bound(compressor, len) : 0;
	char *room = compressor ? buf_room(to, most) : NULL;

	if (room)
		to->len += libdeflate_gzip_compress(compressor, bytes, len, room, most);
	if (compressor)
		libdeflate_free_compressor(compressor);
	return room ? NULL : error_nomem();
}

struct error *pprof_put(const struct profile *profile, struct buf *to)
{
	cleanup(encoding_fini) struct encoding encoding = {.profile = profile};
	cleanup_free uint8_t *bytes = NULL;
	size_t len;

	try(encoding_init(&encoding));
	string(&encoding, "");
	put_values(&encoding);
	put_names(&encoding);
	put_samples(&encoding);
	put_mapping(&encoding);
	encoding.message.time_nanos = (int64_t)profile->wall_ns;
	encoding.message.n_strings = encoding.strings_n;
	encoding.message.strings = encoding.strings;
	len = pprof__profile__get_packed_size(&encoding.message);
	bytes = malloc(len + 1);
	if (!bytes)
		return error_nomem();
	pprof__profile__pack(&encoding.message, bytes);
	return compress(bytes, len, to);
}
