"""Write the figures of docs/plots.md: run its blocks of Python in the folder that its images lie in."""

import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Run the blocks, and keep what the guide shows."""
    guide, folder = ROOT / "docs" / "plots.md", ROOT / "docs" / "plots"
    text = guide.read_text(encoding="utf-8")
    folder.mkdir(exist_ok=True)
    os.chdir(folder)
    sys.path.insert(0, str(ROOT))
    os.environ["MPLBACKEND"] = "agg"
    exec("\n".join(re.findall(r"```python\n(.*?)```", text, re.S)), {})  # noqa: S102 (our own guide)
    shown = set(re.findall(r"\(plots/(.*?)\)", text))
    for path in folder.iterdir():
        if path.name not in shown:
            path.unlink()


if __name__ == "__main__":
    main()
