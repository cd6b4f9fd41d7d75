/* Tests of live/container/facts.c: the files of runtimes, in a folder of the test; also files that are
 * cut, huge, of another kind, or not JSON. */
#include "test.h"

#include "live/container/container_priv.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define ID	"4f0c9a1be7d2aa11bb22cc33dd44ee55ff66778899aabbccddeeff0011223344"
#define POD	"11111111-2222-3333-4444-aaaaaaaaaaaa"
#define TASK	"/run/containerd/io.containerd.runtime.v2.task/k8s.io/" ID
#define STORAGE "/var/lib/containers/storage/overlay-containers"

static char root[64];

/* Makes a file below the root, and its folders. */
static void put(const char *path, const char *text)
{
	char whole[512];
	FILE *file;

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	for (char *at = strchr(whole + strlen(root) + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = '\0';
		mkdir(whole, 0700);
		*at = '/';
	}
	file = fopen(whole, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
	(void)state;
	strcpy(root, "/tmp/tophash-facts-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static struct container_facts facts_of(const char *runtime, const char *pod)
{
	struct container of = {.runtime = runtime};
	struct container_facts facts;

	strcpy(of.id, ID);
	strcpy(of.pod, pod);
	container_facts_below(root, &of, &facts);
	return facts;
}

TEST(a_pod_of_containerd)
{
	cleanup(container_facts_fini) struct container_facts facts = {0};

	put("/run/containerd/runc/k8s.io/" ID "/state.json",
	    "{\"config\":{\"labels\":[\"x=y\",7,\"bundle=relative\",\"bundle=" TASK "\"]}}");
	put(TASK "/config.json",
	    "{\"annotations\":{\"io.kubernetes.cri.container-type\":\"container\","
	    "\"io.kubernetes.cri.sandbox-name\":\"shop-7d4b\","
	    "\"io.kubernetes.cri.sandbox-namespace\":\"prod\","
	    "\"io.kubernetes.cri.container-name\":\"api\","
	    "\"io.kubernetes.cri.image-name\":\"localhost/shop/api:1\"}}");
	facts = facts_of("containerd", POD);
	assert_string_equal(facts.pod, "shop-7d4b");
	assert_string_equal(facts.namespace, "prod");
	assert_string_equal(facts.part, "api");
	assert_string_equal(facts.image, "localhost/shop/api:1");
	assert_null(facts.name);
	assert_false(facts.sandbox);
}

TEST(the_sandbox_of_a_pod_without_a_state)
{
	cleanup(container_facts_fini) struct container_facts facts = {0};

	put(TASK "/config.json",
	    "{\"annotations\":{\"io.kubernetes.cri.container-type\":\"sandbox\","
	    "\"io.kubernetes.cri.sandbox-name\":\"shop-7d4b\"}}");
	facts = facts_of("containerd", POD);
	assert_true(facts.sandbox);
	assert_string_equal(facts.pod, "shop-7d4b");
}

TEST(a_pod_of_cri_o)
{
	cleanup(container_facts_fini) struct container_facts facts = {0};

	put("/run/crun/" ID "/status",
	    "{\"bundle\":\"/run/containers/storage/overlay-containers/" ID "/userdata\"}");
	put("/run/containers/storage/overlay-containers/" ID "/userdata/config.json",
	    "{\"annotations\":{\"io.kubernetes.cri-o.ContainerType\":\"container\","
	    "\"io.kubernetes.pod.name\":\"shop\",\"io.kubernetes.pod.namespace\":\"prod\","
	    "\"io.kubernetes.container.name\":\"api\","
	    "\"io.kubernetes.cri-o.ImageName\":\"quay.io/shop/api:2\"}}");
	facts = facts_of("cri-o", POD);
	assert_string_equal(facts.pod, "shop");
	assert_string_equal(facts.part, "api");
	assert_string_equal(facts.image, "quay.io/shop/api:2");
}

TEST(a_container_of_podman)
{
	cleanup(container_facts_fini) struct container_facts facts = {0};

	put("/run/runc/" ID "/state.json",
	    "{\"config\":{\"labels\":[\"bundle=" STORAGE "/" ID "/userdata\"]}}");
	put(STORAGE "/" ID "/userdata/config.json", "{}");
	put(STORAGE "/containers.json",
	    "[7,{\"id\":\"other\",\"names\":[\"db\"]},{\"id\":\"" ID "\",\"names\":[\"web\"],"
	    "\"metadata\":\"{\\\"image-name\\\":\\\"localhost/shop/api:1\\\"}\"}]");
	facts = facts_of("podman", "");
	assert_string_equal(facts.name, "web");
	assert_string_equal(facts.image, "localhost/shop/api:1");
	assert_null(facts.pod);
}

TEST(a_container_of_docker)
{
	cleanup(container_facts_fini) struct container_facts facts = {0};

	put("/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/" ID "/config.json",
	    "{\"mounts\":[{\"source\":\"/x\"},{},{\"source\":\"/data/docker/containers/" ID
	    "/hostname\"}]}");
	put("/data/docker/containers/" ID "/config.v2.json",
	    "{\"Name\":\"/web\",\"Config\":{\"Image\":\"shop/api:1\"}}");
	facts = facts_of("docker", "");
	assert_string_equal(facts.name, "web");
	assert_string_equal(facts.image, "shop/api:1");
}

TEST(the_link_of_kubelet)
{
	cleanup(container_facts_fini) struct container_facts facts = {0};

	put("/var/log/containers/x", "");
	put("/var/log/containers/-" ID ".log", "");
	put("/var/log/containers/a_b-" ID ".log", "");
	put("/var/log/containers/shop-7d4b_prod_api-" ID ".log", "");
	facts = facts_of("containerd", POD);
	assert_string_equal(facts.pod, "shop-7d4b");
	assert_string_equal(facts.namespace, "prod");
	assert_string_equal(facts.part, "api");
}

/* Each beginning of a good file, and files of other kinds, tell nothing and do no harm. */
TEST(hostile_files_tell_nothing)
{
	static const char good[] =
		"{\"annotations\":{\"io.kubernetes.cri.sandbox-name\":\"shop\"}}";
	static const char *const bad[] = {
		"",
		"[]",
		"7",
		"\"text\"",
		"{\"annotations\":[]}",
		"{\"annotations\":7}",
		"{\"annotations\":{\"io.kubernetes.cri.sandbox-name\":[7]}}",
		"{\"annotations\":{\"io.kubernetes.cri.sandbox-name\":\"\"}}",
		"{\"mounts\":7}",
		"{\"mounts\":[7,{\"source\":7}]}",
	};
	char text[sizeof(good)];

	for (size_t n = 0; n < strlen(good); n++) {
		cleanup(container_facts_fini) struct container_facts facts = {0};

		memcpy(text, good, n);
		text[n] = '\0';
		put(TASK "/config.json", text);
		facts = facts_of("containerd", "");
		assert_null(facts.pod);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		cleanup(container_facts_fini) struct container_facts facts = {0};

		put(TASK "/config.json", bad[i]);
		put("/run/containerd/runc/k8s.io/" ID "/state.json", bad[i]);
		put("/run/crun/" ID "/status", bad[i]);
		facts = facts_of("containerd", "");
		assert_null(facts.pod);
		assert_null(facts.name);
	}
}

TEST(files_that_are_too_deep_or_no_files)
{
	cleanup(container_facts_fini) struct container_facts facts = {0};
	char *deep = calloc(1, 100001), path[512];

	memset(deep, '[', 100000);
	put(TASK "/config.json", deep);
	free(deep);
	facts = facts_of("containerd", "");
	assert_null(facts.pod);
	snprintf(path, sizeof(path), "%s%s", root, TASK "/config.json");
	assert_int_equal(remove(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	facts = facts_of("containerd", ""); /* it does not wait */
	assert_null(facts.pod);
}

TEST(a_long_text_is_cut)
{
	cleanup(container_facts_fini) struct container_facts facts = {0};
	char text[4096], *at = text;

	at += sprintf(at, "{\"annotations\":{\"io.kubernetes.cri.sandbox-name\":\"");
	memset(at, 'x', 3000);
	strcpy(at + 3000, "\"}}");
	put(TASK "/config.json", text);
	facts = facts_of("containerd", "");
	assert_int_equal(strlen(facts.pod), CONTAINER_TEXT_MAX);
}

TEST(an_id_that_is_none_reads_nothing)
{
	struct container of = {.runtime = "docker"};
	struct container_facts facts;

	strcpy(of.id, "../../../etc");
	container_facts_below(root, &of, &facts);
	assert_null(facts.name);
}

#define UNIT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(a_pod_of_containerd),
		UNIT(the_sandbox_of_a_pod_without_a_state),
		UNIT(a_pod_of_cri_o),
		UNIT(a_container_of_podman),
		UNIT(a_container_of_docker),
		UNIT(the_link_of_kubelet),
		UNIT(hostile_files_tell_nothing),
		UNIT(files_that_are_too_deep_or_no_files),
		UNIT(a_long_text_is_cut),
		UNIT(an_id_that_is_none_reads_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
