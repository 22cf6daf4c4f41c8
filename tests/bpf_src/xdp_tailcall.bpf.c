// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Jumps to program 0 of `jump`: what was put there decides; while it is empty, the packet passes.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} jump SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} tail_runs SEC(".maps"); // key 0: the jump found nothing; key 1: the target ran

static __always_inline void count(__u32 key)
{
	__u64 *runs = bpf_map_lookup_elem(&tail_runs, &key);

	if (runs)
		(*runs)++;
}

SEC("xdp")
int xdp_tailcall(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &jump, 0);
	count(0);
	return XDP_PASS;
}

SEC("xdp")
int xdp_tail_target(struct xdp_md *ctx)
{
	count(1);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
