#!/usr/bin/env bash
# The same run on other processors: aarch64 and big-endian s390x under emulation,
# and x86-64 in debug, release and target-cpu=native. Every digest of 20 000 steps,
# the saved snapshot, a recorded journal and planned grids must be equal, byte for byte,
# and each build must replay the journal of the first. `make test-cross`.
#
# Needs Debian's rustc-web cargo-web rust-web-src gcc-aarch64-linux-gnu
# gcc-s390x-linux-gnu libc6-dev-arm64-cross libc6-dev-s390x-cross qemu-user; says
# so and succeeds where they are missing, unless CI is set.
set -euo pipefail
cd "$(dirname "$0")/.."
steps=${STEPS:-20000} save_at=500 recorded=2000
out=target/cross
mkdir -p "$out"

missing=()
[ -x /usr/bin/cargo ] || missing+=(cargo-web)
compgen -G '/usr/src/rustc-*' >/dev/null || missing+=(rust-web-src)
for tool in aarch64-linux-gnu-gcc s390x-linux-gnu-gcc qemu-aarch64 qemu-s390x; do
  command -v "$tool" >/dev/null || missing+=("$tool")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "test-cross: skipped, missing: ${missing[*]}"
  [ -z "${CI:-}" ] && exit 0 || exit 1
fi

# run NAME [EMULATOR...]: the drivers' digests, snapshot and journal, and a replay.
run() {
  local name=$1
  shift
  rm -f "$out/$name.snapshot"
  "$@" "$out/$name.resume" "$out/$name.snapshot" "$steps" "$save_at" </dev/null | grep -v saved >"$out/$name.digests"
  "$@" "$out/$name.journal" record "$out/$name.log" "$recorded" >/dev/null
  "$@" "$out/$name.journal" replay "$out/x86-64-release.log" >"$out/$name.replay"
  "$@" "$out/$name.float_mode" >"$out/$name.modes"
  printf '%-15s last %s, all %s, snapshot %s, journal %s, %s\n' "$name" \
    "$(tail -n 2 "$out/$name.digests" | head -n 1 | cut -d' ' -f2)" "$(hash "$out/$name.digests")" \
    "$(hash "$out/$name.snapshot")" "$(hash "$out/$name.log")" "$(cat "$out/$name.replay")"
}

hash() { sha256sum <"$1" | cut -c1-12; }

# drivers NAME LIBRARY COMPILER: the C programs on that library.
drivers() {
  for program in resume journal float_mode; do
    "$3" -O2 -ffp-contract=off -Iinclude "tests/c/$program.c" "$2" -lm -o "$out/$1.$program"
  done
}

# The library as it is released.
release() {
  INFONOISE_TARGET_DIR=$out/$1 ffi/build.sh "$out/$1.a"
  drivers "$1" "$out/$1.a" cc
  run "$1"
}

debug() {
  local target
  target=$(ffi/build.sh --target)
  cargo build -q --locked -p infonoise-ffi --target "$target" --target-dir "$out/$1"
  drivers "$1" "$out/$1/$target/debug/libinfonoise.a" cc
  run "$1"
}

cross() {
  local arch=$1
  RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 INFONOISE_CARGO=/usr/bin/cargo INFONOISE_CARGO_FLAGS=-Zbuild-std=core \
    CC=$arch-linux-gnu-gcc INFONOISE_TARGET_DIR=$out/$arch ffi/build.sh "$out/$arch.a"
  drivers "$arch" "$out/$arch.a" "$arch-linux-gnu-gcc"
  run "$arch" "qemu-$arch" -L "/usr/$arch-linux-gnu"
}

release x86-64-release
debug x86-64-debug
RUSTFLAGS="-Ctarget-cpu=native" release x86-64-native
cross aarch64
cross s390x

for name in x86-64-debug x86-64-native aarch64 s390x; do
  for what in digests snapshot log replay modes; do
    cmp "$out/x86-64-release.$what" "$out/$name.$what"
  done
done
# The same digest and plans with any rounding mode, flush bits and traps of the host.
[ "$(cut -d' ' -f2 "$out/x86-64-release.modes" | sort -u | wc -l)" = 1 ]
echo "test-cross: 5 builds agree on $steps digests, the snapshot, a journal of $recorded steps, planned grids, in every float mode"
