// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Operations that no kernel has.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct tcp_congestion_opps {
	void (*init)(void *sk);
};

SEC("struct_ops/unknown_init")
void BPF_PROG(unknown_init, void *sk)
{
}

SEC(".struct_ops.link")
struct tcp_congestion_opps unknown = {
	.init = (void *)unknown_init,
};

char _license[] SEC("license") = "Dual BSD/GPL";
