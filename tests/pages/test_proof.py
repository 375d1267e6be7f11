"""Pages of certificates of every kind, in a real browser."""

import json

import pytest

import accelnas
from accelnas.exact import WeightedProduct
from accelnas.pages.proof import proof
from browser import opened_browser, opened_page
from command_line import run

BENCH = accelnas.load("nasbench201")
FIRST = BENCH.space.variables[0]
QUESTIONS = {
    "best": lambda: BENCH.best("cifar100", k=3, subject_to="macs <= 50", within={FIRST.name: FIRST.choices[1:3]}),
    "front": lambda: BENCH.pareto_front(["cifar100", "macs", "params"]),
    "count": lambda: BENCH.count("cifar100 >= 70"),
    "rank": lambda: BENCH.rank(BENCH.space.sample(2), "cifar100"),
    "distribution": lambda: BENCH.distribution("cifar100", bins=8),
    "scalarised": lambda: BENCH.scalarised(WeightedProduct({"cifar100": 1, "macs": -0.07})),
}


def test_pages_say_what_certificates_say(tmp_path):
    with opened_browser() as browser:
        for kind, ask in QUESTIONS.items():
            found = ask()
            path = tmp_path / f"{kind}.html"
            path.write_text(proof(found.certificate))
            page = opened_page(browser, path)
            assert page.problems == []
            facts = page.inner_text("#facts")
            assert found.certificate.bound in facts
            assert found.certificate.space["sha256"] in facts
            result = found.certificate.result
            assert page.locator("#found code").all_inner_texts() == list(result.get("architectures", []))
            for column, (name, values) in enumerate(result.get("values", {}).items()):
                cells = page.locator(f"#found td:nth-child({2 + column})").all_inner_texts()
                assert [float(cell) for cell in cells] == [float(f"{value:.6g}") for value in values], name
            assert page.locator("#drawn").count() == (kind in ("front", "distribution", "scalarised"))
            page.context.close()
            if kind == "count":
                assert f"{result['count']} architectures" in facts


def test_a_certificate_without_a_benchmark_is_enough(tmp_path):
    found = QUESTIONS["front"]()
    found.certificate.save(tmp_path / "front.json")
    run("report", tmp_path / "front.json", "-o", tmp_path / "front.html")
    text = (tmp_path / "front.html").read_text()
    data = json.loads(text.partition('id="data">')[2].partition("</script>")[0])
    assert data["columns"]["architecture"] == list(found.certificate.result["architectures"])
    assert data["columns"]["cifar100"] == pytest.approx(found.values[:, 0].tolist(), rel=0)
