from dataclasses import replace

import pytest
import torch

from stylegans.config import StyleGAN2
from stylegans.errors import UserError
from stylegans.networks.precision import DTYPES
from stylegans.networks.stylegan2 import StyleGAN2Generator
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
    assert machine.choose_precision(automatic("stylegan3-t"), cpu) == "bfloat16"
    assert machine.choose_precision(automatic("dcgan"), cpu) == "float32"  # its network knows no other
    assert machine.choose_precision(automatic("stylegan"), cpu) == "float32"  # not published in mixed precision
    monkeypatch.setattr(machine, "computes_bfloat16", lambda device: False)
    assert machine.choose_precision(automatic("stylegan2"), cpu) == "float32"


def test_float16_is_for_gpus():
    machine.check_precision("float16", torch.device("cuda"))
    with pytest.raises(UserError, match="--precision: float16 needs a GPU"):
        machine.check_precision("float16", torch.device("cpu"))


def test_bfloat16_is_warned_of_where_the_processor_imitates_it(monkeypatch, recwarn):
    monkeypatch.setattr(machine, "computes_bfloat16", lambda device: True)
    machine.check_precision("bfloat16", torch.device("cpu"))
    monkeypatch.setattr(machine, "computes_bfloat16", lambda device: False)
    machine.check_precision("float32", torch.device("cpu"))
    assert not recwarn.list
    with pytest.warns(UserWarning, match="--precision: this processor has no bfloat16"):
        machine.check_precision("bfloat16", torch.device("cpu"))


def test_a_model_computes_in_what_is_asked(monkeypatch):
    cpu, G = torch.device("cpu"), StyleGAN2Generator(StyleGAN2(resolution=(32, 32), channel_base=64))
    for fast, asked, taken in (
        (True, "float32", "float32"),
        (True, "auto", "bfloat16"),
        (False, "auto", "float32"),
        (False, "bfloat16", "bfloat16"),
    ):
        monkeypatch.setattr(machine, "computes_bfloat16", lambda device, fast=fast: fast)
        assert machine.compute_in(asked, G, cpu) == taken
        assert G.synthesis.blocks[-1].dtype is DTYPES[taken]


@pytest.mark.parametrize(
    ("device", "cores", "workers"),
    [("cpu", 16, 0), ("cuda", 1, 0), ("cuda", 2, 1), ("cuda:1", 6, 5), ("cuda", 64, 8), ("mps", 10, 8)],
)
def test_workers_leave_the_training_a_core_and_a_cpu_all(monkeypatch, device, cores, workers):
    monkeypatch.setattr(machine, "cores", lambda: cores)
    assert machine.choose_workers(None, torch.device(device)) == workers
    assert [machine.choose_workers(asked, torch.device(device)) for asked in (0, 3, 99)] == [0, 3, 99]


def test_only_on_a_gpu_are_algorithms_of_convolutions_compared(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    machine.tune_convolutions(torch.device("cpu"))
    assert not torch.backends.cudnn.benchmark
    machine.tune_convolutions(torch.device("cuda"))
    assert torch.backends.cudnn.benchmark


def test_memory_is_counted():
    peak = machine.peak_memory(torch.device("cpu"))
    assert peak is None or 10**7 < peak < 10**12
