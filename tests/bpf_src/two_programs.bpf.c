// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Two programs of different types that share a map of one object.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} shared_counts SEC(".maps"); // key 0: XDP, key 1: TC

static __always_inline void count(__u32 key)
{
	__u64 *packets = bpf_map_lookup_elem(&shared_counts, &key);

	if (packets)
		__sync_fetch_and_add(packets, 1);
}

SEC("xdp")
int first_xdp(struct xdp_md *ctx)
{
	count(0);
	return XDP_PASS;
}

SEC("tc")
int second_tc(struct __sk_buff *skb)
{
	count(1);
	return TC_ACT_PIPE;
}

char _license[] SEC("license") = "Dual BSD/GPL";
