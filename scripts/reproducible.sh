#!/usr/bin/env bash
# Builds the wheel of what is committed twice, in folders of other names, and compares the bytes.
# Usage: reproducible.sh [TARGET]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
VENV=$(cd "${VENV:-.venv}" && pwd)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export VENV SOURCE_DATE_EPOCH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for folder in one another/of/two; do
    mkdir -p "$work/$folder"
    git archive HEAD | tar -x -C "$work/$folder"
    (unset CARGO_TARGET_DIR && "$work/$folder/scripts/wheel.sh" "$work/$folder/dist" "$@")
    rm -rf "$work/$folder/target"
done
sha256sum "$work"/one/dist/*.whl "$work"/another/of/two/dist/*.whl | sed "s|$work/||"
cmp "$work"/one/dist/*.whl "$work"/another/of/two/dist/*.whl
echo "two builds give the same bytes"
