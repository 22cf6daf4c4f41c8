// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// A map of packets and bytes for each verdict, which the examples share when they are loaded with --map-owner-id.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct total {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 8);
	__type(key, enum xdp_action);
	__type(value, struct total);
} verdict_totals SEC(".maps");

// Counts the packet under a verdict, and gives that verdict.
static __always_inline int count(struct xdp_md *ctx, enum xdp_action verdict)
{
	struct total none = {}, *total;

	total = bpf_map_lookup_elem(&verdict_totals, &verdict);
	if (!total) {
		bpf_map_update_elem(&verdict_totals, &verdict, &none, BPF_NOEXIST);
		total = bpf_map_lookup_elem(&verdict_totals, &verdict);
	}
	if (total) {
		total->packets++;
		total->bytes += ctx->data_end - ctx->data;
	}
	return verdict;
}
