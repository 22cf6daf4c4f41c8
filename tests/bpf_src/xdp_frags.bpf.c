// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Says by its section that it can handle packets of several fragments.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp.frags")
int xdp_frags(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
