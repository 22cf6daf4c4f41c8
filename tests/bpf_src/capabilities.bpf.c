// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Programs named after what they can do, by each way there is to do it.

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/ptrace.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

struct view {
	unsigned char *data, *end;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

static __always_inline struct view view_of(struct xdp_md *ctx)
{
	struct view view = {(void *)(long)ctx->data, (void *)(long)ctx->data_end};

	return view;
}

SEC("xdp")
int reads_packets(struct xdp_md *ctx)
{
	struct view view = view_of(ctx);
	__u32 key = 0;
	__u64 *sum = bpf_map_lookup_elem(&seen, &key);

	if (sum && view.data + ETH_HLEN <= view.end)
		*sum += view.data[3];
	return XDP_PASS;
}

SEC("xdp")
int rewrites_directly(struct xdp_md *ctx)
{
	struct view view = view_of(ctx);

	if (view.data + ETH_HLEN <= view.end)
		view.data[0] = 2;
	return XDP_PASS;
}

SEC("xdp")
int rewrites_through_the_stack(struct xdp_md *ctx)
{
	unsigned char *volatile spilled = (void *)(long)ctx->data;
	unsigned char *data = spilled;

	if (data + ETH_HLEN <= (unsigned char *)(long)ctx->data_end)
		data[0] = 2;
	return XDP_PASS;
}

static __attribute__((noinline)) int overwrite(unsigned char *data, unsigned char *end)
{
	if (data + ETH_HLEN <= end)
		data[5] = 9;
	return data + ETH_HLEN <= end ? XDP_PASS : XDP_TX;
}

SEC("xdp")
int rewrites_in_a_function(struct xdp_md *ctx)
{
	struct view view = view_of(ctx);

	return overwrite(view.data, view.end);
}

static int one_round(__u32 round, struct view *view)
{
	unsigned char *data = view->data;

	if (data + ETH_HLEN > view->end)
		return 1;
	data[1] = 7;
	return 0;
}

SEC("xdp")
int rewrites_in_a_callback(struct xdp_md *ctx)
{
	struct view view = view_of(ctx);

	bpf_loop(3, one_round, &view, 0);
	return XDP_PASS;
}

SEC("tc")
int rewrites_by_a_helper(struct __sk_buff *skb)
{
	__u8 zero = 0;

	bpf_skb_store_bytes(skb, 0, &zero, sizeof(zero), 0);
	return TC_ACT_OK;
}

extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags, struct bpf_dynptr *ptr) __ksym;
extern void *bpf_dynptr_slice_rdwr(const struct bpf_dynptr *ptr, __u32 offset, void *buffer, __u32 size) __ksym;

SEC("tc")
int rewrites_by_a_kernel_function(struct __sk_buff *skb)
{
	struct bpf_dynptr whole;
	__u8 buffer[8], *data;

	if (bpf_dynptr_from_skb(skb, 0, &whole))
		return TC_ACT_OK;
	data = bpf_dynptr_slice_rdwr(&whole, 0, buffer, sizeof(buffer));
	if (data)
		data[0] = 1;
	return TC_ACT_OK;
}

SEC("tc")
int marks_packets(struct __sk_buff *skb)
{
	skb->mark = 7;
	return TC_ACT_UNSPEC;
}

SEC("tc")
int redirects_packets(struct __sk_buff *skb)
{
	return bpf_redirect(skb->ifindex, 0);
}

SEC("xdp")
int drops_some_packets(struct xdp_md *ctx)
{
	return ctx->ingress_ifindex & 1;
}

SEC("xdp")
int drops_by_sending_back(struct xdp_md *ctx)
{
	return XDP_TX;
}

struct task_struct {
	int pid;
};

// A verdict that only the kernel's own types decide: XDP_DROP where there are tasks.
SEC("xdp")
int drops_by_relocation(struct xdp_md *ctx)
{
	return XDP_PASS - bpf_core_type_exists(struct task_struct);
}

extern void bpf_throw(__u64 cookie) __ksym;

SEC("xdp")
int drops_by_throwing(struct xdp_md *ctx)
{
	bpf_throw(XDP_DROP);
	return XDP_PASS;
}

// A packet for another host: the receiver's IP drops it.
SEC("tc")
int drops_by_changing_the_type(struct __sk_buff *skb)
{
	bpf_skb_change_type(skb, 3);
	return TC_ACT_OK;
}

SEC("xdp")
int reads_by_printing(struct xdp_md *ctx)
{
	bpf_printk("%s", (const char *)0xffffffff81000000);
	return XDP_PASS;
}

extern const void _stext __ksym;

SEC("xdp")
int looks_where_the_kernel_is(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 *sum = bpf_map_lookup_elem(&seen, &key);

	if (sum)
		*sum = (__u64)(long)&_stext;
	return XDP_PASS;
}

SEC("cgroup/getsockopt")
int changes_what_is_pointed_to(struct bpf_sockopt *ctx)
{
	unsigned char *value = ctx->optval;

	if (value + 1 <= (unsigned char *)ctx->optval_end)
		value[0] = 0;
	return 1;
}

SEC("cgroup/connect4")
int denies_by_setting_the_result(struct bpf_sock_addr *ctx)
{
	bpf_set_retval(-1);
	return 1;
}

struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} sockets SEC(".maps");

SEC("tc")
int lets_a_socket_go(struct __sk_buff *skb)
{
	__u32 key = 0;

	bpf_map_delete_elem(&sockets, &key);
	return TC_ACT_OK;
}

SEC("kprobe/do_nanosleep")
int writes_user_memory(struct pt_regs *ctx)
{
	__u64 zero = 0;

	bpf_probe_write_user((void *)(long)4096, &zero, sizeof(zero));
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_kill")
int sends_signals(void *ctx)
{
	bpf_send_signal(9);
	return 0;
}

SEC("lsm/file_open")
int denies_operations(void *ctx)
{
	return -1;
}

SEC("cgroup/connect4")
int changes_addresses(struct bpf_sock_addr *ctx)
{
	ctx->user_ip4 = 0x0100007f;
	return 1;
}

char _license[] SEC("license") = "GPL";
