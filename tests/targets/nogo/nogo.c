/* A program without any Go in it: a tracer must say so. Waits for a line on stdin, or ends at once with an argument. */
#include <stdio.h>

int main(int argc, char **argv)
{
	char line[64];
	(void)argv;
	if (argc > 1)
		return 0;
	puts("ready");
	fflush(stdout);
	return fgets(line, sizeof line, stdin) == NULL;
}
