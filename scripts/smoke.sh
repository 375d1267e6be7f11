#!/usr/bin/env bash
# Tries what a user does first in an empty environment: with the wheel named, or with one built now.
# Usage: smoke.sh [WHEEL]; PYTHON names the interpreter
set -euo pipefail
export PIP_DISABLE_PIP_VERSION_CHECK=1
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ $# -gt 0 ]; then
    wheel=$1
else
    venv=$(cd "${VENV:-.venv}" && pwd)
    PYTHON=${PYTHON:-$venv/bin/python}
    # what is tried here needs no optimisation across crates, which takes minutes
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 VENV=$venv scripts/wheel.sh "$work"
    wheel=$(echo "$work"/accelnas-*.whl)
    if [ "$(uname -s)" = Linux ]; then
        # what the binary needs, whatever the file's name says
        "$venv/bin/python" -m auditwheel show "$wheel" | grep '^"manylinux_2_\(5\|12\|17\)_' >/dev/null ||
            { echo "smoke test failed: the wheel needs a newer glibc than manylinux2014 has" >&2; exit 1; }
    fi
fi

"${PYTHON:-python3}" -m venv "$work/venv"
python=$work/venv/bin/python
[ -x "$python" ] || python=$work/venv/Scripts/python.exe
scripts/quietly.sh "installing the wheel" "$python" -m pip install "$wheel"
cp scripts/smoke.py "$work"
wheel=$(realpath "$wheel")
cd "$work" # away from the source tree
"$python" smoke.py "$wheel"
