/* Inlined calls, three deep and more than once, a part that compilers move away (cold), and a static function beside a global one. */
#include <stdio.h>
#include <stdlib.h>

#define INLINE static inline __attribute__((always_inline))

INLINE int leaf(int x)
{
	if (x > 3)
		puts("big");
	return x * 3;
}

INLINE int middle(int x)
{
	return leaf(x) + leaf(x + 1);
}

__attribute__((noinline)) static int hidden(int x)
{
	return middle(x) ^ 5;
}

__attribute__((noinline)) int outer(int x)
{
	if (__builtin_expect(x == 77, 0)) {
		fprintf(stderr, "seventy-seven\n");
		abort();
	}
	return middle(x) + hidden(x + 2);
}

int main(int argc, char **argv)
{
	(void)argv;
	return outer(argc);
}
