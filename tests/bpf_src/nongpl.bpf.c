// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Under a licence that the kernel does not take for GPL-compatible.  It calls no helper that asks for one.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int nongpl(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char _license[] SEC("license") = "Proprietary";
