/* Compares output byte for byte with tests/golden/ (run the test from the source root;
 * UPDATE_GOLDEN=1 rewrites the files). */
#ifndef UNIT_GOLDEN_H
#define UNIT_GOLDEN_H

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline char *read_file(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = calloc(1, 1 << 20);

	assert_non_null(text);
	if (file) {
		assert_true(fread(text, 1, (1 << 20) - 1, file) < (1 << 20) - 1);
		fclose(file);
	}
	return text;
}

static inline void check_golden(const char *name, const char *actual)
{
	const char *update = getenv("UPDATE_GOLDEN");
	char path[256];
	char *expected;
	size_t same = 0;
	int line = 1;

	snprintf(path, sizeof(path), "tests/golden/%s.golden", name);
	if (update && *update == '1') {
		FILE *file = fopen(path, "w");

		assert_non_null(file);
		assert_true(fputs(actual, file) >= 0);
		assert_int_equal(fclose(file), 0);
	}
	expected = read_file(path);
	if (strcmp(expected, actual) == 0) {
		free(expected);
		return;
	}
	for (size_t i = 0; expected[i] && expected[i] == actual[i]; i++)
		if (expected[i] == '\n')
			same = i + 1, line++;
	print_error("%s:%d\nexpected: %.*s\nactual:   %.*s\n", path, line,
		    (int)strcspn(expected + same, "\n"), expected + same,
		    (int)strcspn(actual + same, "\n"), actual + same);
	free(expected);
	fail_msg("%s differs (UPDATE_GOLDEN=1 rewrites it)", path);
}

#endif
