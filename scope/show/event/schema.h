/* The event schema: the members that each kind of event has in JSON, their order, and their offsets
 * in struct event. The names are an interface. Only schema.c has them. docs/man/tophash-trace.1
 * describes each.
 */
#ifndef SHOW_EVENT_SCHEMA_H
#define SHOW_EVENT_SCHEMA_H

#define EVENT_SCHEMA 2 /* "schema" of the start record */

/* The type of a member, which decides how it is written. Each comment gives the C type at the
 * offset first. */
enum event_type {
	EVENT_CONSTANT, /* none; `name` is the member with its value, as it is written */
	EVENT_TIME,	/* uint64_t, CLOCK_MONOTONIC: time of day, RFC 3339 in UTC */
	EVENT_NS,	/* uint64_t: nanoseconds, as a string of digits */
	EVENT_U32,	/* uint32_t */
	EVENT_U64,	/* uint64_t: a count made by tophash */
	EVENT_GOID,    /* uint64_t: a number of the traced program, which may be false; 0 is null */
	EVENT_LENGTH,  /* the same, in struct event_removal; null if `uncounted` */
	EVENT_ADDRESS, /* uint64_t: "0x..." */
	EVENT_DECIMAL, /* double */
	EVENT_STRING,  /* const char *; the member is left out if it is NULL */
	EVENT_BOOL,    /* bool */
	EVENT_FLAG,    /* bool; the member is left out if it is false */
	EVENT_PROBES,  /* struct event_probes */
	EVENT_MODULES, /* struct event_start: left out if there are none */
	EVENT_KEY,     /* struct event_removal: key, key_cut, key_error */
	EVENT_GC,      /* enum event_gc */
	EVENT_STATE,   /* struct event_removal: null if it is unknown */
	EVENT_MAP_TYPE, /* struct event_removal */
	EVENT_STACK,	/* struct event_removal */
	EVENT_LOOK, /* struct event_removal: map_type_told, looked, held_by; left out if nobody looks */
	EVENT_EXIT_STATUS, /* struct event_exit: code, or signal and signal_name */
	EVENT_MISSES,	   /* struct event_end: left out unless misses were counted */
	EVENT_STATUS,	   /* struct event_end: left out unless --exit-status was given */
	EVENT_LOST,	   /* struct event_end: an object with a number for each cause */
	EVENT_OVERHEAD,	   /* struct event_end: left out unless it was measured */
	EVENT_SAMPLED,	   /* struct event_end: left out unless --max-overhead was given */
	EVENT_LOOKS,	   /* struct event_end: left out if nobody looks */
	EVENT_SINKS,	   /* struct event_end: left out if there is only one sink */
};

#define EVENT_NAME_MAX 24 /* bytes of a member's name, with its punctuation */

struct event_member {
	char name[EVENT_NAME_MAX]; /* `,"pid":`; padded, because all bytes are copied */
	uint8_t name_len;
	uint8_t type;	 /* enum event_type */
	uint16_t offset; /* of the value in struct event */
};

struct event_schema {
	const char *begin; /* how the record begins: `{"event":"exit"` */
	const struct event_member *members;
	size_t n;
};

/* Returns the members of a kind of event. */
const struct event_schema *event_schema(enum event_kind kind);

#endif
