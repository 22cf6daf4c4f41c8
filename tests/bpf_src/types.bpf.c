// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// A map whose key and value have each kind of type that BTF can describe.  A run writes one entry of known values.
// build: be
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

enum colour { RED, GREEN = 5, BLUE = -1 };
enum unsigned_colour { VIOLET = 0xfffffff0u };
typedef __u32 address_t;
typedef address_t host_t;
struct opaque; // declared, never defined
typedef int (*callback_t)(int number, struct opaque *what);

struct point {
	__s16 x;
	__s16 y;
};

struct flags {
	__u32 low : 3;
	__s32 negative : 5;
	__u32 crosses : 20;
	__u64 wide : 40;
	bool yes : 1;
};

struct types_key {
	host_t host;
	__u16 port;
	__u8 protocol;
};

struct types_value {
	__u8 u8;
	__s8 s8;
	__u16 u16;
	__s16 s16;
	__u32 u32;
	__s32 s32;
	__u64 u64;
	__s64 s64;
	unsigned __int128 u128;
	bool yes;
	char letter;
	char name[16];
	__u8 bytes[6];
	enum colour colour;
	enum unsigned_colour unsigned_colour;
	struct point point;
	struct point points[3];
	__u32 grid[2][3];
	union {
		__u32 as_number;
		__u8 as_bytes[4];
	} either;
	struct {
		__u16 inner;
		union {
			__u16 left;
			__u16 right;
		};
	};
	struct flags flags;
	const volatile __u32 qualified;
	void *pointer;
	struct opaque *unknown;
	callback_t callback;
	struct {
	} empty;
	__u32 none[0];
	double floating;
	float single;
	host_t host;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, struct types_key);
	__type(value, struct types_value);
} types SEC(".maps");

// Copied whole: the kernel's verifier knows neither bit fields nor 128-bit numbers, the compiler lays them out here.
static const struct types_value known = {
	.u8 = 200,
	.s8 = -100,
	.u16 = 60000,
	.s16 = -30000,
	.u32 = 4000000000u,
	.s32 = -2000000000,
	.u64 = 18000000000000000000u,
	.s64 = -9000000000000000000,
	.u128 = ((unsigned __int128)1 << 100) + 1,
	.yes = true,
	.letter = 'x',
	.name = "bpfman",
	.bytes = { 1, 2, 3, 4, 5, 6 },
	.colour = BLUE,
	.unsigned_colour = VIOLET,
	.point = { -1, 2 },
	.points = { { 1, 2 }, { 3, 4 }, { 5, 6 } },
	.grid = { { 1, 2, 3 }, { 4, 5, 6 } },
	.either.as_number = 0x01020304,
	.inner = 7,
	.left = 8,
	.flags = { .low = 5, .negative = -7, .crosses = 0xabcde, .wide = 0x1234567890, .yes = true },
	.qualified = 99,
	.floating = 1.5,
	.single = -0.25,
	.host = 0x0a000001,
};

SEC("xdp")
int types_run(struct xdp_md *ctx)
{
	struct types_key key = { .host = 0x0a000001, .port = 443, .protocol = 6 };

	bpf_map_update_elem(&types, &key, &known, BPF_ANY);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
