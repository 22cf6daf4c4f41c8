// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Counts packets at either side of a netkit device and answers with a verdict that the load chooses.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} runs SEC(".maps"); // 0 primary, 1 peer

volatile const int verdict = -1; // next

static __always_inline int count(__u32 key)
{
	__u64 *value = bpf_map_lookup_elem(&runs, &key);

	if (value)
		__sync_fetch_and_add(value, 1);
	return verdict;
}

SEC("netkit/primary")
int on_primary(struct __sk_buff *skb)
{
	return count(0);
}

SEC("netkit/peer")
int on_peer(struct __sk_buff *skb)
{
	return count(1);
}

char _license[] SEC("license") = "Dual BSD/GPL";
