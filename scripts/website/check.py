"""What has to hold of the built site: links and anchors lead somewhere, and nothing is fetched from elsewhere."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import unquote, urldefrag, urlsplit

from mkdocstrings import Inventory

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_LOADED = {("link", "href"), ("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src")}


class _Page(HTMLParser):
    """The anchors of a page, where its links lead, and what it loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given and (name == "id" or tag == "a")}
        if tag == "a" and "href" in given:
            self.links.add(given["href"])
        canonical = tag == "link" and given.get("rel") in ("canonical", "prev", "next", "alternate")
        self.loaded |= {given[name] for name in given if (tag, name) in _LOADED and not canonical}

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)


def faults(site: Path) -> list[str]:
    """One line for each link that leads nowhere, and each thing that comes from another host."""
    pages = {path.resolve(): _Page(path) for path in sorted(site.rglob("*.html")) if path.name != "404.html"}
    found = []
    for path, page in pages.items():
        name = path.relative_to(site.resolve())
        found += [f"{name}: loads {url}" for url in sorted(page.loaded) if urlsplit(url).netloc]
        for url in sorted(page.links | page.loaded):
            if urlsplit(url).scheme or urlsplit(url).netloc or url.startswith("javascript:"):
                continue
            address, anchor = urldefrag(url)
            target = (path.parent / unquote(urlsplit(address).path)).resolve() if address else path
            if target.is_dir():
                target /= "index.html"
            if not target.exists():
                found.append(f"{name}: {url} leads to no file")
            elif (
                anchor
                and not anchor.startswith("__")
                and unquote(anchor) not in getattr(pages.get(target), "anchors", ())
            ):
                found.append(f"{name}: {url} leads to no such anchor")
    return found


def undescribed(site: Path, names: Iterable[str]) -> list[str]:
    """One line for each public name that the site's inventory has not."""
    with (site / "objects.inv").open("rb") as file:
        described = set(Inventory.parse_sphinx(file))
    return [f"{name} is described nowhere" for name in names if name not in described]
