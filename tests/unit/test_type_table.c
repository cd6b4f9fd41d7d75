/* Tests of the kernel program's table of types. Every address is found again by the arithmetic
 * that the kernel program uses, and no other address is. */
#include "test.h"

#include "goprog.h"

#include "watch/filter/filter.h"
#include "watch/engine/type_table.h"
#include "base/table.h"

/* Does the same as type_index() in watch/engine/bpf/key.bpf.h. */
static uint32_t find(const struct type_table *table, uint64_t link)
{
	uint32_t at = wire_type_bucket(link, table->multiplier, table->mask);
	uint64_t tag = wire_type_tag(link);

	for (unsigned i = 0; tag && i < WIRE_BUCKET_CELLS; i++)
		if ((table->buckets[at].cell[i] & ~(WIRE_TYPES_MAX - 1ull)) == tag)
			return table->buckets[at].cell[i] & (WIRE_TYPES_MAX - 1);
	return WIRE_TYPES_MAX;
}

static void check_all_found(const struct type_table *table)
{
	for (uint32_t i = 0; i < table->addrs.len; i++)
		assert_int_equal(find(table, table->addrs.data[i]), i);
}

TEST(test_empty)
{
	struct type_table table = {0};

	assert_null(type_table_arrange(&table));
	assert_int_equal(table.mask, 0);
	assert_int_equal(find(&table, 0x4a0000), WIRE_TYPES_MAX);
	assert_int_equal(find(&table, 0), WIRE_TYPES_MAX);
	type_table_fini(&table);
}

/* Types as the Go linker places them: aligned to 8 bytes, tens of bytes apart. */
TEST(test_dense)
{
	struct type_table table = {0};

	for (uint32_t i = 0; i < 40000; i++)
		assert_true(vec_push(&table.addrs, 0x12a0000ull + i * 64 + (i % 5) * 8));
	assert_null(type_table_arrange(&table));
	assert_int_equal(table.mask, 65535);
	check_all_found(&table);
	for (uint32_t i = 0; i < 40000; i++) {
		assert_int_equal(find(&table, table.addrs.data[i] + 40), WIRE_TYPES_MAX);
		assert_int_equal(find(&table, table.addrs.data[i] + 1), WIRE_TYPES_MAX);
	}
	type_table_fini(&table);
}

TEST(test_random)
{
	struct type_table table = {0};
	uint64_t x = 1;

	for (uint32_t i = 0; i < 100000; i++) {
		x = table_mix(x + i);
		assert_true(vec_push(&table.addrs, x >> 17 & ~7ull));
	}
	assert_null(type_table_arrange(&table));
	check_all_found(&table);
	type_table_fini(&table);
}

/* The first of two descriptions of one type is used. Addresses that no type can have are left
 * out. */
TEST(test_odd_addresses)
{
	struct type_table table = {0};
	static const uint64_t addrs[] = {0x1000, 0x1000, 0, 0x1001, 1ull << 47, (1ull << 47) - 8};

	for (uint32_t i = 0; i < ARRAY_SIZE(addrs); i++)
		assert_true(vec_push(&table.addrs, addrs[i]));
	assert_null(type_table_arrange(&table));
	assert_int_equal(find(&table, 0x1000), 0);
	assert_int_equal(find(&table, 0), WIRE_TYPES_MAX);
	assert_int_equal(find(&table, 0x1001), WIRE_TYPES_MAX);
	assert_int_equal(find(&table, 1ull << 47), WIRE_TYPES_MAX);
	assert_int_equal(find(&table, (1ull << 47) - 8), 5);
	type_table_fini(&table);
}

/* Addresses that collide under the first multiplier. Another one is chosen. */
TEST(test_colliding)
{
	struct type_table table = {0};
	uint64_t multiplier = 0x9e3779b97f4a7c15;
	uint64_t addr = 8;

	while (table.addrs.len < 64) {
		addr += 8;
		if (wire_type_bucket(addr, multiplier, 63) == 7)
			assert_true(vec_push(&table.addrs, addr));
	}
	assert_null(type_table_arrange(&table));
	assert_int_equal(table.mask, 63);
	assert_int_not_equal(table.multiplier, multiplier);
	check_all_found(&table);
	type_table_fini(&table);
}

/* ---- describing ---- */

static uint32_t lots_of(struct goprog *p, uint64_t fields, uint64_t nfields, uint32_t n)
{
	const struct filter filter = {0};
	struct type_table table;
	struct goprog_type type = {
		.name = "main.t", .kind = GOTYPE_STRUCT, .named = true, .size = 8, .ptr_bytes = 8};
	uint32_t found;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t at = goprog_type(p, &type);

		gofake_poke_u64(&p->fake, at + 56, fields);
		gofake_poke_u64(&p->fake, at + 64, nfields);
	}
	goprog_open(p);
	alarm(60);
	assert_null(type_table_init(&table, &p->types, &filter, 0));
	alarm(0);
	found = (uint32_t)table.values.len;
	assert_int_equal(table.cut, found < n);
	check_all_found(&table);
	type_table_fini(&table);
	return found;
}

/* Far more types than any program has. Up to the limit they are described, and the table is marked
 * as cut. */
TEST(test_too_many)
{
	struct goprog p;

	goprog_begin(&p, 26);
	assert_int_equal(lots_of(&p, 0, 0, (1u << 18) + 1000), 1u << 18);
	goprog_close(&p);
}

/* There are fewer types, but each is a tree of thousands of pointers. */
TEST(test_too_wide)
{
	struct goprog_field fields[8] = {{0}};
	struct goprog_type wide = {.name = "main.wide",
				   .kind = GOTYPE_STRUCT,
				   .named = true,
				   .size = 8,
				   .ptr_bytes = 8,
				   .fields = fields,
				   .nfields = ARRAY_SIZE(fields)};
	struct goprog p;
	uint64_t at;

	goprog_begin(&p, 26);
	at = p.fake.type_pointer;
	for (unsigned level = 0; level < 5; level++) {
		for (unsigned i = 0; i < ARRAY_SIZE(fields); i++)
			fields[i] = (struct goprog_field){"F", at, 0};
		at = goprog_type(&p, &wide);
	}
	assert_in_range(lots_of(&p, at + 80, ARRAY_SIZE(fields), 3000), 1000, 1050);
	goprog_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),	  cmocka_unit_test(test_dense),
		cmocka_unit_test(test_random),	  cmocka_unit_test(test_odd_addresses),
		cmocka_unit_test(test_colliding), cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_too_wide),
	};

	return cmocka_run_group_tests_name("types", tests, NULL, NULL);
}
