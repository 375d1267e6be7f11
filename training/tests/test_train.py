import math

import pytest
import torch

from accelnas_training.errors import SchemeError, TrainingError
from accelnas_training.images import LoaderPlan
from accelnas_training.schemes import load_scheme
from accelnas_training.train import EpochRow, TrainingResult, Validation, train
from accelnas_training.train.learner import learning_rates, make_optimizer
from small_trainings import SCHEME, SmallNetwork, comparable, small_images


@pytest.fixture(scope="module")
def images():
    return small_images()


def run(images, scheme=SCHEME, network=None, **settings):
    rows = []
    network = network or SmallNetwork()
    return train(network, images, scheme, report=rows.append, **settings), rows, network


def test_a_training_learns_and_says_what_it_did():
    images = small_images(train=800)
    scheme = SCHEME.changed(epochs=8, batch_size=16, accumulation=1, clip=0, dropout=0)
    result, rows, _ = run(images, scheme)
    assert result.train_loss < rows[0].train_loss - 0.3
    assert result.top1 > 25
    assert result.top5 > 65
    assert [row.epoch for row in rows] == list(range(8))
    assert [row.resolution for row in rows] == [8, 8, 10, 12, 12, 12, 12, 12]
    assert result.seconds == sum(row.seconds for row in rows) < result.total_seconds
    assert 0 < result.data_seconds < result.seconds
    steps = images.size("train") // 16
    assert result.images_per_second == pytest.approx(8 * 16 * steps / result.seconds)
    assert result.peak_memory > 2**20
    assert (result.top1, result.loss) == (rows[-1].top1, rows[-1].loss)


def test_the_seed_decides(images):
    first, again, other = (run(images, seed=seed)[0] for seed in (1, 1, 2))
    assert comparable(first) == comparable(again) != comparable(other)


def test_the_callers_random_numbers_are_left_alone(images):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run(images, SCHEME.changed(epochs=1))
    assert torch.equal(torch.rand(3), expected)


def test_accumulated_steps_equal_a_larger_batch(images):
    scheme = SCHEME.changed(epochs=2, dropout=0)
    together, apart = (
        run(images, scheme.changed(accumulation=count), SmallNetwork(normalise=False))[0] for count in (1, 2)
    )
    assert apart.loss == pytest.approx(together.loss, rel=1e-4)


def test_the_last_update_of_an_epoch_may_have_fewer_steps(images):
    # 10 batches of 16, in updates of 3
    scheme = SCHEME.changed(epochs=1, batch_size=48, accumulation=3, clip=0)
    assert len(images.loader("train", LoaderPlan(16, 8, scheme.augmentation, 0, 0))) % 3
    assert math.isfinite(run(images, scheme)[0].loss)


def test_the_network_holds_the_averaged_weights_that_were_validated(images):
    for ema in (0.0, 0.9):
        result, _, network = run(images, SCHEME.changed(ema=ema))
        network.eval()
        plan = LoaderPlan(64, 12, None, 0, 0, crop_share=SCHEME.resize.validation_crop)
        with torch.inference_mode():
            right = sum((network(x).argmax(1) == y).sum().item() for x, y in images.loader("validation", plan))
        assert 100 * right / images.size("validation") == pytest.approx(result.top1)


def test_epochs_between_validations_have_no_figures(images):
    result, rows, _ = run(images, validate_every=3)
    assert [math.isnan(row.top1) for row in rows] == [True, True, False, False]
    assert [(each.epochs, each.top1, each.loss) for each in result.validations] == [
        (row.epoch + 1, row.top1, row.loss) for row in rows[2:]
    ]
    assert result.validations[-1].seconds == result.seconds
    assert TrainingResult.from_dict(result.to_dict()) == result
    with pytest.raises(TrainingError, match=r"^validate_every is 0; choose at least 1$"):
        run(images, validate_every=0)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_lower_precision_trains(images, precision):
    exact, lower = (run(images, SCHEME.changed(epochs=2, precision=kind))[0] for kind in ("float32", precision))
    assert lower.train_loss != exact.train_loss
    assert lower.train_loss == pytest.approx(exact.train_loss, rel=0.1)


def test_few_classes_have_no_top5():
    of_one = Validation(1, 90.0, math.nan, 0.1, 1.0, None)
    table = TrainingResult(90.0, math.nan, 0.1, 0.1, 95.0, 1.0, 1.0, 0.1, 10.0, None, 5, 1, (of_one,)).to_dict()
    assert (table["top5"], table["validations"][0]["top5"]) == (None, None)
    read = TrainingResult.from_dict(table)
    assert math.isnan(read.top5)
    assert math.isnan(read.validations[0].top5)
    table.pop("validations")  # as results of before are
    assert TrainingResult.from_dict(table).validations == ()


def test_rows_may_end_a_training(images):
    def stop(row: EpochRow) -> None:
        raise LookupError(row.epoch)

    with pytest.raises(LookupError):
        train(SmallNetwork(), images, SCHEME, report=stop)


def test_dropout_needs_a_network_that_obeys(images):
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(10))
    expected = "the scheme's dropout is 0.1, but Sequential has no drop_rate; let it obey one, or set the scheme's to 0"
    with pytest.raises(TrainingError, match=f"^{expected}$"):
        train(network, images, SCHEME)
    network = SmallNetwork()
    run(images, SCHEME.changed(epochs=1), network)
    assert network.drop_rate == 0.1


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("tpu9000", r"^no kind of device 'tpu9000'; choose cpu, cuda, cuda:1, mps, or several: cpu,cpu$"),
        ("cuda:99", r"^device cuda:99 is not there; this machine has cpu"),
        ("cpu,cuda:99", r"^device cuda:99 is not there; this machine has cpu"),
    ],
)
def test_devices_that_are_not_there(images, device, message):
    with pytest.raises(TrainingError, match=message):
        train(SmallNetwork(), images, SCHEME, device=device)


def test_optimizers_that_timm_does_not_have():
    for changes in ({"optimizer.name": "none_such"}, {"optimizer.options": {"none_such": 1}}):
        with pytest.raises(SchemeError, match=r"^optimizer '.*none_such.*; see timm.optim.list_optimizers\(\)"):
            make_optimizer(torch.nn.Linear(1, 1), SCHEME.changed(**changes))


def test_weights_alone_decay():
    groups = make_optimizer(SmallNetwork(), load_scheme("p_star")).param_groups
    decays = {tuple(parameter.shape): group["weight_decay"] for group in groups for parameter in group["params"]}
    assert {shape: decay > 0 for shape, decay in decays.items()} == {shape: len(shape) > 1 for shape in decays}


def test_learning_rates_follow_the_published_schedules():
    proxy = learning_rates(load_scheme("p_star"), 100)
    assert (proxy[0][0], proxy[2][0]) == (0, 0.425)  # the peak is at epoch 2
    assert proxy[-1][1] == pytest.approx(0.425 / 1400)  # one update before zero
    reference = [first for first, _ in learning_rates(load_scheme("reference"), 100)]
    assert reference[0] == 1e-6
    assert reference[12] == pytest.approx(0.024 * 0.97**5)  # 12 = 5 × 2.4
    cosine = SCHEME.changed(epochs=10, **{"schedule.warmup_epochs": 0, "schedule.final_lr": 0.01})
    assert learning_rates(cosine, 10)[5][0] == pytest.approx((0.2 + 0.01) / 2)
