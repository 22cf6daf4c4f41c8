// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// One function for each TC verdict, one (tc_chosen) whose verdict is global data set at load.
// Each run is counted in `runs`, whose key is the verdict + 1 (the first verdict is -1).
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#define DISPATCHER_RETURN 30 // bpfman's pseudo verdict: "go on"
#define UNKNOWN_VERDICT 20   // no verdict of any kernel

const volatile __s32 verdict = TC_ACT_PIPE;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 32);
	__type(key, __u32);
	__type(value, __u64);
} runs SEC(".maps");

static __always_inline int count_and_return(__s32 code)
{
	__u32 key = code + 1;
	__u64 *count;

	if (key > 31)
		key = 0;
	count = bpf_map_lookup_elem(&runs, &key);
	if (count)
		(*count)++;
	return code;
}

#define RETURNS(name, code)                                                                        \
	SEC("tc") int name(struct __sk_buff *skb) { return count_and_return(code); }

RETURNS(tc_unspec, TC_ACT_UNSPEC)
RETURNS(tc_ok, TC_ACT_OK)
RETURNS(tc_reclassify, TC_ACT_RECLASSIFY)
RETURNS(tc_shot, TC_ACT_SHOT)
RETURNS(tc_pipe, TC_ACT_PIPE)
RETURNS(tc_stolen, TC_ACT_STOLEN)
RETURNS(tc_queued, TC_ACT_QUEUED)
RETURNS(tc_repeat, TC_ACT_REPEAT)
RETURNS(tc_redirect, TC_ACT_REDIRECT)
RETURNS(tc_trap, TC_ACT_TRAP)
RETURNS(tc_dispatcher_return, DISPATCHER_RETURN)
RETURNS(tc_unknown, UNKNOWN_VERDICT)
RETURNS(tc_chosen, verdict)

char _license[] SEC("license") = "Dual BSD/GPL";
