#!/usr/bin/env bash
# Runs a command without a word; if it fails, prints all that it said, and fails as it did.
# Usage: quietly.sh WHAT COMMAND…
set -u
what=$1
shift
log=$(mktemp)
trap 'rm -f "$log"' EXIT
"$@" >"$log" 2>&1 </dev/null && exit 0
code=$?
cat "$log" >&2
echo "failed ($code): $what" >&2
exit "$code"
