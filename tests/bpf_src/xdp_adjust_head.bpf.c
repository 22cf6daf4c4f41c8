// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Makes room in front of the packet and writes there: pushes an 802.1Q tag with VLAN `vlan_id`.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define TAG_BYTES 4

const volatile __u16 vlan_id = 42;

struct tagged {
	__u8 macs[2 * ETH_ALEN];
	__be16 tag_protocol;
	__be16 tag;
	__be16 protocol;
} __attribute__((packed));

SEC("xdp")
int xdp_adjust_head(struct xdp_md *ctx)
{
	void *data, *end;
	struct tagged *frame;

	if (bpf_xdp_adjust_head(ctx, -TAG_BYTES))
		return XDP_ABORTED;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	frame = data;
	if (data + TAG_BYTES + 2 * ETH_ALEN > end || (void *)(frame + 1) > end)
		return XDP_ABORTED;
	// The protocol that follows the addresses is in place already: what moves are the addresses.
	__builtin_memmove(data, data + TAG_BYTES, 2 * ETH_ALEN);
	frame->tag_protocol = bpf_htons(ETH_P_8021Q);
	frame->tag = bpf_htons(vlan_id);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
