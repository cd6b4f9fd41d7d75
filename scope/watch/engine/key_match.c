#include "watch/engine/key_match.h"

static_assert(FILTER_TEXT_MAX == WIRE_FILTER_MAX,
	      "the kernel program must have room for the string");

void key_match_plan(const struct filter *filter, const struct gotypes *types, uint64_t key_type,
		    struct wire_plan *plan)
{
	static const uint8_t match[] = {
		[KEY_TEST_ANY] = WIRE_MATCH_ANY,    [KEY_TEST_NEVER] = WIRE_MATCH_NEVER,
		[KEY_TEST_WORD] = WIRE_MATCH_WORD,  [KEY_TEST_STRING] = WIRE_MATCH_STRING,
		[KEY_TEST_VALUE] = WIRE_MATCH_USER,
	};
	struct key_test test;

	filter_key_test(filter, types, key_type, &test);
	plan->match = match[test.how];
	plan->want = test.want;
	plan->mask = test.mask;
}

void key_match_words(const struct filter *filter, struct key_words *ret)
{
	bool prefix = false;
	size_t len = 0;
	const char *text = filter->key ? filter_key_string(filter->key, &len, &prefix) : NULL;

	*ret = (struct key_words){0};
	if (!text || len > WIRE_FILTER_MAX)
		return;
	ret->len = (uint32_t)len;
	ret->prefix = prefix;
	memcpy(ret->words, text, len);
	memset(ret->masks, 0xff, len);
}
