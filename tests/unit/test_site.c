/* Tests of read/site. Sites are found in the machine code of a synthesised program, with their
 * types or the reasons why those are unknown. */
#include "test.h"
#include "base/frame.h"
#include "base/buf.h"

#include "goprog_fixture.h"

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
	struct sites sites; /* once find() was called */
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

/* Begins the program. A test changes it, and then searches for its sites. */
static int set_up(void **state)
{
	struct program *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	program_begin(s);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct program *s = *state;

	site_fini(&s->sites);
	goprog_close(&s->p);
	free(s);
	return 0;
}

static void find(struct program *s)
{
	goprog_open(&s->p);
	assert_null(site_find(s->p.image, s->p.tab, &s->sites));
}

/* A name that is too long is cut and marked. Filters see the whole name. */
TEST(a_long_name_is_cut_and_marked)
{
	enum { LONG = 100000 };
	static char name[LONG + 1];
	struct goprog *p = *state;
	cleanup(site_fini) struct sites sites = {0};
	uint64_t map, entry, sweep;
	const struct site_type *type;
	char want[GOTYPE_NAME_MAX + 32];

	memcpy(name, "map[string]struct { ", 20);
	memset(name + 20, 'a', LONG - 20);
	memcpy(name + GOTYPE_NAME_MAX - 1, "\xc3\xa9", 2); /* the cut would be inside it */
	memcpy(name + LONG - 2, " }", 2);
	map = goprog_map(p, name, goprog_scalar(p, GOTYPE_STRING));
	entry = ADD(p, "runtime.mapdelete_faststr", returns);
	sweep = ADD(p, "main.sweep", calls);
	link_to(p, sweep + 3, map);
	link_to(p, sweep + 8, entry);
	goprog_open(p);
	assert_null(site_find(p->image, p->tab, &sites));
	type = row_at(&sites, sweep + 7)->type;
	assert_non_null(type);
	memcpy(want, name, GOTYPE_NAME_MAX - 1);
	strcpy(want + GOTYPE_NAME_MAX - 1, "\xe2\x80\xa6 (cut)");
	assert_string_equal(type->name, want);
	assert_string_equal(type->whole_name, name);
}

/* A constant type is never reported as computed at run time, even if its data make no sense. */
TEST(an_unreadable_type_is_not_called_computed)
{
	struct program *s = *state;
	const struct site_row *row;

	gofake_poke_u64(&s->p.fake, s->string_map + 16, 0); /* hash, flags, alignment, kind */
	find(s);
	row = row_at(&s->sites, s->sweep + 7);
	assert_null(row->type);
	assert_string_equal(row->why_no_type, "its type data cannot be read");
}

TEST(each_kind_of_site_is_found)
{
	struct program *s = *state;
	const struct site_row *row;

	find(s);
	assert_int_equal(s->sites.maps, GO_MAPS_SWISS);
	assert_int_equal(s->sites.list.len, 7);
	row = row_at(&s->sites, s->generic);
	assert_true(row->wrapper);
	assert_string_equal(go_entries[row->entry].name, "internal/runtime/maps.(*Map).Delete");
	assert_null(row->type);

	row = row_at(&s->sites, s->sweep + 7);
	assert_int_equal(row->entry, FASTSTR);
	assert_string_equal(row->type->name, "map[string]int");
	assert_int_equal(row->frames_n, 2);
	assert_string_equal(site_innermost(row)->func, "main.(*store).drop");
	assert_string_equal(site_outermost(row)->func, "main.sweep");
	assert_false(row->jump || row->wrapper || row->deferred);
	assert_int_equal(row->copies, 1);

	row = row_at(&s->sites, s->tail + 19);
	assert_true(row->jump);
	assert_string_equal(row->type->name, "map[float64]int");
	assert_true(row->type->key_float);

	row = row_at(&s->sites, s->deferred + 7);
	assert_true(row->deferred);
	assert_int_equal(row->entry, CLEAR);

	row = row_at(&s->sites, s->set_index);
	assert_int_equal(row->entry, REFLECT);
	assert_string_equal(row->why_no_type, "reflect: known only at run time");
}

TEST(a_generic_site_has_the_types_of_its_callers)
{
	struct program *s = *state;
	const uint64_t pcs[] = {4, 8};

	find(s);
	for (size_t i = 0; i < ARRAY_SIZE(pcs); i++) {
		const struct site_row *row = row_at(&s->sites, (i ? s->closure : s->drop) + pcs[i]);

		assert_null(row->type);
		assert_int_equal(row->instances_n, 1);
		assert_string_equal(row->instances[0]->name, "map[int]int");
		assert_string_equal(row->why_no_type,
				    "generic: comes with the caller's dictionary");
	}
}

/* If no caller has the dictionary, or no function makes the closure, the reason says this. */
TEST(a_generic_site_without_a_type_says_why)
{
	struct program *s = *state;

	gofake_poke_u64(&s->p.fake, s->dictionary + 8, s->dictionary); /* no map type */
	find(s);
	assert_string_equal(row_at(&s->sites, s->drop + 4)->why_no_type,
			    "generic: no caller found that has the dictionary");
	assert_string_equal(row_at(&s->sites, s->closure + 8)->why_no_type,
			    "generic: in a dictionary that the closure captured");
}

/* A closure that is asked about may have been captured by another closure, but is never the type,
 * so the type is unknown. Offsets that add up to more than 32 bits are refused. */
TEST(a_closure_is_never_the_type)
{
	struct program *s = *state;
	uint64_t took, made, made_by, deletes, calls_it;

	took = ADD(&s->p, "main.take.func1", taker);
	made = ADD(&s->p, "main.take", maker);
	made_by = ADD(&s->p, "main.make", maker);
	deletes = ADD(&s->p, "main.far", far);
	calls_it = ADD(&s->p, "main.callFar", far_caller);
	link_to(&s->p, took + 5, s->generic);
	link_to(&s->p, made + 3, took);
	link_to(&s->p, made_by + 3, made);
	link_to(&s->p, deletes + 8, s->generic);
	link_to(&s->p, calls_it + 8, deletes);
	find(s);
	assert_string_equal(row_at(&s->sites, took + 4)->why_no_type,
			    "generic: in a dictionary that the closure captured");
	assert_string_equal(row_at(&s->sites, deletes + 7)->why_no_type,
			    "generic: no caller found that has the dictionary");
}

/* On arm64, an entry whose code only jumps to a function that keeps the registers looks like a
 * trampoline of that function. It still counts as an entry. */
TEST(an_entry_that_only_jumps_is_an_entry)
{
	static const uint8_t ret_arm64[] = {0xc0, 0x03, 0x5f, 0xd6}, blank[12] = {0};
	static const uint8_t aarch64[] = {183, 0}, quantum = 4;
	uint64_t barrier, entry, caller, pages;
	struct goprog *p = *state;
	cleanup(site_fini) struct sites sites = {0};

	gofake_poke(&p->fake, p->fake.base + 18, aarch64, 2); /* e_machine */
	gofake_poke(&p->fake, p->fake.pclntab + 6, &quantum, 1);
	barrier = ADD(p, "runtime.gcWriteBarrier1", ret_arm64);
	entry = ADD(p, "runtime.mapdelete", blank);
	caller = ADD(p, "main.f", blank);
	/* adrp x16, barrier; add x16, x16, :lo12:barrier; br x16 */
	pages = (barrier >> 12) - (entry >> 12);
	gofake_poke_u32(&p->fake, entry,
			0x90000010 | (uint32_t)((pages & 3) << 29) |
				(uint32_t)(pages >> 2 & 0x7ffff) << 5);
	gofake_poke_u32(&p->fake, entry + 4, 0x91000210 | (uint32_t)(barrier & 0xfff) << 10);
	gofake_poke_u32(&p->fake, entry + 8, 0xd61f0200);
	gofake_poke_u32(&p->fake, caller,
			0x94000000 | ((uint32_t)(entry - caller) >> 2 & 0x3ffffff));
	goprog_open(p);
	assert_null(site_find(p->image, p->tab, &sites));
	assert_int_equal(sites.list.len, 1);
	assert_string_equal(go_entries[row_at(&sites, caller)->entry].name, "runtime.mapdelete");
}

/* A file whose tables take long to read, in many functions, gives an error soon. Here the names are
 * long: the frames of all sites share a name of 60,000 bytes. */
TEST(names_without_end_are_an_error_soon)
{
	enum { CALLS = 1400, NAME = 60000 };
	static char name[NAME + 1];
	static uint8_t code[5 * CALLS];
	struct goprog *p = *state;
	struct sites sites;
	struct error *err;
	uint64_t entry, caller;

	memset(name, 'n', NAME);
	for (size_t i = 0; i < CALLS; i++)
		code[5 * i] = 0xe8;
	entry = ADD(p, "runtime.mapdelete", returns);
	caller = ADD(p, name, code);
	for (size_t i = 0; i < CALLS; i++)
		link_to(p, caller + 5 * i + 1, entry);
	goprog_open(p);
	err = site_find(p->image, p->tab, &sites);
	assert_non_null(err);
	assert_int_equal(err->code, ERROR_TARGET);
	assert_non_null(strstr(err->text, "MiB of names at its sites"));
	error_free(err);
}

TEST(the_choice_of_an_entry_is_explained)
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

TEST(a_package_ends_before_the_function)
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

/* Looks for the sites of a file of noise. Each has a name. */
static struct error *find_in_file(const struct gofake *fake)
{
	cleanup_close int fd = gofake_fd(fake->file.data, fake->file.len);
	cleanup(image_close) struct image *image = NULL;
	cleanup(gopcln_close) struct gopcln *tab = NULL;
	cleanup(site_fini) struct sites sites = {0};

	try(image_open(fd, "noise", &image));
	try(gopcln_open(image, &tab));
	try(site_find(image, tab, &sites));
	vec_each(site, &sites.list)
		assert_true(site->frames_n > 0 && site_innermost(site)->func);
	return NULL;
}

/* Random changes of code, tables and types give sites or an error. */
TEST(noise_gives_sites_or_an_error)
{
	uint64_t noise = 11;

	for (int i = 0; i < 600; i++) {
		struct program s;
		struct buf *file = &s.p.fake.file;

		program_begin(&s);
		goprog_open(&s.p);
		for (int k = 0; k < 12; k++) {
			noise = noise * 6364136223846793005u + 1442695040888963407u;
			file->data[4096 % file->len + (noise >> 16) % (file->len - 4096)] =
				(char)(noise >> 56);
		}
		error_free(find_in_file(&s.p.fake));
		goprog_close(&s.p);
	}
}

/* A test with the program, begun. */
#define WITH_PROGRAM(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_GO(26, a_long_name_is_cut_and_marked),
		WITH_PROGRAM(an_unreadable_type_is_not_called_computed),
		WITH_PROGRAM(each_kind_of_site_is_found),
		WITH_PROGRAM(a_generic_site_has_the_types_of_its_callers),
		WITH_PROGRAM(a_generic_site_without_a_type_says_why),
		WITH_PROGRAM(a_closure_is_never_the_type),
		WITH_GO(26, an_entry_that_only_jumps_is_an_entry),
		WITH_GO(26, names_without_end_are_an_error_soon),
		cmocka_unit_test(the_choice_of_an_entry_is_explained),
		cmocka_unit_test(a_package_ends_before_the_function),
		cmocka_unit_test(noise_gives_sites_or_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
