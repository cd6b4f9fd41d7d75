#include "watch/tree/tree.h"
#include "base/clock.h"
#include "base/lockdown.h"
#include "base/namespace.h"
#include "watch/tree/shape.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "tree.skel.h"

struct tree {
	struct tree_bpf *skel;
};

/* ---- where a task has its ids ---- */

static void *look(void *ctx)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	bpf_prog_test_run_opts(bpf_program__fd(((struct tree *)ctx)->skel->progs.on_look), &opts);
	return NULL;
}

/* Finds the offset of pid and tgid, which are neighbours in struct task_struct. The kernel's type
 * information would tell it, but not every kernel has some, and reading it takes long. Therefore a
 * kernel program copies the task of a thread, whose two ids are known and differ. Returns 0 if they
 * are not found, or twice. */
static uint32_t find_ids(struct tree *tree)
{
	const struct tree_bpf__bss *bss = tree->skel->bss;
	uint32_t ids[2], found = 0;
	pthread_t thread;

	if (pthread_create(&thread, NULL, look, tree))
		return 0;
	pthread_join(thread, NULL);
	ids[0] = (uint32_t)bss->task_ids;
	ids[1] = (uint32_t)(bss->task_ids >> 32);
	if (!ids[0] || ids[0] == ids[1])
		return 0;
	for (uint32_t at = 4; at + sizeof(ids) <= sizeof(bss->task); at += 4) {
		if (memcmp(bss->task + at, ids, sizeof(ids)) != 0)
			continue;
		if (found)
			return 0;
		found = at;
	}
	return found;
}

/* ---- a tree ---- */

static struct error *failed(int errnum)
{
	return error_errno(ERROR_PERMISSION, errnum, "cannot watch forks");
}

/* Makes the set smaller, for tests. */
static void set_size(struct tree *tree)
{
	const char *max = getenv("TOPHASH_TREE_MAX");
	unsigned long n = max ? strtoul(max, NULL, 10) : 0;

	if (!n || n > TREE_MAX)
		return;
	bpf_map__set_max_entries(tree->skel->maps.members, (uint32_t)n);
	bpf_map__set_max_entries(tree->skel->maps.tasks, (uint32_t)n);
}

static struct error *load(struct tree *tree)
{
	int err;

	tree->skel = tree_bpf__open();
	if (!tree->skel)
		return failed(errno);
	set_size(tree);
	namespace_of_pids(&tree->skel->rodata->pidns_dev, &tree->skel->rodata->pidns_ino);
	err = tree_bpf__load(tree->skel);
	if (err)
		return failed(-err);
	tree->skel->bss->ids_at = find_ids(tree);
	if (!tree->skel->bss->ids_at)
		return error_new(ERROR_PERMISSION,
				 "cannot watch forks: this kernel does not show where "
				 "a task has its ids");
	bpf_program__set_autoattach(tree->skel->progs.on_look, false);
	err = tree_bpf__attach(tree->skel);
	return err ? failed(-err) : NULL;
}

struct error *tree_new(struct tree **ret)
{
	cleanup(tree_free) struct tree *tree = calloc(1, sizeof(*tree));

	if (!tree)
		return error_nomem();
	try(lockdown_check("cannot watch forks"));
	libbpf_set_print(NULL); /* no messages of its own */
	try(load(tree));
	*ret = take_ptr(tree);
	return NULL;
}

void tree_free(struct tree *tree)
{
	if (!tree)
		return;
	tree_bpf__destroy(tree->skel);
	free(tree);
}

bool tree_has_pids(const struct tree *tree)
{
	return !tree->skel->rodata->pidns_ino;
}

bool tree_add(struct tree *tree, pid_t pid)
{
	uint32_t key = (uint32_t)pid;
	uint64_t now = now_ns();

	if (!tree_has_pids(tree))
		return false;
	/* The kernel may have added it, with the time of its last exec. */
	if (!bpf_map_update_elem(tree_fd(tree), &key, &now, BPF_NOEXIST) || errno == EEXIST)
		return true;
	__atomic_fetch_add(&tree->skel->bss->missed, 1, __ATOMIC_SEQ_CST);
	return false;
}

bool tree_has(const struct tree *tree, pid_t pid, uint64_t *ret_time_ns)
{
	uint32_t key = (uint32_t)pid;

	return !bpf_map_lookup_elem(tree_fd(tree), &key, ret_time_ns);
}

void tree_remove(struct tree *tree, pid_t pid)
{
	uint32_t key = (uint32_t)pid;

	if (tree_has_pids(tree))
		bpf_map_delete_elem(tree_fd(tree), &key);
}

void tree_set_root(struct tree *tree, pid_t pid)
{
	__atomic_store_n(&tree->skel->bss->root, (uint32_t)pid, __ATOMIC_SEQ_CST);
	tree_add(tree, pid);
}

int tree_fd(const struct tree *tree)
{
	return bpf_map__fd(tree->skel->maps.members);
}

void tree_each(const struct tree *tree, bool (*found)(void *ctx, pid_t pid, uint64_t time_ns),
	       void *ctx)
{
	uint32_t key, *last = NULL;
	uint64_t time_ns;

	/* The set changes meanwhile, and the walk may begin again. It has an end in any case. */
	for (int i = 0; i < 4 * TREE_MAX; i++) {
		if (bpf_map_get_next_key(tree_fd(tree), last, &key))
			return;
		last = &key;
		if (!bpf_map_lookup_elem(tree_fd(tree), &key, &time_ns) &&
		    !found(ctx, (pid_t)key, time_ns))
			return;
	}
}

uint64_t tree_missed(const struct tree *tree)
{
	return __atomic_load_n(&tree->skel->bss->missed, __ATOMIC_SEQ_CST);
}
