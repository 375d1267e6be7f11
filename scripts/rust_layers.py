"""Modules of rust/core use what stands before them: the layers in this order, and no circle inside of one."""

import re
import sys
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "rust/core/src"
BASE = ["error", "hash", "memory", "rng", "threads", "metric", "pareto"]
FLOW = ["space", "source", "tables", "layout", "kernels", "surrogate", "predict", "store", "measure"]
EXACT = ["question", "fixed", "sensitivity", "screen", "prepared", "bounds", "starts", "state", "answers", "task"]
SEARCH = ["problem", "quality", "algorithms", "runs"]
LAYERS = [*BASE, *FLOW, *(f"exact::{name}" for name in EXACT), *(f"search::{name}" for name in SEARCH)]
PATH = re.compile(r"\b(?:crate|super)::(?:\w+::)*(?:\w+|\{|\*)")


def layer(module: str) -> int:
    """Give the position of a module's layer, or -1."""
    return next((i for i, name in enumerate(LAYERS) if f"{module}::".startswith(f"{name}::")), -1)


def uses(modules: dict[str, Path]) -> list[tuple[str, str, str]]:
    """List each module, what it names, and where; tests at the end of a file are free."""
    found = []
    for module, path in modules.items():
        for number, line in enumerate(path.read_text().split("#[cfg(test)]")[0].splitlines(), 1):
            for named in [] if line.lstrip().startswith("//") else PATH.findall(line):
                parts = named.split("::")[1:] if named.startswith("crate::") else []
                prefixes = ("::".join(parts[:n]) for n in range(len(parts), 0, -1))
                found.append(
                    (module, next((p for p in prefixes if p in modules), named), f"{path}:{number}: {line.strip()}")
                )
    return found


def circle(edges: dict[str, set[str]], start: str) -> list[str]:
    """Find a way from a module back to it."""
    ways, seen = [[start]], set()
    while ways:
        way = ways.pop()
        for target in sorted(edges.get(way[-1], ())):
            if target == start:
                return [*way, start]
            if target not in seen:
                seen.add(target)
                ways.append([*way, target])
    return []


def main() -> int:
    """Print what breaks the order; 1 if anything does."""
    skipped = {"lib", "testing"}
    names = {"::".join(path.relative_to(SOURCE).with_suffix("").parts): path for path in sorted(SOURCE.rglob("*.rs"))}
    modules = {
        name: path
        for name, path in names.items()
        if name not in skipped and path.stem != "mod" and "tests" not in name.split("::")
    }
    wrong = [f"{path}: {name} is in no layer; give it one" for name, path in modules.items() if layer(name) < 0]
    edges: dict[str, set[str]] = {}
    for module, target, where in uses(modules):
        if target not in modules:
            wrong.append(f"{where}\n    name the module: crate::folder::module")
        elif layer(target) > layer(module):
            wrong.append(f"{where}\n    {LAYERS[layer(target)]} comes after {LAYERS[layer(module)]}")
        elif target != module:
            edges.setdefault(module, set()).add(target)
    wrong += [" uses ".join(way) + ": a circle" for way in (circle(edges, module) for module in modules) if way]
    print("\n".join(wrong), end="\n" if wrong else "", file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
