/* Every kind of map with every function, used in a program that is compiled with all warnings. */
#include <stddef.h>

#include <tophash/map.h>

#ifdef __cplusplus
#define TOPHASH_TEST_EMPTY \
	{                  \
	}
#else
#define TOPHASH_TEST_EMPTY \
	{                  \
		0          \
	}
#endif

typedef struct point {
	int x, y;
} point;
typedef const struct point *where;

static uint64_t point_hash(const point *p)
{
	return (uint64_t)(unsigned)p->x;
}

static bool point_equal(const point *p, const point *q)
{
	return p->x == q->x && p->y == q->y;
}

TOPHASH_MAP(floats, float, float);
TOPHASH_MAP(doubles, double, const char *);
TOPHASH_MAP(flags, bool, bool);
TOPHASH_MAP(fixed, const int, const int);
TOPHASH_MAP(names, char *, int);
TOPHASH_MAP(texts, const char *, point);
TOPHASH_MAP(places, where, int);
TOPHASH_MAP(calls, int (*)(int), void *);
TOPHASH_MAP(slices, struct tophash_str, int);
TOPHASH_MAP_BYTES(points, point, point);
TOPHASH_MAP_WITH(with, point, int, point_hash, point_equal);
TOPHASH_SET(ids, unsigned);
TOPHASH_SET_BYTES(point_set, point);
TOPHASH_MAP_DECLARE(there, unsigned, float);
TOPHASH_MAP_DEFINE(there, unsigned, float);

int use(const char *text, char *own, where p, int (*call)(int));
int use(const char *text, char *own, where p, int (*call)(int))
{
	struct floats f = TOPHASH_TEST_EMPTY;
	struct fixed c = TOPHASH_TEST_EMPTY;
	struct names n = TOPHASH_TEST_EMPTY;
	struct texts t = TOPHASH_TEST_EMPTY;
	struct places w = TOPHASH_TEST_EMPTY;
	struct calls fp = TOPHASH_TEST_EMPTY;
	struct points ps = TOPHASH_TEST_EMPTY;
	struct with h = TOPHASH_TEST_EMPTY;
	struct ids s = TOPHASH_TEST_EMPTY;
	const point at = {1, 2};
	const float read = floats_get(&f, 1.0f);
	int sum = floats_put(&f, 1.0f, 2.0f) + (int)read + *fixed_slot(&c, 7);

	sum += names_put(&n, own, 1) + names_get(&n, text) + (names_find(&n, text) != NULL) +
	       names_delete(&n, text);
	sum += texts_put(&t, text, at) + texts_get(&t, own).x + places_put(&w, p, 1) +
	       places_get(&w, &at);
	sum += calls_put(&fp, call, NULL) + (calls_find(&fp, call) == NULL);
	sum += points_put(&ps, at, at) + points_get(&ps, at).y + with_put(&h, at, 1) +
	       ids_add(&s, 1u) + ids_has(&s, 2u);
	TOPHASH_EACH(texts, it, &t)
		sum += it.val.x + it.ref->y + (it.key == text);
	TOPHASH_EACH(points, it, &ps)
		sum += it.key.x;
	for (struct ids_iter it = ids_each(&s); ids_next(&it);)
		sum += (int)it.key;
	floats_fini(&f);
	fixed_fini(&c);
	names_fini(&n);
	texts_fini(&t);
	places_fini(&w);
	calls_fini(&fp);
	points_fini(&ps);
	with_fini(&h);
	ids_fini(&s);
	return sum;
}
