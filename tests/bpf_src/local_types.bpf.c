// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Allocates an object of a type of its own (kernel 6.3): its instructions carry the type's id in this very BTF.
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

struct here { // so that `node` is not the first type of its kind
	__u64 before[3];
};

struct node {
	__u64 runs;
	__u64 bytes;
};

const volatile struct here unused = {};

extern void *bpf_obj_new_impl(__u64 local_type_id, void *meta) __ksym;
extern void bpf_obj_drop_impl(void *object, void *meta) __ksym;

SEC("xdp")
int local_types(struct xdp_md *ctx)
{
	struct node *made = bpf_obj_new_impl(bpf_core_type_id_local(struct node), NULL);

	if (!made)
		return XDP_ABORTED;
	made->bytes = ctx->data_end - ctx->data;
	bpf_obj_drop_impl(made, NULL);
	return unused.before[0] ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
