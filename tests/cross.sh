#!/usr/bin/env bash
# The same run on other processors: aarch64 and big-endian s390x under emulation,
# and x86-64 in debug, release and target-cpu=native. Every digest of 20 000 steps
# and the saved image must be equal, byte for byte. `make test-cross`.
#
# Needs Debian's rustc-web cargo-web rust-web-src gcc-aarch64-linux-gnu
# gcc-s390x-linux-gnu libc6-dev-arm64-cross libc6-dev-s390x-cross qemu-user; says
# so and succeeds where they are missing, unless CI is set.
set -euo pipefail
cd "$(dirname "$0")/.."
steps=${STEPS:-20000} save_at=500
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

# run NAME COMMAND...: the driver's digests and its image.
run() {
  local name=$1
  shift
  rm -f "$out/$name.image"
  "$@" "$out/$name.image" "$steps" "$save_at" </dev/null | grep -v saved >"$out/$name.digests"
  printf '%-22s last %s, all %s, image %s\n' "$name" "$(tail -n 2 "$out/$name.digests" | head -n 1 | cut -d' ' -f2)" \
    "$(sha256sum <"$out/$name.digests" | cut -c1-16)" "$(sha256sum <"$out/$name.image" | cut -c1-16)"
}

host() {
  local name=$1 profile=$2
  shift 2
  cargo build -q --locked -p infonoise-ffi --target-dir "$out/$name" "$@"
  cc -O2 -Iinclude tests/c/resume.c "$out/$name/$profile/libinfonoise.a" -o "$out/$name.bin"
  run "$name" "$out/$name.bin"
}

cross() {
  local arch=$1 target=$1-unknown-linux-gnu
  RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 /usr/bin/cargo build -q --release --locked -Zbuild-std=core \
    --target "$target" --target-dir "$out/$arch" -p infonoise-ffi --config 'profile.release.lto="fat"' \
    --config "target.$target.linker='$arch-linux-gnu-gcc'"
  "$arch-linux-gnu-gcc" -O2 -Iinclude tests/c/resume.c "$out/$arch/$target/release/libinfonoise.a" -o "$out/$arch.bin"
  run "$arch" "qemu-$arch" -L "/usr/$arch-linux-gnu" "$out/$arch.bin"
}

host x86-64-release release --release
host x86-64-debug debug
RUSTFLAGS="-Ctarget-cpu=native" host x86-64-native release --release
cross aarch64
cross s390x

for name in x86-64-debug x86-64-native aarch64 s390x; do
  cmp "$out/x86-64-release.digests" "$out/$name.digests"
  cmp "$out/x86-64-release.image" "$out/$name.image"
done
echo "test-cross: 5 builds agree on $steps digests and on the image"
