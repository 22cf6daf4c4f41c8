// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Global data of several sizes and sections.  A run copies what it sees into `seen`.
// build: be
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct pair {
	__u16 first;
	__u32 second;
};

// .rodata: frozen after load
const volatile __u8 GLOBAL_u8 = 25;
const volatile __u16 GLOBAL_u16 = 0x1122;
const volatile __u32 GLOBAL_u32 = 0x11223344;
const volatile __u64 GLOBAL_u64 = 0x1122334455667788;
const volatile __u8 GLOBAL_bytes[12] = "hello";
const volatile struct pair GLOBAL_pair = { 1, 2 };

// .data and .bss: can be written while the program runs
volatile __u32 data_u32 = 7;
volatile __u64 bss_u64;

struct seen {
	__u8 u8;
	__u16 u16;
	__u32 u32;
	__u64 u64;
	__u8 bytes[12];
	struct pair pair;
	__u32 data_u32;
	__u64 bss_u64;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct seen);
} seen SEC(".maps");

SEC("xdp")
int globals(struct xdp_md *ctx)
{
	__u32 key = 0;
	struct seen *copy = bpf_map_lookup_elem(&seen, &key);

	if (!copy)
		return XDP_ABORTED;
	copy->u8 = GLOBAL_u8;
	copy->u16 = GLOBAL_u16;
	copy->u32 = GLOBAL_u32;
	copy->u64 = GLOBAL_u64;
	for (int i = 0; i < 12; i++)
		copy->bytes[i] = GLOBAL_bytes[i];
	copy->pair.first = GLOBAL_pair.first;
	copy->pair.second = GLOBAL_pair.second;
	copy->data_u32 = data_u32;
	copy->bss_u64 = ++bss_u64;
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
