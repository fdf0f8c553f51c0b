import subprocess
import sys

import pytest
import torch

from stylegans.ops import dispatch
from stylegans.ops.dispatch import kernels, use_kernels


@pytest.fixture
def _interpreted(monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    monkeypatch.setattr(dispatch, "_has_triton", lambda: True)


def test_a_cpu_runs_no_kernel_and_does_not_import_triton():
    code = (
        "import sys, torch; from stylegans.ops.filtered_lrelu import filtered_lrelu as op;"
        "op(torch.zeros(1, 1, 8, 8), torch.zeros(1), up_filter=torch.ones(4), up=2, padding=3);"
        "assert not {'triton', 'stylegans.ops.kernels'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.usefixtures("_interpreted")
def test_the_interpreter_is_asked_for_by_its_variable(monkeypatch):
    x = torch.zeros(1)
    assert use_kernels(x)
    monkeypatch.setenv("TRITON_INTERPRET", "0")
    assert not use_kernels(x)


@pytest.mark.usefixtures("_interpreted")
def test_a_context_chooses_the_plain_twin():
    x = torch.zeros(1)
    with kernels(False):
        assert not use_kernels(x)
        with kernels(True):
            assert use_kernels(x)
        assert not use_kernels(x)
    assert use_kernels(x)


@pytest.mark.usefixtures("_interpreted")
@pytest.mark.parametrize("dtype", [torch.float64, torch.int32, torch.complex64])
def test_other_types_run_as_plain_pytorch(dtype):
    assert not use_kernels(torch.zeros(1, dtype=dtype))


def test_without_triton_everything_runs_as_plain_pytorch(monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    monkeypatch.setitem(sys.modules, "triton", None)
    dispatch._has_triton.cache_clear()
    try:
        assert not use_kernels(torch.zeros(1))
    finally:
        dispatch._has_triton.cache_clear()


@pytest.mark.usefixtures("_interpreted")
def test_a_compiled_function_runs_none():
    @torch.compile(backend="eager", fullgraph=True)
    def asked(x):
        return x + use_kernels(x)

    assert asked(torch.zeros(1)).item() == 0
