/* Tests of the list of processes. The rows are literals, and the output is compared with
 * tests/golden/ps.*. No control character of a process comes through. */
#include "test.h"

#include <jansson.h>
#include <locale.h>

#include "base/text/text.h"
#include "base/buf.h"
#include "show/report/report.h"
#include "golden.h"

static const struct process_module shop = {
	.kind = "program",
	.path = "/usr/bin/shop",
	.go = "go1.26.5",
	.layout = "swiss",
	.build_id = "00ff",
	.stripped = true,
};
static const struct process_module host[] = {
	{.kind = "program",
	 .path = "/srv/host",
	 .go = "go1.23.4",
	 .layout = "classic",
	 .build_id = "01"},
	{.kind = "plugin",
	 .path = "/srv/plug\033in.so",
	 .go = "go1.23.4",
	 .layout = "classic",
	 .build_id = "02"},
};
static const struct process_module libraries[] = {
	{.kind = "library",
	 .path = "/usr/lib/libkeys.so",
	 .go = "",
	 .build_id = "",
	 .why_not = "built with go1.18, which is too old: rebuild it with Go 1.19 or later"},
	{.kind = "library",
	 .path = "/usr/lib/libnew.so",
	 .go = "go1.27",
	 .layout = "swiss",
	 .build_id = "03"},
};

#define ID "4f0c9a1be7d2aa11bb22cc33dd44ee55ff66778899aabbccddeeff0011223344"

static const struct process_row rows[] = {
	{.pid = 7,
	 .own_pid = 7,
	 .uid = 1000,
	 .user = "alice",
	 .name = "shop",
	 .exe = "/usr/bin/shop",
	 .pod = "",
	 .modules = &shop,
	 .modules_n = 1},
	{.pid = 1234,
	 .own_pid = 1,
	 .uid = 65534,
	 .user = NULL, /* no name, and the number is shown */
	 .name = "ho\nst",
	 .exe = "/srv/host (deleted)",
	 .runtime = "docker",
	 .container = ID,
	 .pod = "11111111-2222-3333-4444-aaaaaaaaaaaa",
	 .modules = host,
	 .modules_n = 2},
	{.pid = 99999,
	 .own_pid = 99999,
	 .user = "root",
	 .name = "python3",
	 .exe = "/usr/bin/python3.11",
	 .pod = "",
	 .modules = libraries,
	 .modules_n = 2},
	{.pid = 100000,
	 .own_pid = 100000,
	 .user = "root",
	 .name = "old",
	 .exe = "/usr/bin/old",
	 .pod = "",
	 .modules = libraries,
	 .modules_n = 1},
};

static struct process_report report = {
	.rows = rows, .rows_n = ARRAY_SIZE(rows), .hidden = 2, .width = TEXT_UNLIMITED};

static void check_safe(const char *text)
{
	for (; *text; text++)
		assert_true((unsigned char)*text >= ' ' || *text == '\n');
}

TEST(text)
{
	struct buf out = {0};

	process_text(&out, &report);
	check_safe(buf_cstr(&out));
	check_golden("ps.text", buf_cstr(&out));
	buf_fini(&out);
}

static void check_width(const char *text, size_t width)
{
	for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
		cleanup_buf struct buf one = {0};

		buf_put(&one, line, strcspn(line, "\n"));
		if (text_columns(&one, 0) > width)
			fail_msg("more than %zu columns: %.*s", width, (int)one.len, one.data);
	}
}

TEST(lines_fit_into_every_terminal)
{
	for (size_t width = 40; width <= 200; width++) {
		struct process_report narrow = report;
		cleanup_buf struct buf out = {0};

		narrow.width = width;
		process_text(&out, &narrow);
		check_width(buf_cstr(&out), width);
	}
}

/* The longest pid and long names. Where there is little room, the columns of the user, of the layout
 * and of the container are left out first. */
TEST(long_cells_fit_into_every_terminal)
{
	static const struct process_module module = {
		.kind = "program",
		.path = "/x",
		.go = "go1.28-devel_0123456789abcdef Mon Aug  3 12:00:00 2026",
		.layout = "classic",
		.build_id = "",
		.stripped = true,
	};
	struct process_row row = rows[1];
	struct process_report one = report;

	row.pid = 4194303;
	row.user = "a-user-with-a-name-of-32-letters";
	row.exe = "/usr/lib/a-program-with-a-name-that-no-terminal-shows";
	row.modules = &module;
	row.modules_n = 1;
	one.rows = &row;
	one.rows_n = 1;
	for (one.width = 40; one.width <= 200; one.width++) {
		cleanup_buf struct buf out = {0};

		process_text(&out, &one);
		check_width(buf_cstr(&out), one.width);
		assert_non_null(strstr(buf_cstr(&out), "4194303"));
		assert_non_null(strstr(buf_cstr(&out), "go1.28"));
		assert_int_equal(strstr(buf_cstr(&out), "USER") != NULL, one.width >= 60);
	}
}

TEST(without_containers_there_is_no_column_of_them)
{
	struct process_report one = report;
	struct buf out = {0};

	one.rows_n = 1;
	process_text(&out, &one);
	assert_null(strstr(buf_cstr(&out), "CONTAINER"));
	buf_reset(&out);
	one.rows_n = 0;
	process_text(&out, &one);
	assert_int_equal(out.len, 0); /* no head without rows */
	buf_fini(&out);
}

TEST(json)
{
	struct buf out = {0};

	process_json(&out, &report);
	for (const char *line = buf_cstr(&out); *line; line += strcspn(line, "\n") + 1) {
		json_error_t error;
		json_t *value = json_loadb(line, strcspn(line, "\n"), 0, &error);

		if (!value)
			fail_msg("%s: %.*s", error.text, (int)strcspn(line, "\n"), line);
		json_decref(value);
	}
	check_golden("ps.json", buf_cstr(&out));
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text),
		cmocka_unit_test(lines_fit_into_every_terminal),
		cmocka_unit_test(long_cells_fit_into_every_terminal),
		cmocka_unit_test(without_containers_there_is_no_column_of_them),
		cmocka_unit_test(json),
	};

	setlocale(LC_ALL, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
