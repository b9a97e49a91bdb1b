#!/usr/bin/env bash
# The AVX-512 path on an emulated processor that has it: Bochs boots a Linux kernel whose init runs test_vectors and
# test_instruction_sets, linked statically. Fails on any difference, and where AVX-512 was not available inside. It takes some
# ten minutes, of one processor.
#
# On Debian 12 (x86-64), and as root where the packages are not there yet: they are downloaded and unpacked below
# $OUT/avx512, and nothing is installed. SUBNETS of test_instruction_sets, in runs of 500; MODEL of Bochs' processors; LIMIT in
# seconds.
set -euo pipefail
cd "$(dirname "$0")"
out=${OUT:-build}/avx512
mkdir -p "$out"
out=$(cd "$out" && pwd)
subnets=${SUBNETS:-3000} model=${MODEL:-corei7_skylake_x} limit=${LIMIT:-5400} chunk=500
root=$out/root
bochs_pid=$out/bochs.pid serial=$out/serial.txt

# ---- packages -------------------------------------------------------------------------------------------------------------

if [ ! -e "$out/unpacked" ]; then
  rm -rf "$out/packages" "$root"
  mkdir -p "$out/packages/partial" "$root"
  apt-get update -qq
  kernel=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image/ {print $2; exit}')
  apt-get install -qq -y --no-install-recommends --reinstall --download-only -o Dir::Cache::archives="$out/packages" \
    bochs bochs-term bochsbios vgabios isolinux syslinux-common xorriso busybox-static "$kernel" >/dev/null
  for package in "$out"/packages/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x -C "$root" --exclude=./lib/modules --exclude=./usr/lib/modules
  done
  rm -r "$out/packages"
  touch "$out/unpacked"
fi
libraries=$root/usr/lib/x86_64-linux-gnu
export LD_LIBRARY_PATH=$libraries LTDL_LIBRARY_PATH=$libraries/bochs/plugins BXSHARE=$root/usr/share/bochs

# ---- what is booted -------------------------------------------------------------------------------------------------------

tests=$out/tests/plain
# Bochs 2.7 takes a gather for illegal whose index stands in one of the upper sixteen registers
flags=-static
for register in {16..31}; do flags+=" -ffixed-xmm$register"; done
env -u LD_LIBRARY_PATH make -s OUT="$out/tests" EXTRA="$flags" \
  "$tests/test_vectors" "$tests/test_instruction_sets" "$out/tests/vectors.bin"

rm -rf "$out/files" "$out/disc"
mkdir -p "$out/files/bin" "$out/disc/isolinux"
cp "$root/bin/busybox" "$out/files/bin/"
cp "$tests/test_vectors" "$tests/test_instruction_sets" "$out/tests/vectors.bin" "$out/files/"
cat >"$out/files/init" <<END
#!/bin/busybox sh
/test_vectors /vectors.bin
echo "test_vectors: status \$?"
first=0
while [ \$first -lt $subnets ]; do
  /test_instruction_sets $chunk \$first
  echo "test_instruction_sets: status \$?"
  first=\$((first + $chunk))
done
echo "end of run"
while :; do /bin/busybox sleep 1000; done
END
chmod +x "$out/files/init"
(cd "$out/files" && find . | "$root/bin/busybox" cpio -o -H newc 2>/dev/null | gzip -1) >"$out/disc/initrd"
cp "$root"/boot/vmlinuz-* "$out/disc/vmlinuz"
cp "$root/usr/lib/ISOLINUX/isolinux.bin" "$root/usr/lib/syslinux/modules/bios/ldlinux.c32" "$out/disc/isolinux/"
# Bochs 2.7 states the size of the compacted XSAVE area wrongly, and Linux then turns all vectors off: without compaction.
# Without ACPI and PCI, of which nothing is needed, it boots sooner.
parameters="console=ttyS0 quiet nomodeset acpi=off pci=off clearcpuid=xsavec,xsaves tsc=reliable lpj=1000000"
parameters+=" mitigations=off cryptomgr.notests"
cat >"$out/disc/isolinux/isolinux.cfg" <<END
DEFAULT linux
PROMPT 0
LABEL linux
KERNEL /vmlinuz
INITRD /initrd
APPEND $parameters
END
"$root/usr/bin/xorriso" -as mkisofs -quiet -o "$out/disc.iso" -b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot \
  -boot-load-size 4 -boot-info-table "$out/disc" 2>"$out/xorriso.txt"

# ---- Bochs: Debian's has its debugger, which is told to continue, and wants a terminal ------------------------------------

cat >"$out/bochsrc" <<END
cpu: model=$model, count=1, ips=50000000
memory: guest=512, host=512
romimage: file=$root/usr/share/bochs/BIOS-bochs-latest, options=fastboot
vgaromimage: file=$root/usr/share/vgabios/vgabios.bin
ata0-master: type=cdrom, path=$out/disc.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$serial
log: $out/log.txt
panic: action=fatal
error: action=ignore
info: action=ignore
display_library: term
clock: sync=none
END
echo continue >"$out/commands"
rm -f "$serial" "$bochs_pid"
touch "$serial"
stop() {
  if [ -s "$bochs_pid" ] && kill -0 "$(cat "$bochs_pid")" 2>/dev/null; then
    kill -KILL "$(cat "$bochs_pid")" # while it emulates it hears nothing else
  fi
}
trap stop EXIT
began=$SECONDS
TERM=vt100 script -qec "echo \$\$ >'$bochs_pid'; exec '$root/usr/bin/bochs-bin' -q -f '$out/bochsrc' -rc '$out/commands'" \
  /dev/null </dev/null >"$out/screen.txt" 2>&1 &
terminal=$!

while ! grep -q '^end of run' "$serial"; do
  if [ $((SECONDS - began)) -gt "$limit" ] || ! kill -0 $terminal 2>/dev/null; then
    cat "$serial"
    echo "Bochs ended, or took more than $limit seconds: see $out/log.txt"
    exit 1
  fi
  sleep 1
done
tr -d '\r' <"$serial" >"$out/report.txt"
echo "-- Bochs, $model: $((SECONDS - began)) seconds"
cat "$out/report.txt"

# ---- whether it says what it has to ---------------------------------------------------------------------------------------

runs=$(((subnets + chunk - 1) / chunk))
awk -v runs="$runs" '
  /^test_vectors: status 0$/ {vectors++}
  /^test_instruction_sets: status 0$/ {sets++}
  /^  avx512: .* epochs without a trace.*; 0 differ$/ {chain++}
  /^  (avx2|avx512): [0-9]+ subnets/ {
    set = $1
    subnets[set] += $2
    computed[set] += $4
    split($0, part, "; ")
    split(part[2], word, " ")
    differ[set] += word[1]
    epochs[set] += word[3]
    seen[set]++
  }
  END {
    print "-- in all"
    for (set in seen) {
      printf "  %s %d subnets, %d of them computed by it; %d of %d epochs differ\n", set, subnets[set], computed[set],
        differ[set], epochs[set]
    }
    exit !(vectors == 1 && chain == 1 && sets == runs && seen["avx512:"] == runs && differ["avx512:"] == 0)
  }' "$out/report.txt" || {
  echo "not every run ended well, with AVX-512 and without a difference"
  exit 1
}
