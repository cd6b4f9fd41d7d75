/* Tests of read/explain on a synthesised program: the answer of each source, the verdict, and names
 * that mean the same function. */
#include "test.h"
#include "base/frame.h"
#include "base/buf.h"

#include <signal.h>

#include "read/explain/explain.h"
#include "gofake.h"

struct opened {
	struct gofake fake;
	struct explain_module *module;
	struct explain *explain;
};

static void open_fake(const struct gofake_spec *spec, uint32_t sources, struct opened *ret)
{
	int fd;

	signal(SIGPIPE, SIG_IGN);
	assert_true(gofake_build(spec, &ret->fake));
	fd = gofake_fd(ret->fake.file.data, ret->fake.file.len);
	assert_true(fd >= 0);
	assert_null(explain_module_open(fd, "/srv/fake", &ret->module));
	assert_null(explain_new(sources, 0, &ret->explain));
}

static void close_fake(struct opened *o)
{
	explain_free(o->explain);
	explain_module_close(o->module);
	gofake_fini(&o->fake);
}

static const struct explanation *ask(struct opened *o, uint64_t pc)
{
	struct explain_query query = {.addr = pc, .pc = pc, .module = o->module};
	const struct explanation *ret;

	assert_null(explain(o->explain, &query, 1, &ret));
	assert_int_equal(ret->query.addr, pc);
	return ret;
}

static void test_gopclntab(void **unused)
{
	struct gofake_spec spec = {.minor = 26};
	const struct explanation *e;
	const struct explain_answer *go;
	struct opened o;

	open_fake(&spec, EXPLAIN_ALL, &o);
	e = ask(&o, o.fake.text + 0x5c);
	go = &e->by[EXPLAIN_GOPCLNTAB];
	assert_int_equal(e->best, EXPLAIN_GOPCLNTAB);
	assert_int_equal(go->n, 3);
	assert_int_equal(go->entry, o.fake.text);
	assert_string_equal(go->frames[0].func, "main.inl2");
	assert_int_equal(go->frames[0].line, 207);
	assert_true(go->frames[0].inlined);
	assert_string_equal(go->frames[2].func, "main.outer");
	assert_string_equal(go->frames[2].file, "/src/main.go");
	assert_int_equal(go->frames[2].line, 12);
	assert_false(go->frames[2].inlined);
	/* It was asked, and has no answer but a reason. */
	assert_true(e->by[EXPLAIN_SYMBOLS].asked);
	assert_int_equal(e->by[EXPLAIN_SYMBOLS].n, 0);
	assert_string_equal(e->by[EXPLAIN_SYMBOLS].why, "no section headers, so no symbol table");
	assert_string_equal(explain_module_why(o.module, EXPLAIN_SYMBOLS),
			    e->by[EXPLAIN_SYMBOLS].why);
	assert_string_equal(e->by[EXPLAIN_DWARF].why,
			    "stripped: no .debug_info, and no separate debug file here");
	assert_int_equal(e->differ, 0);

	e = ask(&o, o.fake.text + 0x10000);
	assert_int_equal(e->best, -1);
	assert_non_null(strstr(e->by[EXPLAIN_GOPCLNTAB].why, "not Go code"));
	close_fake(&o);
}

static void test_symbols(void **unused)
{
	struct gofake_spec spec = {.minor = 23, .sections = true};
	struct opened o;
	const struct explanation *e;

	open_fake(&spec, EXPLAIN_BIT(EXPLAIN_SYMBOLS), &o);
	e = ask(&o, o.fake.text + 0x5c);
	assert_false(e->by[EXPLAIN_GOPCLNTAB].asked);
	assert_false(e->by[EXPLAIN_DWARF].asked);
	assert_true(e->by[EXPLAIN_SYMBOLS].asked);
	close_fake(&o);
}

/* An address in no file is not looked up, and its place is passed on. In a batch, each address has
 * its own answer, in order. */
static void test_batch(void **unused)
{
	struct gofake_spec spec = {.minor = 26};
	struct explain_query queries[1000] = {0};
	const struct explanation *list;
	struct opened o;

	open_fake(&spec, EXPLAIN_ALL, &o);
	for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
		queries[i].addr = queries[i].pc = o.fake.text + i % 0x100;
		if (i % 3)
			queries[i].module = o.module;
		else
			queries[i].place = "nowhere";
	}
	for (int round = 0; round < 3; round++) {
		assert_null(explain(o.explain, queries, ARRAY_SIZE(queries), &list));
		for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
			const struct explanation *e = &list[i];

			assert_int_equal(e->query.addr, queries[i].addr);
			if (!queries[i].module) {
				assert_int_equal(e->best, -1);
				assert_string_equal(e->query.place, "nowhere");
				assert_false(e->by[EXPLAIN_GOPCLNTAB].asked);
				continue;
			}
			assert_int_equal(e->best, EXPLAIN_GOPCLNTAB);
			assert_string_equal(e->by[0].frames[e->by[0].n - 1].func, "main.outer");
		}
	}
	assert_null(explain(o.explain, NULL, 0, &list));
	close_fake(&o);
}

static void test_same_func(void **unused)
{
	static const struct {
		const char *a, *b;
		bool same;
	} pairs[] = {
		{"main.f", "main.f", true},
		{"", "", true},
		{"main.f", "main.g", false},
		{"main.f", "main.ff", false},
		{"main.f[...]", "main.f[go.shape.int]", true},
		{"main.(*T[...]).m", "main.(*T[go.shape.[]uint8]).m", true},
		{"main.(*T[...]).m", "main.(*T[go.shape.int]).n", false},
		{"main.f[...]", "main.f", false},
		{"main.f[...]", "main.f[", false},
		{"main.f[...]", "main.g[int]", false},
		{"main.f[...].func1", "main.f[int].func1", true},
		{"runtime.futex", "runtime.futex.abi0", true},
		{"runtime.futex", "runtime.futex.abi1", false},
		{"f", "f.cold", true},
		{"f", "f.part.0", true},
		{"f", "f.func1", false},
		{"type:.eq.T\302\2674", "type:.eq.T.4", true},
		{"type:.eq.T\302\2674", "type:.eq.T4", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		if (explain_same_func(pairs[i].a, pairs[i].b) != pairs[i].same ||
		    explain_same_func(pairs[i].b, pairs[i].a) != pairs[i].same)
			fail_msg("\"%s\" and \"%s\"", pairs[i].a, pairs[i].b);
	}
}

static void test_differ_text(void **unused)
{
	struct buf text = {0};

	explain_differ_text(0, &text);
	assert_string_equal(buf_cstr(&text), "");
	explain_differ_text(EXPLAIN_DIFFER_LINE | EXPLAIN_DIFFER_FUNC, &text);
	assert_string_equal(buf_cstr(&text), "function, line");
	buf_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gopclntab),   cmocka_unit_test(test_symbols),
		cmocka_unit_test(test_batch),	    cmocka_unit_test(test_same_func),
		cmocka_unit_test(test_differ_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
