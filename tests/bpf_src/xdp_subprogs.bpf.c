// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Calls a static and a global function, and the static one from the global one.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} calls SEC(".maps"); // key 0: static, key 1: global

static __noinline int count_call(__u32 key)
{
	__u64 *count = bpf_map_lookup_elem(&calls, &key);

	if (!count)
		return -1;
	(*count)++;
	return 0;
}

// Verified on its own, whatever its callers pass.
__noinline int global_function(struct xdp_md *ctx, __u32 key)
{
	if (count_call(key & 1))
		return XDP_ABORTED;
	return ctx->data_end - ctx->data > 0xffff ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int xdp_subprogs(struct xdp_md *ctx)
{
	if (count_call(0))
		return XDP_ABORTED;
	return global_function(ctx, 1);
}

char _license[] SEC("license") = "Dual BSD/GPL";
