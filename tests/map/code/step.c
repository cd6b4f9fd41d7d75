/* Counts the instructions that a call takes, by stepping through it one at a time (x86-64).
 *
 *     step SIZES...    name=bytes: the length of each function of fast.c
 *
 * Prints for each call "name case inside outside": the instructions of the function itself, and of
 * the functions that it called. The child makes the calls, and stops before each. The parent steps
 * it to the return address.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fast.h"

#define KEYS  8 /* keys in a map: one bucket, no chain */
#define CALLS 512

struct call {
	const char *name, *what;
	void *code;
};

static struct call calls[CALLS]; /* in the order of the calls in the child */
static size_t calls_len;
static bool counting; /* the child calls; the parent only lists the calls */

/* Announces the call that the child makes next. */
static void announce(const char *name, const char *what, void *code)
{
	if (calls_len == CALLS)
		abort();
	calls[calls_len++] = (struct call){name, what, code};
	if (counting)
		raise(SIGSTOP);
}

static void expect(bool condition)
{
	if (!condition)
		_exit(3);
}

static const char *const names[2 * KEYS] = {
	"ada",	  "alan",   "barbara", "dennis", "donald", "edsger", "grace", "ken",
	"absent", "nobody", "missing", "gone",	 "lost",   "away",   "none",  "never"};

static uint64_t key_u64(unsigned i)
{
	return (uint64_t)i * 1000;
}

static uint32_t key_u32(unsigned i)
{
	return i * 1000;
}

static const void *key_ptr(unsigned i)
{
	return (const void *)(uintptr_t)(4096 + i * 16);
}

static double key_f64(unsigned i)
{
	return i * 0.5;
}

static const char *key_cstr(unsigned i)
{
	return names[i];
}

static struct pair key_own(unsigned i)
{
	return (struct pair){i * UINT64_C(1000), i};
}

/* The map has the keys below KEYS, and not the others. */
#define CASES(name)                                                                           \
	static void name##_cases(void)                                                        \
	{                                                                                     \
		struct name m;                                                                \
		expect(name##_init(&m, 0) == 0);                                              \
		for (unsigned i = 0; i < KEYS; i++)                                           \
			name##_put(&m, key_##name(i), i);                                     \
		for (unsigned i = 1; i < KEYS - 1; i++) {                                     \
			uint64_t got;                                                         \
			uint64_t *at;                                                         \
			announce(#name "_get", "hit", (void *)name##_get_code);               \
			got = name##_get_code(&m, key_##name(i));                             \
			expect(got == i);                                                     \
			announce(#name "_get", "miss", (void *)name##_get_code);              \
			got = name##_get_code(&m, key_##name(i + KEYS));                      \
			expect(got == 0);                                                     \
			announce(#name "_find", "hit", (void *)name##_find_code);             \
			at = name##_find_code(&m, key_##name(i));                             \
			expect(at &&*at == i);                                                \
			announce(#name "_put", "replace", (void *)name##_put_code);           \
			name##_put_code(&m, key_##name(i), i);                                \
			announce(#name "_delete", "hit", (void *)name##_delete_code);         \
			name##_delete_code(&m, key_##name(i));                                \
			announce(#name "_delete", "miss", (void *)name##_delete_code);        \
			name##_delete_code(&m, key_##name(i));                                \
			announce(#name "_put", "new", (void *)name##_put_code);               \
			name##_put_code(&m, key_##name(i), i);                                \
			expect(name##_get(&m, key_##name(i)) == i && name##_len(&m) == KEYS); \
		}                                                                             \
		name##_fini(&m);                                                              \
	}

CASES(u64)
CASES(u32)
CASES(ptr)
CASES(f64)
CASES(cstr)
#define key_mixed key_own
CASES(own)
CASES(mixed)

static void all_cases(void)
{
	calls_len = 0;
	tophash_debug("seed=1");
	u64_cases();
	u32_cases();
	ptr_cases();
	f64_cases();
	cstr_cases();
	own_cases();
	mixed_cases();
}

/* ---- the parent ---------------------------------------------------------------------------------- */

static unsigned long size_of(int argc, char **argv, const char *name)
{
	size_t n = strlen(name);

	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], name, n) == 0 && argv[i][n] == '=')
			return strtoul(argv[i] + n + 1, NULL, 10);
	fprintf(stderr, "step: no size of %s\n", name);
	exit(2);
}

static bool step(pid_t child, struct user_regs_struct *regs)
{
	int status;

	if (ptrace(PTRACE_SINGLESTEP, child, 0, 0) != 0 || waitpid(child, &status, 0) != child)
		return false;
	return WIFSTOPPED(status) && ptrace(PTRACE_GETREGS, child, 0, regs) == 0;
}

/* Steps to the function, then through it, and counts the instructions. */
static bool count(pid_t child, const struct call *call, unsigned long size)
{
	unsigned long entry = (unsigned long)call->code, back;
	unsigned inside = 0, outside = 0;
	struct user_regs_struct regs;

	do {
		if (!step(child, &regs))
			return false;
	} while (regs.rip != entry);
	back = (unsigned long)ptrace(PTRACE_PEEKDATA, child, regs.rsp, 0);
	while (regs.rip != back) {
		if (regs.rip >= entry && regs.rip < entry + size)
			inside++;
		else
			outside++;
		if (!step(child, &regs))
			return false;
	}
	printf("%s %s %u %u\n", call->name, call->what, inside, outside);
	return true;
}

static int follow(pid_t child, int argc, char **argv)
{
	int status = 0;

	for (size_t i = 0; i < calls_len; i++) {
		if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status) ||
		    WSTOPSIG(status) != SIGSTOP ||
		    !count(child, &calls[i], size_of(argc, argv, calls[i].name))) {
			fprintf(stderr, "step: lost the child at %s %s\n", calls[i].name,
				calls[i].what);
			kill(child, SIGKILL);
			return 1;
		}
		ptrace(PTRACE_CONT, child, 0, 0);
	}
	waitpid(child, &status, 0);
	return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

int main(int argc, char **argv)
{
	pid_t child;

	all_cases();
	child = fork();
	if (child < 0)
		return 2;
	if (child == 0) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0)
			_exit(77);
		counting = true;
		all_cases();
		_exit(0);
	}
	return follow(child, argc, argv);
}
