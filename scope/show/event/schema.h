/* The event schema: which members each kind of event has in JSON, in which order, and where each
 * stands in struct event. The names are an interface; they stand in schema.c and nowhere else.
 * docs/man/tophash-trace.1 says what each means.
 */
#ifndef SHOW_EVENT_SCHEMA_H
#define SHOW_EVENT_SCHEMA_H

#define EVENT_SCHEMA 2 /* "schema" of the start record */

/* What a member is, and so how it is written. The C type at the offset is named first. */
enum event_type {
	EVENT_CONSTANT,	   /* none: `name` is the member with its value, as it is written */
	EVENT_TIME,	   /* uint64_t, CLOCK_MONOTONIC: time of day, RFC 3339 in UTC */
	EVENT_NS,	   /* uint64_t: nanoseconds, as a string of digits */
	EVENT_U32,	   /* uint32_t */
	EVENT_U64,	   /* uint64_t: a count of ours */
	EVENT_COUNT,	   /* uint64_t: a number of the traced program's, which may lie */
	EVENT_ADDRESS,	   /* uint64_t: "0x..." */
	EVENT_DECIMAL,	   /* double */
	EVENT_STRING,	   /* const char *; NULL: the member is left out */
	EVENT_BOOL,	   /* bool */
	EVENT_FLAG,	   /* bool; false: the member is left out */
	EVENT_PROBES,	   /* struct event_start */
	EVENT_KEY,	   /* struct event_removal: key, key_cut, key_error */
	EVENT_GC,	   /* enum event_gc */
	EVENT_STATE,	   /* struct event_removal */
	EVENT_MAP_TYPE,	   /* struct event_removal */
	EVENT_STACK,	   /* struct event_removal */
	EVENT_EXIT_STATUS, /* struct event_exit: code, or signal and signal_name */
	EVENT_MISSES,	   /* struct event_end: left out when nobody counted them */
	EVENT_LOST,	   /* struct event_end: an object of numbers, by cause */
	EVENT_OVERHEAD,	   /* struct event_end: left out when it was not measured */
	EVENT_SINKS,	   /* struct event_end: left out when there is one */
};

#define EVENT_NAME_MAX 24 /* bytes of a member's name as it is written */

struct event_member {
	char name[EVENT_NAME_MAX]; /* `,"pid":`; padded, to be copied as a whole */
	uint8_t name_len;
	uint8_t type;	 /* enum event_type */
	uint16_t offset; /* in struct event */
};

struct event_schema {
	const char *begin; /* as the record begins: `{"event":"exit"` */
	const struct event_member *members;
	size_t n;
};

/* Returns the members of a kind. */
const struct event_schema *event_schema(enum event_kind kind);

#endif
