/* snapshot: a list of maps in a file, and what differs between two of them.
 *
 *   write.c    the file
 *   read.c     reads it; every byte of it is foreign
 *   compare.c  what came, went, grew, was emptied
 *
 * The file is JSON Lines. It is what `tophash maps --format json` prints, with all maps by address and a first record:
 *
 *     {"event":"list","schema":1,"time":"2026-11-30T10:00:00.000000000Z","pid":4711,"image":"0x1f…","exe":"/usr/bin/shop",
 *      "build_id":"…","go":"go1.26.5"}
 *     {"event":"map",...}
 *     {"event":"end","maps":1,...}
 *
 * `image` is a number that each program gets when it begins to execute (target_ops.image_id). A file without its end
 * record, or with another number of maps than that says, was not written whole.
 *
 * To change the form so that older readers would misread it:
 *   1. raise SNAPSHOT_SCHEMA;
 *   2. let read.c still read the older one, or say in its error which version of tophash does;
 *   3. tell it in docs/man/tophash-maps.1.
 */
#ifndef SHOW_SNAPSHOT_SNAPSHOT_H
#define SHOW_SNAPSHOT_SNAPSHOT_H

#include "base/base.h"
#include "base/table.h"
#include "show/report/report.h"

enum { SNAPSHOT_SCHEMA = 1 };

/* Limits of a file. Reading one takes at most about 700 MB of memory. */
enum {
	SNAPSHOT_MAPS_MAX = 4 << 20,
	SNAPSHOT_LINE_MAX = 64 << 10,  /* bytes */
	SNAPSHOT_TEXTS_MAX = 64 << 20, /* bytes of all names of types and packages */
};

/* When and of which process a list was made. Texts are borrowed, or those of a snapshot. */
struct snapshot_head {
	uint64_t wall_ns;
	uint32_t pid;
	uint64_t image;
	const char *exe, *build_id, *go; /* NULL: not known */
};

struct snapshot {
	struct snapshot_head head;
	VEC(struct map_row) rows; /* by address */
	struct map_report totals; /* without rows */
	VEC(char *) texts;	  /* that rows and head have; owned */
	struct table texts_at;	  /* hash -> index in texts */
	uint64_t texts_size;
};

/* Appends the first record. */
void snapshot_put_head(struct buf *to, const struct snapshot_head *head);
/* Appends a whole file: the report's rows, which are all maps by address, between the head and the totals. */
void snapshot_put(struct buf *to, const struct snapshot_head *head,
		  const struct map_report *report);

/* Reads a file from a descriptor, which stays the caller's. `name` is for errors. The caller frees *ret with
 * snapshot_fini(), also after an error. Errors (ERROR_TARGET): one line that says what is wrong, and in which line of the
 * file; (ERROR_FAILED): it cannot be read, or memory is out. */
struct error *snapshot_read(int fd, const char *name, struct snapshot *ret);
void snapshot_fini(struct snapshot *snapshot);
CLEANUP_VALUE(struct snapshot, snapshot_fini)

/* Tells whether two lists are of the same process, and of the same program in it. */
bool snapshot_same_process(const struct snapshot *a, const struct snapshot *b);

struct snapshot_changes {
	VEC(struct map_change) list; /* not in a useful order */
};

/* Finds the maps that differ between two lists of the same process. Maps are the same if they have the same address and
 * type; a type that one list does not know fits. Texts are borrowed. The caller frees *ret with snapshot_changes_fini(),
 * also after an error. Errors: no memory. */
struct error *snapshot_compare(const struct snapshot *a, const struct snapshot *b,
			       struct snapshot_changes *ret);
/* Finds the groups that differ between two lists of any processes. */
struct error *snapshot_compare_groups(const struct snapshot *a, const struct snapshot *b,
				      enum map_grouping by, struct snapshot_changes *ret);
void snapshot_changes_fini(struct snapshot_changes *changes);
CLEANUP_VALUE(struct snapshot_changes, snapshot_changes_fini)

#endif
