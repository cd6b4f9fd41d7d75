/* Tests of memory that is read in time. The memory of a process here is its pid in each byte; that of process SLOW is not served
 * until the test allows it. */
#include "test.h"

#include "live/process/process.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { PLAIN = 7, SLOW = 8, END = 100000, TRIES = 60000 };

static int gate[2];
static atomic_uint begun;     /* reads of the slow ones */
static unsigned told, others; /* others: told of a process that did serve its memory */
static pid_t told_pid;
static uint64_t told_addr;

/* Reads the bytes below END, those of SLOW after a byte has come through the gate. */
static size_t fake_read(void *ctx, uint64_t addr, void *to, size_t size)
{
	pid_t pid = (pid_t)(intptr_t)ctx;
	char byte;

	if (pid >= SLOW) {
		atomic_fetch_add(&begun, 1);
		while (read(gate[0], &byte, 1) != 1)
			;
	}
	if (addr >= END)
		return 0;
	size = size < END - addr ? size : END - addr;
	memset(to, (int)pid, size);
	return size;
}

static struct memory fake_memory(pid_t pid)
{
	return (struct memory){.ctx = (void *)(intptr_t)pid, .read = fake_read};
}

static void on_late(void *ctx, pid_t pid, uint64_t addr, bool own)
{
	others += !own;
	(void)ctx;
	told++;
	told_pid = pid;
	told_addr = addr;
}

static struct timely *open_timely(void)
{
	struct timely_options options = {
		.memory = fake_memory, .patience_ns = 100000000, .late = on_late};
	struct timely *timely;

	told = others = 0;
	atomic_store(&begun, 0);
	assert_int_equal(pipe(gate), 0);
	assert_null(timely_new(&options, &timely));
	return timely;
}

static size_t read_of(struct timely *timely, pid_t pid, uint64_t addr, void *to, size_t size)
{
	struct memory memory = timely_memory(timely, pid);

	return memory.read(memory.ctx, addr, to, size);
}

/* Checks how many reads of slow processes have begun. The last one's thread may be about to begin it. */
static void check_begun(unsigned n)
{
	for (int i = 0; i < TRIES && atomic_load(&begun) < n; i++)
		usleep(1000);
	assert_int_equal(atomic_load(&begun), n);
}

/* Reads until there is an answer. `pass`: before each further try one more read of a slow process is answered. */
static void read_in_the_end(struct timely *timely, pid_t pid, bool pass)
{
	uint8_t byte = 0;

	for (int i = 0; read_of(timely, pid, 0, &byte, 1) != 1; i++) {
		assert_true(i < TRIES); /* so many bytes fit into the pipe */
		if (pass)
			assert_int_equal(write(gate[1], "b", 1), 1);
		usleep(1000);
	}
	assert_int_equal(byte, (int)pid);
}

TEST(what_is_served_is_read)
{
	struct timely *timely = open_timely();
	static uint8_t bytes[END];

	assert_int_equal(read_of(timely, PLAIN, 0, bytes, 1), 1);
	assert_int_equal(bytes[0], PLAIN);
	assert_int_equal(read_of(timely, PLAIN, 0, bytes, END), END);
	for (size_t i = 0; i < END; i++)
		assert_int_equal(bytes[i], PLAIN);
	assert_int_equal(read_of(timely, PLAIN, END - 5, bytes, 10), 5);
	assert_int_equal(read_of(timely, PLAIN, END, bytes, 10), 0);
	timely_rest(timely);
	assert_int_equal(read_of(timely, PLAIN, 0, bytes, 3), 3);
	assert_int_equal(told, 0);
	timely_free(timely);
}

TEST(what_is_not_served_is_waited_for_once)
{
	struct timely *timely = open_timely();
	uint8_t byte = 0;

	assert_int_equal(read_of(timely, SLOW, 42, &byte, 1), 0);
	assert_int_equal(told, 1);
	assert_int_equal(told_pid, SLOW);
	assert_int_equal(told_addr, 42);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(read_of(timely, SLOW, 43, &byte, 1), 0);
	check_begun(1);
	assert_int_equal(told, 1);
	assert_int_equal(read_of(timely, PLAIN, 0, &byte, 1), 1);
	assert_int_equal(byte, PLAIN);
	/* The late answer is no answer to a later question. When there is no read that waits, there may be another one. */
	assert_int_equal(write(gate[1], "ab", 2), 2);
	read_in_the_end(timely, SLOW, true);
	timely_free(timely);
}

TEST(at_most_64_reads_are_not_answered)
{
	struct timely *timely = open_timely();
	uint8_t byte;

	for (pid_t pid = SLOW; pid < SLOW + 70; pid++)
		assert_int_equal(read_of(timely, pid, 0, &byte, 1), 0);
	check_begun(64);
	assert_int_equal(told, 70);
	assert_int_equal(others, 6);
	for (pid_t pid = SLOW; pid < SLOW + 15; pid++)
		timely_forget(timely, pid);
	/* Their reads go on, and so there is no other one. */
	assert_int_equal(read_of(timely, PLAIN, 0, &byte, 1), 0);
	assert_int_equal(told_pid, PLAIN);
	assert_int_equal(others, 7);
	assert_int_equal(write(gate[1], "a", 1), 1);
	read_in_the_end(timely, PLAIN, false);
	for (int i = 1; i < 64; i++)
		assert_int_equal(write(gate[1], "a", 1), 1);
	timely_free(timely);
}

TEST(processes_that_nobody_forgets)
{
	struct timely *timely = open_timely();
	uint8_t byte;

	for (int i = 1; i <= 3; i++)
		for (pid_t pid = 1; pid < SLOW; pid++)
			assert_int_equal(read_of(timely, pid, 0, &byte, 1), 1);
	for (pid_t pid = SLOW; pid < 10000; pid++)
		timely_memory(timely, pid);
	assert_int_equal(read_of(timely, PLAIN, 0, &byte, 1), 1);
	timely_forget(timely, PLAIN);
	timely_forget(timely, PLAIN);
	assert_int_equal(read_of(timely, PLAIN, 0, &byte, 1), 1);
	timely_free(timely);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_served_is_read),
		cmocka_unit_test(what_is_not_served_is_waited_for_once),
		cmocka_unit_test(at_most_64_reads_are_not_answered),
		cmocka_unit_test(processes_that_nobody_forgets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
