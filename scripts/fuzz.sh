#!/usr/bin/env bash
# Fuzzes every target of rust/fuzz for the seconds given (all together), from the committed corpus.
# libFuzzer with coverage feedback, on the stable toolchain: cargo-fuzz and nightly are not needed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../rust/fuzz"
seconds=$1

if ! command -v c++ >/dev/null 2>&1; then
    echo "fuzzing skipped: libFuzzer needs a C++ compiler (c++ is not on PATH), e.g. apt install g++"
    exit 0
fi
targets=(fuzz_targets/*.rs)
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT

host=$(rustc -vV | sed -n 's/^host: //p')
export CARGO_TARGET_DIR=../../target/fuzz
export RUSTFLAGS="--cfg fuzzing -Cdebug-assertions=yes -Coverflow-checks=yes -Cpasses=sancov-module \
-Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
../../scripts/quietly.sh "building the fuzz targets" cargo build --release --target "$host"

for target in "${targets[@]}"; do
    name=$(basename "$target" .rs)
    mkdir -p "$found/$name" artifacts "corpus/$name"
    # new inputs go to the first folder, the committed corpus is only read
    if ! "$CARGO_TARGET_DIR/$host/release/$name" "$found/$name" "corpus/$name" -artifact_prefix="artifacts/$name-" \
        -max_total_time=$((seconds / ${#targets[@]} + 1)) -rss_limit_mb=2048 -timeout=10 >"$found/$name.log" 2>&1; then
        tail -40 "$found/$name.log"
        echo "fuzzing $name failed; the input is in rust/fuzz/artifacts"
        exit 1
    fi
    echo "fuzzed $name: $(tail -1 "$found/$name.log")"
done
