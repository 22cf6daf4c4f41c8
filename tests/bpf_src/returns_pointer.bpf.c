// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Returns a pointer, which the kernel allows a program and a static function, but no global one.  What reaches the hook
// is half of the pointer, and so no known verdict.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
long returns_pointer(struct xdp_md *ctx)
{
	return (long)ctx;
}

char _license[] SEC("license") = "Dual BSD/GPL";
