#!/usr/bin/env bash
# Lets another environment use the package that is built into the source tree, which takes no second build.
# Usage: share.sh FROM TO
set -euo pipefail
site() { "$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }
from=$(site "$1")
to=$(site "$2")
cp -R "$from"/accelnas-*.dist-info "$from"/accelnas.pth "$to"
sed "1s|.*|#!$(cd "$2" && pwd)/bin/python|" "$1/bin/accelnas" >"$2/bin/accelnas"
chmod +x "$2/bin/accelnas"
