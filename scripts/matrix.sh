#!/usr/bin/env bash
# Tries the wheel in an empty environment for each Python there is, with the oldest and the newest
# libraries that pyproject.toml allows. WHEEL names a wheel that is there already, PYTHONS those to try.
set -euo pipefail
export PIP_DISABLE_PIP_VERSION_CHECK=1
cd "$(dirname "${BASH_SOURCE[0]}")/.."
venv=$(cd "${VENV:-.venv}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ -z "${WHEEL:-}" ]; then
    VENV=$venv scripts/wheel.sh "$work"
    WHEEL=("$work"/accelnas-*.whl)
fi
if [ -z "${PYTHONS:-}" ]; then
    PYTHONS=$(ls "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.*/bin/python3 2>/dev/null; compgen -c python3. | grep -E '^python3\.[0-9]+$') || true
fi

oldest() { # [EXTRA]
    "$venv/bin/python" scripts/requirements.py --oldest "$@" | grep -v "python_version"
}

failed=0 tried=" "
try() { # NAME PYTHON EXTRA REQUIREMENT…
    local name=$1 python=$2 extra=$3
    shift 3
    "$python" -m venv "$work/venv"
    if ! "$work/venv/bin/python" -m pip install --quiet --only-binary :all: "$WHEEL${extra:+[$extra]}" "$@" >"$work/log" 2>&1; then
        echo "not installable: $name: $(tail -1 "$work/log")"
        failed=1
    elif ! (cd "$work" && venv/bin/python matrix.py ${extra:+--build} >log 2>&1); then
        tail -20 "$work/log"
        echo "failed: $name"
        failed=1
    else
        echo "$name: $(tail -1 "$work/log")"
    fi
    rm -rf "$work/venv"
}

cp scripts/matrix.py "$work"
for python in $PYTHONS; do
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    case "$tried" in *" $version "*) continue ;; esac
    "$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2])' || continue
    tried+="$version "
    try "newest" "$python" ""
    try "newest" "$python" build
    case "$version" in
        3.10)
            try "oldest" "$python" "" $(oldest)
            try "oldest" "$python" build $(oldest build)
            ;;
        3.11 | 3.12) try "NumPy 2.0" "$python" "" "numpy==2.0.*" ;;
    esac
done
echo "tried Python$tried"
exit "$failed"
