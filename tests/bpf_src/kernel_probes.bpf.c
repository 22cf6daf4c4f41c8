// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Counts how often functions of the kernel and of modules are entered and left, and a hook of the security modules is
// asked, by the processes of one namespace of a test: those whose name begins as `comm` says.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile char comm[16] = "";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} runs SEC(".maps"); // 0 kprobe, 1 kretprobe, 2 fentry, 3 fexit, 4 lsm

static __always_inline int count(__u32 key)
{
	char name[16] = {};
	__u64 *value;

	bpf_get_current_comm(name, sizeof(name));
	for (int i = 0; i < 16 && comm[i]; i++)
		if (name[i] != comm[i])
			return 0;
	value = bpf_map_lookup_elem(&runs, &key);
	if (value)
		__sync_fetch_and_add(value, 1);
	return 0;
}

SEC("kprobe/do_unlinkat")
int on_entry(void *ctx)
{
	return count(0);
}

SEC("kretprobe/do_unlinkat")
int on_return(void *ctx)
{
	return count(1);
}

SEC("fentry/do_unlinkat")
int on_fentry(void *ctx)
{
	return count(2);
}

SEC("fexit/do_unlinkat")
int on_fexit(void *ctx)
{
	return count(3);
}

SEC("lsm/path_unlink")
int on_lsm(void *ctx)
{
	count(4);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
