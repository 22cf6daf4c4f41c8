// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Counts how often a marker is passed; the second program also keeps what libbpf's usdt.bpf.h says of its arguments.
#define __TARGET_ARCH_x86
#define __VMLINUX_H__ // the kernel's own struct pt_regs, which a kernel without attach cookies would be asked for
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/usdt.bpf.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} runs SEC(".maps"); // 0 on_marker, 1 on_arguments

struct seen {
	long arguments[4];
	long results[4]; // of asking for them
	long count;
	long cookie;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct seen);
} seen SEC(".maps");

static __always_inline void count(__u32 key)
{
	__u64 *value = bpf_map_lookup_elem(&runs, &key);

	if (value)
		__sync_fetch_and_add(value, 1);
}

SEC("usdt")
int on_marker(void *ctx)
{
	count(0);
	return 0;
}

SEC("usdt/marked:demo:watched")
int on_arguments(struct pt_regs *ctx)
{
	__u32 key = 0;
	struct seen *found = bpf_map_lookup_elem(&seen, &key);

	count(1);
	if (!found)
		return 0;
#pragma clang loop unroll(full)
	for (int i = 0; i < 4; i++)
		found->results[i] = bpf_usdt_arg(ctx, i, &found->arguments[i]);
	found->count = bpf_usdt_arg_cnt(ctx);
	found->cookie = bpf_usdt_cookie(ctx);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
