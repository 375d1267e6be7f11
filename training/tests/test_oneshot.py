"""Shared weights: against networks computed by hand from slices of the largest, and networks on their own."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file
from scipy.stats import kendalltau
from torch.nn import functional
from typer.testing import CliRunner

from accelnas.cli import app as accelnas_app
from accelnas_training import NetworkError, SchemeError, TrainingError, load_family, open_images
from accelnas_training.cli import app
from accelnas_training.images import LoaderPlan
from accelnas_training.oneshot.elastic import ElasticNetwork, extreme
from accelnas_training.oneshot.evaluation import Evaluator
from accelnas_training.oneshot.kernels import KernelTransforms
from accelnas_training.oneshot.scheme import Sandwich, load_oneshot_scheme
from accelnas_training.oneshot.soft import SoftNetwork
from accelnas_training.oneshot.training import SandwichLearner, train_elastic
from accelnas_training.train.places import Place
from small_trainings import Interrupting

DIGITS = Path(__file__).parent.parent / "examples" / "digits"
FAMILY = load_family(DIGITS / "family.toml").with_options(num_classes=10, in_channels=1)
SCHEME = load_oneshot_scheme(DIGITS / "oneshot.toml").changed(
    epochs=2,
    **{
        "sandwich.random": 2,
        "sandwich.smallest": True,
        "resize.start": 8,
        "resize.end": 8,
        "resize.validation": 8,
        "schedule.warmup_epochs": 0,
    },
)


@pytest.fixture(scope="module")
def images():
    return open_images("digits:0.1")


def elastic_of(family, seed=0, transforms=False):
    torch.manual_seed(seed)
    elastic = ElasticNetwork(family, kernel_transforms=transforms)
    with torch.no_grad():
        for parameter in elastic.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))  # biases and scales too
    return elastic


def by_hand(elastic, family, arch, x, widths, strides):
    """Compute a network of `examples/digits` in training mode, from slices of the largest network's tensors."""
    weights = dict(elastic.largest.named_parameters())

    def normalised(x, name, activated=True):
        count = x.shape[1]
        x = functional.batch_norm(
            x, None, None, weights[f"{name}.weight"][:count], weights[f"{name}.bias"][:count], True
        )
        return functional.relu(x) if activated else x

    def pointwise(x, name, count):
        weight = weights[f"{name}.weight"][:count, : x.shape[1]]
        return functional.conv2d(x, weight, weights.get(f"{name}.bias", torch.zeros(4096))[: len(weight)])

    (values,) = family.space.decode(arch[None])
    x = normalised(functional.conv2d(x, weights["conv_stem.weight"], stride=2, padding=1), "bn1")
    for block, (width, stride) in enumerate(zip(widths(values), strides, strict=True)):
        e, k, layers, se = (values[f"block{block}_{symbol}"] for symbol in ("e", "k", "l", "se"))
        for layer in range(layers):
            at, before = f"blocks.{block}.{layer}", x
            if e > 1:
                expanded = max(8, int(x.shape[1] * e + 4) // 8 * 8)
                x = normalised(pointwise(x, f"{at}.conv_pw", expanded), f"{at}.bn1")
            kernel = weights[f"{at}.conv_dw.weight"]
            edge = (kernel.shape[-1] - k) // 2
            kernel = kernel[: x.shape[1], :, edge : edge + k, edge : edge + k]
            step = stride if layer == 0 else 1
            x = functional.conv2d(x, kernel, stride=step, padding=k // 2, groups=x.shape[1])
            x = normalised(x, f"{at}.bn2")
            if se:
                gate = pointwise(x.mean((2, 3), keepdim=True), f"{at}.se.conv_reduce", round(before.shape[1] / 4))
                x = x * pointwise(gate.relu(), f"{at}.se.conv_expand", x.shape[1]).sigmoid()
            x = normalised(pointwise(x, f"{at}.conv_pwl", width), f"{at}.bn3", activated=False)
            x = x + before if step == 1 and x.shape == before.shape else x
    x = normalised(pointwise(x, "conv_head", None), "bn2")
    return functional.linear(x.mean((2, 3)), weights["classifier.weight"], weights["classifier.bias"])


CASES = {
    "digits": (
        FAMILY,
        lambda values: [values[f"block{block}_c"] for block in range(3)],
        (1, 2, 2),
    ),
    "mnasnet": (
        load_family("mnasnet").with_options(num_classes=10, in_channels=1, width=0.25),
        lambda _: [8, 8, 16, 24, 32, 48, 80],
        (1, 2, 2, 2, 1, 2, 1),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_networks_are_slices_of_the_largest(name):
    family, widths, strides = CASES[name]
    elastic = elastic_of(family)
    x = torch.randn(4, 1, 32, 32)
    ends = [extreme(family.space, largest) for largest in (False, True)]
    for arch in [*ends, *family.space.sample(4, seed=1)]:
        shared = elastic(x, arch)
        torch.testing.assert_close(shared, by_hand(elastic, family, arch, x, widths, strides), rtol=1e-3, atol=1e-4)
        alone = elastic.extracted(arch)
        assert torch.equal(shared, alone.train()(x))
        family.build(arch).load_state_dict(alone.state_dict())  # as a hot start of its own training


@pytest.mark.parametrize("name", CASES)
def test_certain_choices_of_a_soft_network_are_a_network(name):
    family = CASES[name][0]
    elastic = elastic_of(family, transforms=True).double()
    soft, x = SoftNetwork(elastic), torch.randn(4, 1, 32, 32).double()
    for arch in family.space.sample(4, seed=1):
        rows = zip(arch.tolist(), family.space.variables, strict=True)
        certain = [functional.one_hot(torch.tensor(row), len(variable.choices)).double() for row, variable in rows]
        torch.testing.assert_close(soft(x, certain), elastic(x, arch), rtol=1e-9, atol=1e-9)


def test_kernels_are_made_step_by_step_as_in_once_for_all():
    torch.manual_seed(0)
    transforms, weight = KernelTransforms({"layer": {3, 5, 7}}).double(), torch.randn(6, 1, 7, 7).double()
    with torch.no_grad():
        for each in transforms.parameters():
            each.copy_(torch.randn_like(each))
    to_5, to_3 = (torch.eye(size**2) + transforms.away[f"layer_to_{size}"] for size in (5, 3))
    made = transforms("layer", weight, 5), transforms("layer", weight, 3)
    for channel, (five, three) in enumerate(zip(*made, strict=True)):
        first = (to_5 @ weight[channel, 0, 1:6, 1:6].reshape(25)).reshape(5, 5)
        torch.testing.assert_close(five[0], first)
        torch.testing.assert_close(three[0], (to_3 @ first[1:4, 1:4].reshape(9)).reshape(3, 3))
    assert torch.equal(transforms("layer", weight, 7), weight)


@pytest.mark.parametrize("name", CASES)
def test_networks_have_their_transformed_kernels(name):
    family = CASES[name][0]
    plain, elastic = elastic_of(family), ElasticNetwork(family, kernel_transforms=True)
    assert not elastic.load_state_dict(plain.state_dict(), strict=False).unexpected_keys
    x, archs = torch.randn(4, 1, 32, 32), family.space.sample(4, seed=1)
    for arch in archs:  # transforms begin as the identity
        assert torch.equal(elastic(x, arch), plain(x, arch))
    changed = elastic_of(family, transforms=True)
    smallest = extreme(family.space, largest=False)
    out = changed(x, smallest)
    assert not torch.allclose(out, plain(x, smallest))
    out.square().sum().backward()
    assert all(each.grad.any() for name, each in changed.transforms.named_parameters() if "_0_conv" in name)
    for arch in archs:
        assert torch.equal(changed(x, arch), changed.extracted(arch).train()(x))


def test_a_soft_network_has_gradients_for_every_choice():
    soft, x = SoftNetwork(elastic_of(FAMILY)).double(), torch.randn(8, 1, 12, 12).double()
    logits = [
        torch.zeros(len(each.choices), dtype=torch.float64, requires_grad=True) for each in FAMILY.space.variables
    ]
    loss = soft(x, [each.softmax(0) for each in logits]).square().mean()
    loss.backward()
    step = 1e-6
    for place in (1, 2, 5, 9, 14):  # a kernel, a number of layers, an expansion, channels
        moved = [each.detach().clone() for each in logits]
        moved[place][0] += step
        with torch.no_grad():
            other = soft(x, [each.softmax(0) for each in moved]).square().mean()
        assert float(logits[place].grad[0]) == pytest.approx(float(other - loss.detach()) / step, rel=1e-3, abs=1e-7)


def test_gradients_reach_the_shared_part_alone():
    elastic = elastic_of(FAMILY)
    arch = extreme(FAMILY.space, largest=False)
    elastic(torch.randn(8, 1, 8, 8), arch).square().sum().backward()
    network = FAMILY.build(arch)
    used = sum(parameter.numel() for parameter in network.parameters())
    nonzero = sum(int((p.grad != 0).sum()) for p in elastic.parameters() if p.grad is not None)
    assert 0.5 * used < nonzero <= used < sum(p.numel() for p in elastic.parameters())


def test_a_sandwich_gathers_the_sum_of_its_networks_gradients():
    x, y = torch.randn(16, 1, 8, 8), torch.arange(16) % 10
    elastic, other = elastic_of(FAMILY), elastic_of(FAMILY)
    learner = SandwichLearner(elastic, SCHEME, Place(torch.device("cpu")), 1, seed=5)
    learner.model.train()
    learner.gather(x, y, 1)
    outputs = other.train()(x)
    losses = [functional.cross_entropy(outputs, y, label_smoothing=0.1)]
    soft = outputs.detach().softmax(1)
    smaller = SCHEME.sandwich.smaller(FAMILY.space, 0, seed=5, update=0)
    assert len(smaller) == 3
    assert np.array_equal(smaller[0], extreme(FAMILY.space, largest=False))
    losses += [-(soft * other(x, arch).log_softmax(1)).sum(1).mean() for arch in smaller]
    torch.stack(losses).sum().backward()
    for one, two in zip(elastic.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one.grad, two.grad)


def test_phases_let_variables_vary_one_after_the_other():
    space, largest = FAMILY.space, extreme(FAMILY.space, largest=True)
    symbols = np.array([variable.symbol for variable in space.variables])
    sandwich = Sandwich(random=50, from_epoch={symbols[0]: 2})
    early, late = (np.array(sandwich.smaller(space, epoch, 0, 7)) for epoch in (1, 2))
    held = symbols == symbols[0]
    assert (early[:, held] == largest[held]).all()
    assert (late != largest).any(axis=0).all()
    assert np.array_equal(
        Sandwich(random=50, smallest=False).smaller(space, 0, 0, 7), sandwich.smaller(space, 2, 0, 7)[1:]
    )
    with pytest.raises(SchemeError, match=r"^sandwich.from_epoch has 'z'; choose among "):
        Sandwich(from_epoch={"z": 1}).check(space)
    with pytest.raises(SchemeError, match=r"^sandwich.from_epoch.k is 1.5; give the number of an epoch, from 0$"):
        Sandwich(from_epoch={"k": 1.5})


def test_an_interrupted_training_ends_the_same(images, tmp_path):
    whole, result = train_elastic(FAMILY, images, SCHEME, seed=3, validate_every=2)
    with pytest.raises(KeyboardInterrupt):
        train_elastic(FAMILY, Interrupting(images, 1, 1), SCHEME, seed=3, folder=tmp_path, validate_every=2)
    again, resumed = train_elastic(FAMILY, images, SCHEME, seed=3, folder=tmp_path, validate_every=2)
    assert (resumed.loss, resumed.train_loss) == (result.loss, result.train_loss)
    for name, value in whole.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name
    with pytest.raises(TrainingError, match="holds a training whose scheme is"):
        train_elastic(FAMILY, images, SCHEME.changed(**{"sandwich.random": 1}), seed=3, folder=tmp_path)


def test_statistics_are_those_of_the_training_batches(images):
    elastic, arch = elastic_of(FAMILY), FAMILY.space.sample(1, seed=2)[0]
    evaluator = Evaluator.of(images, SCHEME, 2)
    network = evaluator.counted(elastic.extracted(arch))
    first = elastic.extracted(arch)
    outputs = torch.stack([first.conv_stem(batch) for batch in evaluator.counting])
    torch.testing.assert_close(network.bn1.running_mean, outputs.mean((0, 1, 3, 4)))
    variances = torch.stack([each.transpose(0, 1).flatten(1).var(1) for each in outputs])
    torch.testing.assert_close(network.bn1.running_var, variances.mean(0))
    plan = LoaderPlan(32, 8, None, 0, 0)
    with torch.inference_mode():
        right = sum(int((network(x).argmax(1) == y).sum()) for x, y in images.loader("validation", plan))
    assert evaluator.evaluate(elastic, arch).accuracy == pytest.approx(100 * right / images.size("validation"))
    with pytest.raises(TrainingError, match=r"^batches is 9, of 2 training batches; choose 1 to that many$"):
        Evaluator.of(images, SCHEME, 9)


def test_what_can_not_share_is_refused(images):
    with pytest.raises(NetworkError, match="have no order; weights are shared where choices are numbers"):
        ElasticNetwork(load_family("nasbench201"))
    plain = load_family(DIGITS / "family.toml")
    with pytest.raises(TrainingError, match=r"^device is cpu,cpu; .* choose one, without torchrun$"):
        train_elastic(plain, images, SCHEME, device="cpu,cpu")


def test_accuracies_are_a_table_to_fit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (DIGITS / "oneshot.toml").read_text(encoding="utf-8")
    for old, new in {"epochs = 60": "epochs = 1", "warmup_epochs = 2": "warmup_epochs = 0", " 16\n": " 8\n"}.items():
        text = text.replace(old, new)
    Path("scheme.toml").write_text(text, encoding="utf-8")
    given = ["--family", DIGITS / "family.toml", "--images", "digits:0.1", "--scheme", "scheme.toml"]

    def run(program, *words, code=0):
        result = CliRunner(env={"COLUMNS": "160"}).invoke(program, [str(word) for word in words])
        assert result.exit_code == code, result.output
        return result.output

    written = run(app, "oneshot", "evaluate", "shared", *given, "-n", 30, "-o", "some.parquet", "--batches", 1)
    assert "30 architectures" in written
    assert "1 epochs in" in run(app, "oneshot", "train", "shared", *given)  # it is trained
    table = pl.read_parquet("some.parquet")
    settings = (DIGITS / "fit.toml").read_text(encoding="utf-8").replace("= 5", "= 2").replace("100, 60", "10, 10")
    Path("fit.toml").write_text(settings, encoding="utf-8")
    run(
        accelnas_app,
        "fit",
        "some.parquet",
        "--space",
        given[1],
        "--settings",
        "fit.toml",
        "-o",
        "bench",
        "--split",
        "random",
    )
    arch = FAMILY.space.format(FAMILY.space.encode(table.drop("accuracy", "loss", "seconds")))[0]
    run(app, "oneshot", "evaluate", "shared", arch, *given, "-o", "one.csv", "--batches", 1)
    assert pl.read_csv("one.csv")["accuracy"][0] == table["accuracy"][0]
    # the weights of one, whose statistics are counted, are those that were evaluated
    run(app, "oneshot", "extract", arch, "shared", *given, "-o", "one.safetensors", "--batches", 1)
    network = FAMILY.build(FAMILY.space.parse([arch])[0])
    network.load_state_dict(load_file("one.safetensors"))
    digits = open_images("digits:0.1")
    with torch.inference_mode():
        batches = digits.loader("validation", LoaderPlan(64, 8, None, 0, 0))
        right = sum(int((network.eval()(inputs).argmax(1) == targets).sum()) for inputs, targets in batches)
    assert 100 * right / digits.size("validation") == pytest.approx(table["accuracy"][0])
    wrong = run(app, "oneshot", "evaluate", "shared", *given, "-o", "x.csv", code=2)
    assert "one of the three" in wrong


def test_a_comparison_has_all_trainings_of_shared_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("oneshot", "reference", "p_star"):
        text = re.sub(r"= (12|16|24)\n", "= 8\n", (DIGITS / f"{name}.toml").read_text(encoding="utf-8"))
        text = re.sub(r"\nepochs = \d+", "\nepochs = 1", re.sub(r"(warmup|end)_epochs? = \d", r"\1_epochs = 0", text))
        Path(f"{name}.toml").write_text(text.replace("end_epochs", "end_epoch"), encoding="utf-8")
    given = ["--family", DIGITS / "few" / "family.toml", "--images", "digits:0.1", "--scheme", "oneshot.toml"]
    words = ["--reference", "reference.toml", "--proxy", "p_star.toml", "--store", "some.db", "--number", 5]
    more = ["--shared-seeds", "0,2", "--batches", 1, "--output", "compared"]
    run = CliRunner().invoke(app, [str(each) for each in ["oneshot", "compare", "shared", *given, *words, *more]])
    assert run.exit_code == 0, run.output
    table = pl.read_parquet("compared/comparison.parquet")
    report = Path("compared/report.md").read_text(encoding="utf-8")
    taus = []
    for seed in (0, 2):
        for name in ("top-1", "loss"):
            method = f"shared weights, seed {seed}, {name}"
            taus.append(kendalltau(table[method], table["reference"]).statistic)
            assert f"| {method} | {taus[-1]:.3f} |" in report
    together = table["shared weights, seed 0, loss"] + table["shared weights, seed 2, loss"]
    tau = kendalltau(together, table["reference"]).statistic
    assert f"| shared weights, mean loss of 2 seeds | {tau:.3f} |" in report
    assert f"{(taus[1] + taus[3]) / 2:.3f} ({min(taus[1::2]):.3f} to {max(taus[1::2]):.3f}) by loss." in report
