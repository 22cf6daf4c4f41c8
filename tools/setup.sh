#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Puts on this machine what `make` needs and nothing else.  Called by the Makefile and by .ci/run:
#
#   tools/setup.sh system            what running needs (libbpf, ip, ping, bpftool, tcpdump)
#   tools/setup.sh system tests      that, and what tests run against (registries, skopeo, openssl)
#   tools/setup.sh system vm         that, and what virtual machines with other kernels need (QEMU, busybox)
#   tools/setup.sh system compiler   that, and what re-making BPF objects needs (clang, llvm, headers)
#   tools/setup.sh go                programs in Go that tests run against, where there is Go
#   tools/setup.sh sigstore          cosign and a sigstore instance to test against, where there is Go (minutes)
#   tools/setup.sh venv              the virtual environment .venv, with bpfman itself in editable form
#
# A thing is looked for before anything is installed, so that a second run costs milliseconds and needs no
# network.  Where there is no apt, or no root, it says what is missing and leaves installing to the person.

set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PATH:/usr/sbin:/sbin" # ip and bpftool live there, and a user's PATH may lack it

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

has_command() { command -v "$1" >/dev/null 2>&1; }
has_library() { [[ "$(ldconfig -p)" == *"$1"* ]]; } # not by a pipe: grep -q ends it before ldconfig is done
has_static() { has_command "$1" && ! ldd "$(command -v "$1")" >/dev/null 2>&1; }
has_header() { [ -e "/usr/include/$1" ]; }
has_venv() { python_for_venv >/dev/null && "$(python_for_venv)" -c 'import ensurepip, venv' 2>/dev/null; }

# The first of these that is Python 3.11 or newer.
python_for_venv() {
    local candidate
    for candidate in "${PYTHON:-python3}" python3 /usr/bin/python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    return 1
}

# Debian's package for each thing that is missing, one a line.
missing_for_running() {
    has_library libbpf.so.1 || echo libbpf1
    has_command ip || echo iproute2
    has_command tc || echo iproute2
    has_command ping || echo iputils-ping
    has_command tcpdump || echo tcpdump
    has_command bpftool || echo bpftool
    has_venv || echo python3-venv
}

missing_for_testing() {
    has_command docker-registry || echo docker-registry
    has_command skopeo || echo skopeo
    has_command gpg && has_command gpgv || echo gnupg gpgv
    has_command openssl || echo openssl
    has_command cc || echo gcc
    has_header stdio.h || echo libc6-dev
    has_command musl-gcc || echo musl-tools
}

missing_for_compiling() {
    has_command clang || echo clang
    has_command llvm-strip || echo llvm
    has_header bpf/bpf_helpers.h || echo libbpf-dev
    has_header linux/bpf.h || echo linux-libc-dev
    has_header stdio.h || echo libc6-dev
}

missing_for_machines() {
    has_command qemu-system-x86_64 || echo qemu-system-x86
    [ -x /usr/lib/qemu/virtiofsd ] || [ -x /usr/libexec/virtiofsd ] || package_of_virtiofsd
    has_static busybox || echo busybox-static
    has_command depmod || echo kmod
    has_command xz || echo xz-utils
    has_command zstd || echo zstd
    has_command lz4 || echo lz4
}

# A part of QEMU until Debian 12, a package of its own since.
package_of_virtiofsd() {
    local VERSION_ID=13
    # shellcheck disable=SC1091 # where it is missing, a recent Debian is as good a guess as any
    [ ! -r /etc/os-release ] || . /etc/os-release
    if [ "${VERSION_ID%%.*}" -lt 13 ]; then echo qemu-system-common; else echo virtiofsd; fi
}

system() {
    local packages
    packages=$(
        missing_for_running
        case "${1:-}" in tests) missing_for_testing ;; vm) missing_for_machines ;; compiler) missing_for_compiling ;; esac
    )
    packages=$(sort -u <<<"$packages" | xargs)
    [ -n "$packages" ] || return 0
    has_command apt-get || die "missing, to be installed by hand (Debian's names): $packages"
    [ "$(id -u)" = 0 ] || die "missing; as root: apt-get install $packages"
    say "installing $packages"
    apt-get update -qq
    # shellcheck disable=SC2086 # one word a package is meant
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
}

# A second registry to test against, and the library that decides by policy.json for podman and skopeo: built once.
go_tools() {
    local out="$PWD/build/go" image=go.podman.io/image/v5@v5.42.1
    [ ! -x build/go/containers-image ] || return 0 # the last to be built
    has_command go || { say "no Go here: what is tested against programs in Go is skipped"; return 0; }
    say "building a registry and containers/image"
    GOBIN="$out" go install github.com/google/go-containerregistry/cmd/registry@v0.22.1
    rm -rf build/go-containers-image
    mkdir build/go-containers-image
    cp tests/policy/peer/main.go build/go-containers-image/
    (
        cd build/go-containers-image
        go mod init peer 2>/dev/null
        { go get "$image" && go mod tidy; } 2>go-get.log || { cat go-get.log >&2; die "could not fetch $image"; }
        # Or it would need the headers of GnuPG and btrfs.
        build_go "$out/containers-image" . -tags containers_image_openpgp,exclude_graphdriver_btrfs
    )
}

# Cosign, and the servers of a private sigstore instance.  One module asks for all of them, so that what they share
# is compiled once; its versions are those below and what these ask for.
sigstore_tools() {
    local sigstore=github.com/sigstore out="$PWD/build/go" module=build/go-sigstore
    [ ! -x build/go/cosign ] || return 0 # the last to be built
    has_command go || { say "no Go here: what is tested against cosign and sigstore's servers is skipped"; return 0; }
    say "building cosign and sigstore's servers, which takes minutes"
    rm -rf "$module"
    mkdir -p "$out" "$module"
    cd "$module"
    go mod init sigstore-tools 2>/dev/null
    go get -tool "$sigstore/fulcio@v1.8.8" "$sigstore/timestamp-authority/v2/cmd/timestamp-server@v2.1.2" \
        "$sigstore/rekor-tiles/v2/cmd/rekor-server/posix@v2.3.0" "$sigstore/cosign/v3/cmd/cosign@v3.1.3" 2>go-get.log ||
        { cat go-get.log >&2; die "could not fetch sigstore's modules"; }
    build_go "$out/fulcio" "$sigstore/fulcio"
    build_go "$out/timestamp-server" "$sigstore/timestamp-authority/v2/cmd/timestamp-server"
    build_go "$out/rekor-tiles" "$sigstore/rekor-tiles/v2/cmd/rekor-server/posix"
    build_go "$out/cosign" "$sigstore/cosign/v3/cmd/cosign"
}

# Without what only a debugger reads, which is a third of it.
build_go() { nice go build -p 2 -trimpath -ldflags '-s -w' "${@:3}" -o "$1" "$2"; }

venv() {
    local python
    python=$(python_for_venv) || die "bpfman needs Python 3.11 or newer; set PYTHON to one"
    # An environment whose interpreter is gone (an upgrade, a moved folder) is of no use: begin anew.
    .venv/bin/python -c '' 2>/dev/null || rm -rf .venv
    [ -d .venv ] || { say "making .venv with $("$python" --version)"; "$python" -m venv .venv; }
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --upgrade pip
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -c tools/constraints.txt -e '.[dev]'
    # Python 3.11 puts setuptools into an environment, and that runs code at every start of an interpreter.
    .venv/bin/python -m pip uninstall --quiet --disable-pip-version-check --yes setuptools 2>/dev/null
    touch .venv/installed
}

case "${1:-}" in
system) system "${2:-}" ;;
go) go_tools ;;
sigstore) sigstore_tools ;;
venv) venv ;;
*) die "usage: tools/setup.sh system [tests|vm|compiler] | go | sigstore | venv" ;;
esac
