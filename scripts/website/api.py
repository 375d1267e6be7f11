"""Pages of the Python API: every public name of a module once, where it is first in the navigation."""

from __future__ import annotations

from dataclasses import dataclass, field

import griffe

from website.pages import ROOT


@dataclass
class Module:
    """A module's page: the names that it describes, and those that another page describes."""

    path: str
    own: list[str] = field(default_factory=list)
    elsewhere: dict[str, str] = field(default_factory=dict)  # canonical path by name

    def page(self) -> str:
        """Markdown, in which mkdocstrings finds what to describe."""
        parts = [f"# {self.path}\n"]
        if self.own:
            members = "".join(f"\n        - {name}" for name in self.own)
            parts.append(f"::: {self.path}\n    options:\n      members:{members}\n")
        if self.elsewhere:
            links = ", ".join(f"[`{name}`][{path}]" for name, path in self.elsewhere.items())
            parts.append(f"## Described elsewhere\n\n{links}\n")
        return "\n".join(parts)


def loaded(packages: list[str]) -> griffe.GriffeLoader:
    """Read packages of the repository."""
    loader = griffe.GriffeLoader(search_paths=[ROOT / "python", ROOT / "training"], allow_inspection=False)
    for package in packages:
        loader.load(package)
    loader.resolve_aliases(implicit=True, external=False)
    return loader


def modules(paths: list[str]) -> list[Module]:
    """Read the public names of modules from their sources, without importing them."""
    loader = loaded(sorted({path.split(".")[0] for path in paths}))
    described: dict[str, str] = {}
    found = []
    for path in paths:
        module, page = loader.modules_collection[path], Module(path)
        for name in module.exports or ():
            canonical = module[str(name)].canonical_path
            if described.setdefault(canonical, path) == path:
                page.own.append(str(name))
            else:
                page.elsewhere[str(name)] = canonical
        found.append(page)
    return found
