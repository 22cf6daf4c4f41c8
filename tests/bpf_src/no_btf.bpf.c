// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Carries no BTF, as objects of some other compilers do.  It calls a function, and has no map: libbpf wants BTF
// for those.
// build: no-btf
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static __noinline int by_length(struct xdp_md *ctx)
{
	return ctx->data_end - ctx->data > 1000 ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int no_btf(struct xdp_md *ctx)
{
	return by_length(ctx);
}

char _license[] SEC("license") = "Dual BSD/GPL";
