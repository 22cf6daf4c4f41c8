// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Counts how often a place in a program or library is passed, as a uprobe and as a uretprobe.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} runs SEC(".maps"); // 0 uprobe, 1 uretprobe

static __always_inline int count(__u32 key)
{
	__u64 *value = bpf_map_lookup_elem(&runs, &key);

	if (value)
		__sync_fetch_and_add(value, 1);
	return 0;
}

SEC("uprobe")
int on_call(void *ctx)
{
	return count(0);
}

SEC("uretprobe")
int on_return(void *ctx)
{
	return count(1);
}

char _license[] SEC("license") = "Dual BSD/GPL";
