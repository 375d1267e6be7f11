"""LightGBM models, as the text of their file."""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelnas.errors import ModelError
from accelnas.fitting.sources.base import Matrix, Source, fitted, treelite_errors

if TYPE_CHECKING:
    from accelnas import Space
    from accelnas.fitting.encoding import Encoding

__all__ = ["LightGBM", "from_memory"]

# what follows the trees, by the version of LightGBM
END = re.compile(r"^(end of trees|feature[ _]importances:)", re.M)
# of a node's decision_type: bit 0 categorical, bit 1 default left, bits 2 and 3 what is missing
CATEGORICAL, MISSING, ZERO, NAN = 1, 12, 4, 8
ZERO_THRESHOLD = 1e-35  # LightGBM's zero


class LightGBM(Source):
    """A LightGBM model, as the text of its file, with line feeds alone; its rounds are by default those of the text."""

    kind = "lightgbm"

    def __init__(self, text: str, rounds: tuple[int, int] | None = None) -> None:
        import lightgbm
        from treelite import frontend

        self.sha256 = hashlib.sha256(text.encode()).hexdigest()
        trees = _trees(text)
        objective = "".join(_lines(trees, "objective")[:1]) or "unknown"
        self._zeros, readable = _missing_as_nan(trees)
        with (
            tempfile.TemporaryDirectory() as folder,
            treelite_errors(f"this lightgbm model of objective {objective}", self.kind),
        ):  # first: LightGBM aborts on text that is damaged
            path = Path(folder) / "model.txt"
            path.write_text(readable, encoding="utf-8", newline="")
            self.imported = frontend.load_lightgbm_model(path)
        try:
            # without the parameters of training, which LightGBM trusts too
            self.booster = lightgbm.Booster(model_str=trees)
        except (lightgbm.basic.LightGBMError, ValueError) as error:
            raise ModelError(f"lightgbm can't read the model: {error}") from None
        names = tuple(self.booster.feature_name())
        self.names = None if names == tuple(f"Column_{i}" for i in range(len(names))) else names
        self.own_categories = re.search(r"^pandas_categorical:\[\[", text, re.M) is not None
        own = self.booster.current_iteration()
        self.rounds = rounds or (own, own)

    def seen(self, encoding: Encoding, space: Space) -> Encoding:
        encoding = super().seen(encoding, space)
        for feature in self._zeros:
            encoding = encoding.with_nan(lambda number: abs(number) <= ZERO_THRESHOLD, feature)
        return encoding

    def predict(self, matrix: Matrix, threads: int) -> Any:
        raw: Any = self.booster.predict(matrix, raw_score=True, num_threads=threads)
        return raw / self.trees.divisor

    def leaves(self, matrix: Matrix, threads: int) -> Any:
        return self.booster.predict(matrix, pred_leaf=True, num_threads=threads)


def from_memory(model: Any) -> LightGBM:
    """Read a booster or a fitted model of the scikit-learn interface; both predict with the best iteration."""
    import lightgbm

    with fitted(model):
        booster = model if isinstance(model, lightgbm.Booster) else model.booster_
    total = booster.current_iteration()
    used = min(booster.best_iteration, total) if booster.best_iteration > 0 else total
    return LightGBM(booster.model_to_string(num_iteration=used), (used, total))


def _trees(text: str) -> str:
    """Give header and trees, without importances and parameters, whose lines can look like a tree's.

    Text that LightGBM or Treelite would crash on or read wrongly is refused.
    """
    end = END.search(text)
    trees = text[: end.start()] if end else ""
    try:
        whole = _is_whole(trees, text[end.start() :] if end else "")
    except ValueError:  # of a number
        whole = False
    if not whole:
        raise ModelError("the LightGBM model is cut short or damaged; save it again")
    if "1" in _lines(trees, "is_linear"):
        raise ModelError("the LightGBM model has linear leaves, which are no constants; fit with linear_tree=False")
    return f"{trees}end of trees\n"


def _lines(text: str, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", text, re.M)


def _is_whole(trees: str, rest: str) -> bool:
    """Whether all trees are there, and each node and leaf has one parent."""
    sizes = _lines(trees, "tree_sizes")  # older versions don't state them
    count = len(_lines(trees, "Tree"))
    whole = count > 0 and ("\nparameters:" not in rest or "\nend of parameters" in rest)
    if sizes:
        listed = [int(size) for size in " ".join(sizes).split()]
        blocks = trees[trees.find("\nTree=0\n") + 1 :]
        whole = whole and len(listed) == count and sum(listed) <= len(blocks) and not blocks[sum(listed) :].strip()
    for left, right in zip(_lines(trees, "left_child"), _lines(trees, "right_child"), strict=True):
        children = sorted(int(child) for child in f"{left} {right}".split())
        leaves = len(children) // 2 + 1
        whole = whole and (not children or children == [*range(-leaves, 0), *range(1, leaves - 1)])
    return whole


def _missing_as_nan(trees: str) -> tuple[set[int], str]:
    """Features whose zeros are missing, and the trees with nan as missing in their place.

    Treelite sends zeros by the threshold, whatever a node says, and nan by the default direction.
    """
    features, decisions = _lines(trees, "split_feature"), _lines(trees, "decision_type")
    try:
        pairs = [
            (int(feature), int(kind))
            for in_tree, kinds in zip(features, decisions, strict=True)
            for feature, kind in zip(in_tree.split(), kinds.split(), strict=True)
            if not int(kind) & CATEGORICAL
        ]
    except ValueError:
        raise ModelError("the LightGBM model is cut short or damaged; save it again") from None
    zeros = {feature for feature, kind in pairs if kind & MISSING == ZERO}
    if mixed := {feature for feature, kind in pairs if kind & MISSING != ZERO} & zeros:
        raise ModelError(f"feature {min(mixed)} of the LightGBM model treats zero as missing in some trees and not in "
                         "others; fit all of them with one zero_as_missing")  # fmt: skip
    if not zeros:
        return zeros, trees

    def changed(line: re.Match[str]) -> str:
        kinds = (int(kind) for kind in line[1].split())
        new = (kind & ~MISSING | NAN if kind & MISSING == ZERO and not kind & CATEGORICAL else kind for kind in kinds)
        return f"decision_type={' '.join(map(str, new))}"

    return zeros, re.sub(r"^decision_type=(.*)$", changed, trees, flags=re.M)
