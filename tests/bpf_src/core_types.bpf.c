// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// What BTF and its relocations can say beyond types: tags, CO-RE relocations of several kinds, static variables, a
// variable in a section of its own, functions that others call.  Only `plain` carries no type id of this object.
// build: be
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define __tag(text) __attribute__((btf_decl_tag(text)))
#define __of(text) __attribute__((btf_type_tag(text)))

struct tagged {
	int number __tag("member");
	int __of("user") *pointer;
} __tag("whole");

struct task_struct {
	int pid;
	int tgid;
} __attribute__((preserve_access_index));

enum verdicts { PASSED, DROPPED };

static volatile __u32 hidden = 3;
static const volatile __u32 limit = 9;
const volatile __u16 port SEC(".rodata.ports") = 443;
volatile struct tagged shown;

static __noinline int helper(__u32 number)
{
	return number > limit ? PASSED : DROPPED;
}

__noinline int shared_helper(struct xdp_md *ctx)
{
	return ctx->rx_queue_index + hidden;
}

SEC("kprobe/do_unlinkat")
int local_type(void *ctx)
{
	return bpf_core_type_id_local(struct tagged);
}

SEC("kprobe/do_unlinkat")
int field(struct task_struct *ctx)
{
	int pid = 0;

	bpf_core_read(&pid, sizeof(pid), &ctx->pid);
	return pid + bpf_core_field_exists(ctx->tgid);
}

SEC("xdp")
int plain(struct xdp_md *ctx)
{
	static volatile __u64 runs;

	runs++;
	shown.number = port;
	return helper(ctx->ingress_ifindex) == PASSED ? XDP_PASS : shared_helper(ctx);
}

char _license[] SEC("license") = "Dual BSD/GPL";
