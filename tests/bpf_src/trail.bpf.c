// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Shows in which order programs ran: each appends its `member` number to a trail that all share.
// Load it several times, later loads with the first one's maps, each with a number and a verdict of its own.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define TRAIL_LENGTH 512

const volatile __u32 member = 0;
const volatile __s32 verdict = 0;

struct trail {
	__u32 length; // runs so far; may be more than fit
	__u32 members[TRAIL_LENGTH];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct trail);
} trail SEC(".maps");

static __always_inline int append(void)
{
	__u32 key = 0, at;
	struct trail *seen = bpf_map_lookup_elem(&trail, &key);

	if (seen) {
		at = seen->length++;
		if (at < TRAIL_LENGTH)
			seen->members[at] = member;
	}
	return verdict;
}

SEC("xdp")
int xdp_trail(struct xdp_md *ctx)
{
	return append();
}

SEC("tc")
int tc_trail(struct __sk_buff *skb)
{
	return append();
}

char _license[] SEC("license") = "Dual BSD/GPL";
