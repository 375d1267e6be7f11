#!/usr/bin/env bash
# Installs Debian's Chromium where no Chromium is on PATH; with --check it only says that one is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
for name in chromium chromium-browser google-chrome chrome; do # as in tests/browser.py
    command -v "$name" >/dev/null && exit 0
done
if [ "${1:-}" = --check ]; then
    echo "no Chromium is on PATH: install Debian's package chromium, or run scripts/chromium.sh" >&2
    exit 1
fi
root=()
[ "$(id -u)" = 0 ] || root=(sudo -n)
export DEBIAN_FRONTEND=noninteractive
scripts/quietly.sh "listing Debian's packages" "${root[@]}" apt-get update
scripts/quietly.sh "installing Chromium" "${root[@]}" apt-get install --yes --no-install-recommends chromium
