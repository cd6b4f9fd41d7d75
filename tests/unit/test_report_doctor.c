/* Tests of the list of checks. The rows are literals, and the output is compared with
 * tests/golden/doctor.*. No control character of a file's name comes through. */
#include "test.h"

#include <jansson.h>
#include <locale.h>

#include "base/buf.h"
#include "base/text/text.h"
#include "golden.h"
#include "show/report/report.h"

static const struct check_row rows[] = {
	{"machine", "proc", CHECK_OK, "mounted", ""},
	{"machine", "programs", CHECK_FAILED, "refused",
	 "cannot load the kernel program: not permitted: run tophash as root (CAP_BPF and "
	 "CAP_PERFMON)"},
	{"machine", "ptrace scope", CHECK_OK, "", ""},
	{"process 4711", "program", CHECK_OK, "go1.26.5, swiss maps", ""},
	{"process 4711", "memory", CHECK_LIMITED, "not readable", "types will have no names"},
	{"file ./we\033ird", "program", CHECK_OK, "go1.19, classic maps", ""},
};

static struct doctor_report report = {
	.rows = rows, .rows_n = ARRAY_SIZE(rows), .code = 4, .width = TEXT_UNLIMITED};

TEST(text)
{
	struct buf out = {0};

	doctor_text(&out, &report);
	assert_null(strchr(buf_cstr(&out), '\033'));
	check_golden("doctor.text", buf_cstr(&out));
	buf_fini(&out);
}

/* Reasons are wrapped, and not a word of them is lost. */
TEST(lines_fit_into_40_columns)
{
	struct doctor_report narrow = report;
	struct buf out = {0};

	narrow.width = 40;
	doctor_text(&out, &narrow);
	assert_non_null(strstr(buf_cstr(&out), "CAP_PERFMON)"));
	for (const char *line = buf_cstr(&out); *line; line += strcspn(line, "\n") + 1) {
		struct buf one = {0};

		buf_put(&one, line, strcspn(line, "\n"));
		assert_in_range(text_columns(&one, 0), 0, narrow.width);
		buf_fini(&one);
	}
	buf_fini(&out);
}

TEST(verdict)
{
	struct doctor_report some = report;
	struct buf out = {0};

	some.code = 0;
	some.rows_n = 1;
	doctor_text(&out, &some);
	assert_non_null(strstr(buf_cstr(&out), "\ntrace works here\n"));
	some.rows = rows + 3;
	some.rows_n = 2;
	buf_reset(&out);
	doctor_text(&out, &some);
	assert_non_null(strstr(buf_cstr(&out), "\ntrace works here; 1 limited\n"));
	buf_fini(&out);
}

TEST(json)
{
	struct buf out = {0};
	size_t lines = 0;

	doctor_json(&out, &report);
	check_golden("doctor.json", buf_cstr(&out));
	for (const char *line = buf_cstr(&out); *line; line += strcspn(line, "\n") + 1, lines++) {
		json_t *value = json_loadb(line, strcspn(line, "\n"), JSON_REJECT_DUPLICATES, NULL);

		assert_non_null(value);
		json_decref(value);
	}
	assert_int_equal(lines, ARRAY_SIZE(rows) + 1);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text),
		cmocka_unit_test(lines_fit_into_40_columns),
		cmocka_unit_test(verdict),
		cmocka_unit_test(json),
	};

	setlocale(LC_ALL, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
