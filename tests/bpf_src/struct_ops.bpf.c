// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// A TCP congestion control that keeps its window where it is, and counts how often it was asked; and an XDP program,
// which is loaded without it.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct sock;

// As much of the kernel's own as is set here; members go by their names.
struct tcp_congestion_ops {
	__u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
	__u32 (*undo_cwnd)(struct sock *sk);
	void (*init)(struct sock *sk);
	char name[16];
};


struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} runs SEC(".maps"); // 0 ssthresh, 1 cong_avoid, 2 undo_cwnd, 3 init

static __always_inline void count(__u32 key)
{
	__u64 *value = bpf_map_lookup_elem(&runs, &key);

	if (value)
		__sync_fetch_and_add(value, 1);
}

SEC("struct_ops/counted_ssthresh")
__u32 BPF_PROG(counted_ssthresh, struct sock *sk)
{
	count(0);
	return 10;
}

SEC("struct_ops/counted_cong_avoid")
void BPF_PROG(counted_cong_avoid, struct sock *sk, __u32 ack, __u32 acked)
{
	count(1);
}

SEC("struct_ops/counted_undo_cwnd")
__u32 BPF_PROG(counted_undo_cwnd, struct sock *sk)
{
	count(2);
	return 10;
}

SEC("struct_ops/counted_init")
void BPF_PROG(counted_init, struct sock *sk)
{
	count(3);
}

SEC("struct_ops/lonely_init")
void BPF_PROG(lonely_init, struct sock *sk)
{
}

SEC("xdp")
int beside(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC(".struct_ops.link")
struct tcp_congestion_ops counted = {
	.ssthresh = (void *)counted_ssthresh,
	.cong_avoid = (void *)counted_cong_avoid,
	.undo_cwnd = (void *)counted_undo_cwnd,
	.init = (void *)counted_init,
	.name = "bpfman_counted",
};

// Lacks what the kernel asks for.
SEC(".struct_ops.link")
struct tcp_congestion_ops lacking = {
	.init = (void *)lonely_init,
	.name = "bpfman_lacking",
};

char _license[] SEC("license") = "Dual BSD/GPL";
