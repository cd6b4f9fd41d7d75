/* Tests of live/process. Processes are found, read and watched. They are this test and its
 * children. Therefore no privilege is needed. */
#include "processes.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* The fixture: a child that waits for a signal, and the target that it is. */
struct child {
	pid_t pid;
	struct target *target;
};

static int child_open(void **state)
{
	static struct child child;

	child.pid = fork_pause();
	*state = &child;
	assert_null(process_open(child.pid, &child.target));
	return 0;
}

/* Ends the child, unless the test has ended it and waited for it. */
static int child_close(void **state)
{
	struct child *child = *state;

	if (waitpid(child->pid, NULL, WNOHANG) == 0) {
		kill(child->pid, SIGKILL);
		waitpid(child->pid, NULL, 0);
	}
	target_close(child->target);
	return 0;
}

/* ---- opening ---- */

TEST(a_process_has_its_executable)
{
	struct target *process = NULL;
	struct stat by_fd, by_path;

	assert_null(process_open(getpid(), &process));
	assert_int_equal(process->pid, getpid());
	assert_string_equal(process->ops->name, "process");
	assert_int_equal(fstat(process->exe, &by_fd), 0);
	assert_int_equal(stat("/proc/self/exe", &by_path), 0);
	assert_int_equal(by_fd.st_ino, by_path.st_ino);
	assert_int_equal(by_fd.st_dev, by_path.st_dev);
	assert_non_null(strstr(process->exe_path, "test_process"));
	assert_true(fcntl(process->exe, F_GETFD) & FD_CLOEXEC);
	target_close(process);
	target_close(NULL);
}

TEST(a_process_that_is_gone_cannot_be_opened)
{
	pid_t pid = fork_exit(0);
	struct target *process = NULL;
	char text[64];

	assert_int_equal(waitpid(pid, NULL, 0), pid);
	snprintf(text, sizeof(text), "no process %d: is it still running?", (int)pid);
	expect_error(process_open(pid, &process), ERROR_TARGET, text);
	assert_null(process);
}

/* It has ended, but nobody has waited for it. It has no executable any more. */
TEST(a_zombie_has_no_executable)
{
	pid_t pid = fork_exit(0);
	struct target *process = NULL;
	siginfo_t info;

	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	expect_error(process_open(pid, &process), ERROR_TARGET, "has no executable");
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

TEST(a_kernel_thread_has_no_executable)
{
	struct target *process = NULL;
	char comm[32] = "", link[8];
	FILE *file = fopen("/proc/2/comm", "re");

	if (file && !fgets(comm, sizeof(comm), file))
		comm[0] = '\0';
	if (file)
		fclose(file);
	if (strcmp(comm, "kthreadd\n") != 0 || readlink("/proc/2/exe", link, 1) >= 0 ||
	    errno != ENOENT)
		skip(); /* hidden by a pid namespace, or we may not read it */
	expect_error(process_open(2, &process), ERROR_TARGET, "process 2 has no executable");
}

static void *thread_id(void *arg)
{
	int *pipes = arg;
	pid_t tid = gettid();
	char end;

	if (write(pipes[1], &tid, sizeof(tid)) != sizeof(tid) || read(pipes[2], &end, 1) < 0)
		return NULL;
	return arg;
}

TEST(a_thread_is_no_process)
{
	struct target *process = NULL;
	int pipes[4];
	pthread_t thread;
	char text[64];
	pid_t tid;

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_int_equal(pipe2(pipes + 2, O_CLOEXEC), 0);
	assert_int_equal(pthread_create(&thread, NULL, thread_id, pipes), 0);
	assert_int_equal(read(pipes[0], &tid, sizeof(tid)), sizeof(tid));
	snprintf(text, sizeof(text), "%d is a thread, not a process", (int)tid);
	expect_error(process_open(tid, &process), ERROR_TARGET, text);
	close(pipes[3]);
	pthread_join(thread, NULL);
	for (int i = 0; i < 3; i++)
		close(pipes[i]);
}

/* ---- memory ---- */

/* A place in this program's code: its file offset and its link-time address. */
struct place {
	uint64_t offset, addr;
};

/* Stops at the first object, which is the program. */
static int find_place(struct dl_phdr_info *info, size_t size, void *ret)
{
	uint64_t addr = (uintptr_t)find_place - info->dlpi_addr;
	struct place *place = ret;

	(void)size;
	for (unsigned i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD &&
		    addr - info->dlpi_phdr[i].p_vaddr < info->dlpi_phdr[i].p_filesz)
			*place = (struct place){.offset = addr - info->dlpi_phdr[i].p_vaddr +
							  info->dlpi_phdr[i].p_offset,
						.addr = addr};
	return 1;
}

/* Finds the bias of this program by a place in its code. */
static void expect_own_bias(const struct mappings *mappings, int exe, const struct place *place,
			    uint64_t past)
{
	uint64_t bias = 1;

	assert_true(bias_of_mapped(mappings, exe, place->offset + past, place->addr + past, &bias));
	assert_int_equal(bias, (uintptr_t)find_place - place->addr);
}

TEST(the_bias_is_where_the_code_is_mapped)
{
	cleanup_close int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	cleanup(mappings_fini) struct mappings mappings = {0};
	struct place place = {0};
	uint64_t bias = 1;

	assert_true(exe >= 0);
	assert_int_equal(dl_iterate_phdr(find_place, &place), 1);
	assert_null(mappings_read(getpid(), &mappings));
	expect_own_bias(&mappings, exe, &place, 0);
	expect_own_bias(&mappings, exe, &place, 3);
	/* There is no bias for a place that is not mapped, for another file, or for no file. */
	assert_false(bias_of_mapped(&mappings, exe, 1ull << 40, place.addr, &bias));
	assert_false(bias_of_mapped(&mappings, exe, place.offset, place.addr + 1, &bias));
	assert_false(bias_of_mapped(&mappings, -1, place.offset, place.addr, &bias));
}

TEST(a_bias_is_a_multiple_of_the_page_size)
{
	uint64_t bias = 1;

	assert_true(bias_of_addr(0x555555556010, 0x2010, &bias));
	assert_int_equal(bias, 0x555555554000);
	assert_true(bias_of_addr(0x401000, 0x401000, &bias));
	assert_int_equal(bias, 0);
	assert_false(bias_of_addr(0x555555556018, 0x2010, &bias));
	assert_int_equal(bias, 0);
}

/* A program maps its own file for reading, below its code. */
TEST(a_file_mapped_below_its_code_does_not_count)
{
	cleanup_close int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	cleanup(mappings_fini) struct mappings mappings = {0};
	struct place place = {0};
	struct stat st;
	void *low;

	assert_int_equal(fstat(exe, &st), 0);
	low = mmap((void *)0x10000000, (size_t)st.st_size, PROT_READ,
		   MAP_PRIVATE | MAP_FIXED_NOREPLACE, exe, 0);
	if (low == MAP_FAILED) /* a sanitizer has put something there */
		skip();
	assert_true((uintptr_t)low < (uintptr_t)find_place);
	assert_int_equal(dl_iterate_phdr(find_place, &place), 1);
	assert_null(mappings_read(getpid(), &mappings));
	expect_own_bias(&mappings, exe, &place, 0);
	munmap(low, (size_t)st.st_size);
}

/* Maps n pages of two kinds in turn, so that the kernel does not join them. */
static void map_pages(int n)
{
	for (int i = 0; i < n; i++)
		if (mmap(NULL, 4096, i % 2 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0) == MAP_FAILED)
			_exit(1);
}

/* The kernel writes the text in many parts, and it ends early when the process ends. */
TEST(mappings_are_read_whole_or_not_at_all)
{
	enum { PAGES = 2000 };
	int whole = 0, refused = 0;

	for (int round = 0; round < 100; round++) {
		struct mappings mappings = {0};
		struct error *err = NULL;
		pid_t pid = fork();

		if (pid == 0) {
			map_pages(PAGES);
			raise(SIGSTOP);
			_exit(0);
		}
		assert_true(pid > 0);
		assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
		kill(pid, SIGCONT); /* it ends while the text is read */
		for (int i = 0; i < 20 && !err; i++) {
			err = mappings_read(pid, &mappings);
			assert_true(err || mappings.list.len > PAGES);
			whole += !err;
			mappings_fini(&mappings);
		}
		refused += err != NULL;
		error_free(err);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
	assert_true(refused > 0);
	assert_true(whole + refused >= 100);
}

/* A shell executes another program when it is told to. */
TEST(an_exec_changes_the_file_and_the_image)
{
	char *const argv[] = {(char[]){"sh"}, (char[]){"-c"}, (char[]){"read x; exec sleep 60"},
			      NULL};
	cleanup_close int sh = open("/bin/sh", O_RDONLY | O_CLOEXEC);
	uint64_t before = 0, again = 1, after;
	int ends[2], gone = fork_exit(0);
	struct target *target, *ended;
	bool same;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		dup2(ends[0], STDIN_FILENO);
		execv("/bin/sh", argv);
		_exit(1);
	}
	assert_true(pid > 0);
	assert_null(process_open(pid, &target));
	assert_null(process_adopt(gone, "", &ended));
	same = false;
	while (!target_executes(target, sh, &same) || !same)
		usleep(1000);
	while (!target_image_id(target, &before)) /* the file changes a moment before the rest */
		usleep(1000);
	assert_true(target_image_id(target, &again));
	assert_true(before == again);
	assert_int_equal(write(ends[1], "\n", 1), 1);
	while (target_executes(target, sh, &same) && same)
		usleep(1000);
	after = before;
	for (int i = 0; i < 10000 && (!target_image_id(target, &after) || after == before); i++)
		usleep(1000);
	assert_true(after != before);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(waitpid(gone, NULL, 0), gone);
	assert_false(target_image_id(ended, &after));
	assert_false(target_executes(ended, sh, &same));
	target_close(target);
	target_close(ended);
	close(ends[0]);
	close(ends[1]);
}

TEST(memory_is_read_up_to_where_it_ends)
{
	static const char text[] = "read me";
	struct memory memory = process_memory(getpid()), none = {0};
	long page = sysconf(_SC_PAGESIZE);
	char *two = mmap(NULL, 2 * (size_t)page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char to[sizeof(text)] = "", about[64];
	uint64_t end = (uintptr_t)two + (uint64_t)page;

	assert_true(two != MAP_FAILED);
	assert_true(memory_read(&memory, (uintptr_t)text, to, sizeof(to)));
	assert_string_equal(to, text);
	assert_false(memory_read(&memory, 8, to, sizeof(to)));
	assert_false(memory_read(&memory, UINT64_MAX - 4, to, sizeof(to)));
	assert_false(memory_read(&none, (uintptr_t)text, to, sizeof(to)));
	/* Only half of it can be read. The error says where it ends. */
	assert_int_equal(munmap(two + page, (size_t)page), 0);
	assert_true(memory_read(&memory, end - 4, to, 4));
	assert_false(memory_read(&memory, end - 4, to, 8));
	assert_null(memory_get(&memory, end - 4, to, 4));
	snprintf(about, sizeof(about), "0x%llx", (unsigned long long)end);
	expect_error(memory_get(&memory, end - 4, to, 8), ERROR_TARGET, about);
	expect_error(memory_get(&none, 16, to, 8), ERROR_TARGET, "0x10");
	munmap(two, (size_t)page);
}

TEST(a_stop_is_seen_of_all_threads)
{
	struct target_threads threads = {0};
	struct child *child = *state;
	struct target *target = child->target;
	pid_t pid = child->pid;
	siginfo_t info;

	assert_null(target_threads(target, &threads));
	assert_int_equal(threads.list.len, 1);
	assert_int_equal(threads.list.data[0].tid, pid);
	vec_fini(&threads.list);
	assert_false(target_is_stopped(target));
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WSTOPPED), 0);
	assert_true(target_is_stopped(target));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(target_is_stopped(target));
	expect_error(target_threads(target, &threads), ERROR_TARGET, "no process");
}

/* Lack of descriptors must not look like the end of a process. */
TEST(no_descriptor_left_is_not_the_end_of_a_process)
{
	struct target *target = NULL;
	struct rlimit old, low = {0};

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	expect_error(process_open(getpid(), &target), ERROR_FAILED, "ulimit -n");
	expect_error(process_adopt(getpid(), "", &target), ERROR_FAILED, "ulimit -n");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_null(target);
}

/* ---- the end ---- */

TEST(a_signal_that_ends_a_process_is_told)
{
	struct child *child = *state;
	int status = -1;

	assert_int_equal(target_poll(child->target, &status), TARGET_RUNS);
	assert_int_equal(status, -1);
	assert_int_equal(kill(child->pid, SIGTERM), 0);
	assert_int_equal(wait_end(child->target, &status), TARGET_SIGNALED);
	assert_int_equal(status, SIGTERM);
	expect_no_child(child->pid); /* somebody has waited for it */
}

TEST(the_exit_code_of_a_child_is_told)
{
	static const int codes[] = {0, 1, 77, 255};

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		struct target *process = NULL;
		pid_t pid = fork_exit(codes[i]);
		int status = -1;

		assert_null(process_adopt(pid, "/some/path", &process));
		assert_string_equal(process->exe_path, "/some/path");
		assert_int_equal(process->exe, -1);
		assert_int_equal(wait_end(process, &status), TARGET_EXITED);
		assert_int_equal(status, codes[i]);
		expect_no_child(pid);
		target_close(process);
	}
}

/* The child belongs to another process, which does not wait for it. /proc shows how it ended. */
TEST(the_exit_code_of_a_stranger_is_told)
{
	struct target *process = NULL;
	int pipes[2], status = -1;
	pid_t parent, pid;

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	parent = fork();
	if (parent == 0) {
		pid = fork();
		if (pid == 0)
			_exit(9);
		if (write(pipes[1], &pid, sizeof(pid)) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(pipes[0], &pid, sizeof(pid)), sizeof(pid));
	assert_null(process_adopt(pid, "", &process));
	assert_int_equal(wait_end(process, &status), TARGET_EXITED);
	assert_int_equal(status, 9);
	target_close(process);
	kill(parent, SIGKILL);
	assert_int_equal(waitpid(parent, NULL, 0), parent);
	close(pipes[0]);
	close(pipes[1]);
}

/* ---- scan ---- */

struct scan {
	pid_t wanted;
	unsigned calls, hits;
	bool stop;
};

static bool count_pid(void *ctx, pid_t pid)
{
	struct scan *scan = ctx;

	scan->calls++;
	scan->hits += pid == scan->wanted;
	return !scan->stop;
}

TEST(the_children_of_all_threads_are_found)
{
	pid_t child = ((struct child *)*state)->pid;
	struct scan scan = {.wanted = child}, none = {0};

	process_children(getpid(), count_pid, &scan);
	assert_int_equal(scan.hits, 1);
	process_children(child, count_pid, &none);
	process_children(INT32_MAX, count_pid, &none);
	assert_int_equal(none.calls, 0);
}

TEST(a_scan_finds_the_processes_of_a_file)
{
	struct scan scan = {.wanted = getpid()}, first = {.stop = true};
	struct stat st;

	assert_int_equal(stat("/proc/self/exe", &st), 0);
	assert_null(process_scan(st.st_dev, st.st_ino, count_pid, &scan));
	assert_int_equal(scan.hits, 1);
	assert_true(scan.calls >= 2); /* the child runs the same file */
	assert_null(process_scan(st.st_dev, st.st_ino, count_pid, &first));
	assert_int_equal(first.calls, 1);
	scan.calls = 0;
	assert_null(process_scan(st.st_dev + 1, st.st_ino, count_pid, &scan));
	assert_int_equal(scan.calls, 0);
}

/* A test with a child. */
#define CHILD(test) cmocka_unit_test_setup_teardown(test, child_open, child_close)

/* ---- the files of mappings ---- */

/* Finds the mapping of a file by its inode, and opens it. Returns the descriptor, or -1. */
static int open_mapping_of(ino_t inode)
{
	cleanup(mappings_fini) struct mappings mappings = {0};
	struct target *process = NULL;
	int fd = -1;

	assert_null(process_open(getpid(), &process));
	assert_null(target_mappings(process, &mappings));
	vec_each(mapping, &mappings.list)
		if (mapping->file.inode == inode && fd < 0)
			fd = mapping_open(process, mapping);
	target_close(process);
	return fd;
}

static int make_file(const char *path, ino_t *ret_inode)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_int_equal(fstat(fd, &st), 0);
	*ret_inode = st.st_ino;
	return fd;
}

/* A process may put a link where its file was. What the link leads to is never opened. */
TEST(a_link_in_place_of_a_mapped_file_is_not_followed)
{
	char folder[] = "/tmp/tophash-link-XXXXXX", library[64], other[64], event[512];
	int fd, opened, watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	ino_t inode, unused;
	struct stat st;
	void *at;

	assert_non_null(mkdtemp(folder));
	snprintf(library, sizeof(library), "%s/library", folder);
	snprintf(other, sizeof(other), "%s/other", folder);
	fd = make_file(library, &inode);
	close(make_file(other, &unused));
	at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	assert_int_equal(unlink(library), 0);
	assert_int_equal(symlink(other, library), 0);
	assert_true(inotify_add_watch(watch, other, IN_OPEN) >= 0);

	opened = open_mapping_of(inode);
	if (opened >= 0) { /* through map_files, for which a capability is needed */
		assert_int_equal(fstat(opened, &st), 0);
		assert_int_equal(st.st_ino, inode);
		close(opened);
	}
	assert_int_equal(read(watch, event, sizeof(event)), -1);
	assert_int_equal(errno, EAGAIN);
	munmap(at, 4096);
	close(fd);
	close(watch);
	unlink(library);
	unlink(other);
	rmdir(folder);
}

TEST(a_mapped_file_is_opened_by_its_path)
{
	char path[] = "/tmp/tophash-mapped-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC), opened;
	struct stat st, same;
	void *at;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_int_equal(fstat(fd, &st), 0);
	at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	opened = open_mapping_of(st.st_ino);
	assert_true(opened >= 0);
	assert_int_equal(fstat(opened, &same), 0);
	assert_int_equal(same.st_ino, st.st_ino);
	close(opened);
	munmap(at, 4096);
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_has_its_executable),
		cmocka_unit_test(a_process_that_is_gone_cannot_be_opened),
		cmocka_unit_test(a_zombie_has_no_executable),
		cmocka_unit_test(a_kernel_thread_has_no_executable),
		cmocka_unit_test(a_thread_is_no_process),
		cmocka_unit_test(the_bias_is_where_the_code_is_mapped),
		cmocka_unit_test(a_bias_is_a_multiple_of_the_page_size),
		cmocka_unit_test(a_file_mapped_below_its_code_does_not_count),
		cmocka_unit_test(mappings_are_read_whole_or_not_at_all),
		cmocka_unit_test(an_exec_changes_the_file_and_the_image),
		cmocka_unit_test(memory_is_read_up_to_where_it_ends),
		CHILD(a_stop_is_seen_of_all_threads),
		cmocka_unit_test(no_descriptor_left_is_not_the_end_of_a_process),
		CHILD(a_signal_that_ends_a_process_is_told),
		cmocka_unit_test(the_exit_code_of_a_child_is_told),
		cmocka_unit_test(the_exit_code_of_a_stranger_is_told),
		CHILD(the_children_of_all_threads_are_found),
		CHILD(a_scan_finds_the_processes_of_a_file),
		cmocka_unit_test(a_link_in_place_of_a_mapped_file_is_not_followed),
		cmocka_unit_test(a_mapped_file_is_opened_by_its_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
