/* show/report/entries.c: rows as literals, compared with tests/golden/entries.*. */
#include "test.h"
#include "base/buf.h"

#include "base/text/text.h"
#include "show/report/report.h"
#include "golden.h"

static const struct entry_row rows[] = {{"runtime.mapdelete_fast64", 12}, {"runtime.mapclear", 3}};

static void check_report(const char *name, void (*put)(struct buf *, const struct entry_report *))
{
	struct entry_report report = {
		.rows = rows, .rows_n = ARRAY_SIZE(rows), .width = TEXT_UNLIMITED};
	struct buf text = {0};

	put(&text, &report);
	check_golden(name, buf_cstr(&text));
	buf_fini(&text);
}

TEST(test_golden)
{
	check_report("entries.text", entries_text);
	check_report("entries.json", entries_json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
