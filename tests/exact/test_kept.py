"""Answers kept beside the bundled benchmark: there for every metric, and right."""

import shutil

import pytest

import accelnas
from accelnas import Certificate, SearchError
from accelnas.exact import DistributionQuestion
from accelnas.exact.kept import FOLDER, kept

METRICS = list(accelnas.load().metrics)


@pytest.mark.parametrize("metric", METRICS)
def test_distributions_of_all_metrics_are_kept_and_pass_verification(bench, metric):
    found = kept(bench, DistributionQuestion(metric, bins=1024))
    assert found is not None, f"make it again: accelnas distribution {metric} --bins 1024 --certificate …"
    assert int(found.counts.sum()) == bench.space.size
    checks = {check.name: check.status for check in found.certificate.verify(bench, samples=20_000).checks}
    assert "failed" not in checks.values()
    assert {checks[name] for name in ("benchmark", "counts", "recomputation", "samples")} == {"passed"}


def test_another_question_or_artifact_has_no_answer(bench, tmp_path):
    question = DistributionQuestion("macs", bins=1024)
    for other in (
        DistributionQuestion("macs", bins=512),
        DistributionQuestion("macs", "params <= 5", bins=1024),
        DistributionQuestion("macs", within={"block0_e": 6}, bins=1024),
    ):
        assert kept(bench, other) is None
    assert kept(bench.derive("macs2", "2 * macs", direction="minimise"), question) is not None
    copied = tmp_path / "copied"
    shutil.copytree(bench.path, copied)
    (copied / FOLDER / "histogram-macs.json").write_bytes((bench.path / FOLDER / "histogram-params.json").read_bytes())
    assert kept(accelnas.load(copied), question) is None
    (copied / FOLDER / "histogram-macs.json").write_text("{")
    with pytest.raises(SearchError, match=r"histogram-macs\.json"):
        kept(accelnas.load(copied), question)


def test_what_is_kept_is_what_a_search_counts(tmp_path):
    small = accelnas.load("nasbench201")
    shutil.copytree(small.path, tmp_path / "small")
    found = small.distribution("cifar10", bins=64)
    (tmp_path / "small" / FOLDER).mkdir()
    found.certificate.save(tmp_path / "small" / FOLDER / "histogram-cifar10.json")
    again = kept(accelnas.load(tmp_path / "small"), DistributionQuestion("cifar10", bins=64))
    assert (again.counts == found.counts).all()
    assert isinstance(again.certificate, Certificate)
