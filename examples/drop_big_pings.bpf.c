// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Drops ICMP packets that are longer than a limit, and counts them; lets everything else through, uncounted.
#include "verdict_totals.bpf.h"
#include <bpf/bpf_endian.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>

// Bytes of the IP packet.  Set when the program is loaded: --global longest=HEX
const volatile __u32 longest = 128;

SEC("xdp")
int drop_big_pings(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (ip->protocol != IPPROTO_ICMP || bpf_ntohs(ip->tot_len) <= longest)
		return XDP_PASS;
	return count(ctx, XDP_DROP);
}

char _license[] SEC("license") = "Dual BSD/GPL";
