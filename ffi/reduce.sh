#!/usr/bin/env bash
# Reduces the static library that cargo builds to what its exports reach, and
# hides every other symbol: 4 MB become less than 100 kB, and the result links
# beside another Rust static library (two of them would define the same runtime).
#
#   ffi/reduce.sh target/release/libinfonoise.a out/libinfonoise.a
#   ffi/reduce.sh target/release/libinfonoise.a out/infonoise.o      # its one object
set -euo pipefail
from=$1 to=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
object=$folder/infonoise.o
roots=$(nm "$from" 2>/dev/null | sed -n 's/.* T \(infonoise_\w*\)$/-u \1/p' | sort -u)
# shellcheck disable=SC2086
ld -r --gc-sections $roots "$from" -o "$object"
# Nothing unwinds through the library; debuggers read its frames off the code.
objcopy --remove-section=.rela.eh_frame --remove-section=.eh_frame "$object"
objcopy --wildcard --keep-global-symbol='infonoise_*' --strip-unneeded "$object"
mkdir -p "$(dirname "$to")"
rm -f "$to"
if [[ $to == *.o ]]; then
  mv "$object" "$to"
else
  # D: no dates or owners in the archive, so that it is reproducible.
  ar rcsD "$to" "$object"
fi
