// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Proves what a packet met in a chain that is changed under it.  The packets are UDP to PORT, numbered from 0.
//
// `first` opens a note for the packet, each `member` writes itself into it, `last` looks whether the note is right and
// closes it.  A packet that missed the first or the last, that met a member twice or out of order, or that met as many
// members as no chain ever had, shows in the maps.  The note is the processor's: a chain runs to its end on one.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define MEMBERS 512
#define NUMBERS 4096
#define PORT 47110
// Who loads a member writes its number here.  A variable would cost a map, of which a chain can have 64.
#define MEMBER 0x4d454d42

struct note {
	__u64 number;
	__u32 open;
	__u32 met; // members so far
	__u64 priority; // of the latest
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct note);
} notes SEC(".maps");

// The priority that a member has now; written while it is attached nowhere.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MEMBERS);
	__type(key, __u32);
	__type(value, __u64);
} priorities SEC(".maps");

// How many packets each member met.
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MEMBERS);
	__type(key, __u32);
	__type(value, __u64);
} met SEC(".maps");

// How many packets met so many members between the first and the last.
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MEMBERS);
	__type(key, __u32);
	__type(value, __u64);
} lengths SEC(".maps");

struct passes {
	__u32 first;
	__u32 last;
};

// How often each number (modulo NUMBERS) passed the first and the last.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NUMBERS);
	__type(key, __u32);
	__type(value, struct passes);
} passes SEC(".maps");

enum wrong { NEVER_LEFT, NEVER_CAME, OUT_OF_ORDER, OTHER_NUMBER, KINDS_OF_WRONG };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, KINDS_OF_WRONG);
	__type(key, __u32);
	__type(value, __u64);
} wrongs SEC(".maps");

static __always_inline void count(void *map, __u32 key)
{
	__u64 *seen = bpf_map_lookup_elem(map, &key);

	if (seen)
		(*seen)++;
}

static __always_inline struct note *our_note(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&notes, &key);
}

// The packet's number (in the order of bytes of this machine); -1 when it is none of ours.
static __always_inline __s64 number_of(void *data, void *end)
{
	struct ethhdr *ethernet = data;
	struct iphdr *ip = (void *)(ethernet + 1);
	struct udphdr *udp = (void *)(ip + 1);
	__u64 *number = (void *)(udp + 1);

	if ((void *)(number + 1) > end)
		return -1;
	if (ethernet->h_proto != bpf_htons(ETH_P_IP) || ip->protocol != IPPROTO_UDP || udp->dest != bpf_htons(PORT))
		return -1;
	return *number & 0x7fffffffffffffff;
}

static __always_inline void open_note(void *data, void *end)
{
	__s64 number = number_of(data, end);
	__u32 key = (__u64)number % NUMBERS;
	struct note *note = our_note();
	struct passes *seen;

	if (!note)
		return;
	if (note->open)
		count(&wrongs, NEVER_LEFT);
	note->open = number >= 0;
	if (number < 0)
		return;
	note->number = number;
	note->met = 0;
	note->priority = 0;
	seen = bpf_map_lookup_elem(&passes, &key);
	if (seen)
		__sync_fetch_and_add(&seen->first, 1);
}

static __always_inline void write_note(void *data, void *end)
{
	struct note *note = our_note();
	__u32 key = MEMBER;
	__u64 *priority;

	if (!note)
		return;
	if (!note->open) {
		if (number_of(data, end) >= 0)
			count(&wrongs, NEVER_CAME);
		return;
	}
	count(&met, MEMBER);
	note->met++;
	priority = bpf_map_lookup_elem(&priorities, &key);
	if (!priority)
		return;
	if (*priority <= note->priority)
		count(&wrongs, OUT_OF_ORDER);
	note->priority = *priority;
}

static __always_inline void close_note(void *data, void *end)
{
	__s64 number = number_of(data, end);
	__u32 key = (__u64)number % NUMBERS;
	struct note *note = our_note();
	struct passes *seen;

	if (!note)
		return;
	if (!note->open) {
		if (number >= 0)
			count(&wrongs, NEVER_CAME);
		return;
	}
	note->open = 0;
	if (number != note->number)
		count(&wrongs, OTHER_NUMBER);
	count(&lengths, note->met);
	seen = bpf_map_lookup_elem(&passes, &key);
	if (seen)
		__sync_fetch_and_add(&seen->last, 1);
}

#define WHOLE(ctx) (void *)(long)ctx->data, (void *)(long)ctx->data_end

SEC("xdp")
int xdp_first(struct xdp_md *ctx)
{
	open_note(WHOLE(ctx));
	return XDP_PASS;
}

SEC("xdp")
int xdp_member(struct xdp_md *ctx)
{
	write_note(WHOLE(ctx));
	return XDP_PASS;
}

SEC("xdp")
int xdp_last(struct xdp_md *ctx)
{
	close_note(WHOLE(ctx));
	return XDP_PASS;
}

SEC("tc")
int tc_first(struct __sk_buff *ctx)
{
	open_note(WHOLE(ctx));
	return TC_ACT_PIPE;
}

SEC("tc")
int tc_member(struct __sk_buff *ctx)
{
	write_note(WHOLE(ctx));
	return TC_ACT_PIPE;
}

SEC("tc")
int tc_last(struct __sk_buff *ctx)
{
	close_note(WHOLE(ctx));
	return TC_ACT_PIPE;
}

char _license[] SEC("license") = "Dual BSD/GPL";
