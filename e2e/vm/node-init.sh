#!/bin/busybox sh
# Process 1 of a machine that is a node: mounts what a Linux has, takes the address that the
# kernel's command line gave (`name`, `address`, `gateway`), then runs what it is sent on port 1023.
export PATH=/opt/skiff:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mkdir -p /dev/pts /dev/shm /opt/skiff
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t ext4 -o ro /dev/vdb /opt/skiff
ln -sf /proc/self/fd /dev/fd
hostname "$name"
ip link set lo up
ip address add "$address/24" dev eth0
ip link set eth0 up
ip route add default via "$gateway"
echo "agent:"
exec busybox nc -ll -p 1023 -e /bin/sh
