// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Counts packets and bytes at a TC hook and hands the packet on; once under each of the two section names.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

struct datarec {
	__u64 rx_packets;
	__u64 rx_bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct datarec);
} tc_stats_map SEC(".maps");

static __always_inline int count(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct datarec *record = bpf_map_lookup_elem(&tc_stats_map, &key);

	if (!record)
		return TC_ACT_SHOT;
	record->rx_packets++;
	record->rx_bytes += skb->len;
	return TC_ACT_PIPE;
}

SEC("tc")
int stats(struct __sk_buff *skb)
{
	return count(skb);
}

SEC("classifier")
int stats_classifier(struct __sk_buff *skb)
{
	return count(skb);
}

char _license[] SEC("license") = "Dual BSD/GPL";
