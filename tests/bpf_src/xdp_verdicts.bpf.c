// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// One function for each XDP verdict, one (xdp_chosen) whose verdict is global data set at load.
// Each run is counted in `runs`, whose key is the verdict; keys of 32 and more share key 0.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define DISPATCHER_RETURN 31 // bpfman's pseudo verdict: "go on"
#define UNKNOWN_VERDICT 9    // no verdict of any kernel

const volatile __u32 verdict = XDP_PASS;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 32);
	__type(key, __u32);
	__type(value, __u64);
} runs SEC(".maps");

static __always_inline int count_and_return(__u32 code)
{
	__u32 key = code < 32 ? code : 0;
	__u64 *count = bpf_map_lookup_elem(&runs, &key);

	if (count)
		(*count)++;
	return code;
}

#define RETURNS(name, code)                                                                        \
	SEC("xdp") int name(struct xdp_md *ctx) { return count_and_return(code); }

RETURNS(xdp_aborted, XDP_ABORTED)
RETURNS(xdp_drop, XDP_DROP)
RETURNS(xdp_pass, XDP_PASS)
RETURNS(xdp_tx, XDP_TX)
RETURNS(xdp_redirect, XDP_REDIRECT)
RETURNS(xdp_dispatcher_return, DISPATCHER_RETURN)
RETURNS(xdp_unknown, UNKNOWN_VERDICT)
RETURNS(xdp_chosen, verdict)

char _license[] SEC("license") = "Dual BSD/GPL";
