#!/usr/bin/env bash
# Builds the wheel, installs it into an empty environment and tries what a user does first.
set -euo pipefail
export PIP_DISABLE_PIP_VERSION_CHECK=1
cd "$(dirname "${BASH_SOURCE[0]}")/.."
venv=$(cd "${VENV:-.venv}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

VENV=$venv scripts/wheel.sh "$work"
wheel=("$work"/accelnas-*.whl)
if [ "$(uname -s)" = Linux ]; then
    # what the binary needs, whatever the file's name says
    "$venv/bin/python" -m auditwheel show "${wheel[0]}" | grep '^"manylinux_2_\(5\|12\|17\)_' >/dev/null ||
        { echo "smoke test failed: the wheel needs a newer glibc than manylinux2014 has" >&2; exit 1; }
fi

"$venv/bin/python" -m venv "$work/venv"
scripts/quietly.sh "installing the wheel" "$work/venv/bin/python" -m pip install "${wheel[0]}"
cp scripts/smoke.py "$work"
cd "$work" # away from the source tree
venv/bin/python smoke.py "${wheel[0]}"
