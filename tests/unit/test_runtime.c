/* Tests of live/runtime: what a runtime answers, and what the child makes of it, whole, cut anywhere, and with any
 * byte changed. */
#include "test.h"
#include "base/buf.h"

#include "live/runtime/runtime_priv.h"

#include <stdio.h>
#include <string.h>

#define ID   "4f0c9a1be7d2aa11bb22cc33dd44ee55ff66778899aabbccddeeff0011223344"
#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer: Docker/20.10\r\n\r\n"
#define ROW                                                                                  \
	"[{\"Id\":\"" ID "\",\"Names\":[\"/web\"],\"Image\":\"shop:1\",\"Labels\":{"         \
	"\"io.kubernetes.pod.name\":\"shop-7d4b\",\"io.kubernetes.pod.namespace\":\"prod\"," \
	"\"io.kubernetes.container.name\":\"api\"}}]"

static const char *parse(const char *text, struct buf *to)
{
	static char why[256];
	struct error *err;

	answer_begin(to, NULL);
	err = docker_parse(text, strlen(text), to);
	snprintf(why, sizeof(why), "%s", err ? err->text : "");
	error_free(err);
	return why;
}

/* Reads an answer as the parent does. */
static bool reads(const struct buf *from, struct runtime_told *ret)
{
	struct runtime_socket socket = {.of = runtime_at(0), .path = strdup("x")};

	*ret = (struct runtime_told){0};
	assert_true(vec_push(&ret->sockets, socket));
	return answer_read(from, &ret->sockets.data[0], ret);
}

TEST(a_list_of_docker)
{
	cleanup(runtime_told_fini) struct runtime_told told = {0};
	cleanup_buf struct buf answer = {0};
	const struct runtime_container *at;

	assert_string_equal(parse(HEAD ROW, &answer), "");
	assert_true(reads(&answer, &told));
	assert_int_equal(told.containers.len, 1);
	at = &told.containers.data[0];
	assert_string_equal(at->runtime, "docker");
	assert_string_equal(at->id, ID);
	assert_string_equal(at->name, "web");
	assert_string_equal(at->image, "shop:1");
	assert_string_equal(at->pod, "shop-7d4b");
	assert_string_equal(at->namespace, "prod");
	assert_string_equal(at->part, "api");
	assert_false(at->sandbox);
}

TEST(podman_at_the_path_of_docker)
{
	cleanup(runtime_told_fini) struct runtime_told told = {0};
	cleanup_buf struct buf answer = {0};

	parse("HTTP/1.0 200 OK\r\nserver: Libpod/4.3.1 (linux)\r\n\r\n" ROW, &answer);
	assert_true(reads(&answer, &told));
	assert_string_equal(told.containers.data[0].runtime, "podman");
}

TEST(what_docker_does_not_answer)
{
	static const struct {
		const char *text, *why;
	} wrong[] = {
		{"", "HTTP/1"},
		{"HTTP/1.1 200 OK\r\n[]", "HTTP/1"},
		{"HTTP/1.1\r\n\r\n[]", "HTTP/1"},
		{"HTTP/2.0 200 OK\r\n\r\n[]", "HTTP/1"},
		{"HTTP/1.1 404 Not Found\r\n\r\n[]", "status 404"},
		{HEAD, "JSON"},
		{HEAD "{}", "JSON"},
		{HEAD "[", "JSON"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		cleanup_buf struct buf answer = {0};

		if (!strstr(parse(wrong[i].text, &answer), wrong[i].why))
			fail_msg("%s: %s", wrong[i].text, wrong[i].why);
	}
}

/* A container whose id is none is left out, and a long text is cut. */
TEST(rows_that_tell_nothing)
{
	static const char *const rows[] = {
		"[7]",
		"[{}]",
		"[{\"Id\":\"4f0c\"}]",
		"[{\"Id\":\"4F0C9a1be7d2aa11bb22cc33dd44ee55ff66778899aabbccddeeff0011223344\"}]",
	};
	cleanup_buf struct buf text = {0}, answer = {0};
	cleanup(runtime_told_fini) struct runtime_told told = {0};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_buf struct buf one = {0}, none = {0};

		buf_printf(&one, "%s%s", HEAD, rows[i]);
		assert_string_equal(parse(buf_cstr(&one), &none), "");
		assert_int_equal(none.len, 1);
	}
	buf_str(&text, HEAD "[{\"Id\":\"" ID "\",\"Names\":[\"/");
	buf_pad(&text, 'a', 1000);
	buf_str(&text, "\"]}]");
	parse(buf_cstr(&text), &answer);
	assert_true(reads(&answer, &told));
	assert_int_equal(strlen(told.containers.data[0].name), RUNTIME_TEXT_MAX);
}

#define TEXT(number, text) number "\x03" text /* a field of three bytes */

/* Parses messages of CRI: a pod and a container in it, cut to so many bytes. */
static const char *parse_cri(size_t pod_len, size_t container_len, struct buf *to)
{
	static const char runtime[] = "\x12\x05"
				      "cri-o";
	static const char pods[] = "\x0a\x4e"
				   "\x0a\x40" ID "\x12\x0a" TEXT("\x0a", "web") TEXT("\x1a", "shp");
	static const char containers[] =
		"\x0a\x94\x01"
		"\x0a\x40" ID "\x12\x40" ID
		"\x1a\x05" TEXT("\x0a", "api") "\x22\x05" TEXT("\x0a", "img") "\x30\x01";
	static char why[256];
	struct buf parts[] = {
		{.data = (char *)runtime, .len = strlen(runtime)},
		{.data = (char *)pods, .len = pod_len < strlen(pods) ? pod_len : strlen(pods)},
		{.data = (char *)containers,
		 .len = container_len < strlen(containers) ? container_len : strlen(containers)},
	};
	struct error *err;

	answer_begin(to, NULL);
	err = cri_parse(&parts[0], &parts[1], &parts[2], to);
	snprintf(why, sizeof(why), "%s", err ? err->text : "");
	error_free(err);
	return why;
}

TEST(a_pod_of_cri)
{
	cleanup(runtime_told_fini) struct runtime_told told = {0};
	cleanup_buf struct buf answer = {0};
	const struct runtime_container *at;

	assert_string_equal(parse_cri(999, 999, &answer), "");
	assert_true(reads(&answer, &told));
	assert_int_equal(told.containers.len, 2);
	assert_true(told.containers.data[0].sandbox);
	assert_string_equal(told.containers.data[0].pod, "web");
	at = &told.containers.data[1];
	assert_false(at->sandbox);
	assert_string_equal(at->runtime, "cri-o");
	assert_string_equal(at->pod, "web");
	assert_string_equal(at->namespace, "shp");
	assert_string_equal(at->part, "api");
	assert_string_equal(at->image, "img");
	assert_null(at->name);
}

/* A message that is cut is none. The pod has 80 bytes, the container 151. */
TEST(messages_of_cri_that_are_cut)
{
	for (size_t i = 1; i < 151; i++) {
		cleanup_buf struct buf pod = {0}, container = {0};

		assert_string_equal(parse_cri(i, 0, &pod),
				    i < 80 ? "its answer is no message of CRI" : "");
		assert_string_equal(parse_cri(0, i, &container), "its answer is no message of CRI");
	}
}

/* The child may be in the hands of whoever answered it. */
TEST(answers_that_are_cut_or_changed)
{
	cleanup_buf struct buf whole = {0};

	parse(HEAD ROW, &whole);
	for (size_t i = 0; i < whole.len; i++) {
		cleanup(runtime_told_fini) struct runtime_told cut = {0}, changed = {0};
		/* A copy of its own, so that a sanitizer sees what is read beyond it. */
		struct buf copy = {.data = malloc(whole.len), .len = i, .cap = whole.len};

		memcpy(copy.data, whole.data, whole.len);
		/* Without any container it is an answer, too. */
		assert_int_equal(reads(&copy, &cut), i == 1);
		copy.len = whole.len;
		copy.data[i] = (char)(copy.data[i] ^ 0x80);
		reads(&copy, &changed);
		vec_each(at, &changed.containers)
			assert_string_equal(at->id, ID);
		buf_fini(&copy);
	}
}

TEST(an_answer_of_too_many)
{
	cleanup(runtime_told_fini) struct runtime_told told = {0};
	cleanup_buf struct buf answer = {0};

	answer_begin(&answer, NULL);
	for (int i = 0; i <= RUNTIME_CONTAINERS_MAX; i++)
		answer_put(&answer, &(struct runtime_container){.id = (char[]){ID}});
	assert_false(reads(&answer, &told));
}

/* Each runtime that is known has sockets with absolute paths. */
TEST(known_runtimes)
{
	for (size_t i = 0; runtime_at(i); i++) {
		assert_int_equal(*runtime_at(i)->state, '/');
		for (const char *const *at = runtime_at(i)->sockets; *at; at++)
			assert_int_equal(**at, '/');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_of_docker),
		cmocka_unit_test(podman_at_the_path_of_docker),
		cmocka_unit_test(what_docker_does_not_answer),
		cmocka_unit_test(rows_that_tell_nothing),
		cmocka_unit_test(a_pod_of_cri),
		cmocka_unit_test(messages_of_cri_that_are_cut),
		cmocka_unit_test(answers_that_are_cut_or_changed),
		cmocka_unit_test(an_answer_of_too_many),
		cmocka_unit_test(known_runtimes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
