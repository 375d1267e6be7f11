#!/usr/bin/env bash
# Writes the source distribution of what is committed into a folder, with its crates: it builds without a network.
# Usage: sdist.sh OUT
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p "$1"
out=$(cd "$1" && pwd)
venv=$(cd "${VENV:-.venv}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}

git archive HEAD | tar -x -C "$work"
cd "$work"
mkdir .cargo
cargo vendor --locked vendor >.cargo/config.toml 2>/dev/null
"$work/scripts/quietly.sh" "writing the source distribution" "$venv/bin/maturin" sdist --out "$out"
