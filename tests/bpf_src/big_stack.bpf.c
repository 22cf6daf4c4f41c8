// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Uses 496 of the 512 bytes of stack: alone it runs everywhere, in a chain only where the chain's main program
// counts as none.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define STACK_BYTES 496

SEC("xdp")
int big_stack(struct xdp_md *ctx)
{
	__u64 words[STACK_BYTES / sizeof(__u64)];

	words[0] = ctx->data_end - ctx->data;
	// Without its address being taken, the compiler keeps the two words in use and no more.
	asm volatile("" ::"r"(words) : "memory");
	return words[0] > 0xffff ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
