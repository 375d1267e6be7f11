"""Pages of the Python API: every public name of a module once, where it is first in the navigation."""

from __future__ import annotations

from dataclasses import dataclass, field

import griffe

from website.pages import ROOT

_ALONE = """::: {path}
    options:
      show_root_full_path: false
      show_root_heading: true
      show_root_toc_entry: true
"""


@dataclass
class Module:
    """A module's page: paths of the names that it describes, and of those that another page describes."""

    path: str
    own: dict[str, str] = field(default_factory=dict)
    hidden: dict[str, str] = field(default_factory=dict)  # behind a module of the same name
    elsewhere: dict[str, str] = field(default_factory=dict)

    @property
    def described(self) -> list[str]:
        """What the site's inventory has to hold."""
        return [*(f"{self.path}.{name}" for name in self.own), *self.hidden.values()]

    def page(self) -> str:
        """Markdown, in which mkdocstrings finds what to describe."""
        parts = [f"# {self.path}\n"]
        if self.own:
            members = "".join(f"\n        - {name}" for name in self.own)
            parts.append(f"::: {self.path}\n    options:\n      members:{members}\n")
        parts += [_ALONE.format(path=path) for path in self.hidden.values()]
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
    seen: set[str] = set()
    found = []
    for path in paths:
        page = Module(path)
        for name, member in public(loader.modules_collection[path]).items():
            hidden = member.path != f"{path}.{name}"
            kept = page.elsewhere if member.canonical_path in seen else page.hidden if hidden else page.own
            kept[name] = member.canonical_path
            seen.add(member.canonical_path)
        found.append(page)
    return found


def public(module: griffe.Module) -> dict[str, griffe.Object | griffe.Alias]:
    """Look up what a module exports; a function may have the name of a module."""
    names = [str(name) for name in module.exports or ()]
    hidden = [name for name in names if module[name].is_module and name in module.imports]
    return {name: module[name] for name in names} | {
        name: module.modules_collection[module.imports[name]] for name in hidden
    }
