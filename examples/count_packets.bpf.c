// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Counts every packet, and lets it through.
#include "verdict_totals.bpf.h"

SEC("xdp")
int count_packets(struct xdp_md *ctx)
{
	return count(ctx, XDP_PASS);
}

char _license[] SEC("license") = "Dual BSD/GPL";
