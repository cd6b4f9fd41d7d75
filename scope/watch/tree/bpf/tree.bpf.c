// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Keeps the set of a process and its descendants, however deep, also when their parents have ended.
 * Processes are keys by their id in the initial pid namespace. */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

typedef __u8 uint8_t;
typedef __u32 uint32_t;
typedef __u64 uint64_t;

#include "watch/tree/shape.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The pid namespace of tophash. 0 is the initial one. */
const volatile uint64_t pidns_dev = 0;
const volatile uint64_t pidns_ino = 0;

uint32_t root = 0; /* the id of the root, as tophash sees it; 0: there is none yet */
/* Offset of pid, which tgid follows, in struct task_struct. 0: not known. */
uint32_t ids_at = 0;
uint64_t missed = 0; /* processes for which there was no room */

/* on_look: a copy of the task that runs it, and its ids. */
uint8_t task[TREE_TASK_SIZE];
uint64_t task_ids = 0;

/* Its elements are allocated in advance, 1 MB. Before Linux 6.1 the kernel warns of any other hash in a
 * program that traces. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TREE_MAX);
	__type(key, uint32_t);
	__type(value, uint64_t); /* when it was forked, or has last executed a program */
} members SEC(".maps");

/* The task of each member that was seen to begin. The kernel reports that a process was freed after a grace
 * period, and another one may have its id by then. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TREE_MAX);
	__type(key, uint32_t);
	__type(value, uint64_t); /* the address of its first thread's struct task_struct */
} tasks SEC(".maps");

static __always_inline bool is_root(void)
{
	struct bpf_pidns_info ns;

	/* Without a namespace of its own, user space has put the root into the set. */
	return pidns_ino && root &&
	       !bpf_get_ns_current_pid_tgid(pidns_dev, pidns_ino, &ns, sizeof(ns)) &&
	       ns.tgid == root;
}

/* Reads pid and tgid of a task. They differ in threads that are not the first of their process. */
static __always_inline bool is_process(uint64_t of, uint32_t *ret_pid)
{
	uint32_t ids[2];

	if (!ids_at || bpf_probe_read_kernel(ids, sizeof(ids), (void *)(of + ids_at)))
		return false;
	*ret_pid = ids[1];
	return ids[0] == ids[1];
}

SEC("raw_tp/sched_process_fork")
int on_fork(struct bpf_raw_tracepoint_args *ctx)
{
	uint32_t parent = bpf_get_current_pid_tgid() >> 32, child;
	uint64_t now, first = ctx->args[1];

	if (!is_process(first, &child))
		return 0;
	if (!bpf_map_lookup_elem(&members, &parent) && !is_root()) {
		bpf_map_delete_elem(&members, &child); /* a former one had this id */
		return 0;
	}
	now = bpf_ktime_get_ns();
	if (bpf_map_update_elem(&members, &child, &now, BPF_ANY) ||
	    bpf_map_update_elem(&tasks, &child, &first, BPF_ANY))
		__sync_fetch_and_add(&missed, 1);
	return 0;
}

SEC("raw_tp/sched_process_exec")
int on_exec(struct bpf_raw_tracepoint_args *ctx)
{
	uint32_t pid = bpf_get_current_pid_tgid() >> 32;
	uint64_t *time = bpf_map_lookup_elem(&members, &pid);
	uint64_t now = bpf_ktime_get_ns(), first = ctx->args[0];

	if (time)
		*time = now;
	else if (is_root())
		bpf_map_update_elem(&members, &pid, &now, BPF_ANY);
	else
		return 0;
	/* An exec by another thread than the first made that the first. */
	bpf_map_update_elem(&tasks, &pid, &first, BPF_ANY);
	return 0;
}

/* The kernel frees a process when its last thread has ended and its parent has taken its status. */
SEC("raw_tp/sched_process_free")
int on_free(struct bpf_raw_tracepoint_args *ctx)
{
	uint64_t *first;
	uint32_t pid;

	if (!is_process(ctx->args[0], &pid))
		return 0;
	first = bpf_map_lookup_elem(&tasks, &pid);
	if (first && *first != ctx->args[0])
		return 0; /* another process has this id now */
	bpf_map_delete_elem(&members, &pid);
	bpf_map_delete_elem(&tasks, &pid);
	return 0;
}

/* Copies the task that runs this program. User space runs it once, to find ids_at. */
SEC("raw_tp")
int on_look(struct bpf_raw_tracepoint_args *ctx)
{
	uint64_t from = bpf_get_current_task();

	(void)ctx;
	task_ids = bpf_get_current_pid_tgid();
	for (uint32_t at = 0; at < TREE_TASK_SIZE; at += TREE_TASK_PIECE)
		bpf_probe_read_kernel(task + at, TREE_TASK_PIECE, (void *)(from + at));
	return 0;
}
