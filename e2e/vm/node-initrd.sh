#!/bin/busybox sh
# The first program of a machine that becomes a node: loads the modules, goes on in the root disk.
busybox=/bin/busybox
$busybox mount -t proc proc /proc
$busybox mount -t sysfs sysfs /sys
$busybox mount -t devtmpfs dev /dev
while read -r module; do $busybox insmod "$module" || echo "no $module"; done < /modules
$busybox mount -t ext4 /dev/vda /mnt || { echo "no root disk"; $busybox poweroff -f; }
$busybox mount --move /dev /mnt/dev
$busybox umount /sys
$busybox umount /proc
exec $busybox switch_root /mnt /node-init
