#include <pthread.h>
#include <stdint.h>

#include "_cgo_export.h"

void call_back(int n)
{
	for (int i = 0; i < n; i++)
		goDelete(i);
}

static void *thread(void *arg)
{
	int n = (int)(intptr_t)arg;
	for (int i = 0; i < n; i++)
		goDeleteOnThread(i);
	return 0;
}

void call_back_on_thread(int n)
{
	pthread_t t;
	if (pthread_create(&t, 0, thread, (void *)(intptr_t)n) == 0)
		pthread_join(t, 0);
}
