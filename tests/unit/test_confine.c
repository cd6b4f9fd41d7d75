/* Tests of base/confine.h, each in a process of its own. */
#include "base/base.h"
#include "base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "test.h"

/* Runs a function in a child. Returns its result, or 100 plus the signal that ended it. */
static int in_child(int (*function)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(function());
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

/* Returns from the function with the number of this line's check when it does not hold. */
#define expect(number, condition)      \
	do {                           \
		if (!(condition))      \
			return number; \
	} while (0)

static const struct confine_call few[] = {
	{.number = SCMP_SYS(exit_group)},
	{.number = SCMP_SYS(mmap), .arg = 2, .mask = PROT_EXEC},
	{.number = SCMP_SYS(getpid)},
	/* What the runtime of a sanitizer calls. */
	{.number = SCMP_SYS(munmap)},
	{.number = SCMP_SYS(madvise)},
	{.number = SCMP_SYS(futex)},
	{.number = SCMP_SYS(gettid)},
	{.number = SCMP_SYS(rt_sigprocmask)},
	{.number = SCMP_SYS(rt_sigaction)},
	{.number = SCMP_SYS(sigaltstack)},
	{.number = SCMP_SYS(sched_yield)},
	{.number = SCMP_SYS(write)},
	{.number = SCMP_SYS(readlink)},
};

static int call_others(void)
{
	int prot = PROT_READ | PROT_WRITE, how = MAP_PRIVATE | MAP_ANONYMOUS;

	expect(1, confine_calls(few, ARRAY_SIZE(few)) == NULL);
	expect(2, open("/dev/null", O_RDONLY) < 0 && errno == EPERM);
	expect(3, socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EPERM);
	expect(4, kill(getpid(), 0) < 0 && errno == EPERM);
	expect(5, fork() < 0 && errno == EPERM);
	expect(6, getpid() > 0);
	expect(7, mmap(NULL, 4096, prot, how, -1, 0) != MAP_FAILED);
	expect(8, mmap(NULL, 4096, prot | PROT_EXEC, how, -1, 0) == MAP_FAILED && errno == EPERM);
	return 0;
}

TEST(test_confine_calls)
{
	assert_int_equal(in_child(call_others), 0);
}

/* Calls the 32-bit kill(): the filter is for the numbers of this machine. */
static int call_by_other_numbers(void)
{
#ifdef __x86_64__
	long result = 37; /* kill() with 32 bits */
	pid_t self = getpid();

	expect(1, confine_calls(few, ARRAY_SIZE(few)) == NULL);
	__asm__ volatile("int $0x80" : "+a"(result) : "b"(self), "c"(SIGKILL) : "memory");
	expect(2, result < 0);
#endif
	return 0;
}

TEST(test_confine_calls_by_other_numbers)
{
	int result = in_child(call_by_other_numbers);

	/* A kernel without these numbers faults. */
	assert_true(result == 0 || result == 100 + SIGSEGV);
}

static int keep_one(void)
{
	expect(1, confine_capabilities(1ull << CAP_KILL) == NULL);
	expect(2, confine_has(CAP_KILL));
	expect(3, !confine_has(CAP_SYS_ADMIN) && !confine_has(CAP_BPF) && !confine_has(CAP_SETUID));
	expect(4, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
	expect(5, prctl(PR_CAPBSET_READ, CAP_KILL, 0, 0, 0) == 1);
	expect(6, prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 0);
	expect(7, setresuid(1234, 1234, 1234) < 0);
	expect(8, confine_capabilities(~0ull) == NULL); /* what is gone does not come back */
	expect(9, !confine_has(CAP_SYS_ADMIN));
	return 0;
}

static int become_nobody(void)
{
	uid_t ids[3];
	gid_t groups[3];

	expect(1, confine_to_nobody());
	expect(2, getresuid(&ids[0], &ids[1], &ids[2]) == 0);
	expect(3, ids[0] == CONFINE_NOBODY && ids[1] == CONFINE_NOBODY && ids[2] == CONFINE_NOBODY);
	expect(4, getresgid(&groups[0], &groups[1], &groups[2]) == 0);
	expect(5, groups[0] == CONFINE_NOBODY && groups[1] == CONFINE_NOBODY);
	expect(6, getgroups(0, NULL) == 0);
	expect(7, setuid(0) < 0);
	expect(8, !confine_has(CAP_KILL));
	expect(9, !confine_to_nobody());
	return 0;
}

/* A parent without CAP_KILL could not end a child that is nobody. */
static int stay(void)
{
	expect(1, confine_capabilities(1ull << CAP_SETUID | 1ull << CAP_SETGID) == NULL);
	expect(2, !confine_to_nobody() && getuid() == 0);
	return 0;
}

TEST(test_confine_root)
{
	if (geteuid() != 0 || !confine_has(CAP_KILL) || !confine_has(CAP_SETPCAP))
		skip();
	assert_int_equal(in_child(keep_one), 0);
	assert_int_equal(in_child(become_nobody), 0);
	assert_int_equal(in_child(stay), 0);
}

static int none(void)
{
	expect(1, confine_capabilities(0) == NULL);
	for (int i = 0; i <= CAP_LAST_CAP; i++)
		expect(2, !confine_has(i));
	return 0;
}

TEST(test_confine_without_capabilities)
{
	assert_int_equal(in_child(none), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_confine_calls),
		cmocka_unit_test(test_confine_calls_by_other_numbers),
		cmocka_unit_test(test_confine_root),
		cmocka_unit_test(test_confine_without_capabilities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
