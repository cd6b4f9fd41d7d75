/* Tests of read/gofile/gopcln.c on synthesised executables of every release, with and without section
 * headers, position-independent or not. */
#include "test.h"

#include <stdio.h>

#include "opened.h"

static void check_functions(const struct opened *o, const struct gofake_spec *spec)
{
	static const char *const names[] = {"main.outer",	 "runtime.mapdelete",
					    "main.generic[...]", "main.generic",
					    "runtime.mapdelet",	 "no.such"};
	struct gopcln_func f[ARRAY_SIZE(names)], at;
	uint64_t text = o->fake.text;

	gopcln_find(o->tab, names, ARRAY_SIZE(names), f);
	assert_int_equal(f[0].entry, text);
	assert_int_equal(f[0].end, text + 0x100);
	/* 0x100 has the same name, but is a wrapper */
	assert_int_equal(f[1].entry, text + 0x140);
	assert_int_equal(f[2].entry, text + 0x180);
	for (size_t i = 3; i < ARRAY_SIZE(names); i++)
		assert_int_equal(f[i].entry, 0);
	assert_int_equal(gopcln_func_count(o->tab), 5);
	assert_true(gopcln_func_at(o->tab, text + 0x1ff, &at));
	assert_int_equal(at.index, 4);
	assert_string_equal(at.name,
			    spec->minor < 20 ? "type..eq.main.pair" : "type:.eq.main.pair");
	assert_false(gopcln_func_at(o->tab, text - 1, &at));
	assert_false(gopcln_func_at(o->tab, text + 0x200, &at));
	assert_false(gopcln_func_get(o->tab, 5, &at));
}

static void check_sp(const struct opened *o)
{
	static const struct {
		uint32_t offset;
		int32_t delta;
	} want[] = {{0, 0}, {0xc, 0}, {0x10, 8}, {0x14, 64}, {0xec, 64}, {0xf0, 0}, {0xfc, 0}};
	int32_t delta;

	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		assert_true(gopcln_sp_delta(o->tab, o->fake.text + want[i].offset, &delta));
		assert_int_equal(delta, want[i].delta);
	}
	assert_false(gopcln_sp_delta(o->tab, o->fake.text + 0x100, &delta)); /* has no pcsp table */
}

static void check_module(const struct opened *o, const struct gofake_spec *spec)
{
	const struct gopcln_module *m = gopcln_module(o->tab);
	const struct gofake *fake = &o->fake;

	assert_int_equal(m->moduledata, fake->module);
	assert_int_equal(m->pclntab, fake->pclntab);
	assert_int_equal(m->text, fake->text);
	assert_int_equal(m->etext, fake->text + 0x200);
	assert_int_equal(m->types, fake->types);
	assert_int_equal(m->etypes, fake->etypes);
	assert_int_equal(m->rodata, fake->types);
	assert_int_equal(m->gofunc, fake->inline_tree - 8);
	assert_int_equal(m->noptrdata, fake->module);
	assert_int_equal(m->ebss, fake->module + 7 * 8);
	assert_int_equal(image_is_pie(o->image), spec->pie);
	assert_int_equal(image_is_stripped(o->image), !spec->sections);
	assert_string_equal(image_machine(o->image)->name, spec->arm64 ? "arm64" : "x86_64");
	assert_string_equal(image_build_id(o->image), "deadbeef");
	assert_string_equal(image_name(o->image), "fake");
}

static void check_spec(const struct gofake_spec *spec)
{
	struct opened o;
	char version[32];

	open_spec(spec, &o);
	snprintf(version, sizeof(version), "go1.%u.5", spec->minor);
	assert_string_equal(gopcln_version(o.tab), version);
	assert_int_equal(gopcln_minor(o.tab), spec->minor);
	check_functions(&o, spec);
	check_frames(&o);
	check_sp(&o);
	check_module(&o, spec);
	close_fake(&o);
}

TEST(every_release_and_form_is_read)
{
	each_spec(check_spec);
}

/* Without any version, the shapes and funcID_wrapper give a lower bound. */
TEST(without_a_version_the_tables_give_a_lower_bound)
{
	static const unsigned bound[] = {19, 19, 20, 20, 22, 22, 22, 25, 26, 27};

	for (unsigned minor = 18; minor <= 27; minor++) {
		struct gofake_spec spec = {.minor = minor, .no_version = true};
		struct opened o;

		open_spec(&spec, &o);
		assert_string_equal(gopcln_version(o.tab), "");
		assert_int_equal(gopcln_minor(o.tab), bound[minor - 18]);
		check_functions(&o, &spec);
		check_frames(&o);
		close_fake(&o);
	}
}

/* ---- files that are no Go program ---- */

TEST(files_without_a_function_table_are_refused)
{
	struct gofake_spec spec = {.minor = 24, .sections = true};
	struct gofake fake;
	struct buf *file = &fake.file;
	uint32_t magic;

	assert_true(gofake_build(&spec, &fake));
	gofake_poke_u32(&fake, fake.pclntab, 0xfffffffb);
	expect_error(file, "older than 1.18");
	gofake_poke_u32(&fake, fake.pclntab, 0xfffffffa);
	expect_error(file, "older than 1.18");
	gofake_poke_u32(&fake, fake.pclntab, 0x12345678);
	expect_error(file, "magic 0x12345678");
	magic = 0xfffffff1;
	gofake_poke(&fake, fake.pclntab, &magic, 4);
	gofake_poke_u64(&fake, fake.module, 0);
	expect_error(file, "no moduledata");
	gofake_fini(&fake);

	spec.sections = false;
	assert_true(gofake_build(&spec, &fake));
	gofake_poke_u32(&fake, fake.pclntab, 0);
	expect_error(file, "not a Go program");
	gofake_poke(&fake, fake.base + 0x240, "UPX!", 4);
	expect_error(file, "packed by UPX");
	gofake_fini(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_release_and_form_is_read),
		cmocka_unit_test(without_a_version_the_tables_give_a_lower_bound),
		cmocka_unit_test(files_without_a_function_table_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
