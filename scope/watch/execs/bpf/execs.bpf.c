// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* Sends a record for each program that a process executes, and wakes the reader. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

typedef __u32 uint32_t;
typedef __u64 uint64_t;

#include "watch/execs/shape.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The pid namespace of tophash. 0 is the initial one. */
const volatile uint64_t pidns_dev = 0;
const volatile uint64_t pidns_ino = 0;

uint64_t missed = 0; /* records that found no room */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, EXECS_RING);
} seen SEC(".maps");

SEC("raw_tp/sched_process_exec")
int on_exec(struct bpf_raw_tracepoint_args *ctx)
{
	struct exec_seen record = {.time_ns = bpf_ktime_get_ns()};

	(void)ctx;
	record.pid = bpf_get_current_pid_tgid() >> 32;
	if (pidns_ino) {
		struct bpf_pidns_info ns;

		/* tophash cannot see a process that is not in its namespace or below. */
		if (bpf_get_ns_current_pid_tgid(pidns_dev, pidns_ino, &ns, sizeof(ns)))
			return 0;
		record.pid = ns.tgid;
	}
	bpf_get_current_comm(record.name, sizeof(record.name));
	if (bpf_ringbuf_output(&seen, &record, sizeof(record), BPF_RB_FORCE_WAKEUP))
		__sync_fetch_and_add(&missed, 1);
	return 0;
}
