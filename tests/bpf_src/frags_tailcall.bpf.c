// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Can handle packets of several fragments, and jumps by a tail call: to programs that can too, or not at all.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} frags_jump SEC(".maps");

SEC("xdp.frags")
int frags_tailcall(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &frags_jump, 0);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
