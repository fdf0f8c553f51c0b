import pytest
import torch

from stylegans.errors import UserError
from stylegans.runs import machine


def test_the_cpu_is_always_there():
    assert machine.choose_device("cpu") == torch.device("cpu")
    assert machine.choose_device("auto").type in ("cpu", "cuda", "mps")


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cuda:99", "cpu0", ""])
def test_absent_devices_are_refused_by_name(name):
    with pytest.raises(UserError, match="--device"):
        machine.choose_device(name)


def test_precision_is_resolved():
    cpu = torch.device("cpu")
    assert machine.choose_precision("float32", cpu) == "float32"
    assert machine.choose_precision("auto", cpu) in ("float32", "bfloat16")


def test_memory_is_counted():
    peak = machine.peak_memory(torch.device("cpu"))
    assert peak is None or 10**7 < peak < 10**12
