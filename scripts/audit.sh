#!/usr/bin/env bash
# Checks the crates of the wheel (licences, sources, advisories) and what pip installs with it (advisories).
# AUDIT_OFFLINE=1 leaves out the advisories, which are fetched.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${VENV:-.venv}/bin/python
if ! cargo deny --version >/dev/null 2>&1; then
    echo "cargo-deny is missing: cargo install --locked cargo-deny" >&2
    exit 1
fi
if [ -n "${AUDIT_OFFLINE:-}" ]; then
    cargo deny --locked --offline check bans licenses sources
    echo "advisories were not checked (AUDIT_OFFLINE)"
    exit
fi
cargo deny --locked check
requirements=$(mktemp)
trap 'rm -f "$requirements"' EXIT
"$python" scripts/requirements.py models report >"$requirements"
# what pip-audit can't look up is a failure, too
"$python" -m pip_audit --strict --requirement "$requirements"
