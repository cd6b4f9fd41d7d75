/* The kernel program's table of types: every address is found again, by the arithmetic that the
 * kernel program uses, and no other is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probe/types.h"

/* As type_index() in probe/bpf/key.bpf.h. */
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

static void test_empty(void **state)
{
	struct type_table table = {0};

	assert_null(type_table_arrange(&table));
	assert_int_equal(table.mask, 0);
	assert_int_equal(find(&table, 0x4a0000), WIRE_TYPES_MAX);
	assert_int_equal(find(&table, 0), WIRE_TYPES_MAX);
	type_table_fini(&table);
}

/* Types as the Go linker lays them out: 8-byte aligned, some tens of bytes apart. */
static void test_dense(void **state)
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

static void test_random(void **state)
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

/* The first of two descriptions of one type holds; addresses that no type can have are left out. */
static void test_odd_addresses(void **state)
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

/* Addresses that collide under the first multiplier: another one is taken. */
static void test_colliding(void **state)
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),	      cmocka_unit_test(test_dense),
		cmocka_unit_test(test_random),	      cmocka_unit_test(test_odd_addresses),
		cmocka_unit_test(test_colliding),
	};

	return cmocka_run_group_tests_name("types", tests, NULL, NULL);
}
