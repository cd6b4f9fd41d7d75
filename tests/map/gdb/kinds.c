/* A map of each kind of key, some kinds of values, and sets. */
#include "truth.h"

enum color { RED, GREEN = 5, BLUE = -3 };

struct point {
	int x, y;
};

struct large {
	uint64_t id;
	char fill[440];
};

struct name {
	char text[8];
	int unused; /* is not compared */
};

static uint64_t name_hash(const struct name *name)
{
	return (uint64_t)name->text[0] << 8 | (uint64_t)name->text[1];
}

static bool name_equal(const struct name *a, const struct name *b)
{
	return memcmp(a->text, b->text, sizeof(a->text)) == 0;
}

TOPHASH_MAP(i8, int8_t, int);
TOPHASH_MAP(u8, unsigned char, int);
TOPHASH_MAP(i16, int16_t, int);
TOPHASH_MAP(u16, uint16_t, int);
TOPHASH_MAP(i32, int32_t, int);
TOPHASH_MAP(u32, uint32_t, int);
TOPHASH_MAP(i64, int64_t, int);
TOPHASH_MAP(u64, uint64_t, int);
TOPHASH_MAP(u128, unsigned __int128, int);
TOPHASH_MAP(flag, bool, int);
TOPHASH_MAP(colors, enum color, int);
TOPHASH_MAP(f32, float, int);
TOPHASH_MAP(f64, double, double);
TOPHASH_MAP(pointers, void *, int);
TOPHASH_MAP(chars, char *, char);
TOPHASH_MAP(words, const char *, struct point);
TOPHASH_MAP(strs, struct tophash_str, int16_t);
TOPHASH_MAP_BYTES(points, struct point, struct tophash_str);
TOPHASH_MAP_WITH(named, struct name, int, name_hash, name_equal);
TOPHASH_MAP(larges, uint64_t, struct large);
TOPHASH_SET(ids, int);
TOPHASH_SET(tags, const char *);
TOPHASH_SET_BYTES(places, struct point);
TOPHASH_MAP(none, int, int);

static struct i8 i8;
static struct u8 u8;
static struct i16 i16;
static struct u16 u16;
static struct i32 i32;
static struct u32 u32;
static struct i64 i64;
static struct u64 u64;
static struct u128 u128;
static struct flag flag;
static struct colors colors;
static struct f32 f32;
static struct f64 f64;
static struct pointers pointers;
static struct chars chars;
static struct words words;
static struct strs strs;
static struct points points;
static struct named named;
static struct larges larges;
static struct ids ids;
static struct tags tags;
static struct places places;
static struct none none, emptied;

#define FILL_INTS(name, K, n, expression, format)                                             \
	static void fill_##name(void)                                                         \
	{                                                                                     \
		for (int i = 0; i < (n); i++)                                                 \
			name##_put(&name, (K)(expression), i * 7 - 3);                        \
		truth_head(#name, &name.map);                                                 \
		for (int i = 0; i < (n); i++) {                                               \
			K key = (K)(expression);                                              \
			int val = i * 7 - 3;                                                  \
			truth_entry(&key, sizeof(key), &val, sizeof(val), format "\t%d", key, \
				    val);                                                     \
		}                                                                             \
	}

FILL_INTS(i16, int16_t, 500, i * 100 - 25000, "%d")
FILL_INTS(u16, uint16_t, 15, 65535 - i, "%d")
FILL_INTS(i32, int32_t, 1000, INT32_MIN + i * 1000003, "%d")
FILL_INTS(u32, uint32_t, 16, UINT32_MAX - (uint32_t)i, "%u")
FILL_INTS(i64, int64_t, 40, INT64_MIN + i, "%ld")
FILL_INTS(u64, uint64_t, 3, UINT64_MAX - (uint64_t)i, "%lu")

static void fill_bytes(void)
{
	for (int i = 0; i < 26; i++) {
		i8_put(&i8, (int8_t)('A' + i), i);
		u8_put(&u8, (unsigned char)('a' + i), -i);
	}
	truth_head("i8", &i8.map);
	for (int i = 0; i < 26; i++) {
		int8_t key = (int8_t)('A' + i);

		truth_entry(&key, 1, &i, sizeof(i), "%d '%c'\t%d", key, key, i);
	}
	truth_head("u8", &u8.map);
	for (int i = 0, val = 0; i < 26; i++, val--) {
		unsigned char key = (unsigned char)('a' + i);

		truth_entry(&key, 1, &val, sizeof(val), "%d '%c'\t%d", key, key, val);
	}
}

static char *decimal(unsigned __int128 x, char *end)
{
	*--end = 0;
	do {
		*--end = (char)('0' + (int)(x % 10));
		x /= 10;
	} while (x);
	return end;
}

static void fill_wide(void)
{
	char text[40];

	for (int i = 0; i < 20; i++)
		u128_put(&u128, (unsigned __int128)i << 100 | 5, i);
	truth_head("u128", &u128.map);
	for (int i = 0; i < 20; i++) {
		unsigned __int128 key = (unsigned __int128)i << 100 | 5;

		truth_entry(&key, 16, &i, sizeof(i), "%s\t%d", decimal(key, text + sizeof(text)),
			    i);
	}
}

static void fill_few(void)
{
	static const enum color all[] = {RED, GREEN, BLUE};
	static const char *const names[] = {"RED", "GREEN", "BLUE"};

	for (int i = 0; i < 2; i++) {
		bool key = i;

		flag_put(&flag, key, i + 1);
	}
	truth_head("flag", &flag.map);
	for (int i = 0; i < 2; i++) {
		bool key = i;
		int val = i + 1;

		truth_entry(&key, sizeof(key), &val, sizeof(val), "%s\t%d", i ? "true" : "false",
			    val);
	}
	for (int i = 0; i < 3; i++)
		colors_put(&colors, all[i], i);
	truth_head("colors", &colors.map);
	for (int i = 0; i < 3; i++)
		truth_entry(&all[i], sizeof(all[i]), &i, sizeof(i), "%s\t%d", names[i], i);
}

static void fill_floats(void)
{
	static const double all[] = {0.1,
				     -0.0,
				     1e300,
				     -2.5,
				     __builtin_inf(),
				     -__builtin_inf(),
				     5e-324,
				     1.0,
				     __builtin_nan(""),
				     __builtin_nan("")};
	size_t n = sizeof(all) / sizeof(*all);

	for (size_t i = 0; i < n; i++) {
		f64_put(&f64, all[i], all[i] / 3);
		f32_put(&f32, (float)i / 7, (int)i);
	}
	truth_head("f64", &f64.map);
	for (size_t i = 0; i < n; i++) {
		double val = all[i] / 3;

		truth_entry(&all[i], 8, &val, 8, "%.17g\t%.17g", all[i], val);
	}
	truth_head("f32", &f32.map);
	for (int i = 0; i < (int)n; i++) {
		float key = (float)i / 7;

		truth_entry(&key, 4, &i, sizeof(i), "%.9g\t%d", (double)key, i);
	}
}

static void fill_pointers(void)
{
	for (uintptr_t i = 1; i <= 100; i++)
		pointers_put(&pointers, (void *)(i << 40), (int)i);
	truth_head("pointers", &pointers.map);
	for (uintptr_t i = 1; i <= 100; i++) {
		void *key = (void *)(i << 40);
		int val = (int)i;

		truth_entry(&key, sizeof(key), &val, sizeof(val), "%p\t%d", key, val);
	}
}

static void fill_strings(void)
{
	static char text[3000][8], word[] = "in place";
	static const char *const odd[] = {"", "with \"quotes\"", "back\\slash", "a, b = c",
					  "Gr\303\266\303\237e"};
	static const char *const shown[] = {"", "with \\\"quotes\\\"", "back\\\\slash", "a, b = c",
					    "Gr\303\266\303\237e"};

	chars_put(&chars, word, 'x');
	truth_head("chars", &chars.map);
	truth_entry("", 0, "x", 1, "\"in place\"\t120 'x'");
	for (int i = 0; i < 3000; i++) {
		snprintf(text[i], sizeof(text[i]), "w%d", i);
		words_put(&words, text[i], (struct point){i, -i});
	}
	for (int i = 0; i < 5; i++)
		words_put(&words, odd[i], (struct point){i, i});
	truth_head("words", &words.map);
	for (int i = 0; i < 3000; i++) {
		struct point val = {i, -i};

		truth_entry("", 0, &val, sizeof(val), "\"w%d\"\t{x = %d, y = %d}", i, i, -i);
	}
	for (int i = 0; i < 5; i++) {
		struct point val = {i, i};

		truth_entry("", 0, &val, sizeof(val), "\"%s\"\t{x = %d, y = %d}", shown[i], i, i);
	}
}

static void fill_strs(void)
{
	static const char all[] = "aabbbcccc", zero[] = "a\0b";

	for (size_t n = 0; n <= 9; n++)
		strs_put(&strs, ((struct tophash_str){n ? all : NULL, n}), (int16_t)n);
	strs_put(&strs, ((struct tophash_str){zero, 3}), 77);
	truth_head("strs", &strs.map);
	for (int n = 0; n <= 9; n++) {
		int16_t val = (int16_t)n;

		truth_entry("", 0, &val, 2, "\"%.*s\"\t%d", n, all, n);
	}
	truth_entry("", 0, (int16_t[]){77}, 2, "\"a\\000b\"\t77");
}

static void fill_structs(void)
{
	static const struct tophash_str val = {"here and not there", 4};

	for (int i = 0; i < 100; i++) {
		struct name name = {"n", i};

		points_put(&points, ((struct point){i, i * i}), val);
		name.text[1] = (char)('0' + i / 10);
		name.text[2] = (char)('0' + i % 10);
		named_put(&named, name, i);
	}
	truth_head("points", &points.map);
	for (int i = 0; i < 100; i++) {
		struct point key = {i, i * i};

		truth_entry(&key, sizeof(key), &val, sizeof(val), "{x = %d, y = %d}\t\"here\"",
			    key.x, key.y);
	}
	truth_head("named", &named.map);
	for (int i = 0; i < 100; i++) {
		struct name key = {{'n', (char)('0' + i / 10), (char)('0' + i % 10)}, i};

		truth_entry(&key, sizeof(key), &i, sizeof(i),
			    "{text = \"%s\\000\\000\\000\\000\", unused = %d}\t%d", key.text, i, i);
	}
}

static void fill_larges(void)
{
	struct large val = {0};

	memset(val.fill, 'z', sizeof(val.fill));
	for (uint64_t i = 0; i < 50; i++) {
		val.id = i;
		larges_put(&larges, i, val);
	}
	truth_head("larges", &larges.map);
	for (uint64_t i = 0; i < 50; i++) {
		val.id = i;
		truth_entry(&i, sizeof(i), &val, sizeof(val), "%lu\t{id = %lu, fill = \"%.440s\"}",
			    i, i, val.fill);
	}
}

static void fill_sets(void)
{
	static char text[40][8];

	for (int i = 0; i < 400; i++)
		ids_add(&ids, i - 200);
	truth_head("ids", &ids.map);
	for (int i = -200; i < 200; i++)
		truth_entry(&i, sizeof(i), "", 0, "%d\t", i);
	for (int i = 0; i < 40; i++) {
		snprintf(text[i], sizeof(text[i]), "t%d", i);
		tags_add(&tags, text[i]);
		places_add(&places, ((struct point){i, 1}));
	}
	truth_head("tags", &tags.map);
	for (int i = 0; i < 40; i++)
		truth_entry("", 0, "", 0, "\"t%d\"\t", i);
	truth_head("places", &places.map);
	for (int i = 0; i < 40; i++) {
		struct point key = {i, 1};

		truth_entry(&key, sizeof(key), "", 0, "{x = %d, y = 1}\t", i);
	}
}

int main(int argc, char **argv)
{
	truth = argc > 1 ? fopen(argv[1], "w") : stdout;
	if (!truth)
		return 1;
	fill_bytes();
	fill_i16();
	fill_u16();
	fill_i32();
	fill_u32();
	fill_i64();
	fill_u64();
	fill_wide();
	fill_few();
	fill_floats();
	fill_pointers();
	fill_strings();
	fill_strs();
	fill_structs();
	fill_larges();
	fill_sets();
	none_put(&emptied, 1, 1);
	none_delete(&emptied, 1);
	truth_head("none", &none.map);
	truth_head("emptied", &emptied.map);
	truth_done();
	return 0;
}
