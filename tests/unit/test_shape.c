/* Tests of --type with types of generic code: the shape types that could be a type that the pattern
 * matches. */
#include "test.h"
#include "base/buf.h"

#include "watch/filter/filter.h"

static const struct shape_case {
	const char *glob, *type;
	bool matches;
} cases[] = {
	/* clear(m) in a generic function, as Go 1.21 and later name its map type */
	{"map[string]*main.session", "map[go.shape.string]go.shape.*uint8", true},
	{"map[string]*", "map[go.shape.string]go.shape.*uint8", true},
	{"map[*]*main.session", "map[go.shape.string]go.shape.*uint8", true},
	{"*session", "map[go.shape.string]go.shape.*uint8", true},
	{"map[int]*main.session", "map[go.shape.string]go.shape.*uint8", false},
	{"map[string]int", "map[go.shape.string]go.shape.*uint8", false},
	{"map[string]string", "map[go.shape.string]go.shape.*uint8", false},
	{"map[int]int", "map[go.shape.int]go.shape.int", true},
	{"map[int]int8", "map[go.shape.int]go.shape.int", false},
	{"map[in]int", "map[go.shape.int]go.shape.int", false},
	{"map[??t]int", "map[go.shape.int]go.shape.int", true},
	{"map[????]int", "map[go.shape.int]go.shape.int", true}, /* a.ID */
	{"map[??]int", "map[go.shape.int]go.shape.int", false},
	/* a type with a name may have any shape */
	{"map[main.ID]time.Duration", "map[go.shape.int]go.shape.int64", true},
	{"map[main.ID]*", "map[go.shape.int]go.shape.int64", true},
	{"map[main.user]main.table", "map[go.shape.struct { main.a string }]go.shape.[]int", true},
	{"map[main.pair[int]]bool", "map[go.shape.struct { main.a int }]go.shape.bool", true},
	{"map[string]error", "map[go.shape.string]go.shape.interface { Error() string }", true},
	{"main.named", "go.shape.map[string]int", true},
	{"map[string]int", "go.shape.map[string]int", true},
	{"[]int", "go.shape.map[string]int", false},
	{"map[strin]*", "go.shape.map[main.wide16]int", false},
	{"map[main.wide16]*", "go.shape.map[main.wide16]int", true},
	{"map[int]struct { a string }", "map[go.shape.int]go.shape.struct { main.a string }", true},
	{"map[int]int", "go.shape.map[string]int", false},
	{"map[string]*", "go.shape.map[string]net/url.URL", true},
	{"map[[2]string]url.URL", "go.shape.map[[2]string]net/url.URL", true},
	{"map[int][3]x.T", "map[go.shape.int]go.shape.[3]a/x.T", true},
	{"map[strin]*", "go.shape.map[net/url.URL]int", false},
	{"map[url.URL]int", "go.shape.map[net/url.URL]int", true},
	/* If the path has no slash, it may still differ from the package's name. */
	{"map[int][]foo.T", "map[go.shape.int]go.shape.[]go-foo.T", true},
	{"map[int][]yaml.Node", "map[go.shape.int]go.shape.[]yaml%2ev3.Node", true},
	{"map[int][]foo.U", "map[go.shape.int]go.shape.[]go-foo.T", false},
	{"map[int][]other.T", "map[go.shape.int]go.shape.[]main.T", false},
	{"map[int]func(...foo.T)", "map[go.shape.int]go.shape.func(...go-foo.T)", true},
	{"map[int]func(...int)", "map[go.shape.int]go.shape.func(...int)", true},
	{"map[int]func(...int8)", "map[go.shape.int]go.shape.func(...int)", false},
	{"map[yaml.Node]int", "go.shape.map[gopkg.in/yaml%2ev3.Node]int", true},
	{"map[url.Userinfo]int", "go.shape.map[net/url.URL]int", false},
	{"map[string][]url.URL", "go.shape.map[string][]net/url.URL", true},
	{"map[string]url.URL", "go.shape.map[string][]net/url.URL", false},
	{"map[string]func(url.URL) error", "map[go.shape.string]go.shape.func(net/url.URL) error",
	 true},
	{"map[int][4]x.T", "map[go.shape.int]go.shape.[3]a/x.T", false},
	/* as Go 1.18 to 1.20 name it, with the number of the argument */
	{"map[string]*main.session", "map[go.shape.string_0]go.shape.*uint8_1", true},
	{"map[int]int", "map[go.shape.int_0]go.shape.int_1", true},
	{"map[int]int_1", "map[go.shape.int_0]go.shape.int_1", false},
	{"map[int]string", "map[go.shape.int_0]go.shape.int_1", false},
	{"map[string][]*main.session", "map[go.shape.string_0][]go.shape.*uint8_1", true},
	{"map[string][]main.P", "map[go.shape.string_0][]go.shape.*uint8_1", true},
	{"map[string]\\*main.session", "map[go.shape.string_0][]go.shape.*uint8_1", false},
	{"map[float64]struct { A int; B int }",
	 "map[go.shape.float64_0]go.shape.struct { A int; B int }_1", true},
	{"map[float64]int", "map[go.shape.float64_0]go.shape.struct { A int; B int }_1", false},
	{"map[struct { U url.Userinfo }]int",
	 "map[go.shape.struct { U net/url.Userinfo }_0]go.shape.int_1", true},
	{"map[[2]string]map[string]*main.session",
	 "map[go.shape.[2]string_0]go.shape.map[string]*main.session_1", true},
	{"map[[3]string]*", "map[go.shape.[2]string_0]go.shape.map[string]*main.session_1", false},
	{"map[*main.T]func(int) string", "map[go.shape.*uint8_0]go.shape.func(int) string_1", true},
	{"map[main.pair[main.ID]][]*main.session",
	 "map[main.pair[go.shape.int_0]][]go.shape.*uint8_1", true},
	{"map[main.pair[string]][]*", "map[main.pair[go.shape.int_0]][]go.shape.*uint8_1", false},
	{"map[main.pear[int]]*", "map[main.pair[go.shape.int_0]][]go.shape.*uint8_1", false},
	/* other kinds */
	{"map[string]chan int", "map[go.shape.string]go.shape.chan int", true},
	{"map[string]<-chan int", "map[go.shape.string]go.shape.chan int", false},
	{"map[string]interface {}", "map[go.shape.string]go.shape.interface {}", true},
	{"map[string][]uint8", "map[go.shape.string]go.shape.[]uint8", true},
	{"map[*main.session]int", "map[go.shape.*main.session]go.shape.int", true},
	/* patterns for shapes themselves */
	{"map[go.shape.*]*", "map[go.shape.string]go.shape.*uint8", true},
	{"*go.shape*", "map[go.shape.string]go.shape.*uint8", true},
	{"*", "map[go.shape.string]go.shape.*uint8", true},
	{"map[string]\\*main.T", "map[go.shape.string]go.shape.*uint8", true},
	{"map[string]\\*main.T", "map[go.shape.string]go.shape.int", false},
	/* broken names */
	{"map[string]*", "map[go.shape.", false},
	{"map[string]int", "go.shape.struct {", false},
	{"*", "go.shape.[[[[[(((((", true},
};

TEST(test_shapes)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct filter filter = {0};

		assert_null(filter_set_glob("--type", cases[i].glob, &filter.type_glob));
		if (filter_type_matches(&filter, cases[i].type) != cases[i].matches)
			fail_msg("\"%s\" and \"%s\"", cases[i].glob, cases[i].type);
		filter_fini(&filter);
	}
}

TEST(test_is_shape)
{
	assert_true(filter_type_is_shape("map[go.shape.string]int"));
	assert_true(filter_type_is_shape("main.pair[go.shape.int_0]"));
	assert_false(filter_type_is_shape("map[string]int"));
	assert_false(filter_type_is_shape(""));
}

/* Long names and patterns with many stars are cheap. */
TEST(test_long)
{
	struct filter filter = {0};
	struct buf name = {0}, glob = {0};

	for (int i = 0; i < 500; i++) {
		buf_str(&name, "main.pair[go.shape.string,go.shape.*uint8]");
		if (i % 2)
			buf_str(&glob, "*x");
	}
	assert_null(filter_set_glob("--type", buf_cstr(&glob), &filter.type_glob));
	assert_false(filter_type_matches(&filter, buf_cstr(&name)));
	buf_fini(&name);
	buf_fini(&glob);
	filter_fini(&filter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_is_shape),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
