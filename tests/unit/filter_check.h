/* Makes filters of options, for tests of watch/filter. */
#ifndef UNIT_FILTER_CHECK_H
#define UNIT_FILTER_CHECK_H

#include "test.h"
#include "watch/filter/filter.h"

static inline void expect_usage(struct error *err, const char *text)
{
	assert_non_null(err);
	assert_int_equal(err->code, ERROR_USAGE);
	assert_string_equal(err->text, text);
	error_free(err);
}

static inline struct filter key_filter(const char *text, bool prefix)
{
	struct filter filter = {0};

	assert_null(filter_set_key(&filter, text, prefix));
	return filter;
}

#endif
