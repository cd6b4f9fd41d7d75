/* The checks around a write, with TOPHASH_DEBUG=check=N. */
#include "write.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "tophash/map.h"

#define WHOLE_UP_TO \
	1024 /* elements: longer maps are checked less often, so that a write stays affordable */

/* What a map was like after its last write. */
struct stamp {
	size_t len;
	uint32_t moves;
};

/* Stamps by the address of a map's memory. Two maps with the same memory are copies of each
 * other. */
TOPHASH_MAP(tophash_i_stamps, const void *, struct stamp);

static struct tophash_i_stamps stamps;
static pthread_mutex_t stamps_mutex = PTHREAD_MUTEX_INITIALIZER;
static __thread bool is_inside;	   /* the stamps are a map as well, which is not checked */
static __thread const void *begun; /* the memory of the map that is being written */

static const char *text_of(int broken)
{
	switch (broken) {
	case TOPHASH_BROKEN_LEN:
		return "len is not the number of entries: changed by two threads, or through a copy?";
	case TOPHASH_BROKEN_TAG:
	case TOPHASH_BROKEN_PLACE:
		return "a key has changed since it was put: a borrowed string whose buffer was used again?";
	case TOPHASH_BROKEN_TWICE:
		return "a key is in the map twice: a borrowed string that was changed to another's text?";
	case TOPHASH_BROKEN_HASH:
		return "the hash of its keys is not mixed: TOPHASH_MAP_WITH takes such a one";
	default: return "its memory was overwritten";
	}
}

static void report(const struct tophash *map, const char *call, const char *text, int broken)
{
	fprintf(stderr, "tophash: map=%p is broken, seen by %s: %s", (const void *)map, call, text);
	fprintf(stderr, broken ? " (invariant %d)\n" : "\n", broken);
	tophash_report_fault(TOPHASH_FAULT_BROKEN, map);
}

static const void *memory_of(const struct tophash *map)
{
	return map->core ? (const void *)map->core : (const void *)map->slots;
}

/* Records what a map is like, and forgets memory that it no longer has. */
static void stamp(const struct tophash *map, const void *before)
{
	const void *memory = memory_of(map);

	is_inside = true;
	pthread_mutex_lock(&stamps_mutex);
	if (before && before != memory)
		tophash_i_stamps_delete(&stamps, before);
	if (memory)
		tophash_i_stamps_put(&stamps, memory, (struct stamp){map->len, map->moves});
	pthread_mutex_unlock(&stamps_mutex);
	is_inside = false;
}

/* Returns what is wrong with a map that is to be written, or NULL. */
static const char *look(const struct tophash *map)
{
	const void *memory = memory_of(map);
	const struct stamp *found;
	const char *ret = NULL;

	if (!memory)
		return map->len || map->tags ? "it was not initialised with 0" : NULL;
	is_inside = true;
	pthread_mutex_lock(&stamps_mutex);
	found = tophash_i_stamps_find(&stamps, memory);
	if (!found)
		ret = "its memory is no map's: not initialised with 0, finished, or changed through a copy?";
	else if (found->len != map->len || found->moves != map->moves)
		ret = "it is not as its last change left it: changed through a copy?";
	pthread_mutex_unlock(&stamps_mutex);
	is_inside = false;
	return ret;
}

void check_begin(const struct tophash *map, const char *call)
{
	const char *wrong;

	if (is_inside)
		return;
	begun = memory_of(map);
	wrong = debug.stamped ? look(map) : NULL;
	if (wrong)
		report(map, call, wrong, 0);
}

/* Returns whether a key is a string at address NULL. */
static bool is_null_string(const struct tophash_type *type, const void *raw)
{
	const char *p;
	size_t n = 1;

	if (type->kind != TOPHASH_KIND_CSTR && type->kind != TOPHASH_KIND_STR)
		return false;
	memcpy(&p, raw, sizeof(p));
	if (type->kind == TOPHASH_KIND_STR)
		memcpy(&n, (const char *)raw + offsetof(struct tophash_str, n), sizeof(n));
	return !p && n;
}

void check_call(const struct tophash *map, const struct tophash_type *type, const void *raw,
		const char *call)
{
	if (is_inside || !map)
		return;
	check_begin(map, call);
	if (!is_null_string(type, raw))
		return;
	fprintf(stderr, "tophash: map=%p was given a NULL key by %s\n", (const void *)map, call);
	tophash_report_fault(TOPHASH_FAULT_BROKEN, map);
}

void check_end(const struct tophash *map, const char *call)
{
	static __thread size_t writes;
	int broken;

	if (is_inside)
		return;
	if (debug.stamped)
		stamp(map, begun);
	if (map->len > WHOLE_UP_TO && ++writes % (map->len / WHOLE_UP_TO) != 0)
		return;
	broken = tophash_check(map, debug.check);
	if (broken)
		report(map, call, text_of(broken), broken);
}

void check_made(const struct tophash *map)
{
	if (debug.stamped && !is_inside)
		stamp(map, NULL);
}
