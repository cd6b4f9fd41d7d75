/* Prepares the kernel for the first probe.
 *
 * To place a probe, the kernel keeps all forks out, with a lock that costs forks nothing while nobody
 * places one (dup_mmap_sem, kernel/events/uprobes.c). The first one to take it waits for a grace period of 8
 * to 20 ms. After that nobody waits until a grace period has passed without a taker. A thread therefore
 * takes it, by probes in tophash itself, while files are read and programs are loaded. The probes are on
 * an instruction that never runs. */
#include "watch/engine/calibrate.h"
#include "base/confine.h"
#include "base/thread.h"

#include <semaphore.h>
#include <time.h>

#define AGAIN_NS 6000000 /* between two probes; less than a grace period */
enum { PROBES = 4 };

struct warmer {
	pthread_t thread;
	sem_t enough;
	int program;
	uint64_t offset;
};

/* Waits for AGAIN_NS. Returns true as soon as it is enough. */
static bool is_enough(struct warmer *warmer)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += AGAIN_NS;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	return !sem_clockwait(&warmer->enough, CLOCK_MONOTONIC, &until);
}

static void *warm(void *ctx)
{
	struct warmer *warmer = ctx;
	int links[PROBES];
	size_t n = 0;

	while (n < PROBES) {
		links[n] = uprobe_link_self(warmer->program, warmer->offset);
		if (links[n] < 0)
			break;
		n++;
		if (is_enough(warmer))
			break;
	}
	error_free(confine_capabilities(0)); /* closing takes long, and needs no right */
	while (n)
		close(links[--n]);
	return NULL;
}

static void warmer_free(struct warmer *warmer)
{
	if (warmer->program >= 0)
		close(warmer->program);
	sem_destroy(&warmer->enough);
	free(warmer);
}

void uprobe_warm_begin(struct uprobe *uprobe)
{
	struct warmer *warmer = calloc(1, sizeof(*warmer));

	if (!warmer)
		return;
	sem_init(&warmer->enough, 0, 0);
	warmer->program = -1;
	if (calibrate_idle_code(&warmer->offset))
		warmer->program = uprobe_load_smallest(TRACE_UPROBE_MULTI);
	if (warmer->program < 0 || thread_start(&warmer->thread, warm, warmer)) {
		warmer_free(warmer);
		return;
	}
	uprobe->warmer = warmer;
}

void uprobe_warm_stop(const struct uprobe *uprobe)
{
	if (uprobe->warmer)
		sem_post(&uprobe->warmer->enough);
}

void uprobe_warm_end(struct uprobe *uprobe)
{
	struct warmer *warmer = take_ptr(uprobe->warmer);

	if (!warmer)
		return;
	sem_post(&warmer->enough);
	pthread_join(warmer->thread, NULL);
	warmer_free(warmer);
}
