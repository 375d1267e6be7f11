"""Against the signatures, the architectures and the printed results of afzalxo/Accel-NASBench's README and example."""

import inspect
import pickle

import numpy as np
import pytest
from ConfigSpace import CategoricalHyperparameter, ConfigurationSpace

import accelnas
from accelnas.compat import accel_nasbench as anb

BENCH = accelnas.load()
B0 = [[1, 6, 6, 6, 6, 6, 6], [3, 3, 5, 3, 5, 5, 3], [1, 2, 2, 3, 3, 4, 1], [True] * 7]
TARGETS = {
    (None, None): "accuracy",
    ("3090", "throughput"): "throughput_3090",
    ("a100", "throughput"): "throughput_a100",
    ("tpuv2", "throughput"): "throughput_tpuv2",
    ("tpuv3", "throughput"): "throughput_tpuv3",
    ("zcu102", "latency"): "latency_zcu102",
    ("zcu102", "throughput"): "throughput_zcu102",
    ("vck190", "latency"): "latency_vck190",
    ("VCK190", "Throughput"): "throughput_vck190",
}


def ensemble(device=None, metric=None, seed=None, benchmark=BENCH):
    return anb.ANBEnsemble("xgb", device=device, metric=metric, seed=seed, benchmark=benchmark).load_ensemble()


def test_arguments_are_those_of_the_original():
    given = [p for p in inspect.signature(anb.ANBEnsemble).parameters.values() if p.kind is not p.KEYWORD_ONLY]
    assert [(p.name, p.default) for p in given] == [
        ("model", inspect.Parameter.empty),
        ("device", None),
        ("metric", None),
        ("seed", None),
        ("subdir", None),
    ]
    for name in ("query", "query_mean", "query_std", "query_noise"):
        assert list(inspect.signature(getattr(anb.Ensemble, name)).parameters) == ["self", "config_dict"]
    assert list(inspect.signature(anb.EfficientNetSS.random_sample).parameters) == ["self", "num_samples"]


def test_the_example_of_the_original_runs_and_is_near_its_printed_results():
    with pytest.warns(accelnas.AccelnasWarning, match="in place of the authors' models"):
        acc_model = anb.ANBEnsemble("xgb", seed=3).load_ensemble()
    with pytest.warns(accelnas.AccelnasWarning):
        thr_model = anb.ANBEnsemble("xgb", device="tpuv2", metric="throughput", seed=3).load_ensemble()
    search_space = anb.EfficientNetSS()
    samples = [search_space.random_sample(1), search_space.manual_sample(B0)]
    accuracy, std = acc_model.query(samples)
    assert accuracy[1] == pytest.approx(65.736916, abs=0.01)
    assert std[1] == pytest.approx(0.1365913, abs=0.1)
    throughput, std = thr_model.query(samples)
    assert throughput[1] == pytest.approx(883.5296, rel=0.02)
    assert std[1] == pytest.approx(8.001069, abs=5)


def test_every_target_is_its_metric_with_the_members_deviation():
    archs = BENCH.space.sample(20, seed=1)
    for (device, metric), name in TARGETS.items():
        mean, std = ensemble(device, metric).query(BENCH.space.decode(archs))
        expected = BENCH.predict(archs, name, return_std="members")
        assert mean.dtype == std.dtype == np.float32
        assert np.array_equal(mean, expected[0])
        assert np.array_equal(std, expected[1])
        model = anb.ANBEnsemble("xgb_accel" if device else "xgb", device, metric, benchmark=BENCH).load_model()
        assert np.array_equal(model.query(BENCH.space.decode(archs)), mean)


def test_configurations_dicts_and_text_of_files_are_the_same_architecture():
    space = BENCH.space
    theirs = ConfigurationSpace(seed=1)
    for variable in space.variables:  # the original lists true before false
        choices = (True, False) if variable.symbol == "se" else variable.choices
        theirs.add(CategoricalHyperparameter(variable.name, choices))
    configurations = theirs.sample_configuration(30)
    dicts = [dict(one) for one in configurations]
    texts = [{name: str(value) if "_se" in name else value for name, value in one.items()} for one in dicts]

    class Old:  # a configuration of ConfigSpace before 1
        def __init__(self, chosen):
            self.get_dictionary = lambda: chosen

    model = ensemble()
    expected = BENCH.predict(space.encode(dicts), "accuracy")
    for form in (configurations, dicts, texts, [Old(one) for one in dicts]):
        assert np.array_equal(model.query(form)[0], expected)
    assert model.query(configurations[0])[0].shape == (1,)
    assert model.query([])[0].shape == (0,)
    with pytest.raises(accelnas.SpaceError, match="row 1 is of type ndarray; give choices by name"):
        model.query([dicts[0], configurations[1].get_array()])


def test_the_space_is_the_original_one():
    space = anb.EfficientNetSS(seed=4)
    b0 = space.efficientnet_b0()
    assert b0 == space.manual_sample(B0) == b0.get_dictionary()
    assert BENCH.space.format(b0)[0].startswith("e1_k3_l1_se1-e6_k3_l2_se1-e6_k5_l2_se1")
    assert len(space) == space.size() == 36**6 * 48
    drawn = [*space.random_sample(200), space.random_sample()]
    assert len({tuple(one.items()) for one in drawn}) == 201
    assert anb.EfficientNetSS(seed=4).random_sample(2) == drawn[:2]
    with pytest.raises(accelnas.SpaceError, match=r"lists of \[7, 7, 6, 7\] choices; give four of seven"):
        space.manual_sample([*B0[:2], B0[2][:6], B0[3]])
    with pytest.raises(accelnas.SpaceError, match="block3_e is 5; choose one of 1, 4, 6"):
        space.manual_sample([[1, 1, 1, 5, 1, 1, 1], *B0[1:]])
    with pytest.raises(accelnas.ParameterError, match="num_samples is 0"):
        space.random_sample(0)


def test_noise_is_of_each_architecture_and_its_seed():
    archs = anb.EfficientNetSS().random_sample(2000)
    model = ensemble(seed=5)
    first, second = model.query_noise(archs), model.query_noise(archs)
    assert np.array_equal(ensemble(seed=5).query_noise(archs), first)
    mean, std = model.query(archs)
    assert np.array_equal(model.query_mean(archs), mean)
    assert np.array_equal(model.query_std(archs), std)
    for scores in ((first - mean) / std, (second - mean) / std):
        assert abs(scores.mean()) < 0.1
        assert abs(scores.std() - 1) < 0.1
    assert abs(np.corrcoef(first - mean, second - mean)[0, 1]) < 0.1


def test_other_benchmarks_answer_as_they_are():
    xgboost = accelnas.load(family="xgboost")
    model = ensemble("tpuv2", "throughput", benchmark=xgboost)
    assert (model.ensemble_size, model.metric_unit, model.device) == (1, "images/s", "tpuv2")
    b0 = anb.EfficientNetSS().efficientnet_b0()
    assert model.query(b0)[0] == xgboost.predict([b0], "throughput_tpuv2")
    by_path = anb.ANBEnsemble("lgb", benchmark=BENCH.path).load_ensemble()
    assert np.array_equal(by_path.query(b0), ensemble().query(b0))
    with pytest.raises(accelnas.MetricError, match="has no throughput_a100, but accuracy, throughput_tpuv2"):
        ensemble("a100", "throughput", benchmark=xgboost)
    with pytest.raises(accelnas.SpaceError, match="give one over the space mnasnet"):
        ensemble(benchmark="nasbench201")


def test_what_the_original_lacks_is_refused(tmp_path):
    (tmp_path / "surrogate_model.model").write_bytes(pickle.dumps("theirs"))
    with pytest.raises(accelnas.ParameterError, match="a folder of pickles; give benchmark="):
        anb.ANBEnsemble("xgb", subdir=str(tmp_path))
    with pytest.raises(accelnas.FileError, match=r"benchmark\.toml"):
        anb.ANBEnsemble("xgb", benchmark=tmp_path)
    with pytest.raises(accelnas.MetricError, match="no models of 'lgb' are published"):
        anb.ANBEnsemble("lgb")
    with pytest.raises(accelnas.ParameterError, match="'resnet'"):
        anb.ANBEnsemble("resnet")
    with pytest.raises(accelnas.ParameterError, match="'a200'"):
        anb.ANBEnsemble("xgb", "a200", "throughput")
    with pytest.raises(accelnas.ParameterError, match="metric of a100 is 'latency'"):
        anb.ANBEnsemble("xgb", "a100", "latency")
    with pytest.raises(accelnas.ParameterError, match="without a device"):
        anb.ANBEnsemble("xgb", metric="throughput")
