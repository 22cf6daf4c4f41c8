// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Counts packets and bytes in a per-CPU array whose key is the verdict, and lets the packet through.
// build: be
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct datarec {
	__u64 rx_packets;
	__u64 rx_bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, XDP_REDIRECT + 1);
	__type(key, __u32);
	__type(value, struct datarec);
} xdp_stats_map SEC(".maps");

SEC("xdp")
int xdp_stats(struct xdp_md *ctx)
{
	__u32 key = XDP_PASS;
	struct datarec *record = bpf_map_lookup_elem(&xdp_stats_map, &key);

	if (!record)
		return XDP_ABORTED;
	record->rx_packets++;
	record->rx_bytes += ctx->data_end - ctx->data;
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
