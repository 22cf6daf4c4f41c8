# SPDX-License-Identifier: Apache-2.0
"""Kernel functions that programs call by name, and what those do that matters to others.

Read by `effects`.  The kernel has no fixed list, and modules bring their own: one that is not here may do anything.
Those are functions that Linux 6.18 tags with `bpf_kfunc`, and some of its modules.  `bpf_throw` is left out on purpose:
what it is given is what the program returns.
"""

from __future__ import annotations

PACKET_SLICES = ("bpf_dynptr_slice_rdwr",)  # gives a pointer into a packet which may be written through
PACKET_DYNPTRS = frozenset(("bpf_dynptr_from_skb", "bpf_dynptr_from_skb_meta", "bpf_dynptr_from_xdp"))
# What writes into memory that is named by a dynptr; the first is a helper.
DYNPTR_WRITES = frozenset(
    (
        "dynptr_write bpf_dynptr_copy bpf_dynptr_memset bpf_crypto_decrypt bpf_crypto_encrypt "
        "bpf_copy_from_user_dynptr bpf_copy_from_user_str_dynptr bpf_copy_from_user_task_dynptr "
        "bpf_copy_from_user_task_str_dynptr bpf_probe_read_kernel_dynptr bpf_probe_read_kernel_str_dynptr "
        "bpf_probe_read_user_dynptr bpf_probe_read_user_str_dynptr"
    ).split()
)

_PLAIN = (
    "bpf_arena_alloc_pages bpf_arena_free_pages bpf_arena_reserve_pages bpf_cpumask_acquire bpf_cpumask_and "
    "bpf_cpumask_any bpf_cpumask_any_and bpf_cpumask_any_and_distribute bpf_cpumask_any_distribute bpf_cpumask_clear "
    "bpf_cpumask_clear_cpu bpf_cpumask_copy bpf_cpumask_create bpf_cpumask_empty bpf_cpumask_equal bpf_cpumask_first "
    "bpf_cpumask_first_and bpf_cpumask_first_zero bpf_cpumask_full bpf_cpumask_intersects bpf_cpumask_or "
    "bpf_cpumask_populate bpf_cpumask_release bpf_cpumask_set_cpu bpf_cpumask_setall bpf_cpumask_subset "
    "bpf_cpumask_test_and_clear_cpu bpf_cpumask_test_and_set_cpu bpf_cpumask_test_cpu bpf_cpumask_weight "
    "bpf_cpumask_xor bpf_crypto_ctx_acquire bpf_crypto_ctx_create bpf_crypto_ctx_release bpf_crypto_decrypt "
    "bpf_crypto_encrypt bpf_ct_release bpf_dynptr_adjust bpf_dynptr_clone bpf_dynptr_copy bpf_dynptr_from_skb "
    "bpf_dynptr_from_skb_meta bpf_dynptr_from_xdp bpf_dynptr_is_null bpf_dynptr_is_rdonly bpf_dynptr_memset "
    "bpf_dynptr_size bpf_dynptr_slice bpf_iter_bits_destroy bpf_iter_bits_new bpf_iter_bits_next bpf_iter_num_destroy "
    "bpf_iter_num_new bpf_iter_num_next bpf_key_put bpf_list_back bpf_list_front bpf_list_pop_back bpf_list_pop_front "
    "bpf_list_push_back_impl bpf_list_push_front_impl bpf_local_irq_restore bpf_local_irq_save bpf_lookup_system_key "
    "bpf_lookup_user_key bpf_map_sum_elem_count bpf_obj_drop_impl bpf_obj_new_impl bpf_percpu_obj_drop_impl "
    "bpf_percpu_obj_new_impl bpf_preempt_disable bpf_preempt_enable bpf_put_file bpf_rbtree_add_impl bpf_rbtree_first "
    "bpf_rbtree_left bpf_rbtree_remove bpf_rbtree_right bpf_rbtree_root bpf_rcu_read_lock bpf_rcu_read_unlock "
    "bpf_refcount_acquire_impl bpf_res_spin_lock bpf_res_spin_lock_irqsave bpf_res_spin_unlock "
    "bpf_res_spin_unlock_irqrestore bpf_session_cookie bpf_session_is_return bpf_task_release bpf_cgroup_release "
    "bpf_verify_pkcs7_signature bpf_wq_init bpf_wq_set_callback_impl bpf_wq_start bpf_xdp_metadata_rx_hash "
    "bpf_xdp_metadata_rx_timestamp bpf_xdp_metadata_rx_vlan_tag bpf_xdp_pull_data bpf_xdp_xfrm_state_release"
)

_EFFECTS = {
    "rewrite-packets": "bpf_dynptr_slice_rdwr bpf_ct_set_nat_info bpf_skb_set_fou_encap",
    "redirect-packets": (
        "bpf_ct_set_nat_info bpf_sk_assign_tcp_reqsk bpf_skb_set_fou_encap bpf_skb_set_xfrm_info"
    ),
    "mark-packets": (
        "bpf_ct_change_status bpf_ct_change_timeout bpf_ct_insert_entry bpf_ct_set_nat_info bpf_ct_set_status "
        "bpf_ct_set_timeout bpf_skb_ct_alloc bpf_xdp_ct_alloc"
    ),
    "change-results": "bpf_remove_dentry_xattr bpf_set_dentry_xattr bpf_sock_addr_set_sun_path",
    "change-sockets": "bpf_sock_destroy bpf_sock_ops_enable_tx_tstamp",
    "read-kernel-memory": (
        "bpf_cast_to_kern_ctx bpf_cgroup_acquire bpf_cgroup_ancestor bpf_cgroup_from_id bpf_cgroup_read_xattr "
        "bpf_get_dentry_xattr bpf_get_file_xattr bpf_get_fsverity_digest bpf_get_kmem_cache bpf_get_task_exe_file "
        "bpf_iter_css_destroy bpf_iter_css_new bpf_iter_css_next bpf_iter_css_task_destroy bpf_iter_css_task_new "
        "bpf_iter_css_task_next bpf_iter_dmabuf_destroy bpf_iter_dmabuf_new bpf_iter_dmabuf_next "
        "bpf_iter_kmem_cache_destroy bpf_iter_kmem_cache_new bpf_iter_kmem_cache_next bpf_iter_task_destroy "
        "bpf_iter_task_new bpf_iter_task_next bpf_iter_task_vma_destroy bpf_iter_task_vma_new bpf_iter_task_vma_next "
        "bpf_path_d_path bpf_probe_read_kernel_dynptr bpf_probe_read_kernel_str_dynptr bpf_rdonly_cast "
        "bpf_skb_ct_lookup bpf_skb_get_fou_encap bpf_skb_get_xfrm_info bpf_strcasecmp bpf_strchr bpf_strchrnul "
        "bpf_strcmp bpf_strcspn bpf_stream_vprintk_impl bpf_strlen bpf_strnchr bpf_strnlen bpf_strnstr bpf_strrchr "
        "bpf_strspn bpf_strstr bpf_task_acquire bpf_task_from_pid bpf_task_from_vpid bpf_task_get_cgroup1 "
        "bpf_task_under_cgroup bpf_xdp_ct_lookup bpf_xdp_get_xfrm_state"
    ),
    "read-user-memory": (
        "bpf_copy_from_user_dynptr bpf_copy_from_user_str bpf_copy_from_user_str_dynptr bpf_copy_from_user_task_dynptr "
        "bpf_copy_from_user_task_str bpf_copy_from_user_task_str_dynptr bpf_probe_read_user_dynptr "
        "bpf_probe_read_user_str_dynptr bpf_stream_vprintk_impl"
    ),
    "send-signals": "bpf_send_signal_task",
    "report-events": "bpf_stream_vprintk_impl",
}  # fmt: skip

_BY_WORD = {effect: frozenset(names.split()) for effect, names in _EFFECTS.items()}
_KNOWN = frozenset(_PLAIN.split()).union(*_BY_WORD.values())


def are_known(names: frozenset[str]) -> bool:
    """Whether it is known of all of them what they do."""
    return names <= _KNOWN


def effects_of_kernel_functions(names: frozenset[str]) -> set[str]:
    """The words for what these do, as far as they are known."""
    return {effect for effect, functions in _BY_WORD.items() if names & functions}
