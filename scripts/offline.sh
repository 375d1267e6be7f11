#!/usr/bin/env bash
# Builds and installs a source distribution without a network, beside Rust and maturin alone, and asks it once.
# Usage: offline.sh SDIST, as root: network namespaces are root's
set -euo pipefail
sdist=$(realpath "$1")
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet 'maturin>=1.9,<2' 'numpy>=1.26,<3' 'typer>=0.16,<1' 'rich>=13.8'
cd "$work" # away from the source tree
# neither crates that were fetched before nor any that could be
export CARGO_HOME=$work/cargo RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup}
unshare --net "$work/venv/bin/python" -m pip install --quiet --no-index --no-deps --no-build-isolation "$sdist"
unshare --net "$work/venv/bin/accelnas" info >/dev/null
echo "built without a network: $(basename "$sdist"), $(stat -c %s "$sdist") bytes"
