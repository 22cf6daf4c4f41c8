// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Calls a helper that the kernel gives to GPL-compatible programs only.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
} events SEC(".maps");

SEC("xdp")
int gpl_helper(struct xdp_md *ctx)
{
	__u32 length = ctx->data_end - ctx->data;

	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &length, sizeof(length));
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
