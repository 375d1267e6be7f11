"""``llms.txt``, a list of the pages for language models, and ``llms-full.txt``, their text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SUMMARY = """# accelnas

> A neural architecture search benchmark compiled to small exact tables: predictions of accuracy, speed and latency
> in nanoseconds, and exact answers about the whole search space, with certificates.
"""


def write(pages: list[tuple[tuple[str, ...], str]], stage: Path, site: Path) -> None:
    """Write both from the navigation, and beside each page of the site its Markdown."""
    listed, full, section = [SUMMARY], [SUMMARY], ""
    for titles, page in pages:
        text = (stage / page).read_text(encoding="utf-8")
        text = re.sub(r"^<!-- .*? -->\n", "", text, flags=re.M)
        (site / page).parent.mkdir(parents=True, exist_ok=True)
        (site / page).write_text(text, encoding="utf-8")
        if titles[0] != section:
            section = titles[0]
            listed.append(f"\n## {section}\n")
        listed.append(f"- [{': '.join(titles[1:] or titles)}]({page})")
        full.append(f"\n<!-- {page} -->\n\n{text.strip()}\n")
    (site / "llms.txt").write_text("\n".join(listed) + "\n", encoding="utf-8")
    (site / "llms-full.txt").write_text("\n".join(full), encoding="utf-8")
