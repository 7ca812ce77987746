#!/usr/bin/env bash
# Reduces the static library that cargo builds to what its exports reach, and
# hides every other symbol: 4 MB become less than 100 kB, and the result links together
# with another Rust static library (unreduced, both would define the same runtime).
# ffi/build.sh calls it.
#
#   ffi/reduce.sh target/x86_64-unknown-linux-gnu/release/libinfonoise.a out/libinfonoise.a
#   ffi/reduce.sh target/x86_64-unknown-linux-gnu/release/libinfonoise.a out/infonoise.o   # its one object
#
# AR, LD, NM and OBJCOPY in the environment must be for the archive's processor.
set -euo pipefail
: "${AR:=ar}" "${LD:=ld}" "${NM:=nm}" "${OBJCOPY:=objcopy}"
from=$1 to=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
object=$folder/infonoise.o
roots=$("$NM" "$from" 2>/dev/null | sed -n 's/.* T \(infonoise_\w*\)$/-u \1/p' | sort -u) || true
if [ -z "$roots" ]; then
  echo "infonoise: '$NM' finds no export in $from: set NM to one for the library's processor" >&2
  exit 1
fi
# shellcheck disable=SC2086
"$LD" -r --gc-sections $roots "$from" -o "$object"
# Nothing unwinds through the library, and debuggers find its frames from the code.
"$OBJCOPY" --remove-section=.rela.eh_frame --remove-section=.eh_frame "$object"
"$OBJCOPY" --wildcard --keep-global-symbol='infonoise_*' --strip-unneeded "$object"
mkdir -p "$(dirname "$to")"
rm -f "$to"
if [[ $to == *.o ]]; then
  mv "$object" "$to"
else
  # D: no dates or owners in the archive, so that it is reproducible.
  "$AR" rcsD "$to" "$object"
fi
