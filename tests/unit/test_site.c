/* Tests of read/site. Sites are found in the machine code of a synthesised program, with their
 * types or the reasons why those are unknown. Two lists of sites are compared. */
#include "test.h"
#include "base/frame.h"
#include "base/buf.h"

#include "goprog.h"

#include <stdlib.h>

#include "read/site/site.h"
#include "site_code.h"

enum { GENERIC, FAST32, FAST64, FASTSTR, CLEAR, REFLECT };

static uint64_t add(struct goprog *p, const char *name, const uint8_t *code, size_t size,
		    const struct goprog_inline *inlined, uint8_t func_id)
{
	return goprog_func(p, &(struct goprog_func){.name = name,
						    .code = code,
						    .size = size,
						    .line = 10,
						    .inlined = inlined,
						    .func_id = func_id});
}
#define ADD(p, name, code) add((p), (name), (code), sizeof(code), NULL, 0)

/* Writes the displacement (four bytes) at `addr` so that it leads to target. */
static void link_to(struct goprog *p, uint64_t addr, uint64_t target)
{
	gofake_poke_u32(&p->fake, addr, (uint32_t)(target - (addr + 4)));
}

static const struct site_row *row_at(const struct sites *sites, uint64_t pc)
{
	for (size_t i = 0; i < sites->list.len; i++)
		if (sites->list.data[i].pc == pc)
			return &sites->list.data[i];
	print_error("no site at 0x%llx\n", (unsigned long long)pc);
	exit(1);
}

static void check_why(const struct site_row *row, unsigned minor, const char *expected)
{
	struct buf why = {0};

	site_why(row, minor, &why);
	assert_string_equal(buf_cstr(&why), expected);
	buf_fini(&why);
}

/* A program with a runtime and with functions of each kind. */
struct program {
	struct goprog p;
	uint64_t string_map, int_map, float_map, dictionary;
	uint64_t faststr, generic, clear, reflect, method;
	uint64_t sweep, tail, wrapper, drop, caller, closure, deferred, set_index;
};

static void add_types(struct program *s)
{
	struct goprog *p = &s->p;

	s->string_map = goprog_map(p, "map[string]int", goprog_scalar(p, GOTYPE_STRING));
	s->int_map = goprog_map(p, "map[int]int", goprog_scalar(p, GOTYPE_INT));
	s->float_map = goprog_map(p, "map[float64]int", goprog_scalar(p, GOTYPE_FLOAT64));
	s->dictionary = goprog_scalar(p, GOTYPE_INT16);
	gofake_poke_u64(&p->fake, s->dictionary + 8, s->int_map);
}

static void add_functions(struct program *s)
{
	static const struct goprog_inline inlined[] = {{12, "main.(*store).drop", 12}, {0}};
	struct goprog *p = &s->p;

	s->method = ADD(p, "internal/runtime/maps.(*Map).Delete", returns);
	s->generic = ADD(p, "runtime.mapdelete", calls_unknown);
	s->faststr = ADD(p, "runtime.mapdelete_faststr", returns);
	s->clear = ADD(p, "runtime.mapclear", returns);
	s->reflect = ADD(p, "reflect.mapdelete", returns);
	s->sweep = add(p, "main.sweep", calls, sizeof(calls), inlined, 0);
	s->tail = ADD(p, "main.tail", tail_calls);
	s->drop = ADD(p, "main.drop[go.shape.int]", drops);
	s->closure = ADD(p, "main.drop[go.shape.int].func1", closure);
	s->caller = ADD(p, "main.caller", passes_dictionary);
	s->deferred = ADD(p, "main.f.deferwrap1", calls);
	s->set_index = ADD(p, "reflect.Value.SetMapIndex", calls_unknown);
}

static void link_functions(struct program *s)
{
	struct goprog *p = &s->p;

	link_to(p, s->generic + 1, s->method);
	link_to(p, s->sweep + 3, s->string_map);
	link_to(p, s->sweep + 8, s->faststr);
	link_to(p, s->tail + 5, s->faststr); /* within mov's operand */
	link_to(p, s->tail + 15, s->float_map);
	link_to(p, s->tail + 20, s->generic);
	link_to(p, s->tail + 25, s->tail);
	link_to(p, s->drop + 5, s->generic);
	link_to(p, s->closure + 9, s->generic);
	link_to(p, s->caller + 3, s->dictionary);
	link_to(p, s->caller + 10, s->closure);
	link_to(p, s->caller + 25, s->drop);
	link_to(p, s->deferred + 3, s->string_map);
	link_to(p, s->deferred + 8, s->clear);
	link_to(p, s->set_index + 1, s->reflect);
}

static void program_begin(struct program *s)
{
	goprog_begin(&s->p, 26);
	add_types(s);
	add_functions(s);
	link_functions(s);
}

/* A name that is too long is cut and marked. Filters see the whole name. */
TEST(test_long_names)
{
	enum { LONG = 100000 };
	static char name[LONG + 1];
	const struct site_type *type;
	struct program s;
	struct sites sites;
	char want[GOTYPE_NAME_MAX + 32];

	memcpy(name, "map[string]struct { ", 20);
	memset(name + 20, 'a', LONG - 20);
	memcpy(name + GOTYPE_NAME_MAX - 1, "\xc3\xa9", 2); /* the cut would be inside it */
	memcpy(name + LONG - 2, " }", 2);
	goprog_begin(&s.p, 26);
	add_types(&s);
	s.string_map = goprog_map(&s.p, name, goprog_scalar(&s.p, GOTYPE_STRING));
	add_functions(&s);
	link_functions(&s);
	goprog_open(&s.p);
	assert_null(site_find(s.p.image, s.p.tab, &sites));
	type = row_at(&sites, s.sweep + 7)->type;
	assert_non_null(type);
	memcpy(want, name, GOTYPE_NAME_MAX - 1);
	strcpy(want + GOTYPE_NAME_MAX - 1, "\xe2\x80\xa6 (cut)");
	assert_string_equal(type->name, want);
	assert_string_equal(type->whole_name, name);
	site_fini(&sites);
	goprog_close(&s.p);
}

/* A constant type is never reported as computed at run time, even if its data make no sense. */
TEST(test_unreadable_type)
{
	const struct site_row *row;
	struct sites sites;
	struct program s;

	program_begin(&s);
	gofake_poke_u64(&s.p.fake, s.string_map + 16, 0); /* hash, flags, alignment, kind */
	goprog_open(&s.p);
	assert_null(site_find(s.p.image, s.p.tab, &sites));
	row = row_at(&sites, s.sweep + 7);
	assert_null(row->type);
	assert_string_equal(row->why_no_type, "its type data cannot be read");
	site_fini(&sites);
	goprog_close(&s.p);
}

TEST(test_find)
{
	const struct site_row *row;
	struct sites sites;
	struct program s;

	program_begin(&s);
	goprog_open(&s.p);
	assert_null(site_find(s.p.image, s.p.tab, &sites));
	assert_int_equal(sites.maps, GO_MAPS_SWISS);
	assert_int_equal(sites.list.len, 7);
	row = row_at(&sites, s.generic);
	assert_true(row->wrapper);
	assert_string_equal(go_entries[row->entry].name, "internal/runtime/maps.(*Map).Delete");
	assert_null(row->type);

	row = row_at(&sites, s.sweep + 7);
	assert_int_equal(row->entry, FASTSTR);
	assert_string_equal(row->type->name, "map[string]int");
	assert_int_equal(row->frames_n, 2);
	assert_string_equal(site_innermost(row)->func, "main.(*store).drop");
	assert_string_equal(site_outermost(row)->func, "main.sweep");
	assert_false(row->jump || row->wrapper || row->deferred);
	assert_int_equal(row->copies, 1);

	row = row_at(&sites, s.tail + 19);
	assert_true(row->jump);
	assert_string_equal(row->type->name, "map[float64]int");
	assert_true(row->type->key_float);

	row = row_at(&sites, s.deferred + 7);
	assert_true(row->deferred);
	assert_int_equal(row->entry, CLEAR);

	row = row_at(&sites, s.set_index);
	assert_int_equal(row->entry, REFLECT);
	assert_string_equal(row->why_no_type, "reflect: known only at run time");
	site_fini(&sites);
	goprog_close(&s.p);
}

TEST(test_instances)
{
	const uint64_t pcs[] = {4, 8};
	struct sites sites;
	struct program s;

	program_begin(&s);
	goprog_open(&s.p);
	assert_null(site_find(s.p.image, s.p.tab, &sites));
	for (size_t i = 0; i < ARRAY_SIZE(pcs); i++) {
		const struct site_row *row = row_at(&sites, (i ? s.closure : s.drop) + pcs[i]);

		assert_null(row->type);
		assert_int_equal(row->instances_n, 1);
		assert_string_equal(row->instances[0]->name, "map[int]int");
		assert_string_equal(row->why_no_type,
				    "generic: comes with the caller's dictionary");
	}
	site_fini(&sites);
	goprog_close(&s.p);
}

/* If no caller has the dictionary, or no function makes the closure, the reason says this. */
TEST(test_no_instances)
{
	struct sites sites;
	struct program s;

	program_begin(&s);
	gofake_poke_u64(&s.p.fake, s.dictionary + 8, s.dictionary); /* no map type */
	goprog_open(&s.p);
	assert_null(site_find(s.p.image, s.p.tab, &sites));
	assert_string_equal(row_at(&sites, s.drop + 4)->why_no_type,
			    "generic: no caller found that has the dictionary");
	assert_string_equal(row_at(&sites, s.closure + 8)->why_no_type,
			    "generic: in a dictionary that the closure captured");
	site_fini(&sites);
	goprog_close(&s.p);
}

/* A closure that is asked about may have been captured by another closure, but is never the type,
 * so the type is unknown. Offsets that add up to more than 32 bits are refused. */
TEST(test_closure_itself)
{
	uint64_t took, made, made_by, deletes, calls_it;
	struct sites sites;
	struct program s;

	program_begin(&s);
	took = ADD(&s.p, "main.take.func1", taker);
	made = ADD(&s.p, "main.take", maker);
	made_by = ADD(&s.p, "main.make", maker);
	deletes = ADD(&s.p, "main.far", far);
	calls_it = ADD(&s.p, "main.callFar", far_caller);
	link_to(&s.p, took + 5, s.generic);
	link_to(&s.p, made + 3, took);
	link_to(&s.p, made_by + 3, made);
	link_to(&s.p, deletes + 8, s.generic);
	link_to(&s.p, calls_it + 8, deletes);
	goprog_open(&s.p);
	assert_null(site_find(s.p.image, s.p.tab, &sites));
	assert_string_equal(row_at(&sites, took + 4)->why_no_type,
			    "generic: in a dictionary that the closure captured");
	assert_string_equal(row_at(&sites, deletes + 7)->why_no_type,
			    "generic: no caller found that has the dictionary");
	site_fini(&sites);
	goprog_close(&s.p);
}

/* On arm64, an entry whose code only jumps to a function that keeps the registers looks like a
 * trampoline of that function. It still counts as an entry. */
TEST(test_entry_trampoline)
{
	static const uint8_t ret_arm64[] = {0xc0, 0x03, 0x5f, 0xd6}, blank[12] = {0};
	static const uint8_t aarch64[] = {183, 0}, quantum = 4;
	uint64_t barrier, entry, caller, pages;
	struct goprog p;
	struct sites sites;

	goprog_begin(&p, 26);
	gofake_poke(&p.fake, p.fake.base + 18, aarch64, 2); /* e_machine */
	gofake_poke(&p.fake, p.fake.pclntab + 6, &quantum, 1);
	barrier = ADD(&p, "runtime.gcWriteBarrier1", ret_arm64);
	entry = ADD(&p, "runtime.mapdelete", blank);
	caller = ADD(&p, "main.f", blank);
	/* adrp x16, barrier; add x16, x16, :lo12:barrier; br x16 */
	pages = (barrier >> 12) - (entry >> 12);
	gofake_poke_u32(&p.fake, entry,
			0x90000010 | (uint32_t)((pages & 3) << 29) |
				(uint32_t)(pages >> 2 & 0x7ffff) << 5);
	gofake_poke_u32(&p.fake, entry + 4, 0x91000210 | (uint32_t)(barrier & 0xfff) << 10);
	gofake_poke_u32(&p.fake, entry + 8, 0xd61f0200);
	gofake_poke_u32(&p.fake, caller,
			0x94000000 | ((uint32_t)(entry - caller) >> 2 & 0x3ffffff));
	goprog_open(&p);
	assert_null(site_find(p.image, p.tab, &sites));
	assert_int_equal(sites.list.len, 1);
	assert_string_equal(go_entries[row_at(&sites, caller)->entry].name, "runtime.mapdelete");
	site_fini(&sites);
	goprog_close(&p);
}

/* A file whose tables take long to read, in many functions, gives an error soon. Here the names are
 * long: the frames of all sites share a name of 60,000 bytes. */
TEST(test_names_bound)
{
	enum { CALLS = 1400, NAME = 60000 };
	static char name[NAME + 1];
	static uint8_t code[5 * CALLS];
	struct goprog p;
	struct sites sites;
	struct error *err;
	uint64_t entry, caller;

	memset(name, 'n', NAME);
	for (size_t i = 0; i < CALLS; i++)
		code[5 * i] = 0xe8;
	goprog_begin(&p, 26);
	entry = ADD(&p, "runtime.mapdelete", returns);
	caller = ADD(&p, name, code);
	for (size_t i = 0; i < CALLS; i++)
		link_to(&p, caller + 5 * i + 1, entry);
	goprog_open(&p);
	err = site_find(p.image, p.tab, &sites);
	assert_non_null(err);
	assert_int_equal(err->code, ERROR_TARGET);
	assert_non_null(strstr(err->text, "MiB of names at its sites"));
	error_free(err);
	goprog_close(&p);
}

TEST(test_why)
{
	struct site_type string = {
		.key = "string", .key_kind = GOTYPE_STRING, .key_size = 16, .elem_size = 8};
	struct site_type big = {
		.key = "int", .key_kind = GOTYPE_INT, .key_size = 8, .elem_size = 129};
	struct site_type small = {
		.key = "int8", .key_kind = GOTYPE_INT8, .key_size = 1, .elem_size = 0};
	struct site_type nan = {.key = "float64",
				.key_kind = GOTYPE_FLOAT64,
				.key_float = true,
				.key_size = 8,
				.elem_size = 8};

	check_why(&(struct site_row){.entry = FASTSTR, .type = &string}, 26,
		  "string key, 8-byte element");
	check_why(&(struct site_row){.entry = GENERIC, .type = &big}, 26,
		  "8-byte key (int), 129-byte element: more than 128 bytes have no fast variant");
	check_why(&(struct site_row){.entry = GENERIC, .type = &small}, 26,
		  "1-byte key (int8), 0-byte element: fast variants are for 4 or 8 bytes of plain "
		  "memory, and for strings");
	check_why(&(struct site_row){.entry = FAST32}, 26,
		  "a key of 4 bytes of plain memory, an element of at most 128 bytes");
	check_why(&(struct site_row){.entry = GENERIC}, 26,
		  "any other key, or an element of more than 128 bytes");
	check_why(&(struct site_row){.entry = CLEAR, .type = &string}, 19,
		  "a range loop over the map that only deletes");
	check_why(&(struct site_row){.entry = CLEAR, .type = &string}, 21,
		  "clear(), or a range loop over the map that only deletes: both compile to this");
	check_why(&(struct site_row){.entry = CLEAR, .type = &nan}, 21,
		  "clear(): keys that may differ from themselves (NaN) rule out the range idiom");
	check_why(&(struct site_row){.entry = FASTSTR, .wrapper = true}, 26,
		  "inside the runtime: an entry that calls another");
}

TEST(test_package)
{
	static const struct {
		const char *func, *package;
	} cases[] = {
		{"main.f", "main"},
		{"net/http.(*Transport).f", "net/http"},
		{"gopkg.in/yaml%2ev3.f.func1", "gopkg.in/yaml%2ev3"},
		{"main.F[go.shape.struct { a/b.C }]", "main"},
		{"a.b/c.F[...]", "a.b/c"},
		{"type:.eq.main.pair", "type:"},
		{"", ""},
		{"a/", "a/"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(site_package(cases[i].func), strlen(cases[i].package));
}

/* ---- two lists ---- */

static struct site_type type_a = {.name = "map[int]int"}, type_b = {.name = "map[string]int"};

static struct site_row row(uint64_t pc, uint32_t entry, const struct site_type *type,
			   struct frame *frames, size_t n)
{
	return (struct site_row){
		.pc = pc, .entry = entry, .type = type, .frames = frames, .frames_n = n};
}

TEST(test_compare)
{
	struct frame f = {.func = "main.f", .line = 1};
	struct frame f_moved = {.func = "main.f", .line = 9};
	struct frame g = {.func = "main.g"}, h = {.func = "main.h[go.shape.int]"};
	struct frame h_old = {.func = "main.h[...]"}, gone = {.func = "main.gone"};
	struct frame g_in_f[] = {g, f}, came = {.func = "main.came"}, k = {.func = "main.k"};
	struct site_row before[] = {
		row(1, FAST64, &type_a, &f, 1),	    row(2, FAST64, &type_a, &f, 1),
		row(3, FAST64, &type_a, g_in_f, 2), row(4, CLEAR, &type_a, &h_old, 1),
		row(5, FAST64, &type_a, &gone, 1),  row(6, FAST64, &type_a, &k, 1),
	};
	struct site_row after[] = {
		row(11, FASTSTR, &type_b, &k, 1),      row(12, FAST64, &type_a, &f_moved, 1),
		row(13, FAST64, &type_a, &f_moved, 1), row(14, FAST64, &type_a, &g, 1),
		row(15, FAST64, &type_a, &h, 1),       row(16, FAST64, &type_a, &came, 1),
	};
	struct sites a = {.list = {before, ARRAY_SIZE(before), 0}};
	struct sites b = {.list = {after, ARRAY_SIZE(after), 0}};
	static const struct {
		int from, to;
		bool variant, type, inlining;
	} expected[] = {
		{6, 11, true, true, false},   /* another type, and with it another variant */
		{1, 12, false, false, false}, /* lines that only moved are no change */
		{2, 13, false, false, false}, {3, 14, false, false, true},
		{4, 15, true, false, false},  {0, 16, false, false, false},
		{5, 0, false, false, false},
	};
	struct site_changes changes;

	assert_null(site_compare(&a, &b, &changes));
	assert_int_equal(changes.list.len, ARRAY_SIZE(expected));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		const struct site_change *change = &changes.list.data[i];

		assert_int_equal(change->from ? change->from->pc : 0, expected[i].from);
		assert_int_equal(change->to ? change->to->pc : 0, expected[i].to);
		assert_int_equal(change->variant, expected[i].variant);
		assert_int_equal(change->type, expected[i].type);
		assert_int_equal(change->inlining, expected[i].inlining);
	}
	site_changes_fini(&changes);
}

TEST(test_compare_empty)
{
	struct frame f = {.func = "main.f"};
	struct site_row one[] = {row(1, FAST64, &type_a, &f, 1)};
	struct sites a = {.list = {one, 1, 0}}, none = {0};
	struct site_changes changes;

	assert_null(site_compare(&a, &none, &changes));
	assert_int_equal(changes.list.len, 1);
	assert_null(changes.list.data[0].to);
	site_changes_fini(&changes);
	assert_null(site_compare(&none, &none, &changes));
	assert_int_equal(changes.list.len, 0);
	site_changes_fini(&changes);
}

/* Random changes of code, tables and types give sites or an error. Each site has a name. */
TEST(test_noise)
{
	uint64_t noise = 11;

	for (int i = 0; i < 600; i++) {
		cleanup(image_close) struct image *image = NULL;
		cleanup(gopcln_close) struct gopcln *tab = NULL;
		struct program s;
		struct sites sites;
		struct error *err;
		int fd;

		program_begin(&s);
		goprog_open(&s.p);
		for (int k = 0; k < 12; k++) {
			noise = noise * 6364136223846793005u + 1442695040888963407u;
			s.p.fake.file.data[4096 % s.p.fake.file.len +
					   (noise >> 16) % (s.p.fake.file.len - 4096)] =
				(char)(noise >> 56);
		}
		fd = gofake_fd(s.p.fake.file.data, s.p.fake.file.len);
		err = image_open(fd, "noise", &image);
		if (!err)
			err = gopcln_open(image, &tab);
		if (!err)
			err = site_find(image, tab, &sites);
		if (!err) {
			vec_each(site, &sites.list)
				assert_true(site->frames_n > 0 && site_innermost(site)->func);
			site_fini(&sites);
		}
		error_free(err);
		close(fd);
		goprog_close(&s.p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_long_names),     cmocka_unit_test(test_unreadable_type),
		cmocka_unit_test(test_find),	       cmocka_unit_test(test_instances),
		cmocka_unit_test(test_no_instances),   cmocka_unit_test(test_why),
		cmocka_unit_test(test_package),	       cmocka_unit_test(test_compare),
		cmocka_unit_test(test_compare_empty),  cmocka_unit_test(test_noise),
		cmocka_unit_test(test_closure_itself), cmocka_unit_test(test_entry_trampoline),
		cmocka_unit_test(test_names_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
