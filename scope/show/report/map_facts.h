/* One map in full, as `tophash maps --map` shows it: what its header says and what its parts add up to, and its entries.
 * The drawing between the two is that of show/drawing.
 */
#ifndef SHOW_REPORT_MAP_FACTS_H
#define SHOW_REPORT_MAP_FACTS_H

#include "read/layout/layout.h"
#include "show/report/maps.h"

/* The entries of a map by how many buckets or groups a lookup of their keys visits. */
struct map_probes {
	uint64_t counts[MAP_CHAINS + 1]; /* [0]: more than MAP_CHAINS */
	uint64_t longest;
	uint64_t misplaced;  /* entries that a lookup of their keys does not find */
	uint64_t unknown;    /* entries or parts that could not be counted */
	uint64_t visited;    /* entries that were hashed, also again */
	uint64_t bytes_left; /* of keys that may still be hashed */
};

struct map_facts {
	struct map_row row; /* as the list shows it */
	const struct layout_ops *layout;
	const uint64_t *header; /* its words */
	const struct map_counts *counts;
	const struct map_probes *probes; /* NULL: they are not known */
	bool listed;			 /* it is among the live maps */
	bool never_filled;		 /* it has no buckets or groups yet */
	bool drawn;			 /* its buckets or groups could be found */
};

/* Appends the facts as lines "name  value", or as one object {"event":"map",...}: the members of the list, then more. */
void map_facts_text(struct buf *to, const struct map_facts *facts, bool color);
void map_facts_json(struct buf *to, const struct map_facts *facts);

/* What a lookup of one key does. */
struct map_lookup {
	bool hashed; /* the hash is known */
	uint64_t hash;
	bool found; /* the key is in the map */
	uint64_t
		visits; /* buckets or groups that a lookup visits until it finds it; 0: it does not find it */
	bool uncertain; /* the map changed while it was searched: without visits, a lookup may find it all the same */
	bool swiss;
};

/* Append the lookup: a line, if the key was found, or {"event":"lookup",...}. */
void map_lookup_text(struct buf *to, const struct map_lookup *lookup);
void map_lookup_json(struct buf *to, const struct map_lookup *lookup);

/* A text within map_entries.texts. */
struct map_text {
	size_t at, len;
};

struct map_entry {
	struct map_text key, value; /* as text, or as JSON */
	struct map_part part;	    /* that it is in */
	unsigned slot;
	bool cut;	       /* not all of the key or the value is there */
	const char *key_error; /* why a part of it could not be read; static, or NULL */
	const char *value_error;
	bool uncertain; /* the program changed the bucket or group while it was read, or was writing to it */
};

struct map_entries {
	const struct map_entry *rows;
	size_t rows_n;
	const struct buf *texts;
	bool swiss;
	bool standing; /* as in struct map_row */
	bool color;
	size_t width;
};

/* Append the entries: a table, or {"event":"entry",...} for each. */
void map_entries_text(struct buf *to, const struct map_entries *entries);
void map_entries_json(struct buf *to, const struct map_entries *entries);

#endif
