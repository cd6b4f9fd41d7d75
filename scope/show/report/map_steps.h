/* The lines of `tophash maps --watch`, put into one buffer: what happens to the buckets or tables of one map.
 */
#ifndef SHOW_REPORT_MAP_STEPS_H
#define SHOW_REPORT_MAP_STEPS_H

#include "show/report/maps.h"

enum map_step_kind {
	MAP_STEP_GROW,	   /* classic: new buckets were made; elements will move */
	MAP_STEP_EVACUATE, /* classic: the elements of an old bucket have moved */
	MAP_STEP_OVERFLOW, /* classic: a chain got one more bucket */
	MAP_STEP_CLEAR,
	MAP_STEP_TABLE,	 /* Swiss: the only group has become a table */
	MAP_STEP_RESIZE, /* Swiss: a table was replaced by a larger one */
	MAP_STEP_SPLIT,	 /* Swiss: a table was replaced by two */
	MAP_STEP_PRUNE,	 /* Swiss: tombstones were removed */
};

/* A table of a Swiss map. */
struct map_step_table {
	uint64_t index;	   /* its first place in the directory */
	uint64_t capacity; /* slots; 0: there is no such table */
	uint64_t used, tombstones;
};

/* A step that is over. "Before" means when it began. */
struct map_step {
	enum map_step_kind kind;
	uint32_t pid, tid;
	bool unread; /* some of the memory could not be read; what follows is not all there */
	/* classic */
	bool evacuated_known;
	bool same_size; /* the growth makes as many buckets as there were */
	bool done;	/* the growth is over with this step */
	bool overflow_estimated; /* the runtime counts overflow buckets only by chance (from 2^16 buckets on) */
	bool bucket_known;
	bool chain_cut;	 /* EVACUATE: the chain has more buckets; only these were counted */
	uint64_t number; /* from 1 */
	uint64_t time_ns, wall_ns; /* when it was over: CLOCK_MONOTONIC, and since 1970 */
	uint64_t took_ns;
	uint64_t goid; /* 0: not known */
	uint64_t map;
	uint64_t len, len_before;
	/* classic */
	uint64_t buckets, buckets_before; /* without overflow buckets */
	uint64_t old;			  /* old buckets; 0: none is left */
	uint64_t evacuated;		  /* of them */
	uint64_t overflow; /* overflow buckets of the new buckets, as the header counts them */
	uint64_t bucket;   /* EVACUATE: the old bucket. OVERFLOW: the bucket whose chain it is */
	uint64_t
		chain; /* EVACUATE: buckets in its chain. OVERFLOW: in the chain now, if the bucket is known */
	uint64_t moved; /* EVACUATE: elements */
	uint64_t to_same,
		to_upper; /* of them, to the bucket of the same number, and to that of the upper half */
	/* Swiss */
	struct map_step_table before, after[2];
	uint64_t directory, directory_before; /* places; 0: there is none */
};

/* Returns the word of a step: "evacuate". */
const char *map_step_word(enum map_step_kind kind);

/* Append a step as one line. map_steps_heading() is the line before the first one. */
void map_steps_heading(struct buf *to);
void map_step_text(struct buf *to, const struct map_step *step);
/* Append {"event":"watch",...}, which is the first record, {"event":"step",...}, and {"event":"end",...}, the last one. */
void map_steps_begin_json(struct buf *to, uint64_t wall_ns, uint32_t pid,
			  const struct map_row *row);
void map_step_json(struct buf *to, const struct map_step *step);
void map_steps_end_json(struct buf *to, uint64_t steps, uint64_t lost);

#endif
