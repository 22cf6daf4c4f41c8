# SPDX-License-Identifier: Apache-2.0
# Fish completion for bpfman, generated from its commands: put it into ~/.config/fish/completions/.

# The words so far, without flags and their values.
function __bpfman_words
    set -l skip no
    for word in (commandline -poc)[2..]
        if test $skip = yes
            set skip no
        else if string match -q -- '-*' $word
            contains -- $word --application --config --global --image-cache-dir --interval --kind --lock-timeout --log --map-owner-id --metadata --metadata-selector --mode --netns --output --priority --proceed-on --program --program-id --program-type --programs --runtime-dir --selector --type -a -g -i -l -m -n -o -p; and set skip yes
        else
            echo $word
        end
    end
end

# Whether these words are the first so far; with -m and -l, whether at least and at most so many follow.
function __bpfman_at
    argparse m/more= l/less= -- $argv
    set -l words (__bpfman_words)
    set -l length (count $argv)
    set -l behind (math (count $words) - $length)
    set -q _flag_more; and test $behind -lt $_flag_more; and return 1
    set -q _flag_less; and test $behind -gt $_flag_less; and return 1
    test $length -eq 0; or test "$words[1..$length]" = "$argv"
end

function __bpfman_tracepoints
    set -l found /sys/kernel/tracing/events/*/*/
    string replace -r '.*/events/' '' -- $found | string trim -r -c /
end

complete -c bpfman -f
complete -c bpfman -l help -s h -d 'Show help'
complete -c bpfman -n '__bpfman_at -l 0' -a program -d 'Load, show and remove programs.'
complete -c bpfman -n '__bpfman_at -l 0' -a link -d 'Attach programs, show and detach links.'
complete -c bpfman -n '__bpfman_at -l 0' -a chain -d 'Show who shares an XDP or TC hook, and count verdicts.'
complete -c bpfman -n '__bpfman_at -l 0' -a map -d 'Read and change the maps of programs.'
complete -c bpfman -n '__bpfman_at -l 0' -a version -d 'Show which bpfman this is.'
complete -c bpfman -n '__bpfman_at -l 0 program' -a load -d 'Load programs into the kernel.'
complete -c bpfman -n '__bpfman_at -l 0 program' -a unload -d 'Remove programs and their links.'
complete -c bpfman -n '__bpfman_at -l 0 program' -a get -d 'Show one program in full.'
complete -c bpfman -n '__bpfman_at -l 0 program' -a list -d 'List programs.'
complete -c bpfman -n '__bpfman_at -l 0 program load' -a file -d 'Load programs from an object file.'
complete -c bpfman -n '__bpfman_at -l 0 link' -a attach -d 'Attach a loaded program to a hook.'
complete -c bpfman -n '__bpfman_at -l 0 link' -a detach -d 'Detach links; their programs stay loaded.'
complete -c bpfman -n '__bpfman_at -l 0 link' -a get -d 'Show one link in full.'
complete -c bpfman -n '__bpfman_at -l 0 link' -a list -d 'List links.'
complete -c bpfman -n '__bpfman_at -l 0 link attach' -a xdp -d 'Attach to an interface\'s XDP hook.'
complete -c bpfman -n '__bpfman_at -l 0 link attach' -a tc -d 'Attach to an interface\'s TC hook.'
complete -c bpfman -n '__bpfman_at -l 0 link attach' -a tcx -d 'Attach to an interface\'s TCX hook.'
complete -c bpfman -n '__bpfman_at -l 0 link attach' -a tracepoint -d 'Attach to a tracepoint.'
complete -c bpfman -n '__bpfman_at -l 0 chain' -a list -d 'List chains.'
complete -c bpfman -n '__bpfman_at -l 0 chain' -a get -d 'Show one chain with its members.'
complete -c bpfman -n '__bpfman_at -l 0 chain' -a account -d 'Count each member\'s runs and verdicts.'
complete -c bpfman -n '__bpfman_at -l 0 chain account' -a on -d 'Start to count.'
complete -c bpfman -n '__bpfman_at -l 0 chain account' -a off -d 'Stop counting.'
complete -c bpfman -n '__bpfman_at -l 0 chain account' -a show -d 'Show who passed and who dropped how much.'
complete -c bpfman -n '__bpfman_at -l 0 map' -a list -d 'List maps.'
complete -c bpfman -n '__bpfman_at -l 0 map' -a dump -d 'Print all entries of a map.'
complete -c bpfman -n '__bpfman_at -l 0 map' -a get -d 'Print the value of one key.'
complete -c bpfman -n '__bpfman_at -l 0 map' -a set -d 'Set the value of one key.'
complete -c bpfman -n '__bpfman_at -l 0 map' -a delete -d 'Remove one key.'
complete -c bpfman -n '__bpfman_at -l 0 map' -a watch -d 'Print changes of a map as they happen.'
complete -c bpfman -n '__bpfman_at program unload' -l ignore-missing -d 'Succeed for ids that do not exist'
complete -c bpfman -n '__bpfman_at program unload' -l dry-run -d 'Print what would be done, and change nothing'
complete -c bpfman -n '__bpfman_at -m 0 program unload' -a '(bpfman program list -q 2>/dev/null)'
complete -c bpfman -n '__bpfman_at program get' -l output -s o -x -a 'text json' -d 'How to print the result'
complete -c bpfman -n '__bpfman_at -m 0 -l 0 program get' -a '(bpfman program list -q 2>/dev/null)'
complete -c bpfman -n '__bpfman_at program list' -l quiet -s q -d 'Print ids only, one a line'
complete -c bpfman -n '__bpfman_at program list' -l attached -d 'Only programs that have links'
complete -c bpfman -n '__bpfman_at program list' -l unattached -d 'Only programs that have none'
complete -c bpfman -n '__bpfman_at program list' -l type -x -a 'xdp tc tcx tracepoint kprobe kretprobe uprobe uretprobe fentry fexit lsm' -d 'Only programs of these types'
complete -c bpfman -n '__bpfman_at program list' -l program-type -s p -x -a 'xdp tc tcx tracepoint kprobe kretprobe uprobe uretprobe fentry fexit lsm' -d 'The same as --type'
complete -c bpfman -n '__bpfman_at program list' -l application -x -d 'Only those of this application'
complete -c bpfman -n '__bpfman_at program list' -l metadata-selector -s m -x -d 'Only those with this metadata'
complete -c bpfman -n '__bpfman_at program list' -l selector -s l -x -d 'Only those whose metadata matches a label selector, such as \'team=edge,ring!=canary\', \'ring in'
complete -c bpfman -n '__bpfman_at program list' -l all -s a -d 'Also list programs in the kernel that bpfman does not manage'
complete -c bpfman -n '__bpfman_at program list' -l output -s o -x -a 'text json' -d 'How to print the result'
complete -c bpfman -n '__bpfman_at program load file' -l programs -x -d 'The functions to load and their types, such as xdp:count_pkts'
complete -c bpfman -n '__bpfman_at program load file' -l metadata -s m -x -d 'Metadata to store with it'
complete -c bpfman -n '__bpfman_at program load file' -l global -s g -x -d 'Set a global variable before the program is verified, to these bytes in the machine\'s order'
complete -c bpfman -n '__bpfman_at program load file' -l application -s a -x -d 'The application they belong to, stored as metadata bpfman.io/application'
complete -c bpfman -n '__bpfman_at program load file' -l map-owner-id -x -a '(bpfman program list -q 2>/dev/null)' -d 'Use the maps of this program in place of new ones'
complete -c bpfman -n '__bpfman_at program load file' -l dry-run -d 'Print what would be done, and change nothing'
complete -c bpfman -n '__bpfman_at program load file' -l output -s o -x -a 'text json' -d 'How to print the result'
complete -c bpfman -n '__bpfman_at -m 0 -l 0 program load file' -F
complete -c bpfman -n '__bpfman_at link detach' -l ignore-missing -d 'Succeed for ids that do not exist'
complete -c bpfman -n '__bpfman_at link detach' -l dry-run -d 'Print what would be done, and change nothing'
complete -c bpfman -n '__bpfman_at -m 0 link detach' -a '(bpfman link list -q 2>/dev/null)'
complete -c bpfman -n '__bpfman_at link get' -l output -s o -x -a 'text json' -d 'How to print the result'
complete -c bpfman -n '__bpfman_at -m 0 -l 0 link get' -a '(bpfman link list -q 2>/dev/null)'
complete -c bpfman -n '__bpfman_at link list' -l quiet -s q -d 'Print ids only, one a line'
complete -c bpfman -n '__bpfman_at link list' -l program-id -x -a '(bpfman program list -q 2>/dev/null)' -d 'Only links of this program'
complete -c bpfman -n '__bpfman_at link list' -l kind -x -a 'xdp tc tcx tracepoint kprobe kretprobe uprobe uretprobe fentry fexit lsm' -d 'Only links of these kinds'
complete -c bpfman -n '__bpfman_at link list' -l program-type -s p -x -a 'xdp tc tcx tracepoint kprobe kretprobe uprobe uretprobe fentry fexit lsm' -d 'Only links of programs of these types'
complete -c bpfman -n '__bpfman_at link list' -l application -x -d 'Only those of this application'
complete -c bpfman -n '__bpfman_at link list' -l metadata-selector -s m -x -d 'Only those with this metadata'
complete -c bpfman -n '__bpfman_at link list' -l output -s o -x -a 'text json' -d 'How to print the result'
complete -c bpfman -n '__bpfman_at link attach xdp' -l priority -s p -x -d 'The place among the programs at this hook'
complete -c bpfman -n '__bpfman_at link attach xdp' -l proceed-on -x -a 'aborted drop pass tx redirect dispatcher_return' -d 'The verdicts of this program after which the next member runs'
complete -c bpfman -n '__bpfman_at link attach xdp' -l mode -x -a 'auto native generic offload' -d 'How XDP is attached'
complete -c bpfman -n '__bpfman_at link attach xdp' -l netns -s n -rF -d 'The network namespace that the interface is in, such as /var/run/netns/blue'
complete -c bpfman -n '__bpfman_at link attach xdp' -l metadata -s m -x -d 'Metadata to store with it'
complete -c bpfman -n '__bpfman_at link attach xdp' -l dry-run -d 'Print what would be done, and change nothing'
complete -c bpfman -n '__bpfman_at link attach xdp' -l output -s o -x -a 'text json' -d 'How to print the result'
complete -c bpfman -n '__bpfman_at -m 0 -l 0 link attach xdp' -a '(bpfman program list -q 2>/dev/null)'
complete -c bpfman -n '__bpfman_at -m 1 -l 1 link attach xdp' -a '(command ls /sys/class/net)'
complete -c bpfman -n '__bpfman_at link attach tc' -l priority -s p -x -d 'The place among the programs at this hook'
complete -c bpfman -n '__bpfman_at link attach tc' -l proceed-on -x -a 'unspec ok reclassify shot pipe stolen queued repeat redirect trap dispatcher_return' -d 'The verdicts of this program after which the next member runs'
complete -c bpfman -n '__bpfman_at link attach tc' -l netns -s n -rF -d 'The network namespace that the interface is in, such as /var/run/netns/blue'
complete -c bpfman -n '__bpfman_at link attach tc' -l metadata -s m -x -d 'Metadata to store with it'
complete -c bpfman -n '__bpfman_at link attach tc' -l dry-run -d 'Print what would be done, and change nothing'
complete -c bpfman -n '__bpfman_at link attach tc' -l output -s o -x -a 'text json' -d 'How to print the result'
complete -c bpfman -n '__bpfman_at -m 0 -l 0 link attach tc' -a '(bpfman program list -q 2>/dev/null)'
complete -c bpfman -n '__bpfman_at -m 1 -l 1 link attach tc' -a '(command ls /sys/class/net)'
complete -c bpfman -n '__bpfman_at -m 2 -l 2 link attach tc' -a 'ingress egress'
complete -c bpfman -n '__bpfman_at link attach tcx' -l priority -s p -x -d 'The place among the programs at this hook'
complete -c bpfman -n '__bpfman_at link attach tcx' -l netns -s n -rF -d 'The network namespace that the interface is in, such as /var/run/netns/blue'
complete -c bpfman -n '__bpfman_at link attach tcx' -l metadata -s m -x -d 'Metadata to store with it'
complete -c bpfman -n '__bpfman_at link attach tcx' -l dry-run -d 'Print what would be done, and change nothing'
complete -c bpfman -n '__bpfman_at link attach tcx' -l output -s o -x -a 'text json' -d 'How to print the result'
complete -c bpfman -n '__bpfman_at -m 0 -l 0 link attach tcx' -a '(bpfman program list -q 2>/dev/null)'
complete -c bpfman -n '__bpfman_at -m 1 -l 1 link attach tcx' -a '(command ls /sys/class/net)'
complete -c bpfman -n '__bpfman_at -m 2 -l 2 link attach tcx' -a 'ingress egress'
complete -c bpfman -n '__bpfman_at link attach tracepoint' -l metadata -s m -x -d 'Metadata to store with it'
complete -c bpfman -n '__bpfman_at link attach tracepoint' -l dry-run -d 'Print what would be done, and change nothing'
complete -c bpfman -n '__bpfman_at link attach tracepoint' -l output -s o -x -a 'text json' -d 'How to print the result'
complete -c bpfman -n '__bpfman_at -m 0 -l 0 link attach tracepoint' -a '(bpfman program list -q 2>/dev/null)'
complete -c bpfman -n '__bpfman_at -m 1 -l 1 link attach tracepoint' -a '(__bpfman_tracepoints)'
complete -c bpfman -n '__bpfman_at chain list' -l output -s o -x -a 'text json' -d 'How to print the result'
complete -c bpfman -n '__bpfman_at chain get' -l netns -s n -rF -d 'The network namespace that the interface is in, such as /var/run/netns/blue'
complete -c bpfman -n '__bpfman_at chain get' -l output -s o -x -a 'text json' -d 'How to print the result'
complete -c bpfman -n '__bpfman_at -m 0 -l 0 chain get' -a 'xdp tc'
complete -c bpfman -n '__bpfman_at -m 1 -l 1 chain get' -a '(command ls /sys/class/net)'
complete -c bpfman -n '__bpfman_at -m 2 -l 2 chain get' -a 'ingress egress'
complete -c bpfman -n '__bpfman_at chain account on' -l netns -s n -rF -d 'The network namespace that the interface is in, such as /var/run/netns/blue'
complete -c bpfman -n '__bpfman_at chain account on' -l dry-run -d 'Print what would be done, and change nothing'
complete -c bpfman -n '__bpfman_at -m 0 -l 0 chain account on' -a 'xdp tc'
complete -c bpfman -n '__bpfman_at -m 1 -l 1 chain account on' -a '(command ls /sys/class/net)'
complete -c bpfman -n '__bpfman_at -m 2 -l 2 chain account on' -a 'ingress egress'
complete -c bpfman -n '__bpfman_at chain account off' -l netns -s n -rF -d 'The network namespace that the interface is in, such as /var/run/netns/blue'
complete -c bpfman -n '__bpfman_at chain account off' -l dry-run -d 'Print what would be done, and change nothing'
complete -c bpfman -n '__bpfman_at -m 0 -l 0 chain account off' -a 'xdp tc'
complete -c bpfman -n '__bpfman_at -m 1 -l 1 chain account off' -a '(command ls /sys/class/net)'
complete -c bpfman -n '__bpfman_at -m 2 -l 2 chain account off' -a 'ingress egress'
complete -c bpfman -n '__bpfman_at chain account show' -l netns -s n -rF -d 'The network namespace that the interface is in, such as /var/run/netns/blue'
complete -c bpfman -n '__bpfman_at chain account show' -l output -s o -x -a 'text json' -d 'How to print the result'
complete -c bpfman -n '__bpfman_at -m 0 -l 0 chain account show' -a 'xdp tc'
complete -c bpfman -n '__bpfman_at -m 1 -l 1 chain account show' -a '(command ls /sys/class/net)'
complete -c bpfman -n '__bpfman_at -m 2 -l 2 chain account show' -a 'ingress egress'
complete -c bpfman -n '__bpfman_at map list' -l quiet -s q -d 'Print ids only, one a line'
complete -c bpfman -n '__bpfman_at map list' -l output -s o -x -a 'text json' -d 'How to print the result'
complete -c bpfman -n '__bpfman_at map dump' -l program -s p -x -a '(bpfman program list -q 2>/dev/null)' -d 'The program whose map it is, where several programs have one of that name'
complete -c bpfman -n '__bpfman_at map dump' -l total -s t -d 'Of per-CPU maps, add up the values of all CPUs'
complete -c bpfman -n '__bpfman_at map dump' -l output -s o -x -a 'text json' -d 'How to print the result'
complete -c bpfman -n '__bpfman_at -m 0 -l 0 map dump' -a '(bpfman map list 2>/dev/null | awk \'NR > 1 { print $2 }\')'
complete -c bpfman -n '__bpfman_at map get' -l program -s p -x -a '(bpfman program list -q 2>/dev/null)' -d 'The program whose map it is, where several programs have one of that name'
complete -c bpfman -n '__bpfman_at map get' -l total -s t -d 'Of per-CPU maps, add up the values of all CPUs'
complete -c bpfman -n '__bpfman_at map get' -l output -s o -x -a 'text json' -d 'How to print the result'
complete -c bpfman -n '__bpfman_at -m 0 -l 0 map get' -a '(bpfman map list 2>/dev/null | awk \'NR > 1 { print $2 }\')'
complete -c bpfman -n '__bpfman_at map set' -l program -s p -x -a '(bpfman program list -q 2>/dev/null)' -d 'The program whose map it is, where several programs have one of that name'
complete -c bpfman -n '__bpfman_at map set' -l dry-run -d 'Print what would be done, and change nothing'
complete -c bpfman -n '__bpfman_at -m 0 -l 0 map set' -a '(bpfman map list 2>/dev/null | awk \'NR > 1 { print $2 }\')'
complete -c bpfman -n '__bpfman_at map delete' -l program -s p -x -a '(bpfman program list -q 2>/dev/null)' -d 'The program whose map it is, where several programs have one of that name'
complete -c bpfman -n '__bpfman_at map delete' -l dry-run -d 'Print what would be done, and change nothing'
complete -c bpfman -n '__bpfman_at -m 0 -l 0 map delete' -a '(bpfman map list 2>/dev/null | awk \'NR > 1 { print $2 }\')'
complete -c bpfman -n '__bpfman_at map watch' -l interval -s i -x -d 'How often to look, such as 500ms'
complete -c bpfman -n '__bpfman_at map watch' -l program -s p -x -a '(bpfman program list -q 2>/dev/null)' -d 'The program whose map it is, where several programs have one of that name'
complete -c bpfman -n '__bpfman_at map watch' -l total -s t -d 'Of per-CPU maps, add up the values of all CPUs'
complete -c bpfman -n '__bpfman_at map watch' -l output -s o -x -a 'text json' -d 'How to print the result'
complete -c bpfman -n '__bpfman_at -m 0 -l 0 map watch' -a '(bpfman map list 2>/dev/null | awk \'NR > 1 { print $2 }\')'
complete -c bpfman -l config -rF -d 'The configuration file'
complete -c bpfman -l log -x -d 'What to log on stderr'
complete -c bpfman -l runtime-dir -x -a '(__fish_complete_directories)' -d 'Where bpfman keeps its database and pins'
complete -c bpfman -l image-cache-dir -x -a '(__fish_complete_directories)' -d 'Where pulled images are kept'
complete -c bpfman -l lock-timeout -x -d 'How long to wait while another bpfman changes something, such as 500ms or 5m'
