/* Tests of memory limits: those of control groups, read from made files and in a real group, and
 * puts under a resource limit. */
#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tophash/map.h>

#include "../../map/limit.h"
#include "test_map.h"

#define MIB (UINT64_C(1) << 20)

TOPHASH_MAP(numbers, uint64_t, uint64_t);

static char root[64];

static void write_file(const char *name, const char *text)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s%s", root, name);
	for (char *at = strchr(path + strlen(root) + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = '\0';
		mkdir(path, 0700);
		*at = '/';
	}
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *ftw)
{
	(void)info;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int make_root(void **state)
{
	(void)state;
	strcpy(root, "/tmp/test_map_limit.XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
	(void)state;
	return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

TEST(no_group_no_limit)
{
	assert_int_equal(limit_left(root), UINT64_MAX);
	write_file("/proc/self/cgroup", "0::/\n");
	assert_int_equal(limit_left(root), UINT64_MAX);
	write_file("/proc/self/mountinfo", "23 1 0:21 / /proc rw - proc proc rw\n"
					   "41 31 0:38 / /cg rw - cgroup2 cgroup2 rw\n");
	assert_int_equal(limit_left(root), UINT64_MAX);
}

/* The lowest of max and high counts, in the group and in those above it. */
TEST(version_2)
{
	write_file("/proc/self/cgroup", "0::/outer/inner\n");
	write_file("/proc/self/mountinfo", "41 31 0:38 / /cg rw - cgroup2 cgroup2 rw,nsdelegate\n");
	write_file("/cg/outer/inner/memory.max", "max\n");
	write_file("/cg/outer/inner/memory.high", "max\n");
	write_file("/cg/outer/inner/memory.current", "1048576\n");
	assert_int_equal(limit_left(root), UINT64_MAX);
	write_file("/cg/outer/inner/memory.max", "10485760\n");
	assert_int_equal(limit_left(root), 9 * MIB);
	write_file("/cg/outer/inner/memory.high", "5242880\n");
	assert_int_equal(limit_left(root), 4 * MIB);
	write_file("/cg/outer/memory.max", "8388608\n");
	write_file("/cg/outer/memory.current", "6291456\n");
	assert_int_equal(limit_left(root), 2 * MIB);
	write_file("/cg/outer/memory.current", "9000000\n");
	assert_int_equal(limit_left(root), 0);
}

TEST(version_1)
{
	write_file("/proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/box\n0::/\n");
	write_file("/proc/self/mountinfo",
		   "34 31 0:31 / /cg/cpuset rw - cgroup cgroup rw,cpuset\n"
		   "35 31 0:32 / /cg/mem rw,relatime shared:9 - cgroup cgroup rw,cpu,memory\n"
		   "41 31 0:38 / /cg/unified rw - cgroup2 cgroup2 rw\n");
	write_file("/cg/mem/box/memory.limit_in_bytes", "9223372036854771712\n");
	write_file("/cg/mem/box/memory.usage_in_bytes", "1048576\n");
	assert_true(limit_left(root) > UINT64_C(1) << 60);
	write_file("/cg/mem/box/memory.limit_in_bytes", "3145728\n");
	assert_int_equal(limit_left(root), 2 * MIB);
}

/* In a container, its own group is at the top of the mount, but may have the name that it has on
 * the host. */
TEST(mount_of_a_container)
{
	write_file("/proc/self/cgroup", "0::/docker/1234/task\n");
	write_file("/proc/self/mountinfo", "41 31 0:38 /docker/1234 /cg rw - cgroup2 cgroup2 rw\n");
	write_file("/cg/memory.max", "4194304\n");
	write_file("/cg/memory.current", "0\n");
	write_file("/cg/task/memory.max", "2097152\n");
	write_file("/cg/task/memory.current", "0\n");
	assert_int_equal(limit_left(root), 2 * MIB);
	write_file("/proc/self/cgroup", "0::/../elsewhere\n");
	assert_int_equal(limit_left(root), 4 * MIB);
}

/* Makes a control group with a limit, in the hierarchy that limits memory. Returns its folder, or NULL. */
static const char *make_group(uint64_t limit)
{
	static const char *const tops[] = {"/sys/fs/cgroup/memory", "/sys/fs/cgroup"};
	static const char *const files[] = {"memory.limit_in_bytes", "memory.max"};
	static char folder[128];

	for (unsigned i = 0; i < 2; i++) {
		char path[256];
		FILE *file;

		snprintf(folder, sizeof(folder), "%s/tophash-test-%d", tops[i], getpid());
		if (mkdir(folder, 0755) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		file = fopen(path, "r+");
		if (file && fprintf(file, "%" PRIu64 "\n", limit) > 0 && fclose(file) == 0)
			return folder;
		rmdir(folder);
	}
	return NULL;
}

/* Reserves room for 12 million elements and puts a thousand. Runs in the child. Returns the exit
 * code. */
static int reserve_in(const char *group)
{
	struct numbers m = {0};
	char path[256];
	FILE *file;
	int err;

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	file = fopen(path, "w");
	if (!file || fprintf(file, "%d\n", getpid()) < 0 || fclose(file) != 0)
		return 77;
	err = numbers_reserve(&m, 12000000);
	for (uint64_t i = 0; i < 1000; i++)
		numbers_put(&m, i, i);
	return err == 0 && numbers_len(&m) == 1000 ? 0 : 1;
}

TEST(reserve_in_a_group)
{
	const char *group = make_group(64 * MIB);
	int status;
	pid_t pid;

	if (!group) {
		print_message("skipped: no control group can be made here\n");
		skip();
	}
	pid = fork();
	if (pid == 0)
		_exit(reserve_in(group));
	waitpid(pid, &status, 0);
	rmdir(group);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Puts until there is no memory. Runs in the child. Returns the exit code. */
static int put_until_full(int resource)
{
	struct rlimit limit = {.rlim_cur = 96 * MIB, .rlim_max = 96 * MIB};
	struct numbers m = {0};
	uint64_t key = 0;
	int ret;

	if (setrlimit(resource, &limit) != 0)
		return 77;
	if (numbers_reserve(&m, 100000000) != -ENOMEM || numbers_len(&m) != 0)
		return 1;
	do
		ret = numbers_put(&m, key, key);
	while (ret == 1 && ++key < 20000000);
	if (ret != -ENOMEM || key < 500000 || numbers_len(&m) != key)
		return 2;
	for (uint64_t i = 0; i < key; i++)
		if (numbers_get(&m, i) != i || !numbers_find(&m, i))
			return 3;
	for (uint64_t i = 0; i < key; i++)
		if (!numbers_delete(&m, i))
			return 4;
	numbers_fini(&m);
	return 0;
}

/* A sanitizer maps terabytes for itself, and aborts when it cannot. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* If memory is refused, the put fails, and the elements stay. */
TEST(puts_under_a_resource_limit)
{
	const int resources[] = {RLIMIT_AS, RLIMIT_DATA};

	if (SANITIZED)
		skip(); /* a limit on memory ends the sanitizer, not the put */

	for (unsigned i = 0; i < 2; i++) {
		int status;
		pid_t pid = fork();

		if (pid == 0)
			_exit(put_until_full(resources[i]));
		waitpid(pid, &status, 0);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_group_no_limit, make_root, remove_root),
		cmocka_unit_test_setup_teardown(version_2, make_root, remove_root),
		cmocka_unit_test_setup_teardown(version_1, make_root, remove_root),
		cmocka_unit_test_setup_teardown(mount_of_a_container, make_root, remove_root),
		cmocka_unit_test(reserve_in_a_group),
		cmocka_unit_test(puts_under_a_resource_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
