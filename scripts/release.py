"""Check that a tag, the version, the changelog and the files to publish belong together.

Usage: python release.py TAG FOLDER
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import tomllib

ROOT = Path(__file__).parent.parent
PLATFORMS = (
    "manylinux.*_x86_64",
    "manylinux.*_aarch64",
    "musllinux.*_x86_64",
    "musllinux.*_aarch64",
    "macosx_.*_x86_64",
    "macosx_.*_arm64",
    "win_amd64",
)
PYTHONS = ("cp310-abi3", "cp314-cp314t")


def faults(tag: str, names: list[str], version: str, changelog: str) -> list[str]:
    """Return what is wrong with a release.

    >>> changes = "## 0.1.0 (2026-12-01)"
    >>> wheels = [f"accelnas-0.1.0-{p}-{s.replace('.*', '_1')}.whl" for p in PYTHONS for s in PLATFORMS]
    >>> faults("v0.1.0", ["accelnas-0.1.0.tar.gz", *wheels], "0.1.0", changes)
    []
    >>> faults("v0.1.1", wheels[1:], "0.1.0", "## 0.1.0 (unreleased)")
    ['the tag is v0.1.1, not v0.1.0', 'CHANGELOG.md has no line "## 0.1.0 (YEAR-MONTH-DAY)"',
     'accelnas-0.1.0.tar.gz is missing', 'accelnas-0.1.0-cp310-abi3-manylinux.*_x86_64.whl is missing']
    """
    found = []
    if tag != f"v{version}":
        found.append(f"the tag is {tag}, not v{version}")
    if not re.search(rf"^## {re.escape(version)} \(\d{{4}}-\d\d-\d\d\)$", changelog, re.MULTILINE):
        found.append(f'CHANGELOG.md has no line "## {version} (YEAR-MONTH-DAY)"')
    expected = [f"accelnas-{version}.tar.gz"]
    expected += [f"accelnas-{version}-{python}-{platform}.whl" for python in PYTHONS for platform in PLATFORMS]
    matched = {name: [pattern for pattern in expected if re.fullmatch(pattern, name)] for name in names}
    found += [f"{pattern} is missing" for pattern in expected if [pattern] not in matched.values()]
    return found + [f"{name} belongs to no release of {version}" for name, patterns in matched.items() if not patterns]


def main(tag: str, folder: Path) -> None:
    """Stop with all that is wrong."""
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    names = sorted(path.name for path in folder.iterdir())
    if wrong := faults(tag, names, version, (ROOT / "CHANGELOG.md").read_text()):
        sys.exit("not released:\n" + "\n".join(f"  - {fault}" for fault in wrong))
    print(f"{tag}: {len(names)} files to publish")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
