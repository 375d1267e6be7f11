#!/usr/bin/env bash
# Builds wheels into a folder: abi3, or for the interpreter with free threads that INTERPRETER names (python3.14t).
# The same commit, rustc, maturin and zig give the same bytes wherever they are.
# Usage: wheel.sh OUT [TARGET…], Rust's names of targets; of this machine unless told otherwise
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=$1
shift
venv=${VENV:-.venv}
# maturin refuses to choose between two active environments
unset CONDA_PREFIX
if [ -d "$venv/bin" ]; then
    VIRTUAL_ENV=$(cd "$venv" && pwd)
    export VIRTUAL_ENV PATH="$VIRTUAL_ENV/bin:$PATH"
fi
[ $# -gt 0 ] || set -- "$(rustc --version --verbose | sed -n 's/^host: //p')"

# neither where the sources lie nor when they were built is in the binary
cargo fetch --locked --quiet
flags=${RUSTFLAGS:-}
for folder in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
    flags+=" --remap-path-prefix=$folder=/crates"
done
flags+=" --remap-path-prefix=${CARGO_TARGET_DIR:-$PWD/target}=/target --remap-path-prefix=$PWD=/accelnas"
flags+=" --remap-path-prefix=$(rustc --print sysroot)/lib/rustlib/src/rust=/rust"
export RUSTFLAGS=$flags
if [ -z "${SOURCE_DATE_EPOCH:-}" ] && committed=$(git log -1 --format=%ct 2>/dev/null); then
    export SOURCE_DATE_EPOCH=$committed
fi

mkdir -p "$out"
built=$(mktemp -d)
trap 'rm -rf "$built"' EXIT
for target in "$@"; do
    if [ ! -d "$(rustc --print sysroot)/lib/rustlib/$target" ] && command -v rustup >/dev/null; then
        rustup --quiet target add "$target"
    fi
    options=(--release --strip --locked --target "$target" --out "$built")
    # zig links against an old glibc, or musl, wherever the wheel is built
    case "$target" in
        *-linux-gnu) options+=(--zig --compatibility manylinux2014) ;;
        *-linux-musl) options+=(--zig --compatibility musllinux_1_2) ;;
    esac
    scripts/quietly.sh "building the wheel for $target" \
        maturin build "${options[@]}" ${INTERPRETER:+--interpreter "$INTERPRETER"}
    "$(command -v python3 || command -v python)" scripts/neutral.py "$built"/*.whl "$out"
    rm "$built"/*.whl
done
