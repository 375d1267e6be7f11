"""Build the site: ``python -m website`` in scripts puts its pages into ``build/docs``, and it into ``site``."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from website import api, commands
from website.check import faults, undescribed
from website.llms import write
from website.pages import ROOT, gather

STAGE, SITE = ROOT / "build" / "docs", ROOT / "site"


class _Loader(yaml.SafeLoader):
    """YAML in which tags of Python are left alone."""


_Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)


def navigation() -> list[tuple[tuple[str, ...], str]]:
    """Every page of the navigation in order: the titles that lead to it, and its file."""

    def flat(entries: list[Any], above: tuple[str, ...]) -> list[tuple[tuple[str, ...], str]]:
        found = []
        for entry in entries:
            ((title, below),) = entry.items() if isinstance(entry, dict) else [("", entry)]
            titles = (*above, title) if title else above
            found += flat(below, titles) if isinstance(below, list) else [(titles, below)]
        return found

    settings = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), _Loader)  # noqa: S506 (a safe loader)
    return flat(settings["nav"], ())


def main() -> int:
    """Gather, generate, build and check; the exit code is 1 where anything is wrong."""
    pages = navigation()
    for folder in (STAGE, SITE):
        shutil.rmtree(folder, ignore_errors=True)
    gather(STAGE)
    (STAGE / "reference" / "api").mkdir(parents=True)
    paths = [Path(page).stem for _, page in pages if page.startswith("reference/api/")]
    modules = api.modules(paths)
    for module in modules:
        (STAGE / "reference" / "api" / f"{module.path}.md").write_text(module.page(), encoding="utf-8")
    (STAGE / "reference" / "commands").mkdir()
    for program in commands.PROGRAMS:
        (STAGE / "reference" / "commands" / f"{program}.md").write_text(commands.page(program), encoding="utf-8")
    there = {path.relative_to(STAGE).as_posix() for path in STAGE.rglob("*.md")}
    named = {page for _, page in pages}
    wrong = [f"mkdocs.yml: {page} is no page" for page in sorted(named - there)]
    wrong += [f"{page} is not in the navigation of mkdocs.yml" for page in sorted(there - named)]
    if not wrong:
        command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
        built = subprocess.run(command, cwd=ROOT, check=False)
        if built.returncode:
            return built.returncode
        write(pages, STAGE, SITE)
        described = [name for module in modules for name in module.described]
        wrong = faults(SITE) + undescribed(SITE, described)
    print("\n".join(wrong), end="\n" if wrong else "")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
