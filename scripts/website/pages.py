"""Every page of the repository in one folder, its links turned to where things lie there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
# where folders and files of the repository lie on the site; the first that holds decides
_PLACES = (
    ("docs/", ""),
    ("training/docs/", "training/"),
    ("training/", "training/"),
    ("bench/results/", "measurements/speed/"),
)
_TOP = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
_LINK = re.compile(r"(\]\()(?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")
_FENCE = re.compile(r"(^```.*?^```$)", re.M | re.S)


def place(path: str) -> str:
    """Where a file or folder of the repository lies on the site, both relative to their roots.

    Examples
    --------
    >>> place("docs/guides/own.md"), place("training/README.md"), place("README.md"), place("LICENSE")
    ('guides/own.md', 'training/index.md', 'index.md', 'LICENSE')
    """
    for start, put in _PLACES:
        if path.startswith(start):
            path = put + path.removeprefix(start)
            break
    there = PurePosixPath(path)
    if there.name == "README.md":
        return str(there.with_name("index.md"))
    return _TOP.get(path, path)


def gather(folder: Path) -> None:
    """Write every page into a folder, and the files that pages link to.

    Raises
    ------
    SystemExit
        A link leads to no file of the repository, or a folder and a page have one place.
    """
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    shown = [path for path in listed if path.startswith(("docs/", "training/docs/"))]
    shown += [path for path in listed if path.startswith(("training/", "bench/results/")) and path.endswith(".md")]
    shown += ["CONTRIBUTING.md", "CHANGELOG.md"]
    waiting, done = [path for path in dict.fromkeys(shown) if (ROOT / path).exists()], set()
    while waiting:
        path = waiting.pop()
        if path in done:
            continue
        done.add(path)
        target = folder / place(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / path).is_dir():
            target /= "index.md"  # a guide may have the folder's name
            target.parent.mkdir(exist_ok=True)
            if target.exists():
                raise SystemExit(f"{path}, a folder that a page links to, has the place of another page: {target.name}")
            target.write_text(_listing(path, [name for name in listed if name.startswith(path + "/")]), "utf-8")
        elif path.endswith(".md"):
            text, linked = turned(path)
            target.write_text(text, encoding="utf-8")
            waiting += linked
        else:
            shutil.copyfile(ROOT / path, target)


def turned(path: str) -> tuple[str, list[str]]:
    """Give a page with its links as the site has them, and what it links to."""
    linked = []
    folder = PurePosixPath(path).parent

    def turn(found: re.Match[str]) -> str:
        target = os.path.normpath(folder / found[2])
        if (ROOT / target / "README.md").exists():
            target = f"{target}/README.md"
        if not (ROOT / target).exists():
            raise SystemExit(f"{path}: a link leads to {found[2]}, and no such file is there")
        if target != "README.md":  # the site starts with a page of its own
            linked.append(target)
        there = place(target) + ("/index.md" if (ROOT / target).is_dir() else "")
        return f"{found[1]}{os.path.relpath(there, PurePosixPath(place(path)).parent)}{found[3] or ''})"

    parts = _FENCE.split((ROOT / path).read_text(encoding="utf-8"))
    parts[::2] = [_LINK.sub(turn, part) for part in parts[::2]]
    return "".join(parts), linked


def _listing(folder: str, files: list[str]) -> str:
    """Make a page of a folder's files, which are short; of those that are no text it says the size."""
    parts = [f"# {folder}\n"]
    for path in files:
        try:
            text = (ROOT / path).read_text(encoding="utf-8").rstrip()
        except UnicodeDecodeError:
            text = f"{(ROOT / path).stat().st_size:,} bytes"
        parts.append(f"## {Path(path).relative_to(folder)}\n\n```{Path(path).suffix[1:]}\n{text}\n```\n")
    return "\n".join(parts)
