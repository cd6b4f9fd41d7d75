/* A map to look at in the middle of its growth. docs/recipes/map-in-gdb.md explains how.
 *
 * 	TOPHASH_DEBUG=evacuate=manual,seed=1 ./frozen
 *
 * At the 53rd user the map begins to grow from 4 buckets to 8. The program moves one bucket before
 * the delete and two after it. Nothing else moves a bucket. Without TOPHASH_DEBUG the growth ends
 * before the delete.
 */
#include <stdio.h>
#include <stdlib.h>

#include <tophash/map.h>

#define USERS 66

TOPHASH_MAP(sessions, const char *, int);

static struct sessions sessions;
static char names[USERS][12]; /* keys are borrowed */

static void log_in(int user)
{
	snprintf(names[user], sizeof(names[user]), "user:%d", user);
	if (sessions_put(&sessions, names[user], 1000 + user) < 0)
		abort();
}

static bool log_out(const char *name)
{
	return sessions_delete(&sessions, name);
}

int main(void)
{
	bool was_there;

	if (sessions_init(&sessions, 48) != 0)
		abort();
	for (int user = 0; user < USERS; user++)
		log_in(user);
	sessions_step(&sessions, 1);
	was_there = log_out("user:45");
	sessions_step(&sessions, 2);
	printf("user:45 %s, %zu left\n", was_there ? "logged out" : "was not there",
	       sessions_len(&sessions));
	sessions_fini(&sessions);
	return 0;
}
