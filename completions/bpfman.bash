# SPDX-License-Identifier: Apache-2.0
# Bash completion for bpfman, generated from its commands: source it, or put it into
# /usr/share/bash-completion/completions/bpfman.

# The commands below a group.
_bpfman_commands() {
    case "$1" in
    "") echo "program link chain map image audit doctor version" ;;
    "program") echo "load unload get list" ;;
    "program load") echo "file image" ;;
    "link") echo "attach detach get list" ;;
    "link attach") echo "xdp tc tcx netkit tracepoint kprobe uprobe fentry fexit lsm raw_tracepoint tp_btf kprobe.multi uprobe.multi usdt cgroup sk_lookup netfilter perf_event struct_ops iter" ;;
    "chain") echo "list get account" ;;
    "chain account") echo "on off show" ;;
    "map") echo "list dump get set delete watch" ;;
    "image") echo "pull list remove prune verify inspect copy build sign update-trusted-root generate-key-pair generate-build-args" ;;
    "audit") echo "log" ;;
    esac
}

# The flags of a command.
_bpfman_flags() {
    case "$1" in
    "doctor") echo "--repair --dry-run --output" ;;
    "program unload") echo "--ignore-missing --dry-run" ;;
    "program get") echo "--output" ;;
    "program list") echo "--quiet --attached --unattached --type --program-type --application --metadata-selector --selector --all --output" ;;
    "program load file") echo "--programs --metadata --global --application --map-owner-id --dry-run --output" ;;
    "program load image") echo "--programs --metadata --global --application --map-owner-id --pull-policy --registry-auth --dry-run --output" ;;
    "link detach") echo "--ignore-missing --dry-run" ;;
    "link get") echo "--output" ;;
    "link list") echo "--quiet --program-id --kind --program-type --application --metadata-selector --output" ;;
    "link attach xdp") echo "--priority --proceed-on --mode --netns --metadata --dry-run --output" ;;
    "link attach tc") echo "--priority --proceed-on --netns --metadata --dry-run --output" ;;
    "link attach tcx") echo "--priority --netns --metadata --dry-run --output" ;;
    "link attach netkit") echo "--priority --netns --metadata --dry-run --output" ;;
    "link attach tracepoint") echo "--metadata --dry-run --output" ;;
    "link attach kprobe") echo "--offset --metadata --dry-run --output" ;;
    "link attach uprobe") echo "--fn-name --offset --pid --container-pid --metadata --dry-run --output" ;;
    "link attach fentry") echo "--metadata --dry-run --output" ;;
    "link attach fexit") echo "--metadata --dry-run --output" ;;
    "link attach lsm") echo "--metadata --dry-run --output" ;;
    "link attach raw_tracepoint") echo "--metadata --dry-run --output" ;;
    "link attach tp_btf") echo "--metadata --dry-run --output" ;;
    "link attach kprobe.multi") echo "--metadata --dry-run --output" ;;
    "link attach uprobe.multi") echo "--pid --container-pid --metadata --dry-run --output" ;;
    "link attach usdt") echo "--pid --cookie --container-pid --metadata --dry-run --output" ;;
    "link attach cgroup") echo "--metadata --dry-run --output" ;;
    "link attach sk_lookup") echo "--netns --metadata --dry-run --output" ;;
    "link attach netfilter") echo "--priority --defragment --netns --metadata --dry-run --output" ;;
    "link attach perf_event") echo "--frequency --period --pid --metadata --dry-run --output" ;;
    "link attach struct_ops") echo "--metadata --dry-run --output" ;;
    "link attach iter") echo "--map-id --metadata --dry-run --output" ;;
    "chain list") echo "--output" ;;
    "chain get") echo "--netns --output" ;;
    "chain account on") echo "--netns --dry-run" ;;
    "chain account off") echo "--netns --dry-run" ;;
    "chain account show") echo "--netns --output" ;;
    "map list") echo "--quiet --output" ;;
    "map dump") echo "--program --total --output" ;;
    "map get") echo "--program --total --output" ;;
    "map set") echo "--program --dry-run" ;;
    "map delete") echo "--program --dry-run" ;;
    "map watch") echo "--interval --program --total --output" ;;
    "image pull") echo "--pull-policy --registry-auth --image-url --output" ;;
    "image list") echo "--quiet --output" ;;
    "image remove") echo "--ignore-missing" ;;
    "image prune") echo "--older-than --max-size --all --output" ;;
    "image verify") echo "--allow-unsigned --key --certificate-identity --certificate-identity-regexp --certificate-oidc-issuer --certificate-oidc-issuer-regexp --trusted-root --pull-policy --registry-auth --output" ;;
    "image inspect") echo "--pull-policy --registry-auth --output" ;;
    "image copy") echo "--no-referrers --source-auth --target-auth --output" ;;
    "image build") echo "--cilium-ebpf-project --source --revision --license --annotation --sbom --registry-auth" ;;
    "image sign") echo "--key --recursive --annotation --layout --name --registry-auth --output" ;;
    "image update-trusted-root") echo "--mirror --root" ;;
    "image generate-build-args") echo "--cilium-ebpf-project --output" ;;
    "audit log") echo "--since --until --verdict --image --follow --output" ;;
    esac
    echo "--config --log --runtime-dir --image-cache-dir --lock-timeout --help"
}

# What a flag's value is; nothing for a flag without one.
_bpfman_flag_value() {
    case "$1 $2" in
    "doctor --output") echo "words:text json" ;;
    "doctor -o") echo "words:text json" ;;
    "program get --output") echo "words:text json" ;;
    "program get -o") echo "words:text json" ;;
    "program list --type") echo "words:xdp tc tcx tracepoint kprobe kretprobe uprobe uretprobe fentry fexit lsm raw_tracepoint tp_btf kprobe.multi kretprobe.multi uprobe.multi uretprobe.multi usdt cgroup_skb cgroup_sock cgroup_sock_addr cgroup_sockopt cgroup_device cgroup_sysctl sock_ops sk_lookup netkit netfilter perf_event iter struct_ops" ;;
    "program list --program-type") echo "words:xdp tc tcx tracepoint kprobe kretprobe uprobe uretprobe fentry fexit lsm raw_tracepoint tp_btf kprobe.multi kretprobe.multi uprobe.multi uretprobe.multi usdt cgroup_skb cgroup_sock cgroup_sock_addr cgroup_sockopt cgroup_device cgroup_sysctl sock_ops sk_lookup netkit netfilter perf_event iter struct_ops" ;;
    "program list -p") echo "words:xdp tc tcx tracepoint kprobe kretprobe uprobe uretprobe fentry fexit lsm raw_tracepoint tp_btf kprobe.multi kretprobe.multi uprobe.multi uretprobe.multi usdt cgroup_skb cgroup_sock cgroup_sock_addr cgroup_sockopt cgroup_device cgroup_sysctl sock_ops sk_lookup netkit netfilter perf_event iter struct_ops" ;;
    "program list --application") echo "any" ;;
    "program list --metadata-selector") echo "any" ;;
    "program list -m") echo "any" ;;
    "program list --selector") echo "any" ;;
    "program list -l") echo "any" ;;
    "program list --output") echo "words:text json" ;;
    "program list -o") echo "words:text json" ;;
    "program load file --programs") echo "any" ;;
    "program load file --metadata") echo "any" ;;
    "program load file -m") echo "any" ;;
    "program load file --global") echo "any" ;;
    "program load file -g") echo "any" ;;
    "program load file --application") echo "any" ;;
    "program load file -a") echo "any" ;;
    "program load file --map-owner-id") echo "program-ids" ;;
    "program load file --output") echo "words:text json" ;;
    "program load file -o") echo "words:text json" ;;
    "program load image --programs") echo "any" ;;
    "program load image --metadata") echo "any" ;;
    "program load image -m") echo "any" ;;
    "program load image --global") echo "any" ;;
    "program load image -g") echo "any" ;;
    "program load image --application") echo "any" ;;
    "program load image -a") echo "any" ;;
    "program load image --map-owner-id") echo "program-ids" ;;
    "program load image --pull-policy") echo "any" ;;
    "program load image -p") echo "any" ;;
    "program load image --registry-auth") echo "any" ;;
    "program load image --output") echo "words:text json" ;;
    "program load image -o") echo "words:text json" ;;
    "link get --output") echo "words:text json" ;;
    "link get -o") echo "words:text json" ;;
    "link list --program-id") echo "program-ids" ;;
    "link list --kind") echo "words:xdp tc tcx tracepoint kprobe kretprobe uprobe uretprobe fentry fexit lsm raw_tracepoint tp_btf kprobe.multi kretprobe.multi uprobe.multi uretprobe.multi usdt cgroup_skb cgroup_sock cgroup_sock_addr cgroup_sockopt cgroup_device cgroup_sysctl sock_ops sk_lookup netkit netfilter perf_event iter struct_ops" ;;
    "link list --program-type") echo "words:xdp tc tcx tracepoint kprobe kretprobe uprobe uretprobe fentry fexit lsm raw_tracepoint tp_btf kprobe.multi kretprobe.multi uprobe.multi uretprobe.multi usdt cgroup_skb cgroup_sock cgroup_sock_addr cgroup_sockopt cgroup_device cgroup_sysctl sock_ops sk_lookup netkit netfilter perf_event iter struct_ops" ;;
    "link list -p") echo "words:xdp tc tcx tracepoint kprobe kretprobe uprobe uretprobe fentry fexit lsm raw_tracepoint tp_btf kprobe.multi kretprobe.multi uprobe.multi uretprobe.multi usdt cgroup_skb cgroup_sock cgroup_sock_addr cgroup_sockopt cgroup_device cgroup_sysctl sock_ops sk_lookup netkit netfilter perf_event iter struct_ops" ;;
    "link list --application") echo "any" ;;
    "link list --metadata-selector") echo "any" ;;
    "link list -m") echo "any" ;;
    "link list --output") echo "words:text json" ;;
    "link list -o") echo "words:text json" ;;
    "link attach xdp --priority") echo "any" ;;
    "link attach xdp -p") echo "any" ;;
    "link attach xdp --proceed-on") echo "words:aborted drop pass tx redirect dispatcher_return" ;;
    "link attach xdp --mode") echo "words:auto native generic offload" ;;
    "link attach xdp --netns") echo "file" ;;
    "link attach xdp -n") echo "file" ;;
    "link attach xdp --metadata") echo "any" ;;
    "link attach xdp -m") echo "any" ;;
    "link attach xdp --output") echo "words:text json" ;;
    "link attach xdp -o") echo "words:text json" ;;
    "link attach tc --priority") echo "any" ;;
    "link attach tc -p") echo "any" ;;
    "link attach tc --proceed-on") echo "words:unspec ok reclassify shot pipe stolen queued repeat redirect trap dispatcher_return" ;;
    "link attach tc --netns") echo "file" ;;
    "link attach tc -n") echo "file" ;;
    "link attach tc --metadata") echo "any" ;;
    "link attach tc -m") echo "any" ;;
    "link attach tc --output") echo "words:text json" ;;
    "link attach tc -o") echo "words:text json" ;;
    "link attach tcx --priority") echo "any" ;;
    "link attach tcx -p") echo "any" ;;
    "link attach tcx --netns") echo "file" ;;
    "link attach tcx -n") echo "file" ;;
    "link attach tcx --metadata") echo "any" ;;
    "link attach tcx -m") echo "any" ;;
    "link attach tcx --output") echo "words:text json" ;;
    "link attach tcx -o") echo "words:text json" ;;
    "link attach netkit --priority") echo "any" ;;
    "link attach netkit -p") echo "any" ;;
    "link attach netkit --netns") echo "file" ;;
    "link attach netkit -n") echo "file" ;;
    "link attach netkit --metadata") echo "any" ;;
    "link attach netkit -m") echo "any" ;;
    "link attach netkit --output") echo "words:text json" ;;
    "link attach netkit -o") echo "words:text json" ;;
    "link attach tracepoint --metadata") echo "any" ;;
    "link attach tracepoint -m") echo "any" ;;
    "link attach tracepoint --output") echo "words:text json" ;;
    "link attach tracepoint -o") echo "words:text json" ;;
    "link attach kprobe --offset") echo "any" ;;
    "link attach kprobe --metadata") echo "any" ;;
    "link attach kprobe -m") echo "any" ;;
    "link attach kprobe --output") echo "words:text json" ;;
    "link attach kprobe -o") echo "words:text json" ;;
    "link attach uprobe --fn-name") echo "any" ;;
    "link attach uprobe -f") echo "any" ;;
    "link attach uprobe --offset") echo "any" ;;
    "link attach uprobe --pid") echo "any" ;;
    "link attach uprobe --container-pid") echo "any" ;;
    "link attach uprobe --metadata") echo "any" ;;
    "link attach uprobe -m") echo "any" ;;
    "link attach uprobe --output") echo "words:text json" ;;
    "link attach uprobe -o") echo "words:text json" ;;
    "link attach fentry --metadata") echo "any" ;;
    "link attach fentry -m") echo "any" ;;
    "link attach fentry --output") echo "words:text json" ;;
    "link attach fentry -o") echo "words:text json" ;;
    "link attach fexit --metadata") echo "any" ;;
    "link attach fexit -m") echo "any" ;;
    "link attach fexit --output") echo "words:text json" ;;
    "link attach fexit -o") echo "words:text json" ;;
    "link attach lsm --metadata") echo "any" ;;
    "link attach lsm -m") echo "any" ;;
    "link attach lsm --output") echo "words:text json" ;;
    "link attach lsm -o") echo "words:text json" ;;
    "link attach raw_tracepoint --metadata") echo "any" ;;
    "link attach raw_tracepoint -m") echo "any" ;;
    "link attach raw_tracepoint --output") echo "words:text json" ;;
    "link attach raw_tracepoint -o") echo "words:text json" ;;
    "link attach tp_btf --metadata") echo "any" ;;
    "link attach tp_btf -m") echo "any" ;;
    "link attach tp_btf --output") echo "words:text json" ;;
    "link attach tp_btf -o") echo "words:text json" ;;
    "link attach kprobe.multi --metadata") echo "any" ;;
    "link attach kprobe.multi -m") echo "any" ;;
    "link attach kprobe.multi --output") echo "words:text json" ;;
    "link attach kprobe.multi -o") echo "words:text json" ;;
    "link attach uprobe.multi --pid") echo "any" ;;
    "link attach uprobe.multi --container-pid") echo "any" ;;
    "link attach uprobe.multi --metadata") echo "any" ;;
    "link attach uprobe.multi -m") echo "any" ;;
    "link attach uprobe.multi --output") echo "words:text json" ;;
    "link attach uprobe.multi -o") echo "words:text json" ;;
    "link attach usdt --pid") echo "any" ;;
    "link attach usdt --cookie") echo "any" ;;
    "link attach usdt --container-pid") echo "any" ;;
    "link attach usdt --metadata") echo "any" ;;
    "link attach usdt -m") echo "any" ;;
    "link attach usdt --output") echo "words:text json" ;;
    "link attach usdt -o") echo "words:text json" ;;
    "link attach cgroup --metadata") echo "any" ;;
    "link attach cgroup -m") echo "any" ;;
    "link attach cgroup --output") echo "words:text json" ;;
    "link attach cgroup -o") echo "words:text json" ;;
    "link attach sk_lookup --netns") echo "file" ;;
    "link attach sk_lookup -n") echo "file" ;;
    "link attach sk_lookup --metadata") echo "any" ;;
    "link attach sk_lookup -m") echo "any" ;;
    "link attach sk_lookup --output") echo "words:text json" ;;
    "link attach sk_lookup -o") echo "words:text json" ;;
    "link attach netfilter --priority") echo "any" ;;
    "link attach netfilter -p") echo "any" ;;
    "link attach netfilter --netns") echo "file" ;;
    "link attach netfilter -n") echo "file" ;;
    "link attach netfilter --metadata") echo "any" ;;
    "link attach netfilter -m") echo "any" ;;
    "link attach netfilter --output") echo "words:text json" ;;
    "link attach netfilter -o") echo "words:text json" ;;
    "link attach perf_event --frequency") echo "any" ;;
    "link attach perf_event --period") echo "any" ;;
    "link attach perf_event --pid") echo "any" ;;
    "link attach perf_event --metadata") echo "any" ;;
    "link attach perf_event -m") echo "any" ;;
    "link attach perf_event --output") echo "words:text json" ;;
    "link attach perf_event -o") echo "words:text json" ;;
    "link attach struct_ops --metadata") echo "any" ;;
    "link attach struct_ops -m") echo "any" ;;
    "link attach struct_ops --output") echo "words:text json" ;;
    "link attach struct_ops -o") echo "words:text json" ;;
    "link attach iter --map-id") echo "any" ;;
    "link attach iter --metadata") echo "any" ;;
    "link attach iter -m") echo "any" ;;
    "link attach iter --output") echo "words:text json" ;;
    "link attach iter -o") echo "words:text json" ;;
    "chain list --output") echo "words:text json" ;;
    "chain list -o") echo "words:text json" ;;
    "chain get --netns") echo "file" ;;
    "chain get -n") echo "file" ;;
    "chain get --output") echo "words:text json" ;;
    "chain get -o") echo "words:text json" ;;
    "chain account on --netns") echo "file" ;;
    "chain account on -n") echo "file" ;;
    "chain account off --netns") echo "file" ;;
    "chain account off -n") echo "file" ;;
    "chain account show --netns") echo "file" ;;
    "chain account show -n") echo "file" ;;
    "chain account show --output") echo "words:text json" ;;
    "chain account show -o") echo "words:text json" ;;
    "map list --output") echo "words:text json" ;;
    "map list -o") echo "words:text json" ;;
    "map dump --program") echo "program-ids" ;;
    "map dump -p") echo "program-ids" ;;
    "map dump --output") echo "words:text json" ;;
    "map dump -o") echo "words:text json" ;;
    "map get --program") echo "program-ids" ;;
    "map get -p") echo "program-ids" ;;
    "map get --output") echo "words:text json" ;;
    "map get -o") echo "words:text json" ;;
    "map set --program") echo "program-ids" ;;
    "map set -p") echo "program-ids" ;;
    "map delete --program") echo "program-ids" ;;
    "map delete -p") echo "program-ids" ;;
    "map watch --interval") echo "any" ;;
    "map watch -i") echo "any" ;;
    "map watch --program") echo "program-ids" ;;
    "map watch -p") echo "program-ids" ;;
    "map watch --output") echo "words:text json" ;;
    "map watch -o") echo "words:text json" ;;
    "image pull --pull-policy") echo "any" ;;
    "image pull -p") echo "any" ;;
    "image pull --registry-auth") echo "any" ;;
    "image pull -r") echo "any" ;;
    "image pull --image-url") echo "images" ;;
    "image pull -i") echo "images" ;;
    "image pull --output") echo "words:text json" ;;
    "image pull -o") echo "words:text json" ;;
    "image list --output") echo "words:text json" ;;
    "image list -o") echo "words:text json" ;;
    "image prune --older-than") echo "any" ;;
    "image prune --max-size") echo "any" ;;
    "image prune --output") echo "words:text json" ;;
    "image prune -o") echo "words:text json" ;;
    "image verify --key") echo "file" ;;
    "image verify --certificate-identity") echo "any" ;;
    "image verify --certificate-identity-regexp") echo "any" ;;
    "image verify --certificate-oidc-issuer") echo "any" ;;
    "image verify --certificate-oidc-issuer-regexp") echo "any" ;;
    "image verify --trusted-root") echo "file" ;;
    "image verify --pull-policy") echo "any" ;;
    "image verify -p") echo "any" ;;
    "image verify --registry-auth") echo "any" ;;
    "image verify --output") echo "words:text json" ;;
    "image verify -o") echo "words:text json" ;;
    "image inspect --pull-policy") echo "any" ;;
    "image inspect -p") echo "any" ;;
    "image inspect --registry-auth") echo "any" ;;
    "image inspect --output") echo "words:json" ;;
    "image inspect -o") echo "words:json" ;;
    "image copy --source-auth") echo "any" ;;
    "image copy --target-auth") echo "any" ;;
    "image copy --output") echo "words:text json" ;;
    "image copy -o") echo "words:text json" ;;
    "image build --cilium-ebpf-project") echo "directory" ;;
    "image build -c") echo "directory" ;;
    "image build --source") echo "any" ;;
    "image build --revision") echo "any" ;;
    "image build --license") echo "any" ;;
    "image build --annotation") echo "any" ;;
    "image build --registry-auth") echo "any" ;;
    "image sign --key") echo "file" ;;
    "image sign --annotation") echo "any" ;;
    "image sign -a") echo "any" ;;
    "image sign --layout") echo "words:bundle tag" ;;
    "image sign --name") echo "any" ;;
    "image sign --registry-auth") echo "any" ;;
    "image sign --output") echo "words:text json" ;;
    "image sign -o") echo "words:text json" ;;
    "image update-trusted-root --mirror") echo "any" ;;
    "image update-trusted-root --root") echo "file" ;;
    "image generate-build-args --cilium-ebpf-project") echo "directory" ;;
    "image generate-build-args -c") echo "directory" ;;
    "image generate-build-args --output") echo "words:text json" ;;
    "image generate-build-args -o") echo "words:text json" ;;
    "audit log --since") echo "any" ;;
    "audit log --until") echo "any" ;;
    "audit log --verdict") echo "words:accepted accepted-unsigned accepted-unverified refused signed" ;;
    "audit log --image") echo "any" ;;
    "audit log --output") echo "words:text json" ;;
    "audit log -o") echo "words:text json" ;;
    esac
    case "$2" in
    "--config") echo "file" ;;
    "--log") echo "any" ;;
    "--runtime-dir") echo "directory" ;;
    "--image-cache-dir") echo "directory" ;;
    "--lock-timeout") echo "any" ;;
    esac
}

# What the argument at a place is; the last one of a command may be repeated.
_bpfman_argument() {
    case "$1 $2" in
    "program unload more") echo "program-ids" ;;
    "program get 1") echo "program-ids" ;;
    "program load file 1") echo "file" ;;
    "program load image 1") echo "images" ;;
    "link detach more") echo "link-ids" ;;
    "link get 1") echo "link-ids" ;;
    "link attach xdp 1") echo "program-ids" ;;
    "link attach xdp 2") echo "interfaces" ;;
    "link attach tc 1") echo "program-ids" ;;
    "link attach tc 2") echo "interfaces" ;;
    "link attach tc 3") echo "words:ingress egress" ;;
    "link attach tcx 1") echo "program-ids" ;;
    "link attach tcx 2") echo "interfaces" ;;
    "link attach tcx 3") echo "words:ingress egress" ;;
    "link attach netkit 1") echo "program-ids" ;;
    "link attach netkit 2") echo "interfaces" ;;
    "link attach netkit 3") echo "words:primary peer" ;;
    "link attach tracepoint 1") echo "program-ids" ;;
    "link attach tracepoint 2") echo "tracepoints" ;;
    "link attach kprobe 1") echo "program-ids" ;;
    "link attach kprobe 2") echo "any" ;;
    "link attach uprobe 1") echo "program-ids" ;;
    "link attach uprobe 2") echo "file" ;;
    "link attach fentry 1") echo "program-ids" ;;
    "link attach fexit 1") echo "program-ids" ;;
    "link attach lsm 1") echo "program-ids" ;;
    "link attach raw_tracepoint 1") echo "program-ids" ;;
    "link attach raw_tracepoint 2") echo "any" ;;
    "link attach tp_btf 1") echo "program-ids" ;;
    "link attach kprobe.multi 1") echo "program-ids" ;;
    "link attach kprobe.multi 2") echo "any" ;;
    "link attach uprobe.multi 1") echo "program-ids" ;;
    "link attach uprobe.multi 2") echo "file" ;;
    "link attach uprobe.multi 3") echo "any" ;;
    "link attach usdt 1") echo "program-ids" ;;
    "link attach usdt 2") echo "file" ;;
    "link attach usdt 3") echo "any" ;;
    "link attach cgroup 1") echo "program-ids" ;;
    "link attach cgroup 2") echo "directory" ;;
    "link attach sk_lookup 1") echo "program-ids" ;;
    "link attach netfilter 1") echo "program-ids" ;;
    "link attach netfilter 2") echo "words:ipv4 ipv6" ;;
    "link attach netfilter 3") echo "words:prerouting input forward output postrouting" ;;
    "link attach perf_event 1") echo "program-ids" ;;
    "link attach perf_event 2") echo "any" ;;
    "link attach struct_ops 1") echo "program-ids" ;;
    "link attach iter 1") echo "program-ids" ;;
    "chain get 1") echo "words:xdp tc" ;;
    "chain get 2") echo "interfaces" ;;
    "chain get 3") echo "words:ingress egress" ;;
    "chain account on 1") echo "words:xdp tc" ;;
    "chain account on 2") echo "interfaces" ;;
    "chain account on 3") echo "words:ingress egress" ;;
    "chain account off 1") echo "words:xdp tc" ;;
    "chain account off 2") echo "interfaces" ;;
    "chain account off 3") echo "words:ingress egress" ;;
    "chain account show 1") echo "words:xdp tc" ;;
    "chain account show 2") echo "interfaces" ;;
    "chain account show 3") echo "words:ingress egress" ;;
    "map dump 1") echo "maps" ;;
    "map get 1") echo "maps" ;;
    "map get 2") echo "any" ;;
    "map set 1") echo "maps" ;;
    "map set 2") echo "any" ;;
    "map set 3") echo "any" ;;
    "map delete 1") echo "maps" ;;
    "map delete 2") echo "any" ;;
    "map watch 1") echo "maps" ;;
    "map watch 2") echo "any" ;;
    "image pull more") echo "images" ;;
    "image remove more") echo "images" ;;
    "image verify 1") echo "images" ;;
    "image inspect 1") echo "images" ;;
    "image copy 1") echo "any" ;;
    "image copy 2") echo "any" ;;
    "image build 1") echo "any" ;;
    "image build more") echo "file" ;;
    "image sign 1") echo "any" ;;
    "image update-trusted-root 1") echo "file" ;;
    "image generate-key-pair 1") echo "any" ;;
    "image generate-build-args more") echo "file" ;;
    esac
}

# The words to choose from.
_bpfman_words() {
    case "$1" in
    words:*) echo "${1#words:}" ;;
    program-ids) bpfman program list -q 2>/dev/null ;;
    link-ids) bpfman link list -q 2>/dev/null ;;
    images) bpfman image list -q 2>/dev/null ;;
    maps) bpfman map list 2>/dev/null | awk 'NR > 1 { print $2 }' ;;
    interfaces) ls /sys/class/net 2>/dev/null ;;
    tracepoints) (cd /sys/kernel/tracing/events 2>/dev/null && printf '%s\n' */*/ | sed 's,/$,,') ;;
    esac
}

_bpfman() {
    local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD - 1]}"
    local path="" places=0 skip="" word value words i
    # "=" is a word of its own here: --type=xdp is three words.
    if [[ $current == "=" ]]; then
        current=""
    elif [[ $previous == "=" ]]; then
        previous="${COMP_WORDS[COMP_CWORD - 2]}"
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        word="${COMP_WORDS[i]}"
        if [[ -n $skip ]]; then
            [[ $word == "=" ]] || skip=""
        elif [[ $word == "=" ]]; then
            skip=yes
        elif [[ $word == -* ]]; then
            value="$(_bpfman_flag_value "$path" "$word")"
            [[ -n $value ]] && skip=yes
        elif [[ " $(_bpfman_commands "$path") " == *" $word "* ]]; then
            path="${path:+$path }$word"
        else
            places=$((places + 1))
        fi
    done
    value=""
    if [[ $previous == -* ]]; then
        value="$(_bpfman_flag_value "$path" "$previous")"
    elif [[ $current != -* ]]; then
        words="$(_bpfman_commands "$path")"
        value="${words:+words:$words}"
        [[ -n $value ]] || value="$(_bpfman_argument "$path" $((places + 1)))"
        [[ -n $value ]] || value="$(_bpfman_argument "$path" more)"
    else
        value="words:$(_bpfman_flags "$path")"
    fi
    case "$value" in
    file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    directory) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$(_bpfman_words "$value")" -- "$current") ;;
    esac
}

complete -F _bpfman bpfman
