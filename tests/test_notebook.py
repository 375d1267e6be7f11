"""Notebooks show benchmarks, spaces and results as small tables, whatever their names."""

from html.parser import HTMLParser

import pytest

import accelnas
from accelnas.exact import CountQuestion, DistributionQuestion, RankQuestion


class Cells(HTMLParser):
    """Rows of cells, and tags that were opened and closed in order."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.open, self.caption = [], [], ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, _attributes):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data
        elif self.open[-1] == "caption":
            self.caption += data


@pytest.fixture(scope="module")
def macro():
    bench = accelnas.load("nasbench-macro")
    return bench.derive(
        "cost", "3 * params", unit="<b>&$", direction="minimise", description="<script>alert(1)</script>"
    )


def test_tables_have_the_numbers_of_results(macro):
    shown = Cells(macro._repr_html_())
    assert shown.caption.startswith("Benchmark nasbench-macro: 4 metrics")
    assert shown.rows[-1] == ["cost", "<b>&$", "minimise", "", "1", "3 * params"]
    shown = Cells(macro.space._repr_html_())
    assert [row[0] for row in shown.rows[1:]] == [block.name for block in macro.space.blocks]
    assert "layer3 identity, mb3_k3, mb6_k5" in shown.rows[1][2]
    best = macro.best("accuracy", k=3)
    texts = macro.space.format(best.architectures)
    expected = [[text, f"{value:.4f}"] for text, value in zip(texts, best.values, strict=True)]
    assert Cells(best._repr_html_()).rows == [["architecture", "accuracy"], *expected]
    front = macro.pareto_front(["accuracy", "cost"])
    shown = Cells(front._repr_html_())
    assert len(shown.rows) == 21
    assert shown.caption.endswith(f"; 20 of {len(front)} rows are shown")
    texts = front.columns()["architecture"]
    assert (shown.rows[1][0], shown.rows[-1][0]) == (texts[0], texts[-1])
    rank = macro.rank(0, "accuracy")
    assert Cells(rank._repr_html_()).rows[1][2:4] == [f"{int(rank.rank):,}", "1"]
    found = macro.distribution("accuracy", bins=64)
    rows = Cells(found._repr_html_()).rows[1:]
    assert rows[2] == ["50 %", *(f"{end:.4f}" for end in found.quantile(0.5))]
    assert Cells(macro.count("accuracy >= 92")._repr_html_()).rows[1][:2] == ["1,357", "6,561"]
    importances = macro.importances("accuracy")
    assert [row[0] for row in Cells(importances._repr_html_()).rows[1:]] == importances.largest


def test_every_table_is_small_and_well_formed(macro):
    compared = macro.simulate(["random_search", "local_search", "reinforce"], "accuracy", runs=9, budget=50, seed=0)
    for thing in (
        accelnas.load(),
        accelnas.load().space,
        macro.estimate(CountQuestion("accuracy >= 92"), samples=1000),
        macro.estimate(DistributionQuestion("accuracy"), samples=1000),
        macro.estimate(RankQuestion(macro.space.sample(50), "accuracy"), samples=1000),
        macro.scalarised(accelnas.exact.WeightedSum({"accuracy": 1, "params": 1})),
        macro.best("accuracy", k=500),
        macro.neighbourhood("accuracy", starts=50, samples=100),
        macro.search("nsga2", ["accuracy", "params"], budget=200, seed=0),
        macro.search("random_search", "accuracy", budget=200, seed=0),
        compared.differences(),
    ):
        shown = Cells(thing._repr_html_())
        assert 2 <= len(shown.rows) <= 21
        assert {len(row) for row in shown.rows} == {len(shown.rows[0])}
        assert "color" not in thing._repr_html_()  # light and dark are the notebook's
