import sys
from types import SimpleNamespace

import pytest
import torch

from accelnas_training import energy
from accelnas_training.energy import Meter, grams_of_co2


@pytest.fixture
def powercap(tmp_path, monkeypatch):
    """Two packages, one of which has a part of its own; and the whole machine's counter, which has both in it."""
    monkeypatch.setattr(energy, "_POWERCAP", tmp_path)
    for number, name in enumerate(["package-0", "package-1", "psys"]):
        write(tmp_path / f"intel-rapl:{number}", name, 1_000_000)
    write(tmp_path / "intel-rapl:0:0", "core", 500)
    return tmp_path


def write(folder, name, energy_uj, largest=10_000_000):
    folder.mkdir(exist_ok=True)
    (folder / "name").write_text(f"{name}\n")
    (folder / "energy_uj").write_text(f"{energy_uj}\n")
    (folder / "max_energy_range_uj").write_text(f"{largest}\n")


@pytest.fixture
def nvml(monkeypatch):
    """A GPU that counted to 7 kJ; set ``count`` to change it."""
    state = SimpleNamespace(count=7_000_000)
    library = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda name: {"GPU-abc": 1}[name],
        nvmlDeviceGetTotalEnergyConsumption=lambda _: state.count,
    )
    monkeypatch.setitem(sys.modules, "pynvml", library)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(uuid="abc"))
    return state


def test_packages_are_added_up(powercap):
    with Meter() as meter:
        write(powercap / "intel-rapl:0", "package-0", 3_500_000)
        write(powercap / "intel-rapl:1", "package-1", 2_000_000)
        write(powercap / "intel-rapl:2", "psys", 9_000_000)
    assert meter.joules == pytest.approx(3.5)
    with meter:
        pass
    assert meter.joules == 0


def test_counters_begin_again(powercap):
    write(powercap / "intel-rapl:0", "package-0", 9_000_000)
    with Meter() as meter:
        write(powercap / "intel-rapl:0", "package-0", 500_000)
    assert meter.joules == pytest.approx(1.5)


@pytest.mark.parametrize("content", ["", "no number"])
def test_what_cannot_be_read_is_not_counted(powercap, content):
    for folder in powercap.iterdir():
        (folder / "energy_uj").write_text(content)
    with Meter() as meter:
        pass
    assert meter.joules is None


def test_a_counter_that_goes_away_costs_the_figure(powercap):
    with Meter() as meter:
        (powercap / "intel-rapl:1" / "energy_uj").unlink()
    assert meter.joules is None


def test_a_gpu_is_counted_with_the_processors(powercap, nvml):
    with Meter("cuda:0") as meter, Meter("cuda", processors=False) as other:
        nvml.count += 4_000
        write(powercap / "intel-rapl:0", "package-0", 2_000_000)
    assert meter.joules == pytest.approx(5)
    assert other.joules == pytest.approx(4)


@pytest.mark.usefixtures("powercap")
def test_without_the_gpus_counter_there_is_no_figure(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    for device in ("cuda:0", "mps"):
        with Meter(device) as meter:
            pass
        assert meter.joules is None


def test_co2_needs_energy():
    assert grams_of_co2(3.6e6, 250) == 250
    assert grams_of_co2(None, 250) is None
