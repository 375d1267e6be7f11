#!/usr/bin/env bash
# Builds the abi3 wheel into the folder given; on Linux against glibc 2.17 (manylinux2014).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=$1
venv=$(cd "${VENV:-.venv}" && pwd)
options=(--release --strip --out "$out")
if [ "$(uname -s)" = Linux ]; then
    # zig links against an old glibc wherever the wheel is built
    options+=(--zig --compatibility manylinux2014)
fi
scripts/quietly.sh "building the wheel" \
    env -u CONDA_PREFIX VIRTUAL_ENV="$venv" PATH="$venv/bin:$PATH" "$venv/bin/maturin" build "${options[@]}"
