// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Calls back a function of its own with bpf_loop (kernel 5.17): its address is taken, so it needs func_info.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define ROUNDS 10

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} loop_rounds SEC(".maps"); // grows by ROUNDS a packet

static int one_round(__u32 index, void *context)
{
	__u64 *rounds = context;

	(*rounds)++;
	return 0;
}

SEC("xdp")
int xdp_loop(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 rounds = 0, *total;

	bpf_loop(ROUNDS, one_round, &rounds, 0);
	total = bpf_map_lookup_elem(&loop_rounds, &key);
	if (total)
		*total += rounds;
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
