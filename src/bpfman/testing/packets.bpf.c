// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// A program of each kind that shares a hook, for tests of those who use bpfman: each counts its packets and lets the
// next program run.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} packets SEC(".maps"); // key 0: XDP, key 1: TC

static __always_inline void count(__u32 key)
{
	__u64 *seen = bpf_map_lookup_elem(&packets, &key);

	if (seen)
		(*seen)++;
}

SEC("xdp")
int count_xdp(struct xdp_md *ctx)
{
	count(0);
	return XDP_PASS;
}

SEC("tc")
int count_tc(struct __sk_buff *skb)
{
	count(1);
	return TC_ACT_PIPE;
}

char _license[] SEC("license") = "Dual BSD/GPL";
