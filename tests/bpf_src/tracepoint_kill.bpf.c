// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Counts kill(2) calls of one process (`pid`), or of all while that is 0, and keeps the last signal.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 pid = 0;

// /sys/kernel/tracing/events/syscalls/sys_enter_kill/format
struct sys_enter_kill {
	__u64 common;
	__s64 syscall_number;
	__s64 target;
	__s64 signal;
};

struct kills {
	__u64 calls;
	__s64 last_signal;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct kills);
} tracepoint_stats_map SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_kill")
int tracepoint_kill(struct sys_enter_kill *ctx)
{
	__u32 key = 0;
	struct kills *kills;

	if (pid && bpf_get_current_pid_tgid() >> 32 != pid)
		return 0;
	kills = bpf_map_lookup_elem(&tracepoint_stats_map, &key);
	if (kills) {
		__sync_fetch_and_add(&kills->calls, 1);
		kills->last_signal = ctx->signal;
	}
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
