// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Calls a function only where a constant that is set at load says so.  Otherwise the kernel drops the function while it
// loads the program, and then has fewer functions than the object: first a static one, then a callback (kernel 5.17).
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define ROUNDS 3

const volatile bool wanted = false;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} dead_code_runs SEC(".maps"); // key 0: the function that may be dead, key 1: rounds of the one that is not

static __always_inline void count(__u32 key)
{
	__u64 *runs = bpf_map_lookup_elem(&dead_code_runs, &key);

	if (runs)
		(*runs)++;
}

static __noinline int maybe_dead(struct xdp_md *ctx)
{
	count(0);
	return ctx->data_end - ctx->data > 0xffff;
}

static int one_round(__u32 index, void *context)
{
	count(1);
	return 0;
}

SEC("xdp")
int dead_code(struct xdp_md *ctx)
{
	if (wanted && maybe_dead(ctx))
		return XDP_DROP;
	bpf_loop(ROUNDS, one_round, &(int){0}, 0);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
