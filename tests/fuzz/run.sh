#!/usr/bin/env bash
# Fuzzes every target for a number of seconds: `make fuzz` (60), `make test` (5).
# Needs the nightly toolchain; without one it says so and succeeds. cargo-fuzz is built
# in target/tools on first use. New inputs are kept in target/fuzz/corpus, failing ones
# in target/fuzz/artifacts.
#
#   tests/fuzz/run.sh SECONDS
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=$1 tools=$PWD/target/tools
if ! cargo +nightly --version >/dev/null 2>&1; then
  echo "fuzz: skipped, rustup has no nightly toolchain here"
  exit 0
fi
if [ ! -x "$tools/bin/cargo-fuzz" ]; then
  echo "fuzz: building cargo-fuzz"
  cargo install -q --locked --version 0.13.2 --root "$tools" cargo-fuzz
fi
export PATH=$tools/bin:$PATH
# Longer than any seed: a seed that is cut off is useless.
longest=$(($(find tests/fuzz/seeds -type f -printf '%s\n' | sort -n | tail -n 1) * 2))
for target in state_block snapshot journal calls; do
  mkdir -p "target/fuzz/corpus/$target" "target/fuzz/artifacts/$target"
  log=target/fuzz/$target.log
  if ! cargo +nightly fuzz run --fuzz-dir tests/fuzz --target-dir target/fuzz --features libfuzzer "$target" \
    "target/fuzz/corpus/$target" "tests/fuzz/seeds/$target" -- -max_total_time="$seconds" -max_len="$longest" \
    -artifact_prefix="target/fuzz/artifacts/$target/" >"$log" 2>&1; then
    tail -n 40 "$log"
    echo "fuzz: $target failed, its input lies in target/fuzz/artifacts/$target"
    exit 1
  fi
  printf 'fuzz: %-12s %s\n' "$target" "$(grep -o 'Done.*' "$log" || echo 'no runs')"
done
