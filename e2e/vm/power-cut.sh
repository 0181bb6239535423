#!/bin/busybox sh
# The guest of the power cut test: verifies what earlier rounds acknowledged, then writes until
# the power goes. The environment comes from the kernel's command line: `verify` is the number
# of bytes of acknowledgements on the second disk, `unsynced=1` makes the store skip its syncs.
busybox=/bin/busybox
$busybox mount -t proc proc /proc
$busybox mount -t sysfs sysfs /sys
$busybox mount -t devtmpfs dev /dev
while read -r module; do $busybox insmod "$module"; done < /modules
# The device is there before its port is: until then nobody can open it. A VM without one is ended by the test.
until [ -c /dev/hvc0 ] && (: > /dev/hvc0) 2>/dev/null; do $busybox sleep 0.1; done
exec > /dev/hvc0 2>&1

$busybox mount -t ext4 -o "${options:-defaults}" /dev/vda /mnt || { echo "no disk"; $busybox poweroff -f; }
if [ "${unsynced:-}" = 1 ]; then export SKIFF_STORE_SKIP_SYNC=1; fi
$busybox head -c "$verify" /dev/vdb | /bin/power_cut_verify /mnt/store
echo "verified: $?"
echo "writing:"
/bin/power_cut_writer /mnt/store
echo "the writer ended: $?"
$busybox poweroff -f
