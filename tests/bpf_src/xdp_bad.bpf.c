// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Two programs: one that the verifier accepts, one that it refuses with "invalid access to packet".
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int good(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp")
int bad(struct xdp_md *ctx)
{
	const __u8 *data = (void *)(long)ctx->data;

	// Nothing compared the read with data_end.
	return data[13] == 8 ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
