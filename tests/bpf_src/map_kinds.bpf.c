// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// One map of each common kind, named after it.  The program touches `array` only; the others are there to be
// listed, read and written.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define PLAIN(name, kind)                                                                          \
	struct {                                                                                   \
		__uint(type, kind);                                                                \
		__uint(max_entries, 8);                                                            \
		__type(key, __u32);                                                                \
		__type(value, __u64);                                                              \
	} name SEC(".maps")

PLAIN(array, BPF_MAP_TYPE_ARRAY);
PLAIN(hash, BPF_MAP_TYPE_HASH);
PLAIN(percpu_array, BPF_MAP_TYPE_PERCPU_ARRAY);
PLAIN(percpu_hash, BPF_MAP_TYPE_PERCPU_HASH);
PLAIN(lru_hash, BPF_MAP_TYPE_LRU_HASH);
PLAIN(lru_percpu_hash, BPF_MAP_TYPE_LRU_PERCPU_HASH);

struct prefix {
	__u32 length; // in bits
	__u8 address[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 8);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, __u64);
} lpm_trie SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 8);
	__type(value, __u64);
} queue SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 8);
	__type(value, __u64);
} stack SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024); // a multiple of every page size
} ringbuf SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
} perf_event_array SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u32);
} prog_array SEC(".maps");

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct inner);
} array_of_maps SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct inner);
} hash_of_maps SEC(".maps");

SEC("xdp")
int map_kinds(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 *count = bpf_map_lookup_elem(&array, &key);

	if (count)
		__sync_fetch_and_add(count, 1);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
