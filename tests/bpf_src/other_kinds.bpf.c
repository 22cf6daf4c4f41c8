// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// One program of each kind that has a link of its own and no file of its own among these; each counts its runs.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 20);
	__type(key, __u32);
	__type(value, __u64);
} runs SEC(".maps");

static __always_inline void count(__u32 key)
{
	__u64 *value = bpf_map_lookup_elem(&runs, &key);

	if (value)
		__sync_fetch_and_add(value, 1);
}

SEC("raw_tp/sys_enter")
int on_raw_tracepoint(void *ctx)
{
	count(0);
	return 0;
}

SEC("tp_btf/sys_enter")
int on_tp_btf(void *ctx)
{
	count(1);
	return 0;
}

SEC("kprobe.multi/vfs_unlink")
int on_kprobe_multi(void *ctx)
{
	count(2);
	return 0;
}

SEC("kretprobe.multi/vfs_unlink")
int on_kretprobe_multi(void *ctx)
{
	count(15);
	return 0;
}

SEC("uretprobe.multi")
int on_uretprobe_multi(void *ctx)
{
	count(16);
	return 0;
}

SEC("uprobe.multi")
int on_uprobe_multi(void *ctx)
{
	count(3);
	return 0;
}

SEC("cgroup_skb/egress")
int on_cgroup_skb(struct __sk_buff *skb)
{
	count(4);
	return 1;
}

SEC("cgroup/sock_create")
int on_cgroup_sock(struct bpf_sock *sock)
{
	count(5);
	return 1;
}

SEC("cgroup/connect4")
int on_cgroup_sock_addr(struct bpf_sock_addr *address)
{
	count(6);
	return 1;
}

SEC("cgroup/getsockopt")
int on_cgroup_sockopt(struct bpf_sockopt *option)
{
	count(7);
	return 1;
}

SEC("cgroup/dev")
int on_cgroup_device(struct bpf_cgroup_dev_ctx *device)
{
	count(8);
	return 1;
}

SEC("cgroup/sysctl")
int on_cgroup_sysctl(struct bpf_sysctl *sysctl)
{
	count(9);
	return 1;
}

SEC("sockops")
int on_sock_ops(struct bpf_sock_ops *operation)
{
	count(10);
	return 1;
}

SEC("sk_lookup")
int on_sk_lookup(struct bpf_sk_lookup *lookup)
{
	count(11);
	return SK_PASS;
}

SEC("netfilter")
int on_netfilter(void *ctx)
{
	count(12);
	return 1; // NF_ACCEPT
}

SEC("iter/task")
int on_iter(void *ctx)
{
	count(13);
	return 0;
}

SEC("iter/bpf_map_elem")
int on_iter_elements(void *ctx)
{
	count(17);
	return 0;
}

SEC("perf_event")
int on_perf_event(void *ctx)
{
	count(14);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
