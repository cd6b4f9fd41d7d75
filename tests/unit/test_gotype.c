/* Tests of read/gofile/gotype.c: types in the file, and types that reflect made in a process. */
#include "test.h"
#include "base/buf.h"

#include "opened.h"

static void expect_name(const struct gotypes *types, uint64_t addr, const char *want)
{
	struct buf name = {0};

	buf_str(&name, "+");
	assert_true(gotype_name(types, addr, &name));
	assert_string_equal(buf_cstr(&name) + 1, want);
	buf_fini(&name);
}

static bool count_type(void *ctx, const struct gotype *type)
{
	VEC(uint64_t) *seen = ctx;

	return vec_push(seen, type->addr);
}

static void check_type_reads(const struct gotypes *types, const struct gofake *fake)
{
	struct gotype t;

	assert_true(gotype_read(types, fake->type_map + types->bias, &t));
	assert_int_equal(t.kind, GOTYPE_MAP);
	assert_int_equal(t.key, fake->type_string + types->bias);
	assert_int_equal(t.elem, fake->type_int + types->bias);
	assert_true(t.direct_iface && !t.named && !t.comparable);
	assert_true(gotype_read(types, fake->type_pair + types->bias, &t));
	assert_int_equal(t.len, 2);
	assert_true(t.named && !t.direct_iface && t.comparable);
	assert_true(gotype_read(types, fake->type_array + types->bias, &t));
	assert_int_equal(t.len, 3);
	assert_true(gotype_read(types, fake->type_eface + types->bias, &t));
	assert_true(t.empty_interface);
	assert_false(gotype_read(types, fake->type_map + types->bias + 8, &t));
	assert_false(gotype_read(types, fake->type_map + types->bias + 1, &t));
	assert_false(gotype_read(types, 0, &t));
	assert_false(gotype_read(types, UINT64_MAX - 7, &t));
}

static void check_type_fields(const struct gotypes *types, const struct gofake *fake)
{
	struct gotype_field field;
	struct gotype t;

	assert_true(gotype_read(types, fake->type_pair + types->bias, &t));
	assert_true(gotype_field(types, &t, 0, &field));
	assert_int_equal(field.offset, 0);
	assert_int_equal(field.type, fake->type_int + types->bias);
	assert_true(gotype_field(types, &t, 1, &field));
	assert_int_equal(field.offset, 8);
	assert_int_equal(field.name_len, 1);
	assert_memory_equal(field.name, "b", 1);
	assert_false(gotype_field(types, &t, 2, &field));
	assert_true(gotype_read(types, fake->type_int + types->bias, &t));
	assert_false(gotype_field(types, &t, 0, &field));
}

static void expect_package(const struct gotypes *types, uint64_t addr, const char *want)
{
	struct buf path = {0};

	assert_int_equal(gotype_package(types, addr, &path), want != NULL);
	assert_string_equal(buf_cstr(&path), want ? want : "");
	buf_fini(&path);
}

static void check_types(const struct gofake_spec *spec)
{
	VEC(uint64_t) seen = {0};
	struct opened o;
	struct gotypes types;

	open_spec(spec, &o);
	types = (struct gotypes){
		.tab = o.tab, .image = o.image, .bias = spec->pie ? 0x5500000000 : 0};
	check_type_reads(&types, &o.fake);
	check_type_fields(&types, &o.fake);
	expect_name(&types, o.fake.type_map + types.bias, "map[string]int");
	expect_name(&types, o.fake.type_registry + types.bias, "main.registry");
	expect_name(&types, o.fake.type_string + types.bias, "string");
	expect_name(&types, o.fake.type_pair + types.bias, "main.pair");
	expect_name(&types, o.fake.type_pointer + types.bias, "*main.pair");
	expect_package(&types, o.fake.type_registry + types.bias, "example.com/shop/main");
	expect_package(&types, o.fake.type_pointer + types.bias, "example.com/shop/main");
	expect_package(&types, o.fake.type_map + types.bias, NULL);
	expect_package(&types, o.fake.type_string + types.bias, NULL);
	expect_package(&types, 0, NULL);
	gotype_scan(&types, 1u << GOTYPE_MAP, count_type, &seen);
	assert_int_equal(seen.len, 2);
	assert_int_equal(seen.data[0], o.fake.type_map + types.bias);
	assert_int_equal(seen.data[1], o.fake.type_registry + types.bias);
	seen.len = 0;
	gotype_scan(&types, UINT32_MAX, count_type, &seen);
	assert_int_equal(seen.len, 10);
	vec_fini(&seen);
	close_fake(&o);
}

TEST(types_have_kinds_names_and_fields)
{
	each_spec(check_types);
}

/* ---- types that reflect made ---- */

/* The heap of a process at 0xc000000000, in which reflect made types. */
struct heap {
	uint64_t words[64];
};

#define HEAP_BASE 0xc000000000ull

static size_t read_heap(void *ctx, uint64_t addr, void *to, size_t size)
{
	const struct heap *heap = ctx;

	if (addr < HEAP_BASE || size > sizeof(heap->words) ||
	    addr - HEAP_BASE > sizeof(heap->words) - size)
		return 0;
	memcpy(to, (const char *)heap->words + (addr - HEAP_BASE), size);
	return size;
}

/* Writes a descriptor of 8 (or `size`) bytes at word `at`, with a name as reflect makes them. */
static uint64_t heap_type(struct heap *heap, size_t at, unsigned kind, uint64_t size,
			  uint64_t first, uint64_t second)
{
	heap->words[at] = size;
	heap->words[at + 2] = (uint64_t)kind << 56 | (uint64_t)8 << 48 | (uint64_t)8 << 40 | 7;
	heap->words[at + 5] = (uint32_t)-3;
	heap->words[at + 6] = first;
	heap->words[at + 7] = second;
	return HEAP_BASE + 8 * at;
}

TEST(types_that_reflect_made_are_read_from_memory)
{
	struct gofake_spec spec = {.minor = 26, .pie = true};
	struct heap heap = {0};
	struct opened o;
	struct gotypes types;
	struct buf name = {0};
	struct gotype t;
	uint64_t bias = 0x7f0000000000, slice, array, map, loop;

	open_spec(&spec, &o);
	types = (struct gotypes){
		.tab = o.tab, .image = o.image, .bias = bias, .memory = {&heap, read_heap}};
	slice = heap_type(&heap, 0, GOTYPE_SLICE, 24, o.fake.type_pair + bias, 0);
	array = heap_type(&heap, 8, GOTYPE_ARRAY, 48, slice, 0);
	heap.words[8 + 8] = 2;
	map = heap_type(&heap, 18, GOTYPE_MAP, 8, o.fake.type_string + bias, array);
	expect_name(&types, map, "map[string][2][]main.pair");
	assert_true(gotype_read(&types, map, &t));
	assert_int_equal(t.elem, array);
	loop = heap_type(&heap, 30, GOTYPE_MAP, 8, HEAP_BASE + 30 * 8, HEAP_BASE + 30 * 8);
	assert_false(gotype_name(&types, loop, &name));
	assert_int_equal(name.len, 0);
	expect_package(&types, map, "example.com/shop/main");
	expect_package(&types, loop, NULL);
	slice = heap_type(&heap, 54, GOTYPE_POINTER, 8, o.fake.type_registry + bias, 0);
	expect_package(&types, slice, "example.com/shop/main");
	loop = heap_type(&heap, 42, GOTYPE_CHAN, 8, o.fake.type_chan + bias, 1);
	expect_name(&types, loop, "<-chan chan int");
	map = heap_type(&heap, 52, GOTYPE_CHAN, 8, loop, 3);
	expect_name(&types, map, "chan (<-chan chan int)");
	types.memory.read = NULL;
	assert_false(gotype_name(&types, map, &name));
	buf_fini(&name);
	close_fake(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_have_kinds_names_and_fields),
		cmocka_unit_test(types_that_reflect_made_are_read_from_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
