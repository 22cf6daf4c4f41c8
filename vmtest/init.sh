#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The guest's first process, run by busybox from the initramfs.  It puts the machine's root directory under a RAM
# overlay, mounts what a running system has, and hands over to the agent.  /settings sets (initramfs.py):
#
#   MODULES   files in /modules to load, in that order
#   KERNEL    the folder of the kernel on the machine
#   RELEASE   its release
#   PYTHON    the interpreter for the agent
#   share()   called with the function to call for each folder that the guest may change

. /settings

mount -t devtmpfs dev /dev
mount -t proc proc /proc
for module in $MODULES; do insmod "/modules/$module"; done

mount -t virtiofs root /lower || exit 1
mount -t tmpfs -o mode=755 rw /rw
mkdir /rw/upper /rw/scratch
mount -t overlay -o lowerdir=/lower,upperdir=/rw/upper,workdir=/rw/scratch root /new || exit 1

mount -t devtmpfs dev /new/dev
mount -t proc proc /new/proc
mount -t sysfs sys /new/sys
mount -t tmpfs -o mode=755 run /new/run
mkdir /new/dev/pts /new/dev/shm
ln -s /proc/self/fd /new/dev/fd
mount -t devpts -o ptmxmode=666 pts /new/dev/pts
mount -t tmpfs -o mode=1777 shm /new/dev/shm
mount -t bpf bpf /new/sys/fs/bpf
mount -t cgroup2 cgroup2 /new/sys/fs/cgroup
mount -t tracefs tracefs /new/sys/kernel/tracing
mount -t debugfs debugfs /new/sys/kernel/debug
mount -t securityfs securityfs /new/sys/kernel/security

mkdir -p "/new/lib/modules/$RELEASE"
mount --bind "/lower$KERNEL/lib/modules/$RELEASE" "/new/lib/modules/$RELEASE"
share_one() { mount --bind "/lower$1" "/new$1"; }
share share_one

umount -l /lower
hostname vmtest
ifconfig lo up
# The agent ends only when the machine is to; what it says before the first command is on the console.
exec switch_root /new /bin/sh -c '"$0" -I -S -; echo o >/proc/sysrq-trigger; sleep 60' "$PYTHON" \
    </agent >/dev/ttyS0 2>&1
