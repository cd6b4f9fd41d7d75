/* Tests of live/container: the container that a control group belongs to. The paths are those of
 * real runtimes, with cgroup v1 and v2, with and without systemd. */
#include "test.h"

#include "live/container/container.h"

#include <string.h>
#include <unistd.h>

#define ID	    "4f0c9a1be7d2aa11bb22cc33dd44ee55ff66778899aabbccddeeff0011223344"
#define ID2	    "0000000000000000000000000000000000000000000000000000000000000001"
#define POD	    "11111111-2222-3333-4444-aaaaaaaaaaaa"
#define POD_SYSTEMD "11111111_2222_3333_4444_aaaaaaaaaaaa"

static const struct {
	const char *text, *runtime, *id, *pod;
} groups[] = {
	/* in no container */
	{"0::/\n", NULL, "", ""},
	{"0::/user.slice/user-1000.slice/session-3.scope\n", NULL, "", ""},
	{"", NULL, "", ""},
	{"0::/docker/short\n", NULL, "", ""},
	{"0::/somewhere/" ID "\n", NULL, "", ""},
	{"0:/docker/" ID "\n", NULL, "", ""}, /* not a line of a control group */
	/* docker */
	{"0::/docker/" ID "\n", "docker", ID, ""},
	{"0::/system.slice/docker-" ID ".scope\n", "docker", ID, ""},
	{"12:memory:/docker/" ID "\n11:cpu:/docker/" ID "\n", "docker", ID, ""},
	{"3:cpu:/\n2:memory:/docker/" ID "\n0::/\n", "docker", ID, ""},
	{"0::/docker/" ID "/docker/" ID2 "\n", "docker", ID2, ""}, /* one in another */
	{"0::/docker/" ID "/init.scope\n", "docker", ID, ""},
	/* podman */
	{"0::/machine.slice/libpod-" ID ".scope/container\n", "podman", ID, ""},
	{"0::/libpod_parent/libpod-" ID "\n", "podman", ID, ""},
	{"0::/machine.slice/libpod-conmon-" ID ".scope\n", NULL, "", ""}, /* its monitor */
	{"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope\n",
	 "podman", ID, ""},
	/* Kubernetes */
	{"0::/kubepods/burstable/pod" POD "/" ID "\n", "containerd", ID, POD},
	{"0::/kubepods/pod" POD "/" ID "\n", "containerd", ID, POD},
	{"0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" POD_SYSTEMD
	 ".slice/cri-containerd-" ID ".scope\n",
	 "containerd", ID, POD},
	{"0::/kubepods.slice/kubepods-pod" POD_SYSTEMD ".slice/crio-" ID ".scope\n", "cri-o", ID,
	 POD},
	{"0::/kubepods.slice/kubepods-pod" POD_SYSTEMD ".slice/docker-" ID ".scope\n", "docker", ID,
	 POD},
	{"0::/kubepods/pod" POD "\n", NULL, "", POD}, /* the pod's own processes */
	{"0::/kubepods/podx1111111-2222-3333-4444-aaaaaaaaaaaa/" ID "\n", NULL, "", ""},
	/* containers with names */
	{"0::/lxc.payload.web\n", "lxc", "web", ""},
	{"0::/lxc/web\n", "lxc", "web", ""},
	{"0::/machine.slice/machine-web.scope/payload\n", "nspawn", "web", ""},
	{"0::/machine.slice/systemd-nspawn@web.service/payload\n", "nspawn", "web", ""},
};

TEST(a_control_group_names_its_container)
{
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		struct container found;

		container_parse(groups[i].text, &found);
		if ((!found.runtime) != (!groups[i].runtime) ||
		    (found.runtime && strcmp(found.runtime, groups[i].runtime) != 0) ||
		    strcmp(found.id, groups[i].id) != 0 || strcmp(found.pod, groups[i].pod) != 0)
			fail_msg("\"%s\": %s \"%s\" pod \"%s\"", groups[i].text,
				 found.runtime ? found.runtime : "none", found.id, found.pod);
	}
}

TEST(a_name_is_cut_to_its_room)
{
	char text[300];
	struct container found;

	memset(text, 'n', sizeof(text));
	memcpy(text, "0::/lxc/", 8);
	text[sizeof(text) - 1] = '\0';
	container_parse(text, &found);
	assert_string_equal(found.runtime, "lxc");
	assert_int_equal(strlen(found.id), CONTAINER_ID_SIZE - 1);
}

TEST(every_beginning_of_a_text_is_read)
{
	struct container found;

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		for (size_t len = 0; len < strlen(groups[i].text); len++) {
			char *text = strndup(groups[i].text, len);

			container_parse(text, &found); /* the sanitizer checks the reads */
			assert_true(strlen(found.id) < CONTAINER_ID_SIZE);
			free(text);
		}
	}
}

TEST(a_process_that_is_gone_is_told)
{
	struct container found;

	assert_true(container_of(getpid(), &found));
	assert_false(container_of(0x3fffffff, &found)); /* no pid is so large */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_control_group_names_its_container),
		cmocka_unit_test(a_name_is_cut_to_its_room),
		cmocka_unit_test(every_beginning_of_a_text_is_read),
		cmocka_unit_test(a_process_that_is_gone_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
