/* Probes that no longer count: they are taken off while the run goes on. */
#include "watch/engine/uprobe.h"

#include <pthread.h>

/* An attachment that is being detached. Detaching waits for grace periods of the kernel, a tenth of
 * a second. A process that executed itself during that time would not be watched. Therefore a
 * thread waits instead. */
struct former {
	struct attachment attachment;
	pthread_t thread;
	bool done; /* the thread is about to end */
	struct former *next;
};

static void *detach_in_thread(void *ctx)
{
	struct former *former = ctx;

	uprobe_unlink(&former->attachment);
	__atomic_store_n(&former->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Frees the keepers that have ended. With `all`, waits for the others, too. */
void uprobe_free_keepers(struct uprobe *uprobe, bool all)
{
	size_t kept = 0;

	vec_each(keeper, &uprobe->keepers) {
		if (all || keeper_has_ended(*keeper))
			keeper_free(*keeper);
		else
			uprobe->keepers.data[kept++] = *keeper;
	}
	uprobe->keepers.len = kept;
}

/* Begins to take the probes of a keeper off. No thread need wait for that. */
static void end_keeper(struct uprobe *uprobe, struct attachment *attachment)
{
	uprobe_free_keepers(uprobe, false);
	keeper_end(attachment->keeper);
	if (!vec_push(&uprobe->keepers, attachment->keeper))
		keeper_free(attachment->keeper);
	attachment->keeper = NULL;
}

/* Frees the attachments that are detached. With `all`, waits for the others, too. */
void uprobe_join_formers(struct uprobe *uprobe, bool all)
{
	struct former **at = &uprobe->formers;

	uprobe_free_keepers(uprobe, all);
	while (*at) {
		struct former *former = *at;

		if (!all && !__atomic_load_n(&former->done, __ATOMIC_ACQUIRE)) {
			at = &former->next;
			continue;
		}
		pthread_join(former->thread, NULL);
		*at = former->next;
		free(former);
	}
}

void uprobe_detach_former(struct uprobe *uprobe, struct attachment *attachment)
{
	struct former *former;

	if (attachment->keeper)
		end_keeper(uprobe, attachment);
	if (!attachment->n)
		return;
	uprobe_join_formers(uprobe, false);
	former = calloc(1, sizeof(*former));
	if (former) {
		former->attachment = *attachment;
		former->next = uprobe->formers;
	}
	if (!former || pthread_create(&former->thread, NULL, detach_in_thread, former) != 0) {
		uprobe_unlink(attachment);
		free(former);
		return;
	}
	attachment->n = 0;
	uprobe->formers = former;
}

/* Begins to detach each link in a thread of its own. If they were closed one after the other, the last
 * ones would cost time until then. */
void uprobe_detach_formers(struct uprobe *uprobe, struct attachment *attachment)
{
	if (attachment->keeper)
		end_keeper(uprobe, attachment);
	while (attachment->n) {
		struct attachment one = {.n = 1, .multi = attachment->multi};

		attachment->n--;
		one.link_fds[0] = attachment->link_fds[attachment->n];
		one.links[0] = attachment->links[attachment->n];
		uprobe_detach_former(uprobe, &one);
	}
}
