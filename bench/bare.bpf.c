// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
/* A kernel program that does nothing: what is left is the price of the probe itself. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("uprobe")
int bare(void *ctx)
{
	return 0;
}
