/* The lines of `tophash maps`, put into one buffer.
 */
#ifndef SHOW_REPORT_MAPS_H
#define SHOW_REPORT_MAPS_H

#include "base/base.h"
#include "live/holders/hop.h"

struct cell;

/* What has become of a map since another list. */
enum map_change_kind {
	MAP_SAME,
	MAP_CAME,
	MAP_WENT,
	MAP_GREW,    /* it holds more bytes */
	MAP_SHRANK,  /* it holds fewer bytes */
	MAP_EMPTIED, /* the same bytes, fewer elements */
	MAP_FILLED,  /* the same bytes, more elements */
	MAP_MOVED, /* the same bytes and elements; elements were moved from old buckets to new ones */
};

enum { MAP_CANDIDATES = 3, MAP_MARKS = 3 };

/* What a map is for, if it is not the program's own: bits. */
enum map_mark {
	MAP_MARK_POOL = 1, /* of global variables, only sync.Pools lead to it */
	MAP_MARK_SYNC_MAP = 2,
	MAP_MARK_RUNTIME = 4, /* its type is one of the runtime's packages */
};

/* A live map. Strings are borrowed. */
struct map_row {
	uint64_t map;	  /* the address of its header */
	const char *type; /* NULL: not known */
	const char *
		package; /* of the first named part of its type (gotype_package()); NULL: not known */
	size_t candidates_n; /* types that it may have, if `type` is not known; 0: they are not known */
	const char *candidates[MAP_CANDIDATES];
	uint64_t len, capacity, bytes, waste;
	uint64_t overflow;	 /* classic */
	uint64_t tombstones;	 /* Swiss */
	uint64_t tables;	 /* Swiss */
	uint64_t old, evacuated; /* classic, while it grows */
	bool growing;
	bool moved_unknown; /* it grows, and `evacuated` is not known */
	bool swiss;
	bool changing; /* its numbers do not agree, because it changed while it was read, or in the middle of a write */
	bool standing; /* the program could not change it while it was read: it stood still, or this is a core */
	bool by_stack;			  /* only words of stacks lead to it */
	unsigned marks;			  /* enum map_mark */
	const struct holder_hop *held_by; /* NULL: it is not known */
	uint64_t goid;			  /* of the goroutine whose stack holds it; or 0 */
	const char *
		holder; /* the way as text, without the goroutine; NULL: it is not known or not needed */
	enum map_change_kind change; /* since the list before, if the report is compared */
	uint64_t len_before;	     /* in that list */
};

struct map_report {
	const struct map_row *rows; /* the rows to show, in order */
	size_t rows_n;
	/* totals of all maps, also those that are not shown */
	uint64_t maps, bytes, waste;
	uint64_t typed, typed_bytes; /* of those with a known type */
	uint64_t types_dropped;	     /* types that the arrays of their maps do not fit */
	uint64_t possible_empty;     /* objects that may be maps that were never filled */
	/* what was read */
	uint32_t pid;
	uint64_t heap_bytes, objects, live, goroutines;
	bool compared; /* with the list before: rows have changes */
	uint64_t changes[MAP_MOVED +
			 1]; /* maps by what has become of them, also those that are not shown */
	bool holders;	     /* show what holds the maps */
	bool stopped;	     /* --stop */
	bool watched;	     /* what happened meanwhile is known */
	double seconds;	     /* that it was read; if `stopped`, that it stood still */
	uint64_t spans;
	/* if `watched`: what had happened when all was read */
	uint64_t cycles; /* of the collector */
	uint64_t spans_after, heap_bytes_after;
	const char *core;      /* the core file that was read; NULL: a process */
	uint64_t core_missing; /* bytes that it should have: it is cut */
	uint64_t core_unseen;  /* files with code that are not here */
	uint64_t libraries;    /* Go libraries with a heap of their own, which is not read */
	bool maps_left;	 /* maps are missing, or measured in part: there is too much of them */
	bool types_left; /* types are missing: there are too many values */
	bool candidates_left; /* some maps of unknown type have no candidates: there are too many different arrays */
	uint64_t unsettled; /* objects that may be maps, and kept changing */
	bool queue_unread;  /* queued finalizers could not be read */
	bool core_unproved; /* nothing tells whether the program that was named is the core's */
	/* text */
	bool color;
	size_t width; /* of a line; TEXT_UNLIMITED: nothing is cut */
};

/* Why the numbers of a map do not agree. */
#define MAP_CHANGED  "it changed while it was read"
#define MAP_IN_WRITE "the program was just writing to it"

/* Append the list. As JSON Lines it has {"event":"map",...} for each map, then {"event":"end",...}. */
void maps_json(struct buf *to, const struct map_report *report);
void maps_text(struct buf *to, const struct map_report *report);
/* Appends {"event":"end",...}, the totals. */
void maps_end_json(struct buf *to, const struct map_report *report);
/* Appends the members of one row without braces. */
void maps_members(struct buf *to, const struct map_row *row);

/* Appends the types that a map of unknown type may have: "map[int]int8 or map[int]uint8", or an array in JSON. */
void maps_candidates(struct cell *cell, const struct map_row *row);
/* Returns the word of mark 1 << i ("sync.Pool"), or NULL if there is none. */
const char *map_mark_word(unsigned i);
/* Returns the words of all marks as one text. Without any it is "none". */
const char *map_marks_text(unsigned marks);
/* Appends the marks as notes, or as an array in JSON. */
void map_marks_cell(struct cell *cell, unsigned marks);
/* Returns the word for a change: "grew". */
const char *map_change_word(enum map_change_kind kind);

/* Append a way as text ("main.session.tags <- (map value) <- main.sessions"), or as an array in JSON. goid is the goroutine
 * of a stack at its end. */
void held_by_text(struct buf *to, const struct holder_hop *hop, uint64_t goid);
void held_by_json(struct buf *to, const struct holder_hop *hop, uint64_t goid);
/* Appends one hop of a way: "main.store.sessions". */
void held_by_hop(struct buf *to, const struct holder_hop *hop, uint64_t goid);

#endif
