#!/usr/bin/env bash
# Says everything that is missing for development, then fails; else prints the Python to use.
# With --tools it also wants what `make test` calls beyond a build.
set -u

missing=()

if ! command -v cargo >/dev/null 2>&1; then
    missing+=("a Rust toolchain (cargo is not on PATH): install it from https://rustup.rs")
elif [ "${1:-}" = --tools ]; then
    cargo fmt --version >/dev/null 2>&1 || missing+=("rustfmt: run: rustup component add rustfmt")
    cargo clippy --version >/dev/null 2>&1 || missing+=("clippy: run: rustup component add clippy")
fi

if ! command -v cc >/dev/null 2>&1; then
    missing+=("a C compiler (cc is not on PATH): install gcc or clang, e.g. apt install build-essential")
fi

python="" found=()
for candidate in ${PYTHON:-python3.11 python3.12 python3.13 python3.14 python3 python}; do
    version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        python=$candidate
        break
    fi
    found+=("$candidate is $version")
done
if [ -z "$python" ]; then
    note="none found on PATH"
    [ ${#found[@]} -gt 0 ] && note=$(printf '%s, ' "${found[@]}") && note=${note%, }
    missing+=("Python 3.11 or newer ($note): install it, or name one: make PYTHON=/path/to/python3.12")
elif ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    missing+=("the venv module of $python: install it, e.g. apt install python$version-venv")
fi

if [ ${#missing[@]} -gt 0 ]; then
    echo "cannot build accelnas; missing:" >&2
    printf '  - %s\n' "${missing[@]}" >&2
    exit 1
fi
echo "$python"
