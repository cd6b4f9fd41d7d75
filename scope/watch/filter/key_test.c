#include "watch/filter/pattern.h"
#include "base/buf.h"

#include <math.h>

static void test_word(struct key_test *test, uint64_t want, uint64_t mask)
{
	test->how = KEY_TEST_WORD;
	test->want = want & mask;
	test->mask = mask;
}

static void test_integer(const struct key_pattern *want, const struct gotype *type,
			 struct key_test *test)
{
	bool is_signed = type->kind >= GOTYPE_INT && type->kind <= GOTYPE_INT64;
	unsigned bits = (unsigned)type->size * 8;
	struct pattern_number n;

	if (bits && bits <= 64 && pattern_as_number(want, &n) && n.is_integer &&
	    pattern_integer_fits(&n, is_signed, bits))
		test_word(test, n.negative ? 0 - n.magnitude : n.magnitude, ~0ull >> (64 - bits));
}

static void test_address(const struct key_pattern *want, struct key_test *test)
{
	uint64_t addr;

	if (pattern_as_address(want, &addr))
		test_word(test, addr, ~0ull);
}

/* Tests a float. In Go -0 and +0 are the same key. Therefore the sign of a zero is not compared.
 * There are many NaNs, which one word cannot stand for. */
static void test_float(const struct key_pattern *want, const struct gotype *type,
		       struct key_test *test)
{
	struct pattern_number n;
	uint64_t bits = 0;
	float narrow;

	if (!pattern_as_number(want, &n) || !n.is_float)
		return;
	if (isnan(n.f)) {
		test->how = KEY_TEST_VALUE;
	} else if (type->size != 4) {
		memcpy(&bits, &n.f, sizeof(n.f));
		test_word(test, bits, n.f == 0 ? ~0ull >> 1 : ~0ull);
	} else if (pattern_float_narrow(n.f, &narrow)) {
		memcpy(&bits, &narrow, sizeof(narrow));
		test_word(test, bits, n.f == 0 ? 0x7fffffff : 0xffffffff);
	}
}

static void test_bool(const struct key_pattern *want, struct key_test *test)
{
	bool value;

	if (pattern_as_bool(want, &value))
		test_word(test, value, 0xff);
}

static void test_scalar(const struct key_pattern *want, const struct gotype *type,
			struct key_test *test)
{
	switch (type->kind) {
	case GOTYPE_BOOL: test_bool(want, test); break;
	case GOTYPE_INT ... GOTYPE_UINTPTR: test_integer(want, type, test); break;
	case GOTYPE_FLOAT32:
	case GOTYPE_FLOAT64: test_float(want, type, test); break;
	default: test_address(want, test); break;
	}
}

void filter_key_test(const struct filter *filter, const struct gotypes *types, uint64_t key_type,
		     struct key_test *ret)
{
	enum key_test_how never = KEY_TEST_NEVER, value = KEY_TEST_VALUE;
	const json_t *json;
	struct gotype type;
	struct key_pattern want;
	bool prefix;
	size_t len;

	*ret = (struct key_test){.how = KEY_TEST_ANY};
	if (!filter->key)
		return;
	ret->how = KEY_TEST_VALUE;
	if (!gotype_read(types, key_type, &type))
		return;
	want = pattern_of(filter->key);
	json = want.json;
	ret->how = KEY_TEST_NEVER;
	switch (type.kind) {
	case GOTYPE_STRING:
		if (filter_key_string(filter->key, &len, &prefix))
			ret->how = KEY_TEST_STRING;
		break;
	case GOTYPE_BOOL ... GOTYPE_FLOAT64:
	case GOTYPE_POINTER:
	case GOTYPE_CHAN:
	case GOTYPE_UNSAFE_POINTER:
		if (!filter->key->prefix)
			test_scalar(&want, &type, ret);
		break;
	case GOTYPE_STRUCT: ret->how = json_is_object(json) ? value : never; break;
	case GOTYPE_ARRAY:
	case GOTYPE_COMPLEX64:
	case GOTYPE_COMPLEX128: ret->how = json_is_array(json) ? value : never; break;
	case GOTYPE_INTERFACE: ret->how = KEY_TEST_VALUE; break; /* it may hold any value */
	default: ret->how = filter->key->prefix ? never : value; break;
	}
}

/* Names the kinds of key for which filter_key_test() chooses a comparison of values. */
static const char *late_kinds(const struct filter_key *key)
{
	struct key_pattern want = pattern_of(key);
	struct pattern_number n;

	if (key->prefix)
		return "interface";
	if (json_is_object(key->json))
		return "struct and interface";
	if (json_is_array(key->json))
		return "complex, array and interface";
	return pattern_as_number(&want, &n) && isnan(n.f) ? "float and interface" : "interface";
}

void filter_explain(const struct filter *filter, struct buf *to)
{
	if (filter->map)
		buf_str(to, "filter --map: in the kernel program\n");
	if (filter->goid)
		buf_str(to, "filter --goid: in the kernel program\n");
	if (filter->type_glob)
		buf_str(to, "filter --type: in the kernel program; after it for map types that "
			    "reflect makes at run time\n");
	if (filter->key)
		buf_printf(to,
			   "filter --key%s: in the kernel program; after it for %s keys, and for "
			   "map types that reflect makes at run time\n",
			   filter->key->prefix ? "-prefix" : "", late_kinds(filter->key));
	if (filter->site_glob)
		buf_str(to, "filter --site: after the kernel program\n");
}
