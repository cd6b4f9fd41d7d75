/* Tests of kube/: what it reads from the replies of a cluster, and the pod that it writes. */
#include "test.h"
#include "base/buf.h"

#include "kube/kube.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define META "\"kind\":\"Pod\",\"metadata\":{\"name\":\"shop-1\",\"namespace\":\"prod\"}"
#define RUNS "\"state\":{\"running\":{}}"
#define POD(containers, statuses)                                             \
	"{" META ",\"spec\":{\"nodeName\":\"n1\",\"containers\":[" containers \
	"]},\"status\":{\"phase\":\"Running\",\"containerStatuses\":[" statuses "]}}"
#define ONE POD("{\"name\":\"shop\"}", "{\"name\":\"shop\"," RUNS "}")
#define TWO                                             \
	POD("{\"name\":\"shop\"},{\"name\":\"proxy\"}", \
	    "{\"name\":\"proxy\"," RUNS "},{\"name\":\"shop\"," RUNS "}")

static struct error *target(const char *json, const char *container, struct kube_target *ret)
{
	return kube_target_read(json, strlen(json), container, ret);
}

TEST(a_target_is_read)
{
	struct kube_target found;

	assert_null(target(ONE, NULL, &found));
	assert_string_equal(found.name, "shop-1");
	assert_string_equal(found.namespace, "prod");
	assert_string_equal(found.node, "n1");
	assert_string_equal(found.container, "shop");
	assert_null(target(TWO, "proxy", &found));
	assert_string_equal(found.container, "proxy");
}

static const struct {
	const char *json, *container;
	enum error_code code;
	const char *text;
} refused[] = {
	{"", NULL, ERROR_FAILED, "not JSON"},
	{"{", NULL, ERROR_FAILED, "not JSON"},
	{"[]", NULL, ERROR_FAILED, "not of kind Pod"},
	{"{\"kind\":\"Pod\",\"kind\":\"Pod\"}", NULL, ERROR_FAILED, "not JSON"},
	{"{\"kind\":7}", NULL, ERROR_FAILED, "not of kind Pod"},
	{"{" META "}", NULL, ERROR_TARGET, "on no node yet"},
	{"{" META ",\"spec\":{\"nodeName\":\"n1\"}}", NULL, ERROR_TARGET, "does not run"},
	{"{" META ",\"spec\":{\"nodeName\":\"a b\"}}", NULL, ERROR_FAILED, "no proper name"},
	{"{\"kind\":\"Pod\",\"metadata\":{\"name\":\"../x\",\"namespace\":\"prod\"}}", NULL,
	 ERROR_FAILED, "without a proper name"},
	{TWO, NULL, ERROR_USAGE, "name one with -c: shop, proxy"},
	{TWO, "db", ERROR_TARGET, "no container db, but shop, proxy"},
	{POD("{\"name\":\"shop\"}", ""), NULL, ERROR_TARGET, "it has not started yet"},
	{POD("{\"name\":\"shop\"}", "7,[],{\"name\":8}"), NULL, ERROR_TARGET,
	 "it has not started yet"},
	{POD("{\"name\":\"shop\"}",
	     "{\"name\":\"shop\",\"state\":{\"terminated\":{\"reason\":\"OOMKilled\"}}}"),
	 NULL, ERROR_TARGET, "OOMKilled"},
	{POD("", ""), NULL, ERROR_TARGET, "has no containers"},
	{POD("{\"name\":\"a/b\"}", ""), NULL, ERROR_TARGET, "no name of a container"},
};

TEST(other_targets_are_refused)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct kube_target found;
		struct error *err = target(refused[i].json, refused[i].container, &found);

		assert_non_null(err);
		if (!strstr(err->text, refused[i].text) || err->code != refused[i].code)
			fail_msg("%zu: %d %s", i, (int)err->code, err->text);
		error_free(err);
	}
}

TEST(an_init_container_that_lasts_is_a_container)
{
	static const char json[] =
		"{" META ",\"spec\":{\"nodeName\":\"n1\",\"containers\":[{\"name\":\"shop\"}],"
		"\"initContainers\":[{\"name\":\"setup\"},{\"name\":\"side\",\"restartPolicy\":\"Always\"}]},"
		"\"status\":{\"phase\":\"Running\",\"initContainerStatuses\":[{\"name\":\"side\"," RUNS
		"}]}}";
	struct kube_target found;
	struct error *err = target(json, NULL, &found);

	assert_non_null(err);
	assert_non_null(strstr(err->text, ": shop, side"));
	error_free(err);
	assert_null(target(json, "side", &found));
}

#define STATE(of) \
	"{" META ",\"status\":{\"phase\":\"Pending\",\"containerStatuses\":[{\"state\":" of "}]}}"

static const struct {
	const char *json;
	enum kube_phase phase;
	int code;
	const char *reason;
} states[] = {
	{"{" META "}", KUBE_WAITING, -1, ""},
	{"{" META ",\"status\":[]}", KUBE_WAITING, -1, ""},
	{STATE("{\"waiting\":{\"reason\":\"ContainerCreating\"}}"), KUBE_WAITING, -1,
	 "ContainerCreating"},
	{STATE("{\"waiting\":{\"reason\":\"ErrImagePull\",\"message\":\"no\"}}"), KUBE_STUCK, -1,
	 "ErrImagePull: no"},
	{STATE("{\"waiting\":{\"message\":\"no\"}}"), KUBE_WAITING, -1, "no"},
	{STATE("{\"running\":{}}"), KUBE_RUNS, -1, ""},
	{STATE("{\"terminated\":{\"exitCode\":5,\"reason\":\"Error\"}}"), KUBE_ENDED, 5, "Error"},
	{STATE("{\"terminated\":{\"exitCode\":\"5\"}}"), KUBE_ENDED, -1, ""},
	{"{" META ",\"status\":{\"phase\":\"Failed\",\"reason\":\"Evicted\",\"message\":\"disk\"}}",
	 KUBE_ENDED, -1, "Evicted: disk"},
	{"{" META
	 ",\"status\":{\"conditions\":[7,{\"type\":\"PodScheduled\",\"status\":\"False\",\"reason\":"
	 "\"Unschedulable\",\"message\":\"full\"}]}}",
	 KUBE_WAITING, -1, "Unschedulable: full"},
};

TEST(states_are_read)
{
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		struct kube_state found;

		assert_null(kube_state_read(states[i].json, strlen(states[i].json), &found));
		assert_int_equal(found.phase, states[i].phase);
		assert_int_equal(found.code, states[i].code);
		assert_string_equal(found.reason, states[i].reason);
	}
}

TEST(long_reasons_are_cut)
{
	cleanup_buf struct buf json = {0};
	struct kube_state found;

	buf_str(&json, "{" META ",\"status\":{\"phase\":\"Failed\",\"reason\":\"");
	buf_pad(&json, 'r', 100000);
	buf_str(&json, "\",\"message\":\"");
	buf_pad(&json, 'm', 100000);
	buf_str(&json, "\"}}");
	assert_null(kube_state_read(json.data, json.len, &found));
	assert_int_equal(strlen(found.reason), 100 + 2 + 400);
}

TEST(leftovers_are_read)
{
	static const char json[] =
		"{\"kind\":\"List\",\"items\":[7,{\"metadata\":{\"name\":\"--all\"}},"
		"{\"metadata\":{\"name\":\"a\"},\"status\":{\"phase\":\"Failed\"}},"
		"{\"metadata\":{\"name\":\"b\"},\"status\":{\"phase\":\"Running\"}},{\"metadata\":{\"name\":\"c\"}}]}";
	struct kube_leftover found[2];
	size_t n;

	assert_null(kube_leftovers_read(json, strlen(json), found, 2, &n));
	assert_int_equal(n, 2); /* there is no room for more */
	assert_string_equal(found[0].name, "a");
	assert_true(found[0].ended);
	assert_string_equal(found[1].name, "b");
	assert_false(found[1].ended);
}

TEST(names_are_names)
{
	static const char *const good[] = {"a", "shop-7d4b", "node-1.example", "1"};
	static const char *const bad[] = {"",	 "-a",	"--all", ".",	    "A",
					  "a b", "a/b", "a\n",	 "\xc3\xa4"};
	char longest[KUBE_NAME_SIZE + 1] = "";

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(kube_is_name(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(kube_is_name(bad[i]));
	memset(longest, 'a', KUBE_NAME_SIZE);
	assert_false(kube_is_name(longest));
	longest[KUBE_NAME_SIZE - 1] = '\0';
	assert_true(kube_is_name(longest));
}

static struct error *manifest(const char *const *args, const char *image, struct buf *to)
{
	static const struct kube_target shop = {"shop-1", "prod", "n1", "shop"};
	struct kube_pod pod = {.name = "tophash-1",
			       .namespace = "tophash",
			       .image = image,
			       .deadline_s = 60,
			       .args = args,
			       .target = &shop};

	return kube_manifest(&pod, to);
}

TEST(words_arrive_as_they_are)
{
	static const char *const args[] = {"--key=\"\\\n\x01\xc3\xa4", "", "--", NULL};
	cleanup_buf struct buf text = {0};
	json_t *pod, *container, *words;

	assert_null(manifest(args, "x", &text));
	pod = json_loadb(text.data, text.len, 0, NULL);
	container = json_array_get(json_object_get(json_object_get(pod, "spec"), "containers"), 0);
	words = json_object_get(container, "args");
	assert_int_equal(json_array_size(words), 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(json_string_value(json_array_get(words, i)), args[i]);
	json_decref(pod);
}

TEST(words_that_are_not_text_are_refused)
{
	static const char *const args[] = {"--key=\xff", NULL}, *const none[] = {NULL};
	cleanup_buf struct buf text = {0};
	struct error *err = manifest(args, "x", &text);

	assert_non_null(err);
	assert_int_equal(err->code, ERROR_USAGE);
	error_free(err);
	err = manifest(none, "\xff", &text);
	assert_non_null(err);
	assert_int_equal(err->code, ERROR_USAGE);
	error_free(err);
}

static void check_refusal(const char *said, enum error_code code, const char *text)
{
	struct kube_reply reply = {.code = 1};
	struct error *err;

	buf_str(&reply.err, said);
	err = kube_refusal(&reply, "shop");
	assert_int_equal(err->code, code);
	assert_string_equal(err->text, text);
	error_free(err);
	kube_reply_fini(&reply);
}

TEST(a_refusal_is_one_line)
{
	check_refusal("", ERROR_FAILED, "shop: kubectl ended with 1 and said nothing");
	check_refusal("Error from server (Forbidden): pods\n  is\t\tforbidden\n\n",
		      ERROR_PERMISSION, "shop: Error from server (Forbidden): pods is forbidden");
	check_refusal("E1130 log\nWarning: x\nError from server (NotFound): no\n", ERROR_TARGET,
		      "shop: Error from server (NotFound): no");
	check_refusal("something else", ERROR_FAILED, "shop: something else");
}

TEST(a_call_has_a_bound)
{
	struct kubectl kubectl = {.program = "sh", .interrupt = -1, .apart = true};
	const char *const late[] = {"-c", "sleep 100", NULL}, *const loud[] = {"-c", "yes", NULL};
	const char *const echo[] = {"-c", "cat; echo err >&2; exit 3", NULL}, *const none[] = {
										      NULL};
	struct kube_reply reply;
	struct error *err = kubectl_call(&kubectl, late, NULL, 50, &reply);

	assert_non_null(strstr(err->text, "did not end"));
	error_free(err);
	kube_reply_fini(&reply);
	err = kubectl_call(&kubectl, loud, NULL, 20000, &reply);
	assert_non_null(strstr(err->text, "printed more than 8 MiB"));
	error_free(err);
	kube_reply_fini(&reply);
	assert_null(kubectl_call(&kubectl, echo, "hello", 20000, &reply));
	assert_int_equal(reply.code, 3);
	assert_string_equal(buf_cstr(&reply.out), "hello");
	assert_string_equal(buf_cstr(&reply.err), "err\n");
	kube_reply_fini(&reply);
	kubectl.program = "/nonexistent/kubectl";
	err = kubectl_call(&kubectl, none, NULL, 20000, &reply);
	assert_non_null(strstr(err->text, "/nonexistent/kubectl: not found"));
	error_free(err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_target_is_read),
		cmocka_unit_test(other_targets_are_refused),
		cmocka_unit_test(an_init_container_that_lasts_is_a_container),
		cmocka_unit_test(states_are_read),
		cmocka_unit_test(long_reasons_are_cut),
		cmocka_unit_test(leftovers_are_read),
		cmocka_unit_test(names_are_names),
		cmocka_unit_test(words_arrive_as_they_are),
		cmocka_unit_test(words_that_are_not_text_are_refused),
		cmocka_unit_test(a_refusal_is_one_line),
		cmocka_unit_test(a_call_has_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
