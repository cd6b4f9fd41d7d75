/* What users do wrong: with TOPHASH_DEBUG=check=N the message names the map and the call. Each mistake is made in a
 * process of its own, because the option is read when a program starts, and because the process ends. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tophash/map.h>

#include "test_map.h"

TOPHASH_MAP(ages, const char *, int);
TOPHASH_MAP(numbers, uint64_t, uint64_t);

/* Changes the buffer of a key while the key is in the map. */
static void borrowed(unsigned n)
{
	static char texts[2000][16];
	struct ages m = {0};

	for (unsigned i = 0; i < n; i++) {
		snprintf(texts[i], sizeof(texts[i]), "k%u", i);
		ages_put(&m, texts[i], (int)i);
	}
	strcpy(texts[n / 2], "other");
	/* A long map is not checked after each put. */
	for (int i = 0; i < 4; i++)
		ages_put(&m, "k0", 1);
}

static void borrowed_small(void)
{
	borrowed(4);
}

static void borrowed_large(void)
{
	borrowed(1999);
}

static void copied(uint64_t n)
{
	struct numbers m = {0}, copy;

	for (uint64_t i = 0; i < n; i++)
		numbers_put(&m, i, i);
	copy = m;
	numbers_put(&copy, n, n);
	numbers_put(&m, n + 1, n);
}

static void copied_small(void)
{
	copied(3);
}

static void copied_large(void)
{
	copied(100);
}

static void copied_and_finished(void)
{
	struct numbers m = {0}, copy;

	numbers_put(&m, 1, 1);
	copy = m;
	numbers_fini(&m);
	numbers_delete(&copy, 1);
	numbers_fini(&copy);
}

static void not_initialised(void)
{
	struct numbers m;

	memset(&m, 0xaa, sizeof(m));
	numbers_reserve(&m, 10);
}

/* The calls of light code, which is what a program without optimisation has. */
static void not_initialised_light(void)
{
	struct numbers m;
	uint64_t key = 1;
	int ret;

	memset(&m, 0xaa, sizeof(m));
	tophash_put_at(&m.map, &numbers_type, &key, TOPHASH_PUT_REPLACE, &ret);
}

static void not_initialised_read(void)
{
	struct numbers m;
	uint64_t key = 1;

	memset(&m, 0xaa, sizeof(m));
	if (tophash_find_at(&m.map, &numbers_type, &key))
		abort();
}

static void null_key(void)
{
	struct ages m = {0};
	const char *key = NULL;
	int ret;

	ages_put(&m, "a", 1);
	tophash_put_at(&m.map, &ages_type, &key, TOPHASH_PUT_REPLACE, &ret);
}

static void null_key_deleted(void)
{
	struct ages m = {0};
	const char *key = NULL;

	ages_put(&m, "a", 1);
	tophash_delete(&m.map, &key);
}

static uint64_t few_hashes(const uint64_t *key)
{
	return *key % 8;
}

static bool same(const uint64_t *key, const uint64_t *other)
{
	return *key == *other;
}

TOPHASH_SET_MIXED(crowd, uint64_t, few_hashes, same);

static void not_mixed(void)
{
	struct crowd m = {0};

	for (uint64_t i = 0; i < 1000; i++)
		crowd_add(&m, i);
}

static void not_all_zero(void)
{
	struct numbers m = {0};

	m.map.len = 7;
	numbers_put(&m, 1, 1);
}

/* Calls of light code that are right. */
static void light(struct numbers *m)
{
	uint64_t key = 1;
	int ret = 0;

	if (tophash_find_at(NULL, &numbers_type, &key) ||
	    tophash_find_at(&m->map, &numbers_type, &key))
		abort();
	if (!tophash_put_at(&m->map, &numbers_type, &key, TOPHASH_PUT_REPLACE, &ret) || ret != 1)
		abort();
	if (!tophash_find_at(&m->map, &numbers_type, &key) ||
	    !tophash_delete_at(&m->map, &numbers_type, &key))
		abort();
}

/* What is right: nothing is said. */
static void right(void)
{
	struct numbers m = {0}, moved, clone;

	for (unsigned round = 0; round < 3; round++) {
		numbers_init(&m, round * 20);
		for (uint64_t i = 0; i < 300; i++)
			numbers_put(&m, i, i);
		moved = m;
		numbers_clone(&moved, &clone);
		for (uint64_t i = 0; i < 300; i++) {
			numbers_delete(&moved, i);
			numbers_put(&clone, i + 1, i);
		}
		numbers_clear(&clone);
		numbers_put(&clone, 1, 1);
		numbers_shrink(&clone);
		numbers_step(&clone, 100);
		numbers_fini(&moved);
		numbers_reserve(&moved, 100);
		light(&moved);
		numbers_fini(&moved);
		numbers_fini(&clone);
	}
}

static const struct mistake {
	const char *name;
	void (*make)(void);
	const char *says; /* NULL: nothing */
} mistakes[] = {
	{"borrowed_small", borrowed_small, "seen by put: a key has changed since it was put"},
	{"borrowed_large", borrowed_large, "seen by put: a key has changed since it was put"},
	{"copied_small", copied_small, "seen by put: its memory is no map's"},
	{"copied_large", copied_large, "seen by put: it is not as its last change left it"},
	{"copied_and_finished", copied_and_finished, "seen by delete: its memory is no map's"},
	{"not_initialised", not_initialised, "seen by reserve: its memory is no map's"},
	{"not_initialised_light", not_initialised_light, "seen by put: its memory is no map's"},
	{"not_initialised_read", not_initialised_read, "seen by find: its memory is no map's"},
	{"null_key", null_key, "was given a NULL key by put"},
	{"null_key_deleted", null_key_deleted, "was given a NULL key by delete"},
	{"not_mixed", not_mixed, "seen by put: the hash of its keys is not mixed"},
	{"not_all_zero", not_all_zero, "seen by put: it was not initialised with 0"},
	{"right", right, NULL},
};

/* Makes a mistake in a new process. Copies what it says to text. Returns how it ended. */
static int made_apart(const struct mistake *mistake, char text[512])
{
	size_t length = 0;
	int status, ends[2];
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], STDERR_FILENO);
		setenv("TOPHASH_DEBUG", "check=3", 1);
		execl("/proc/self/exe", "test_map_mistakes", mistake->name, NULL);
		_exit(99);
	}
	close(ends[1]);
	while (length < 511 && (n = read(ends[0], text + length, 511 - length)) > 0)
		length += (size_t)n;
	text[length] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

TEST(mistakes_are_named)
{
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
		const struct mistake *mistake = &mistakes[i];
		char text[512];
		int status = made_apart(mistake, text);

		if (!mistake->says) {
			assert_string_equal(text, "");
			assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
			continue;
		}
		if (!strstr(text, mistake->says) || strncmp(text, "tophash: map=0x", 15) != 0)
			fail_msg("%s: \"%s\"", mistake->name, text);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(mistakes_are_named)};

	for (size_t i = 0; argc > 1 && i < sizeof(mistakes) / sizeof(*mistakes); i++) {
		if (strcmp(argv[1], mistakes[i].name) != 0)
			continue;
		mistakes[i].make();
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
