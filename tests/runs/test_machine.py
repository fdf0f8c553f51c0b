from dataclasses import replace

import pytest
import torch

from stylegans.errors import UserError
from stylegans.presets import get
from stylegans.runs import machine


def test_the_cpu_is_always_there():
    assert machine.choose_device("cpu") == torch.device("cpu")
    assert machine.choose_device("auto").type in ("cpu", "cuda", "mps")


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cuda:99", "cpu0", ""])
def test_absent_devices_are_refused_by_name(name):
    with pytest.raises(UserError, match="--device"):
        machine.choose_device(name)


def automatic(name):
    run = get(name)
    return replace(run, training=replace(run.training, precision="auto"))


def test_precision_is_resolved(monkeypatch):
    cpu = torch.device("cpu")
    monkeypatch.setattr(machine, "computes_bfloat16", lambda device: True)
    assert machine.choose_precision(get("stylegan2"), cpu) == "float32"
    assert machine.choose_precision(automatic("stylegan2"), cpu) == "bfloat16"
    assert machine.choose_precision(automatic("dcgan"), cpu) == "float32"  # its network knows no other
    monkeypatch.setattr(machine, "computes_bfloat16", lambda device: False)
    assert machine.choose_precision(automatic("stylegan2"), cpu) == "float32"


def test_memory_is_counted():
    peak = machine.peak_memory(torch.device("cpu"))
    assert peak is None or 10**7 < peak < 10**12
