# SPDX-License-Identifier: Apache-2.0
"""Command lines that cannot be understood: exit status 80, a short usage on stdout, the reason on stderr."""

from __future__ import annotations

import pytest

MISUSE = [
    # words
    ("", "expected one of: program, link, chain, map, "),
    ("frobnicate", 'unknown command "frobnicate"'),
    ("program lst", 'unknown command "lst"'),
    ("link attach", "expected one of: xdp, tc, tcx, "),
    ("program get", "missing argument ID"),
    ("program get 1 2", 'unexpected argument "2"'),
    ("program unload", "missing argument ID..."),
    ("program list extra", 'unexpected argument "extra"'),
    # ids and numbers
    ("program get x", 'ID: expected a number, got "x"'),
    ("program get 1_0", 'ID: expected a number, got "1_0"'),
    ("program get 4294967296", "ID: 4294967296 is too big"),
    ("program get ٣", 'ID: expected a number, got "٣"'),
    ("link get 9223372036854775808", "is too big"),
    ("link detach 1 -2", 'ID: expected a number, got "-2"'),
    # flags
    ("program list --frob", "unknown flag --frob"),
    ("program list -x", "unknown flag -x"),
    ("--output json program list", "unknown flag --output"),
    ("program list --application", "--application needs a value"),
    ("program list --application --all", "--application needs a value"),
    ("program list -o", "--output needs a value"),
    ("program list -o yaml", '--output must be one of text, json, got "yaml"'),
    ("program list --all=maybe", '--all: expected true or false, got "maybe"'),
    ("program list --attached --unattached", "--attached and --unattached are mutually exclusive"),
    ("program list --type bogus", 'unknown program type "bogus"'),
    ("link list --kind bogus", 'unknown link kind "bogus"'),
    ("program list -m novalue", 'expected KEY=VALUE, got "novalue"'),
    ("program list -l a,,b", "invalid label selector: "),
    ("program delete", "provide at least one program ID or use --all"),
    ("program delete --all 1", "--all and explicit program IDs are mutually exclusive"),
    # load
    ("program load file x.o", "missing flags: --programs=TYPE:NAME[,...]"),
    ("program load file --programs xdp:a", "missing argument PATH"),
    ("program load file x.o --programs xdp", 'expected TYPE:NAME for xdp, got "xdp"'),
    ("program load file x.o --programs xdp:", 'expected TYPE:NAME for xdp, got "xdp:"'),
    ("program load file x.o --programs xdp:a:b", 'expected TYPE:NAME for xdp, got "xdp:a:b"'),
    ("program load file x.o --programs nope:a", 'unknown program type "nope"'),
    ("program load file x.o --programs xdp:a,", 'unknown program type ""'),
    ("program load file x.o --programs xdp:a -m =v", "expected KEY=VALUE"),
    ("program load file x.o --programs xdp:a -g limit", 'expected NAME=HEX, got "limit"'),
    ("program load file x.o --programs xdp:a -g limit=", "expected NAME=HEX"),
    ("program load file x.o --programs xdp:a -g limit=0x", "expected NAME=HEX"),
    ("program load file x.o --programs xdp:a -g limit=7", '"7" has an odd number of digits'),
    ("program load file x.o --programs xdp:a -g limit=zz", '"zz" is not hexadecimal'),
    ("program load file x.o --programs xdp:a --map-owner-id x", '--map-owner-id: expected a number, got "x"'),
    # attach
    ("link attach xdp 1 eth0", "missing flags: --priority=N"),
    ("link attach xdp 1 -p 1", "missing argument INTERFACE"),
    ("link attach xdp 1 eth0 -p x", '--priority: expected a number, got "x"'),
    ("link attach xdp 1 eth0 -p -1", "priority must be non-negative, got -1"),
    ("link attach xdp 1 eth0 --priority=-1", "priority must be non-negative, got -1"),
    ("link attach xdp 1 eth0 -p 1 --proceed-on pipe", 'invalid proceed-on action "pipe" for xdp'),
    ("link attach xdp 1 eth0 -p 1 --proceed-on=", 'invalid proceed-on action "" for xdp'),
    ("link attach xdp 1 eth0 -p 1 --mode fast", "--mode must be one of auto, native, generic, offload"),
    ("link attach tc 1 eth0 sideways -p 1", 'DIRECTION must be one of ingress, egress, got "sideways"'),
    ("link attach tcx 1 eth0 ingress -p 1 --proceed-on pass", "unknown flag --proceed-on"),
    ("link attach tracepoint 1 sched_switch", "expected GROUP/NAME"),
    ("link attach tracepoint 1 a/b/c", "expected GROUP/NAME"),
    # others
    ("dispatcher get xdp x 1", 'NSID: expected a number, got "x"'),
    ("dispatcher get tcx 1 1", "TYPE must be one of xdp, tc-ingress, tc-egress"),
    ("link attach kprobe 1", "missing argument FUNCTION"),
    ("link attach kprobe 1 f --offset -1", '--offset: expected a number, got "-1"'),
    ("link attach uprobe 1 --fn-name malloc", "missing argument TARGET"),
    ("link attach kretprobe 1 f", 'unknown command "kretprobe"'),
    ("link attach lsm 1 bprm_check_security", 'unexpected argument "bprm_check_security"'),
    (
        "program load file x.o --programs fentry:a",
        'expected TYPE:NAME:ATTACH_FUNC for fentry, got "fentry:a"',
    ),
    ("program load file x.o --programs lsm:a:", 'expected TYPE:NAME:ATTACH_FUNC for lsm, got "lsm:a:"'),
    ("chain account", "expected one of: on, off, show"),
    ("map watch m --interval 0s", "the interval must be longer than 0"),
    ("map watch m --interval 1", 'invalid duration "1"'),
    ("completions ksh", 'SHELL must be one of bash, zsh, fish, got "ksh"'),
    # global flags
    ("--runtime-dir run program list", 'invalid runtime directory: "run"'),
    ("--lock-timeout 5 program list", 'invalid duration "5"'),
    ("--lock-timeout -1s program list", 'invalid duration "-1s"'),
    ("--log loud program list", 'invalid log level "loud"'),
    ("--log info,=debug program list", 'invalid log level "=debug"'),
]


@pytest.mark.parametrize(("line", "reason"), MISUSE)
def test_misuse(bpfman_command, stand_in, line, reason):
    result = bpfman_command(*line.split(" ") if line else ())
    assert result.status == 80
    assert result.out.startswith("Usage: bpfman")
    assert result.err.startswith("bpfman: error: ")
    assert reason in result.err.splitlines()[0]
    assert stand_in.calls == []


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("program lst", "did you mean list?"),
        ("progam list", "did you mean program?"),
        ("--version", "try: bpfman version"),
        ("program list --aplication x", "did you mean --application?"),
        ("link attach tc 1 eth0 ingress -p 1 --proceed-on drop", "valid actions: unspec, ok"),
        ("program load file x.o --programs xpd:a", "types: xdp, tc"),
    ],
)
def test_misuse_is_met_with_what_would_work(bpfman_command, line, hint):
    assert f"\n  hint: {hint}" in bpfman_command(*line.split()).err


@pytest.mark.parametrize("variable", ["BPFMAN_LOCK_TIMEOUT", "BPFMAN_RUNTIME_DIR", "BPFMAN_LOG"])
def test_misuse_in_the_environment_names_the_variable(bpfman_command, monkeypatch, variable):
    monkeypatch.setenv(variable, "what?")
    result = bpfman_command("program", "list")
    assert result.status == 80
    assert result.err.startswith(f"bpfman: error: {variable}: ")
