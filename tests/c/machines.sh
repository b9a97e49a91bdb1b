#!/usr/bin/env bash
# The C tests on other machines: cross-compiled, linked statically and run under qemu's user mode. Any difference fails. On
# Debian and Ubuntu, root has the packages installed; where a machine's compiler or emulator is missing it is skipped, said so,
# and with CI set that fails. `machines.sh [MACHINE...]` runs some of them; JOBS compilers at once for each of the two
# representations, by default as many as there are processors. `machines.sh --packages` names the packages.
set -euo pipefail
shopt -s extglob
cd "$(dirname "$0")"

# name, compiler, emulator, what the test of the vectors must say that it runs on, flags
machines() {
  cat <<'END'
aarch64   aarch64-linux-gnu-gcc  qemu-aarch64-static  int128;64-bit,;little-endian;neon:
riscv64   riscv64-linux-gnu-gcc  qemu-riscv64-static  int128;64-bit,;little-endian
s390x     s390x-linux-gnu-gcc    qemu-s390x-static    int128;64-bit,;big-endian
i686      i686-linux-gnu-gcc     qemu-i386-static     two-limb;32-bit,;little-endian
i686-sse  i686-linux-gnu-gcc     qemu-i386-static     two-limb;32-bit,;little-endian  -msse2 -mfpmath=sse
musl      musl-gcc               -                    int128;64-bit,;little-endian
END
}

packages="gcc-aarch64-linux-gnu gcc-riscv64-linux-gnu gcc-s390x-linux-gnu gcc-i686-linux-gnu libc6-dev-arm64-cross
  libc6-dev-riscv64-cross libc6-dev-s390x-cross libc6-dev-i386-cross qemu-user-static musl-tools"

# shellcheck disable=SC2086
if [ "${1:-}" = --packages ]; then
  echo $packages
  exit
fi

missing() { # the commands among the arguments that are not there
  local command
  for command; do
    [ "$command" = - ] || command -v "$command" >/dev/null || echo "$command"
  done
}

# shellcheck disable=SC2046,SC2086
if [ -n "$(missing $(machines | awk '{print $2, $3}'))" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing" $packages
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends $packages >/dev/null
fi

out=${OUT:-build}
mkdir -p "$out"
ran=0 skipped=0
while read -r name compiler emulator expected flags; do
  if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then
    continue
  fi
  echo "-- $name"
  absent=$(missing "$compiler" "$emulator" | paste -sd ' ')
  if [ -n "$absent" ]; then
    echo "skipped $name: no $absent"
    skipped=$((skipped + 1))
    continue
  fi
  variants=(plain)
  [[ $expected = int128* ]] && variants+=(limbs) # else it is two limbs already
  # the emulated 128-bit arithmetic of the oracles is slow, that of s390x most of all: one in 40 of the numbers, or in 140, and
  # both variants at a time
  step=40
  [ "$name" != s390x ] || step=140
  make -s vectors OUT="$out/$name"
  runs=()
  for variant in "${variants[@]}"; do
    make -s -j"${JOBS:-$(nproc)}" "run-$variant" OUT="$out/$name" CC="$compiler" RUN="${emulator#-}" STEP=$step \
      EXTRA="$flags -static" >"$out/$name-$variant.log" 2>&1 &
    runs+=($!)
  done
  failed=
  for k in "${!variants[@]}"; do
    wait "${runs[k]}" || failed="$failed ${variants[k]}"
    cat "$out/$name-${variants[k]}.log"
  done
  [ -z "$failed" ] || {
    echo "$name failed:$failed"
    exit 1
  }
  for variant in "${variants[@]}"; do
    wanted=$expected
    [ "$variant" = plain ] || wanted=${expected/int128/two-limb}
    for word in ${wanted//;/ }; do
      grep -q "$word" "$out/$name-$variant.log" || {
        echo "$name is not $word"
        exit 1
      }
    done
  done
  if [ "$name" = aarch64 ]; then
    make -s rounding ISAS=neon OUT="$out/$name" CC="$compiler" RUN="${emulator#-}" EXTRA="$flags -static" | tee "$out/$name.log"
    grep -q ' checks, 0 failed' "$out/$name.log" || exit 1
  fi
  if [ "$name" = i686 ]; then # its doubles are x87's by default, which round twice: liquid.c allows for that, vector*.c does not run there
    objects=("$out/$name"/plain/!(vector*|liquid|test_*).o)
    x87=$("${compiler%gcc}objdump" -d --no-show-raw-insn "${objects[@]}" | awk -F'\t' '$2 ~ /^f/' | wc -l)
    echo "x87 instructions in the ${#objects[@]} other objects of the portable kernel: $x87"
    [ "$x87" = 0 ] || exit 1
    ! grep -E '^  (avx|neon)' "$out/$name-plain.log" || exit 1
  fi
  ran=$((ran + 1))
done < <(machines)

echo "machines: $ran run, $skipped skipped"
[ "$ran" -gt 0 ] || [ "$skipped" -gt 0 ] || { echo "no such machine: $*"; exit 1; }
[ "$skipped" = 0 ] || echo "they take the packages" $packages
if [ "$skipped" -gt 0 ] && [ -n "${CI:-}" ]; then
  echo "CI is set: none may be skipped"
  exit 1
fi
