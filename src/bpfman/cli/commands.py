# SPDX-License-Identifier: Apache-2.0
"""The tree of commands: names, one line on each, and where its declaration is.

Read by the parser on every start, so it holds names only; a command's module is imported when it is the one to run.
Hidden commands work but are left out of help and completions: the older command line, and what only scripts use.
"""

from __future__ import annotations

from bpfman.cli.command import Group, Leaf

_LOAD = Group(
    "Load programs into the kernel.",
    {
        "file": Leaf("Load programs from an object file.", "program.load"),
        "image": Leaf("Load programs from an image.", "program.load_image"),
    },
    default="file",
)

_PROGRAM = Group(
    "Load, show and remove programs.",
    {
        "load": _LOAD,
        "unload": Leaf("Remove programs and their links.", "program.unload"),
        "get": Leaf("Show one program in full.", "program.get"),
        "list": Leaf("List programs.", "program.list"),
        "delete": Leaf("Remove programs, with those that share their maps.", "program.delete", hidden=True),
    },
    default="list",
)

_ATTACH = Group(
    "Attach a loaded program to a hook.",
    {
        "xdp": Leaf("Attach to an interface's XDP hook.", "link.attach", "XDP"),
        "tc": Leaf("Attach to an interface's TC hook.", "link.attach", "TC"),
        "tcx": Leaf("Attach to an interface's TCX hook.", "link.attach", "TCX"),
        "netkit": Leaf("Attach to a netkit device.", "link.attach", "NETKIT"),
        "tracepoint": Leaf("Attach to a tracepoint.", "link.targets", "TRACEPOINT"),
        "kprobe": Leaf("Attach to a function of the kernel.", "link.targets", "KPROBE"),
        "uprobe": Leaf("Attach to a place in a program or library.", "link.targets", "UPROBE"),
        "fentry": Leaf("Attach to the entry of a kernel function.", "link.targets", "FENTRY"),
        "fexit": Leaf("Attach to the return of a kernel function.", "link.targets", "FEXIT"),
        "lsm": Leaf("Attach to a hook of the security modules.", "link.targets", "LSM"),
        "raw_tracepoint": Leaf("Attach to a raw tracepoint.", "link.targets", "RAW_TRACEPOINT"),
        "tp_btf": Leaf("Attach to a tracepoint with typed arguments.", "link.targets", "TP_BTF"),
        "kprobe.multi": Leaf("Attach to many kernel functions.", "link.targets", "KPROBE_MULTI"),
        "uprobe.multi": Leaf("Attach to many functions of a program.", "link.targets", "UPROBE_MULTI"),
        "usdt": Leaf("Attach to a marker of a program or library.", "link.targets", "USDT"),
        "cgroup": Leaf("Attach to a control group.", "link.targets", "CGROUP"),
        "sk_lookup": Leaf("Attach to a namespace's socket lookup.", "link.targets", "SK_LOOKUP"),
        "netfilter": Leaf("Attach to a netfilter hook.", "link.targets", "NETFILTER"),
        "perf_event": Leaf("Sample by time or by events.", "link.targets", "PERF_EVENT"),
        "struct_ops": Leaf("Let functions take the place of the kernel's own.", "link.targets", "STRUCT_OPS"),
        "iter": Leaf("Make an iterator readable.", "link.targets", "ITER"),
    },
)

_LINK = Group(
    "Attach programs, show and detach links.",
    {
        "attach": _ATTACH,
        "detach": Leaf("Detach links; their programs stay loaded.", "link.detach"),
        "get": Leaf("Show one link in full.", "link.get"),
        "list": Leaf("List links.", "link.list"),
        "delete": Leaf("Detach links and unload programs left without any.", "link.delete", hidden=True),
    },
    default="list",
)

_CHAIN = Group(
    "Show who shares an XDP or TC hook, and count verdicts.",
    {
        "list": Leaf("List chains.", "chain.list"),
        "get": Leaf("Show one chain with its members.", "chain.get"),
        "account": Group(
            "Count each member's runs and verdicts.",
            {
                "on": Leaf("Start to count.", "chain.account", "ON"),
                "off": Leaf("Stop counting.", "chain.account", "OFF"),
                "show": Leaf("Show who passed and who dropped how much.", "chain.account", "SHOW"),
            },
        ),
    },
    default="list",
)

_MAP = Group(
    "Read and change the maps of programs.",
    {
        "list": Leaf("List maps.", "map.list"),
        "dump": Leaf("Print all entries of a map.", "map.dump"),
        "get": Leaf("Print the value of one key.", "map.get"),
        "set": Leaf("Set the value of one key.", "map.set"),
        "delete": Leaf("Remove one key.", "map.delete"),
        "watch": Leaf("Print changes of a map as they happen.", "map.watch"),
    },
    default="list",
)

_IMAGE = Group(
    "Build, look at and fetch images of bytecode.",
    {
        "pull": Leaf("Fetch images into the cache.", "image.pull"),
        "list": Leaf("List cached images.", "image.list"),
        "remove": Leaf("Remove images from the cache.", "image.remove"),
        "prune": Leaf("Make room in the cache.", "image.prune"),
        "verify": Leaf("Tell whether an image may be used, and why.", "image.verify"),
        "inspect": Leaf("Show what an image is and what it can do.", "image.inspect"),
        "copy": Leaf("Copy an image from one place to another.", "image.copy"),
        "build": Leaf("Build an image from object files.", "image.build"),
        "sign": Leaf("Sign an image with a key.", "image.sign"),
        "update-trusted-root": Leaf("Fetch the keys of a sigstore instance.", "image.trusted_root"),
        "generate-key-pair": Leaf("Make a key to sign with.", "image.key_pair"),
        "generate-build-args": Leaf("Print build arguments for a Containerfile.", "image.build_args"),
    },
    default="list",
)

_AUDIT = Group(
    "Show what was decided about images.",
    {"log": Leaf("Print the audit trail.", "audit.log")},
    default="log",
)

_DISPATCHER = Group(
    "Chains under the name and in the JSON of the reference implementation.",
    {
        "list": Leaf("List dispatchers.", "dispatcher.list"),
        "get": Leaf("Show one dispatcher with its members.", "dispatcher.get"),
        "delete": Leaf("Drop a dispatcher's rows from the store.", "dispatcher.delete"),
    },
    default="list",
    hidden=True,
)

# The command line of bpfman 0.5 and 0.6, which tutorials still show.
_LEGACY: dict[str, Group | Leaf] = {
    "load": Group(
        "Load programs (older form of program load).",
        {
            "file": Leaf("Load programs from an object file.", "legacy.load", hidden=True),
            "image": Leaf("Load programs from an image.", "legacy.load", "IMAGE", hidden=True),
        },
        hidden=True,
    ),
    "unload": Leaf("Remove a program (older form of program unload).", "program.unload", hidden=True),
    "attach": Group(
        "Attach a program (older form of link attach).",
        {
            "xdp": Leaf("Attach to an interface's XDP hook.", "legacy.attach", "XDP"),
            "tc": Leaf("Attach to an interface's TC hook.", "legacy.attach", "TC"),
            "tcx": Leaf("Attach to an interface's TCX hook.", "legacy.attach", "TCX"),
            "tracepoint": Leaf("Attach to a tracepoint.", "legacy.attach", "TRACEPOINT"),
            "kprobe": Leaf("Attach to a function of the kernel.", "legacy.attach", "KPROBE"),
            "uprobe": Leaf("Attach to a place in a program or library.", "legacy.attach", "UPROBE"),
            "fentry": Leaf("Attach to the entry of a kernel function.", "legacy.attach", "FENTRY"),
            "fexit": Leaf("Attach to the return of a kernel function.", "legacy.attach", "FEXIT"),
        },
        hidden=True,
        id_first=True,
    ),
    "detach": Leaf("Detach a link (older form of link detach).", "link.detach", hidden=True),
    "list": Group(
        "List programs or links (older form of program list and link list).",
        {
            "programs": Leaf("List programs.", "legacy.list", "PROGRAMS"),
            "program": Leaf("List programs.", "legacy.list", "PROGRAMS"),
            "links": Leaf("List links.", "legacy.list", "LINKS"),
            "link": Leaf("List links.", "legacy.list", "LINKS"),
        },
        hidden=True,
    ),
    "get": Group(
        "Show one program or link (older form of program get and link get).",
        {
            "program": Leaf("Show one program in full.", "program.get"),
            "link": Leaf("Show one link in full.", "link.get"),
        },
        hidden=True,
    ),
}

ROOT = Group(
    "Load eBPF programs, let them share hooks, see what they do, take them away.",
    {
        "program": _PROGRAM,
        "link": _LINK,
        "chain": _CHAIN,
        "map": _MAP,
        "image": _IMAGE,
        "audit": _AUDIT,
        "doctor": Leaf("Tell where records, pins and the kernel disagree.", "doctor"),
        "version": Leaf("Show which bpfman this is.", "version"),
        "dispatcher": _DISPATCHER,
        "completions": Leaf("Print the completions of a shell.", "generated", "COMPLETIONS", hidden=True),
        "man": Leaf("Write the manual pages into a directory.", "generated", "MAN", hidden=True),
        **_LEGACY,
    },
)
