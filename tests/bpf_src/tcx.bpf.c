// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Counts packets at a TCX hook (kernel 6.6) and hands them to the next program there.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define TCX_NEXT -1 // enum tcx_action_base, kernel 6.6

const volatile __s32 verdict = TCX_NEXT;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} tcx_stats_map SEC(".maps"); // key 0: ingress, key 1: egress

static __always_inline int count(__u32 key)
{
	__u64 *packets = bpf_map_lookup_elem(&tcx_stats_map, &key);

	if (packets)
		(*packets)++;
	return verdict;
}

SEC("tcx/ingress")
int tcx_ingress(struct __sk_buff *skb)
{
	return count(0);
}

SEC("tcx/egress")
int tcx_egress(struct __sk_buff *skb)
{
	return count(1);
}

char _license[] SEC("license") = "Dual BSD/GPL";
