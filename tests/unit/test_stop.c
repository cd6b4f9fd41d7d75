/* Tests of holding a process. The processes are children with several threads, which count as fast as they can. */
#include "processes.h"
#include "base/clock.h"
#include "base/registers.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/ptrace.h>

enum { THREADS = 4 };
#define SECOND_NS 1000000000ull

struct child {
	pid_t pid;
	struct target *target;
	volatile uint64_t *counts; /* shared with it; one for each thread */
};

static void *count(void *ctx)
{
	volatile uint64_t *at = ctx;

	for (;;)
		++*at;
	return NULL;
}

static int child_open(void **state)
{
	static struct child child;

	child.counts = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(child.counts != MAP_FAILED);
	child.pid = fork();
	if (child.pid == 0) {
		pthread_t thread;

		for (int i = 1; i < THREADS; i++)
			pthread_create(&thread, NULL, count, (void *)&child.counts[i]);
		count((void *)&child.counts[0]);
	}
	for (int i = 0; i < THREADS; i++)
		while (!child.counts[i])
			usleep(100);
	assert_null(process_open(child.pid, &child.target));
	*state = &child;
	return 0;
}

static int child_close(void **state)
{
	struct child *child = *state;

	if (kill(child->pid, SIGKILL) == 0)
		waitpid(child->pid, NULL, 0);
	target_close(child->target);
	munmap((void *)child->counts, 4096);
	return 0;
}

static uint64_t sum(const struct child *child)
{
	uint64_t total = 0;

	for (int i = 0; i < THREADS; i++)
		total += child->counts[i];
	return total;
}

/* Waits until every thread has counted on. */
static void expect_running(const struct child *child)
{
	for (int i = 0; i < THREADS; i++) {
		uint64_t before = child->counts[i];

		for (int tries = 0; child->counts[i] == before; tries++) {
			assert_true(tries < 100000);
			usleep(100);
		}
	}
}

TEST(no_thread_runs_while_it_is_held)
{
	struct child *child = *state;
	const struct registers *registers;
	struct stop *stop;
	uint64_t before, ns;

	for (int i = 0; i < 20; i++) {
		assert_null(stop_begin(child->target, 60 * SECOND_NS, &stop));
		before = sum(child);
		assert_int_equal(stop_registers(stop, &registers), THREADS);
		for (int j = 0; j < THREADS; j++)
			assert_true(registers[j].sp);
		usleep(2000);
		assert_int_equal(sum(child), before);
		assert_null(stop_end(stop, &ns));
		stop_close(stop);
		assert_true(ns >= 2000000);
		expect_running(child);
	}
}

TEST(it_runs_when_the_time_is_over)
{
	struct child *child = *state;
	struct memory memory;
	struct stop *stop;
	uint64_t ns, word;
	struct error *err;

	/* On a busy machine it may not even stop within that time. */
	do {
		err = stop_begin(child->target, SECOND_NS / 20, &stop);
		if (err)
			expect_error(err, ERROR_TARGET, "did not stand still");
	} while (err);
	memory = stop_memory(stop);
	expect_running(child);
	assert_false(memory_read(&memory, (uint64_t)child->counts, &word, sizeof(word)));
	expect_error(stop_end(stop, &ns), ERROR_FAILED, "longer than --max-stop (50 ms)");
	stop_close(stop);
	assert_true(ns >= SECOND_NS / 20);
}

enum { MANY_THREADS = 4000 };

static void *wait_for_end(__attribute__((unused)) void *ctx)
{
	for (;;)
		pause();
	return NULL;
}

/* Makes a child with many threads, all of which wait. Fewer if the machine allows no more. Returns how many it has. */
static pid_t fork_many(int *ret_threads)
{
	int *threads = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	assert_true(threads != MAP_FAILED);
	pid = fork();
	if (pid == 0) {
		pthread_attr_t small;
		pthread_t thread;
		int n = 1;

		pthread_attr_init(&small);
		pthread_attr_setstacksize(&small, 32768);
		while (n < MANY_THREADS && pthread_create(&thread, &small, wait_for_end, NULL) == 0)
			n++;
		__atomic_store_n(threads, n, __ATOMIC_RELEASE);
		wait_for_end(NULL);
	}
	while (!__atomic_load_n(threads, __ATOMIC_ACQUIRE))
		usleep(1000);
	*ret_threads = *threads;
	munmap(threads, 4096);
	return pid;
}

/* The clock counts while the threads are told to stop, one after the other. */
TEST(many_threads_are_not_all_stopped_when_the_time_is_over)
{
	const struct registers *registers;
	struct target *target;
	struct stop *stop;
	struct error *err;
	int threads, stopped;
	const char *at;
	uint64_t ns;
	pid_t pid = fork_many(&threads);

	assert_null(process_open(pid, &target));
	err = stop_begin(target, SECOND_NS / 1000, &stop);
	assert_non_null(err);
	at = strstr(err->text, "many threads or makes new ones (");
	assert_non_null(at);
	assert_int_equal(sscanf(strchr(at, '('), "(%d were stopped)", &stopped), 1);
	if (threads == MANY_THREADS)
		assert_in_range(stopped, 0, threads - 1);
	error_free(err);
	assert_null(stop_begin(target, 600 * SECOND_NS, &stop));
	assert_int_equal(stop_registers(stop, &registers), threads);
	assert_null(stop_end(stop, &ns));
	stop_close(stop);
	target_close(target);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

TEST(a_stopped_process_stays_so)
{
	struct child *child = *state;
	struct stop *stop;
	uint64_t before, ns;
	int status;

	kill(child->pid, SIGSTOP);
	assert_int_equal(waitpid(child->pid, &status, WUNTRACED), child->pid);
	while (!target_is_stopped(child->target))
		usleep(100);
	assert_null(stop_begin(child->target, 60 * SECOND_NS, &stop));
	before = sum(child);
	assert_null(stop_end(stop, &ns));
	stop_close(stop);
	usleep(20000);
	assert_int_equal(sum(child), before);
	assert_true(target_is_stopped(child->target));
	kill(child->pid, SIGCONT);
	expect_running(child);
}

TEST(a_signal_that_comes_meanwhile_is_not_lost)
{
	struct child *child = *state;
	struct stop *stop;
	uint64_t ns;
	int status;

	assert_null(stop_begin(child->target, 60 * SECOND_NS, &stop));
	kill(child->pid, SIGTERM);
	usleep(5000);
	error_free(stop_end(stop, &ns));
	stop_close(stop);
	/* The thread that held it may still end. A wait for all threads would take its stop, and the signal. */
	assert_int_equal(waitpid(child->pid, &status, __WNOTHREAD), child->pid);
	assert_int_equal(WTERMSIG(status), SIGTERM);
}

TEST(one_that_is_killed_has_ended)
{
	struct child *child = *state;
	struct stop *stop;
	uint64_t ns;

	assert_null(stop_begin(child->target, 60 * SECOND_NS, &stop));
	kill(child->pid, SIGKILL);
	usleep(20000);
	expect_error(stop_end(stop, &ns), ERROR_TARGET, "has ended");
	stop_close(stop);
	waitpid(child->pid, NULL, 0);
	expect_error(stop_begin(child->target, SECOND_NS, &stop), ERROR_TARGET, "has ended");
}

TEST(another_tracer_is_named)
{
	struct child *child = *state;
	char who[64];
	int ready[2], status;
	struct stop *stop;
	pid_t tracer;

	assert_int_equal(pipe(ready), 0);
	tracer = fork();
	if (tracer == 0) {
		close(ready[0]);
		if (ptrace(PTRACE_SEIZE, child->pid, NULL, NULL) == 0)
			close(ready[1]);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &status, 1), 0);
	close(ready[0]);
	snprintf(who, sizeof(who), "process %d (test_stop) traces it", (int)tracer);
	expect_error(stop_begin(child->target, 60 * SECOND_NS, &stop), ERROR_TARGET, who);
	kill(tracer, SIGKILL);
	waitpid(tracer, NULL, 0);
	expect_running(child);
}

#define WITH_CHILD(test) cmocka_unit_test_setup_teardown(test, child_open, child_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CHILD(no_thread_runs_while_it_is_held),
		WITH_CHILD(it_runs_when_the_time_is_over),
		cmocka_unit_test(many_threads_are_not_all_stopped_when_the_time_is_over),
		WITH_CHILD(a_stopped_process_stays_so),
		WITH_CHILD(a_signal_that_comes_meanwhile_is_not_lost),
		WITH_CHILD(one_that_is_killed_has_ended),
		WITH_CHILD(another_tracer_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
