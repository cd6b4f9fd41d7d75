/* Tests of show/columns. One description of a table makes its text and its JSON. */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "base/text/text.h"
#include "base/buf.h"
#include "show/columns/columns.h"

struct city {
	const char *name;
	uint64_t people;
	bool capital;
};

static const struct city cities[] = {
	{"Oslo", 700000, true},
	{"\x1b[31m\xff", 7, false},
	{"Llanfairpwllgwyngyll", 3000, false},
};

static void put_name(struct cell *cell, const void *row)
{
	cell_str(cell, ((const struct city *)row)->name);
}

/* Fits itself into the columns, as the last cell does. */
static void put_long_name(struct cell *cell, const void *row_)
{
	const struct city *row = row_;

	if (row->people < 10) {
		buf_str(cell->to, "7");
		return;
	}
	buf_str(cell->to, "the town of ");
	cell_str(cell, row->name);
	text_cut(cell->to, 0, cell->columns);
}

static void put_people(struct cell *cell, const void *row)
{
	cell_number(cell, ((const struct city *)row)->people);
}

/* Appends nothing where it does not apply. */
static void put_capital(struct cell *cell, const void *row)
{
	if (((const struct city *)row)->capital)
		cell_bool(cell, true);
}

static void put_place(struct cell *cell, const void *row)
{
	if (cell->json)
		cell_address(cell, ((const struct city *)row)->people);
	else
		buf_str(cell->to, cell->columns == TEXT_UNLIMITED ? "unlimited" : "limited");
}

static bool is_shown(const struct rows *rows)
{
	return rows->ctx;
}

static const struct column columns[] = {
	{.name = "NAME", .json = "name", .place = 2, .percent = 30, .put = put_name},
	{.name = "PEOPLE",
	 .json = "people",
	 .place = 1,
	 .width = 8,
	 .right = true,
	 .put = put_people},
	{.json = "capital", .put = put_capital},
	{.name = "CAPITAL", .place = 3, .put = put_capital, .shown = is_shown},
	{.name = "WHERE", .json = "where", .place = 4, .put = put_place},
};

static struct rows rows_of(size_t width, const void *ctx)
{
	return (struct rows){
		.event = "city",
		.columns = columns,
		.columns_n = ARRAY_SIZE(columns),
		.first = cities,
		.n = ARRAY_SIZE(cities),
		.size = sizeof(cities[0]),
		.ctx = ctx,
		.width = width,
		.indent = 1,
	};
}

static void check_text(const struct rows *rows, const char *expected)
{
	struct buf text = {0};

	columns_text(&text, rows);
	assert_string_equal(buf_cstr(&text), expected);
	buf_fini(&text);
}

/* No line ends with blanks. */
TEST(test_nothing_in_the_last_cell)
{
	static const struct column two[] = {
		{.name = "NAME", .place = 1, .put = put_name},
		{.name = "CAPITAL", .place = 2, .put = put_capital},
	};
	struct rows rows = rows_of(TEXT_UNLIMITED, NULL);

	rows.columns = two;
	rows.columns_n = ARRAY_SIZE(two);
	check_text(&rows, " NAME                  CAPITAL\n"
			  " Oslo                  yes\n"
			  " \\x1b[31m\\xff\n"
			  " Llanfairpwllgwyngyll\n");
}

/* One very long cell does not fill all other rows with blanks. Nothing is cut. */
TEST(test_one_wide_cell)
{
	char name[201], expected[512];
	struct city two[] = {{"Oslo", 700000, true}, {name, 7, false}};
	struct rows rows = rows_of(TEXT_UNLIMITED, NULL);

	memset(name, 'x', 200);
	name[200] = '\0';
	rows.first = two;
	rows.n = 2;
	snprintf(expected, sizeof(expected),
		 "   PEOPLE  NAME  WHERE\n   700000  Oslo  unlimited\n        7  %s  unlimited\n",
		 name);
	check_text(&rows, expected);
}

/* Two rows whose last cells are cut to the same text are told apart; others get no line more. */
TEST(test_apart)
{
	static const struct column last[] = {
		{.name = "PEOPLE", .place = 1, .width = 8, .right = true, .put = put_people},
		{.name = "NAME", .place = 2, .put = put_long_name},
	};
	struct rows rows = rows_of(24, NULL);

	rows.columns = last;
	rows.columns_n = ARRAY_SIZE(last);
	rows.n = 3;
	rows.apart = true;
	check_text(&rows, "   PEOPLE  NAME\n"
			  "   700000  the town of …\n"
			  "         the town of Oslo\n"
			  "        7  7\n"
			  "     3000  the town of …\n"
			  "         the town of\n"
			  "           Llanfairpwllgwyngyll\n");
	rows.width = TEXT_UNLIMITED;
	check_text(&rows, "   PEOPLE  NAME\n"
			  "   700000  the town of Oslo\n"
			  "        7  7\n"
			  "     3000  the town of Llanfairpwllgwyngyll\n");
}

TEST(test_text)
{
	struct rows rows = rows_of(TEXT_UNLIMITED, NULL);

	check_text(&rows, "   PEOPLE  NAME                  WHERE\n"
			  "   700000  Oslo                  unlimited\n"
			  "        7  \\x1b[31m\\xff          unlimited\n"
			  "     3000  Llanfairpwllgwyngyll  unlimited\n");
	rows = rows_of(40, "capitals too");
	/* NAME may be cut, and leaves its room to the last column. */
	check_text(&rows, "   PEOPLE  NAME      CAPITAL  WHERE\n"
			  "   700000  Oslo      yes      limited\n"
			  "        7  \\x1b[31…           limited\n"
			  "     3000  Llanfai…           limited\n");
	rows.n = 0;
	check_text(&rows, "   PEOPLE  NAME  CAPITAL  WHERE\n");
}

TEST(test_json)
{
	struct rows rows = rows_of(40, NULL);
	struct buf text = {0};

	columns_json(&text, &rows);
	assert_string_equal(
		buf_cstr(&text),
		"{\"event\":\"city\",\"name\":\"Oslo\",\"people\":700000,"
		"\"capital\":true,\"where\":\"0xaae60\"}\n"
		"{\"event\":\"city\",\"name\":{\"bytes\":\"1b5b33316dff\"},\"people\":7,"
		"\"where\":\"0x7\"}\n"
		"{\"event\":\"city\",\"name\":\"Llanfairpwllgwyngyll\",\"people\":3000,"
		"\"where\":\"0xbb8\"}\n");
	buf_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_apart),
		cmocka_unit_test(test_nothing_in_the_last_cell),
		cmocka_unit_test(test_one_wide_cell),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
