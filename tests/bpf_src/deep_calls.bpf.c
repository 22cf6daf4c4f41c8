// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Calls seven functions deep, which makes the eight frames that the kernel allows: in a chain, one more than it can be.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

// Numbers that only a run can tell, so that no call is optimised away.
#define CALLS(name, next)                                                                          \
	static __noinline int name(struct xdp_md *ctx) { return next(ctx) + ctx->rx_queue_index; }

static __noinline int frame_8(struct xdp_md *ctx)
{
	return ctx->data_end - ctx->data > 0xffff;
}

CALLS(frame_7, frame_8)
CALLS(frame_6, frame_7)
CALLS(frame_5, frame_6)
CALLS(frame_4, frame_5)
CALLS(frame_3, frame_4)
CALLS(frame_2, frame_3)

SEC("xdp")
int deep_calls(struct xdp_md *ctx)
{
	return frame_2(ctx) > 0xffff ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
