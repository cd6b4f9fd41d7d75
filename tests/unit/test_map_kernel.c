/* The map where the kernel refuses: mappings that cannot be had, moved or given back. The calls that it
 * makes come through here. */
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <tophash/map.h>

#include "test_map.h"

TOPHASH_MAP(numbers, uint64_t, uint64_t);

static struct {
	unsigned fail_at; /* that call of mremap fails, and the next; 0: none */
	unsigned calls;
} kernel;

void *mremap(void *old, size_t old_size, size_t size, int flags, ...)
{
	void *target;
	va_list args;

	va_start(args, flags);
	target = flags & MREMAP_FIXED ? va_arg(args, void *) : NULL;
	va_end(args);
	if (++kernel.calls == kernel.fail_at || kernel.calls == kernel.fail_at + 1) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	return (void *)syscall(SYS_mremap, old, old_size, size, flags, target);
}

/* A map grows from a block to mappings of some MiB, and one of its calls fails: nothing is lost, whichever
 * of the arrays had been moved by then, and loops go on. */
static void growth_that_fails_half_way(void **state)
{
	const uint64_t n = 200000;
	unsigned failures = 0;

	for (unsigned fail_at = 1; kernel.calls + 1 >= fail_at; fail_at++) {
		struct numbers m = {0};
		struct numbers_iter it = numbers_each(&m);
		struct tophash_stats stats;
		uint64_t came = 0;

		memset(&kernel, 0, sizeof(kernel));
		kernel.fail_at = fail_at;
		for (uint64_t key = 0; key < n; key++) {
			assert_int_equal(numbers_put(&m, key, key), 1);
			/* Old entries come before the new ones overtake the loop. */
			came += key % 64 == 0 && numbers_next(&it);
		}
		assert_true(came > 0);
		for (uint64_t key = 0; key < n; key++)
			assert_int_equal(numbers_get(&m, key), key);
		assert_int_equal(numbers_check(&m, 3), 0);
		numbers_stats(&m, &stats);
		failures += stats.put_off > 0;
		numbers_fini(&m);
	}
	assert_true(failures >= 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(growth_that_fails_half_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
