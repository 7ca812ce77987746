#!/usr/bin/env bash
# Builds the library as it is released, for the processor that the C compiler compiles for.
#
#   ffi/build.sh out/lib/libinfonoise.a     # the archive, reduced to its exports
#   ffi/build.sh out/infonoise.o            # its one object
#   ffi/build.sh --target                   # prints the Rust target, or says what it lacks
#
# The Makefile, CMake and the wheel all use this script. It names cargo's target and
# its output folder itself, so that CARGO_TARGET_DIR, CARGO_BUILD_TARGET and a
# .cargo/config.toml in a folder above change nothing.
#
# From the environment, each optional:
#   CC                        the C compiler with its --target; cc
#   AR, LD, NM, OBJCOPY       binutils for that processor; those that CC uses
#   INFONOISE_TARGET_DIR      where cargo builds; target/
#   INFONOISE_CARGO           cargo; the one on the PATH
#   INFONOISE_CARGO_TARGET    the Rust target; derived from CC
#   INFONOISE_CARGO_FLAGS     more of cargo's flags, such as -Zbuild-std=core
#   RUSTC                     the compiler; cargo's own choice
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
out=$1
cargo=${INFONOISE_CARGO:-cargo}
read -ra compiler <<<"${CC:-cc}"
read -ra flags <<<"${INFONOISE_CARGO_FLAGS:-}"

fail() {
  echo "infonoise: $*" >&2
  exit 1
}

# Rust's name of the processor, from a GNU triple or from CMake's name.
processor() {
  case ${1%%-*} in
  x86_64 | amd64) echo x86_64 ;;
  aarch64 | arm64) echo aarch64 ;;
  i?86) echo i686 ;;
  ppc64le | powerpc64le) echo powerpc64le ;;
  riscv64) echo riscv64gc ;;
  s390x | loongarch64) echo "${1%%-*}" ;;
  arm*) case $1 in *hf) echo armv7 ;; *) echo unknown ;; esac ;;
  *) echo unknown ;;
  esac
}

# The last part of the triple: gnu or musl, with hf where floats are passed in registers.
environment() {
  case $1 in
  *musleabihf) echo musleabihf ;;
  *gnueabihf) echo gnueabihf ;;
  *musl*) echo musl ;;
  *) echo gnu ;;
  esac
}

rustc=${RUSTC:-rustc}
host=$(cd "$repository" && "$rustc" -vV 2>/dev/null | sed -n 's/^host: //p') || true
[ -n "$host" ] || fail "'$rustc -vV' names no host: install Rust 1.87 or newer, or set RUSTC"
machine=$("${compiler[@]}" -dumpmachine 2>/dev/null) || machine=$host

target=${INFONOISE_CARGO_TARGET:-}
if [ -z "$target" ]; then
  target=$(processor "$machine")-unknown-linux-$(environment "$machine")
  case $target in
  unknown-*) fail "the C compiler is for $machine, whose Rust target is not known here: name it in INFONOISE_CARGO_TARGET ('$rustc --print target-list' lists them)" ;;
  esac
  # A distribution's own Rust may have another vendor: x86_64-alpine-linux-musl.
  if [ "${target%%-*}-$(environment "$target")" = "${host%%-*}-$(environment "$host")" ]; then
    target=$host
  fi
fi

# The target's core library must be installed, unless it is built now.
if [[ " ${flags[*]} " != *build-std* ]]; then
  folder=$(cd "$repository" && "$rustc" --print target-libdir --target "$target" 2>/dev/null) ||
    fail "'$rustc' does not know the target $target: set INFONOISE_CARGO_TARGET to one of '$rustc --print target-list'"
  compgen -G "$folder/libcore-*.rlib" >/dev/null ||
    fail "Rust's target $target is not installed: 'rustup target add $target', or set INFONOISE_CARGO_TARGET to one that is, or build its core library with INFONOISE_CARGO_FLAGS=-Zbuild-std=core (docs/cpp.md, \"Other processors\")"
fi
if [ "$out" = --target ]; then
  echo "$target"
  exit
fi

# The binutils that the compiler itself uses are those for its processor.
tool() {
  local found
  found=$("${compiler[@]}" "-print-prog-name=$1" 2>/dev/null) && command -v "$found" || echo "$1"
}
export AR=${AR:-$(tool ar)} LD=${LD:-$(tool ld)} NM=${NM:-$(tool nm)} OBJCOPY=${OBJCOPY:-$(tool objcopy)}

folder=${INFONOISE_TARGET_DIR:-$repository/target}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
archive=$folder/$target/release/libinfonoise.a
# One build at a time, since several may share the folder.
exec 9>"$folder/.libinfonoise.lock"
! command -v flock >/dev/null || flock 9
# Optimised for speed, but small: calls are inlined and loops unrolled where that saves
# more than it adds. These are options of LLVM; a compiler that lacks them builds without.
small=()
for option in -inline-threshold=10 -unroll-threshold=20 -unroll-allow-partial=0 -unroll-runtime=0; do
  small+=(-C "llvm-args=$option")
done
if (cd "$repository" && echo '#![no_std]' | "$rustc" --crate-type lib --crate-name probe "${small[@]}" --emit obj -o /dev/null - 2>/dev/null); then
  export RUSTFLAGS="${RUSTFLAGS:-} ${small[*]}"
fi

# The target and the folder are named here. Otherwise a setting elsewhere could move the
# archive and leave an older one at this path.
(cd "$repository" && "$cargo" rustc --quiet --release --locked -p infonoise-ffi --lib --crate-type staticlib \
  --target "$target" --target-dir "$folder" "${flags[@]}")
[ -f "$archive" ] || fail "cargo succeeded without $archive"

# An unchanged library keeps its time stamp, so that nothing is linked again.
new=$out.new.${out##*.}
"$repository/ffi/reduce.sh" "$archive" "$new"
if cmp -s "$new" "$out"; then rm "$new"; else mv "$new" "$out"; fi
