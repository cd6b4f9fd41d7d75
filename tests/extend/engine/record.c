/* Writes the records to replay: two deletes and a clear of one map, each behind its size.
 * usage: record ADDRESS-OF-A-REMOVAL-PROBE ITS-INDEX PID TYPE PC PC
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watch/engine/wire.h"

struct record {
	uint32_t size;
	struct wire_event event;
	uint64_t stack[2];
} __attribute__((packed));

static void put(struct record r, const char *key, uint64_t left)
{
	r.event.time_ns += left;
	r.event.header[0] = left;
	r.event.key_len = r.event.key_total = strlen(key);
	memcpy(r.event.key, key, strlen(key));
	fwrite(&r, sizeof(r), 1, stdout);
}

int main(int argc, char **argv)
{
	struct record r = {.size = sizeof(r) - sizeof(r.size)};
	struct wire_event *event = &r.event;

	if (argc != 7)
		return 2;
	event->ip = strtoull(argv[1], NULL, 0);
	event->probe = (uint16_t)atoi(argv[2]);
	event->pid = event->tid = (uint32_t)atoi(argv[3]);
	event->type = strtoull(argv[4], NULL, 0);
	r.stack[0] = strtoull(argv[5], NULL, 0);
	r.stack[1] = strtoull(argv[6], NULL, 0);
	event->nstack = 2;
	event->goid = 1;
	event->map = 0xc000012000;
	event->kind = WIRE_DELETE;
	event->flags = WIRE_REMOVED;
	event->key_kind = WIRE_KEY_STRING;
	put(r, "user:42", 2);
	put(r, "user:43", 1);
	event->kind = WIRE_CLEAR;
	event->key_kind = WIRE_KEY_NONE;
	put(r, "", 1);
	return 0;
}
