// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Programs of kinds other than XDP and TC, to be taken for what they are not.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("kprobe/do_unlinkat")
int on_kprobe(void *ctx)
{
	return 0;
}

SEC("kretprobe/do_unlinkat")
int on_kretprobe(void *ctx)
{
	return 0;
}

SEC("uprobe")
int on_uprobe(void *ctx)
{
	return 0;
}

SEC("uretprobe")
int on_uretprobe(void *ctx)
{
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
