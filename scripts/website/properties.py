"""Our cached properties are properties, whatever their decorator is called."""

from __future__ import annotations

from typing import Any

import griffe


class CachedProperties(griffe.Extension):
    """Describe them as attributes, as those of the standard library are."""

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        """Put an attribute in the place of a function under ``accelnas.caching.cached_property``."""
        if func.parent and any(each.callable_path.endswith("caching.cached_property") for each in func.decorators):
            func.parent[func.name] = attribute = griffe.Attribute(
                func.name, annotation=func.returns, lineno=func.lineno, endlineno=func.endlineno,
                docstring=func.docstring, parent=func.parent,
            )  # fmt: skip
            attribute.labels = {"property", "cached"}
